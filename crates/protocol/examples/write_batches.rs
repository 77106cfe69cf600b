//! Writes one batch per codec and level, as hex lines, for `tests/goldens-records/verify` to read with Kafka's classes.

use bytes::Bytes;
use klamm_protocol::records::{BatchBuilder, BatchOptions, Compression, CompressionType, RecordHeader};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    const NOW: i64 = 1_700_000_000_000;
    let header = |key: &'static str, value: Option<&'static str>| RecordHeader {
        key: Bytes::from_static(key.as_bytes()),
        value: value.map(|text| Bytes::from_static(text.as_bytes())),
    };
    let headers = [header("h", Some("x")), header("h", None), header("é", Some(""))];
    let large: Vec<u8> =
        (0..200_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 & 0x3f).collect();
    for kind in CompressionType::ALL {
        let (low, high) = kind.levels().unwrap_or((0, 0));
        for level in low.max(-5)..=high {
            let compression = Compression::with_level(kind, level)?;
            let options = BatchOptions { base_offset: 40, compression, ..Default::default() };
            let mut builder = BatchBuilder::new(options);
            builder.append(NOW, Some(b"k1"), Some(b"v1"), &[])?;
            builder.append(NOW + 500, None, Some(b"value without key, value without key"), &headers)?;
            builder.append(NOW - 1000, Some(b"k1"), None, &[])?;
            builder.append(NOW + 500, Some(b""), Some(b""), &[])?;
            builder.append(NOW, None, Some(&large), &[])?;
            let hex =
                builder.build()?.iter().fold(String::from("x"), |text, byte| text + &format!("{byte:02x}"));
            println!("{kind}-{level} {hex}");
        }
    }
    Ok(())
}

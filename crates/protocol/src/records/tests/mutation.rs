//! Bytes flipped, cut and spliced at random: nothing may panic or allocate beyond the limits, and what is appended can
//! be read. `KLAMM_FUZZ_ROUNDS` and `KLAMM_FUZZ_SEED` make it run longer and elsewhere.

use super::*;

fn exercise(bytes: Bytes) {
    let limits = DecompressLimits { record_bytes_max: 1 << 20, total_bytes_max: 4 << 20 };
    for batch in BatchIter::new(bytes.clone()).flatten() {
        let _ = batch.check_crc();
        let _ = batch.records_within(limits).map(|records| records.take(10_000).count());
        let _ = batch.record_metas(limits).map(|metas| metas.take(10_000).count());
        let _ = batch.find_timestamp(1_700_000_000_100, 2, limits);
        let _ = batch.offset_of_max_timestamp(limits);
        let _ = (batch.last_offset(), batch.next_offset(), batch.delete_horizon_ms());
    }
    let mut patched = BytesMut::from(&bytes[..]);
    patch::assign_offsets(&mut patched, i64::MAX, 1);
    patch::set_max_timestamp(&mut patched, TimestampType::LogAppendTime, 5);
    // With an honest checksum the records inside are reached.
    let mut mended = BytesMut::from(&bytes[..]);
    patch::recompute_crc(&mut mended);
    for target in [None, Some(Compression::NONE), Some(CompressionType::Lz4.into())] {
        for origin in [AppendOrigin::Client, AppendOrigin::Coordinator] {
            let rules = ProduceRules { limits, origin, compression: target, ..Default::default() };
            if let Ok(validated) = validate_produce(mended.clone().freeze(), &rules, 1_700_000_000_000) {
                let batch = RecordBatch::new(&validated.batch.to_bytes().freeze()).unwrap();
                batch.check_crc().unwrap();
                assert!(
                    batch.records().unwrap().all(|record| record.is_ok()),
                    "appended what cannot be read"
                );
            }
        }
    }
}

/// Batches of each codec: small ones, and ones of several blocks.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for kind in CompressionType::ALL {
        let options = BatchOptions { compression: kind.into(), ..Default::default() };
        seeds.push(build(options, ROWS).to_vec());
        let mut builder = BatchBuilder::new(options);
        for index in 0..40u8 {
            let value: Vec<u8> = (0..2_500u32).map(|at| (at * u32::from(index) % 251) as u8 / 16).collect();
            builder.append(1_700_000_000_000, Some(&[index]), Some(&value), &[]).unwrap();
        }
        if kind != CompressionType::None {
            seeds.push(builder.build().unwrap().to_vec());
        }
    }
    for magic in [0, 1] {
        let inner = message_set(&vec![(0, message(magic, 0, 9, Some(b"k"), Some(b"v"))); 2]);
        let raw = snap::raw::Encoder::new().compress_vec(&inner).unwrap();
        seeds.push(message_set(&[(5, message(magic, 2, 9, None, Some(&raw)))]));
        seeds.push(inner);
    }
    seeds
}

#[test]
fn mutated_batches_are_refused_calmly() {
    let seeds = seeds();
    let setting = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let mut noise = Noise(setting("KLAMM_FUZZ_SEED", 0x5eed));
    for round in 0..setting("KLAMM_FUZZ_ROUNDS", 6_000) as usize {
        let mut bytes = seeds[round % seeds.len()].clone();
        for _ in 0..=noise.below(4) {
            let at = noise.below(bytes.len());
            match noise.below(5) {
                0 => bytes[at] ^= 1 << noise.below(8),
                1 => bytes[at] = noise.next() as u8,
                2 => bytes[at] = [0, 0x7f, 0x80, 0xff][noise.below(4)],
                3 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, noise.next() as u8),
            }
        }
        // Keep the outer length honest most of the time, so that the insides are reached.
        if noise.below(8) > 0 && bytes.len() > LOG_OVERHEAD {
            let length = (bytes.len() - LOG_OVERHEAD) as i32;
            bytes[8..12].copy_from_slice(&length.to_be_bytes());
        }
        exercise(bytes.into());
    }
}

#[test]
fn every_prefix_of_a_batch_is_refused_calmly() {
    for seed in seeds() {
        for end in (0..seed.len()).step_by(1 + seed.len() / 400) {
            exercise(Bytes::copy_from_slice(&seed[..end]));
        }
    }
}

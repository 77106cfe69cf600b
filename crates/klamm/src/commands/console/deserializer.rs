//! Kafka's deserializers of basic types, by class name, printing what Java's `toString` prints.

use anyhow::bail;

/// How bytes become text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deserializer {
    Text,
    Short,
    Integer,
    Long,
    Float,
    Double,
    Boolean,
    Uuid,
    /// Bytes as they are.
    Raw,
    /// Always null.
    Void,
}

impl Deserializer {
    pub(super) fn from_class(class: &str) -> anyhow::Result<Self> {
        Ok(match class.rsplit('.').next().unwrap_or(class) {
            "StringDeserializer" => Self::Text,
            "ShortDeserializer" => Self::Short,
            "IntegerDeserializer" => Self::Integer,
            "LongDeserializer" => Self::Long,
            "FloatDeserializer" => Self::Float,
            "DoubleDeserializer" => Self::Double,
            "BooleanDeserializer" => Self::Boolean,
            "UUIDDeserializer" => Self::Uuid,
            "ByteArrayDeserializer" | "BytesDeserializer" | "ByteBufferDeserializer" => Self::Raw,
            "VoidDeserializer" => Self::Void,
            _ => bail!(
                "{class}: Java classes cannot be loaded; Kafka's own deserializers are known (String, Short, Integer, Long, Float, Double, Boolean, UUID, ByteArray, Bytes, Void)"
            ),
        })
    }

    pub(super) fn text(self, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
        let text = match self {
            Self::Raw => return Ok(bytes.to_vec()),
            Self::Text => String::from_utf8_lossy(bytes).into_owned(),
            Self::Uuid => String::from_utf8_lossy(bytes).to_lowercase(),
            Self::Void => "null".to_owned(),
            Self::Boolean => match bytes {
                [0] => "false".to_owned(),
                [1] => "true".to_owned(),
                _ => bail!(
                    "Size of data received by BooleanDeserializer is not 1, or the value is neither 0 nor 1"
                ),
            },
            Self::Short => i16::from_be_bytes(sized(bytes, "ShortDeserializer")?).to_string(),
            Self::Integer => i32::from_be_bytes(sized(bytes, "IntegerDeserializer")?).to_string(),
            Self::Long => i64::from_be_bytes(sized(bytes, "LongDeserializer")?).to_string(),
            Self::Float => format!("{:?}", f32::from_be_bytes(sized(bytes, "FloatDeserializer")?)),
            Self::Double => format!("{:?}", f64::from_be_bytes(sized(bytes, "DoubleDeserializer")?)),
        };
        Ok(text.into_bytes())
    }
}

fn sized<const N: usize>(bytes: &[u8], name: &str) -> anyhow::Result<[u8; N]> {
    match bytes.try_into() {
        Ok(array) => Ok(array),
        Err(_) => bail!("Size of data received by {name} is not {N}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_what_java_prints() {
        for (class, bytes, expect) in [
            (
                "org.apache.kafka.common.serialization.LongDeserializer",
                &[0, 0, 0, 0, 0, 0, 1, 0][..],
                Some("256"),
            ),
            ("IntegerDeserializer", &[255, 255, 255, 255], Some("-1")),
            ("IntegerDeserializer", &[1], None),
            ("StringDeserializer", b"a", Some("a")),
            ("DoubleDeserializer", &[0x3f, 0xf0, 0, 0, 0, 0, 0, 0], Some("1.0")),
            ("BooleanDeserializer", &[1], Some("true")),
        ] {
            let got = Deserializer::from_class(class).unwrap().text(bytes).ok();
            assert_eq!(got.as_deref(), expect.map(str::as_bytes), "{class}");
        }
        assert!(Deserializer::from_class("com.acme.Mine").is_err());
    }
}

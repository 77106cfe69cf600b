//! Habits of Java that show in the output of Kafka's tools, and so in ours.

use klamm_client::{ClientError, TopicPartition};
use klamm_protocol::ErrorCode;

/// Puts items into the order in which a `java.util.HashMap`, made for `capacity` entries, iterates them.
pub(crate) fn hash_map_order<T>(items: Vec<T>, capacity: usize, key: impl Fn(&T) -> &str) -> Vec<T> {
    let mut buckets = capacity.max(1).next_power_of_two();
    while items.len() * 4 > buckets * 3 {
        buckets *= 2;
    }
    let mut items = items;
    items.sort_by_key(|item| bucket(key(item), buckets));
    items
}

fn string_hash(key: &str) -> u32 {
    key.encode_utf16().fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

fn bucket(key: &str, buckets: usize) -> usize {
    let hash = string_hash(key);
    (hash ^ (hash >> 16)) as usize & (buckets - 1)
}

/// A number as `Double.toString` writes it.
pub(crate) fn double(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || !value.is_finite() || (1e-3..1e7).contains(&size) {
        return format!("{value:?}").replace("inf", "Infinity");
    }
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let point = if mantissa.contains('.') { "" } else { ".0" };
    format!("{mantissa}{point}E{exponent}")
}

/// Puts partitions into the order in which a `HashMap` or `HashSet` of `TopicPartition`s iterates them.
pub(crate) fn partition_order<T>(items: Vec<T>, key: impl Fn(&T) -> &TopicPartition) -> Vec<T> {
    let mut buckets = 16;
    while items.len() * 4 > buckets * 3 {
        buckets *= 2;
    }
    let place = |item: &T| {
        let partition = key(item);
        let hash = 31u32.wrapping_add(partition.partition.cast_unsigned()).wrapping_mul(31);
        let hash = hash.wrapping_add(string_hash(&partition.topic));
        (hash ^ (hash >> 16)) as usize & (buckets - 1)
    };
    let mut items = items;
    items.sort_by_key(place);
    items
}

/// What `toString` of the exception says that Kafka's clients throw for this error.
pub(crate) fn error_text(error: &ClientError) -> String {
    match error {
        ClientError::Broker { code, .. } => format!("{}: {error}", exception_class(*code)),
        _ => error.to_string(),
    }
}

/// As [`error_text`], for an error that a command ends with.
pub(crate) fn exception_text(error: &anyhow::Error) -> String {
    error.downcast_ref::<ClientError>().map_or_else(|| format!("{error:#}"), error_text)
}

/// Codes whose exception is called otherwise than they are.
const OTHER_NAMES: &[(ErrorCode, &str)] = &[
    (ErrorCode::CorruptMessage, "CorruptRecord"),
    (ErrorCode::DelegationTokenAuthDisabled, "DelegationTokenDisabled"),
    (ErrorCode::DelegationTokenRequestNotAllowed, "UnsupportedByAuthentication"),
    (ErrorCode::DuplicateSequenceNumber, "DuplicateSequence"),
    (ErrorCode::KafkaStorageError, "KafkaStorage"),
    (ErrorCode::MessageTooLarge, "RecordTooLarge"),
    (ErrorCode::NonEmptyGroup, "GroupNotEmpty"),
    (ErrorCode::OutOfOrderSequenceNumber, "OutOfOrderSequence"),
    (ErrorCode::PrincipalDeserializationFailure, "PrincipalDeserialization"),
    (ErrorCode::RecordListTooLarge, "RecordBatchTooLarge"),
    (ErrorCode::RequestTimedOut, "Timeout"),
    (ErrorCode::StaleControllerEpoch, "ControllerMoved"),
    (ErrorCode::TopicAlreadyExists, "TopicExists"),
    (ErrorCode::UnknownServerError, "UnknownServer"),
];

/// The class of the exception that Kafka's clients throw for a code.
pub(crate) fn exception_class(code: ErrorCode) -> String {
    let name = OTHER_NAMES.iter().find(|(other, _)| *other == code).map_or_else(
        || {
            let words = code.name().trim_end_matches("_EXCEPTION").trim_end_matches("_FAILED").split('_');
            words.map(|word| word[..1].to_owned() + &word[1..].to_lowercase()).collect()
        },
        |(_, name)| (*name).to_owned(),
    );
    format!("org.apache.kafka.common.errors.{name}Exception")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_a_hash_map() {
        // What `new HashMap<>(3)` gives for these keys.
        let keys = vec!["cleanup.policy", "segment.bytes", "retention.ms"];
        let ordered = hash_map_order(keys.clone(), 3, |key| key);
        assert_eq!(ordered.len(), keys.len());
        assert_eq!(bucket("a", 16), 97 & 15);
    }

    #[test]
    fn numbers_look_as_in_java() {
        for (value, expect) in [
            (0.0, "0.0"),
            (1024.0, "1024.0"),
            (0.5, "0.5"),
            (10_000_000.0, "1.0E7"),
            (10_485_760.0, "1.048576E7"),
            (0.0001, "1.0E-4"),
        ] {
            assert_eq!(double(value), expect);
        }
    }

    #[test]
    fn errors_carry_their_java_names() {
        for (code, expect) in [
            (ErrorCode::GroupIdNotFound, "org.apache.kafka.common.errors.GroupIdNotFoundException: m"),
            (ErrorCode::NonEmptyGroup, "org.apache.kafka.common.errors.GroupNotEmptyException: m"),
            (
                ErrorCode::TopicAuthorizationFailed,
                "org.apache.kafka.common.errors.TopicAuthorizationException: m",
            ),
            (ErrorCode::KafkaStorageError, "org.apache.kafka.common.errors.KafkaStorageException: m"),
            (ErrorCode::InvalidTopicException, "org.apache.kafka.common.errors.InvalidTopicException: m"),
        ] {
            assert_eq!(error_text(&ClientError::Broker { code, message: Some("m".to_owned()) }), expect);
        }
    }
}

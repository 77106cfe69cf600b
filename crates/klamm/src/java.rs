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

/// Year, month and day of a number of days since 1970 (Howard Hinnant's civil_from_days).
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// A moment in milliseconds since 1970 as `DateTimeFormatter.ISO_ZONED_DATE_TIME` writes it in UTC.
pub(crate) fn utc_date_time(ms: i64) -> String {
    let (days, in_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (in_day / 3_600_000, in_day / 60_000 % 60, in_day / 1000 % 60);
    let fraction = match in_day % 1000 {
        0 => String::new(),
        ms => format!(".{ms:03}").trim_end_matches('0').to_owned(),
    };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z[UTC]")
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
        ClientError::LogTruncated { .. } => {
            format!("org.apache.kafka.clients.consumer.LogTruncationException: {error}")
        }
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
    fn moments_look_as_in_java() {
        for (ms, expect) in [
            (1_795_291_582_202, "2026-11-21T20:06:22.202Z[UTC]"),
            (0, "1970-01-01T00:00:00Z[UTC]"),
            (1_500, "1970-01-01T00:00:01.5Z[UTC]"),
            (-1, "1969-12-31T23:59:59.999Z[UTC]"),
        ] {
            assert_eq!(utc_date_time(ms), expect);
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

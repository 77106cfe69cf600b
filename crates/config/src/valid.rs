//! Which values of a key are allowed.

use crate::listener::{parse_bootstrap_server, parse_voter};
use crate::value::Value;

/// The rule that a key's value has to keep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Valid {
    /// Everything of the right type.
    Any,
    /// A number within bounds, both inclusive.
    Range {
        /// Least value.
        min: f64,
        /// Greatest value, if there is one.
        max: Option<f64>,
    },
    /// One of the given texts.
    OneOf(&'static [&'static str]),
    /// One of the given texts, in any case of letters; to be given in upper case and sorted.
    OneOfIgnoringCase(&'static [&'static str]),
    /// A list without empty items; duplicates are dropped when it is read.
    List {
        /// The items allowed; empty: all.
        items: &'static [&'static str],
        /// Whether the list may be empty.
        empty: bool,
        /// Whether the list may be unset.
        null: bool,
    },
    /// A text of at least one character, or unset.
    NonEmptyText,
    /// A text, not unset.
    NonNull,
    /// 1 to 9, or -1.
    GzipLevel,
    /// `id@host:port` entries.
    Voters,
    /// `host:port` entries.
    BootstrapServers,
    /// `partition:broker` entries, or `*`.
    ThrottledReplicas,
    /// `earliest`, `latest` or `by_duration:` with an ISO 8601 duration.
    ShareOffsetReset,
}

/// A number of at least `min`.
pub const fn at_least(min: i64) -> Valid {
    Valid::Range { min: min as f64, max: None }
}

/// A number from `min` to `max`, both inclusive.
pub const fn between(min: i64, max: i64) -> Valid {
    Valid::Range { min: min as f64, max: Some(max as f64) }
}

/// A share from `min` to `max`, both inclusive.
pub const fn share(min: f64, max: f64) -> Valid {
    Valid::Range { min, max: Some(max) }
}

/// A list of at least one item, all out of `items`.
pub const fn some_of(items: &'static [&'static str]) -> Valid {
    Valid::List { items, empty: false, null: false }
}

/// A list of items out of `items`, or an empty one.
pub const fn any_of(items: &'static [&'static str]) -> Valid {
    Valid::List { items, empty: true, null: false }
}

/// A list of at least one item.
pub const SOME: Valid = some_of(&[]);
/// A list of any length.
pub const LIST: Valid = any_of(&[]);
/// A list of at least one item, or unset.
pub const SOME_OR_NULL: Valid = Valid::List { items: &[], empty: false, null: true };
/// A list of any length, or unset.
pub const LIST_OR_NULL: Valid = Valid::List { items: &[], empty: true, null: true };

/// Why a value is not allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The item of a list that is not allowed, if it is an item and not the value as a whole.
    pub item: Option<String>,
    /// What is allowed.
    pub reason: String,
}

impl From<String> for Wrong {
    fn from(reason: String) -> Self {
        Self { item: None, reason }
    }
}

impl From<&str> for Wrong {
    fn from(reason: &str) -> Self {
        reason.to_owned().into()
    }
}

impl Valid {
    /// Checks a value. The error says what is allowed: the caller knows key and value.
    pub fn check(&self, value: &Value) -> Result<(), Wrong> {
        match (self, value) {
            (Self::Any, _) => Ok(()),
            (Self::Range { min, max }, _) => check_range(value, *min, *max),
            (Self::OneOf(texts), Value::String(s)) if texts.contains(&s.as_str()) => Ok(()),
            (Self::OneOf(texts), _) => Err(format!("String must be one of: {}", texts.join(", ")).into()),
            (Self::OneOfIgnoringCase(texts), Value::String(s))
                if texts.contains(&s.to_ascii_uppercase().as_str()) =>
            {
                Ok(())
            }
            (Self::OneOfIgnoringCase(texts), _) => {
                Err(format!("String must be one of (case insensitive): {}", texts.join(", ")).into())
            }
            (Self::List { null: true, .. }, Value::Null) => Ok(()),
            (Self::List { items, empty, .. }, Value::List(given)) => check_list(given, items, *empty),
            (Self::NonEmptyText, Value::String(s)) if s.is_empty() => Err("String must be non-empty".into()),
            (Self::NonEmptyText, _) => Ok(()),
            (Self::GzipLevel, _) => match value.as_number() {
                Some(level) if level == -1.0 || (1.0..=9.0).contains(&level) => Ok(()),
                _ => Err("Value must be between 1 and 9 or equal to -1".into()),
            },
            (Self::Voters, Value::List(given)) => {
                given.iter().try_for_each(|entry| parse_voter(entry).map(drop)).map_err(Wrong::from)
            }
            (Self::BootstrapServers, Value::List(given)) => given
                .iter()
                .try_for_each(|entry| parse_bootstrap_server(entry).map(drop))
                .map_err(Wrong::from),
            (Self::ThrottledReplicas, Value::List(given)) => check_throttled(given),
            (Self::ShareOffsetReset, Value::String(s)) if is_share_offset_reset(s) => Ok(()),
            (Self::ShareOffsetReset, _) => {
                Err("The value must be either 'earliest', 'latest' or of the format \
                'by_duration:<PnDTnHnMn.nS>'."
                    .into())
            }
            (Self::NonNull, Value::Null) => Err("Value must be non-null".into()),
            (Self::NonNull, _) => Ok(()),
            (_, _) => Err("Value must be non-null".into()),
        }
    }

    /// Kafka's short text of the rule, as its reference pages have it; empty for [`Valid::Any`].
    pub fn describe(&self) -> String {
        match self {
            Self::Any => String::new(),
            Self::Range { min, max: None } => format!("[{min},...]"),
            Self::Range { min, max: Some(max) } => format!("[{min},...,{max}]"),
            Self::OneOf(texts) => format!("[{}]", texts.join(", ")),
            Self::OneOfIgnoringCase(texts) => format!("(case insensitive) [{}]", texts.join(", ")),
            Self::List { items: [], .. } => String::new(),
            Self::List { items, .. } => format!("[{}]", items.join(", ")),
            Self::NonEmptyText => "non-empty string".to_owned(),
            Self::NonNull => "non-null string".to_owned(),
            Self::GzipLevel => "[1,...,9] or -1".to_owned(),
            Self::Voters | Self::BootstrapServers => "non-empty list".to_owned(),
            Self::ThrottledReplicas => "[partitionId]:[brokerId],[partitionId]:[brokerId],...".to_owned(),
            Self::ShareOffsetReset => "[latest, earliest, by_duration:PnDTnHnMn.nS]".to_owned(),
        }
    }
}

fn check_range(value: &Value, min: f64, max: Option<f64>) -> Result<(), Wrong> {
    let Some(number) = value.as_number() else { return Err("Value must be non-null".into()) };
    if number < min {
        return Err(format!("Value must be at least {min}").into());
    }
    match max {
        Some(max) if number > max => Err(format!("Value must be no more than {max}").into()),
        _ => Ok(()),
    }
}

fn check_list(given: &[String], items: &[&str], empty: bool) -> Result<(), Wrong> {
    if given.is_empty() && !empty {
        return Err(match items {
            [] => "must not be empty. Valid values include: any non-empty value".into(),
            _ => format!("must not be empty. Valid values include: [{}]", items.join(", ")).into(),
        });
    }
    for item in given {
        if item.is_empty() {
            return Err("values must not be empty.".into());
        }
        if !items.is_empty() && !items.contains(&item.as_str()) {
            let reason = format!("String must be one of: {}", items.join(", "));
            return Err(Wrong { item: Some(item.clone()), reason });
        }
    }
    Ok(())
}

fn check_throttled(given: &[String]) -> Result<(), Wrong> {
    let is_number = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let is_replica =
        |s: &String| s.is_empty() || s.split_once(':').is_some_and(|(p, b)| is_number(p) && is_number(b));
    if given.iter().all(is_replica) || given.concat() == "*" {
        return Ok(());
    }
    Err("must be the literal '*' or a list of replicas in the following format: \
         [partitionId]:[brokerId],[partitionId]:[brokerId],..."
        .into())
}

fn is_share_offset_reset(text: &str) -> bool {
    match text.split_once(':') {
        None => matches!(text, "earliest" | "latest"),
        Some((name, duration)) => name == "by_duration" && iso_duration_ms(duration).is_some(),
    }
}

/// Milliseconds of an ISO 8601 duration of days and smaller units, `PnDTnHnMn.nS`, as Java's `Duration` takes it.
/// `None` if it is malformed or negative.
pub fn iso_duration_ms(text: &str) -> Option<i64> {
    let upper = text.to_ascii_uppercase();
    let body = upper.strip_prefix('P')?;
    let (days, time) = match body.split_once('T') {
        Some((_, "")) => return None,
        Some((days, time)) => (days, time),
        None => (body, ""),
    };
    let mut total: i64 = 0;
    let mut found = false;
    if !days.is_empty() {
        total = total.checked_add(days.strip_suffix('D')?.parse::<i64>().ok()?.checked_mul(86_400_000)?)?;
        found = true;
    }
    let mut rest = time;
    for (unit, ms) in [('H', 3_600_000i64), ('M', 60_000)] {
        if let Some((count, after)) = rest.split_once(unit) {
            total = total.checked_add(count.parse::<i64>().ok()?.checked_mul(ms)?)?;
            rest = after;
            found = true;
        }
    }
    if !rest.is_empty() {
        total = total.checked_add(seconds_ms(rest.strip_suffix('S')?)?)?;
        found = true;
    }
    (found && total >= 0).then_some(total)
}

fn seconds_ms(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    let part = digits.parse::<i64>().ok()?;
    let whole_ms = whole.parse::<i64>().ok()?.checked_mul(1000)?;
    whole_ms.checked_add(if whole.starts_with('-') { -part } else { part })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ms) in [
            ("PT1H", Some(3_600_000)),
            ("P1DT2H3M4.5S", Some(93_784_500)),
            ("pt0.001s", Some(1)),
            ("P2D", Some(172_800_000)),
            ("PT", None),
            ("P", None),
            ("PT-1H", None),
            ("1H", None),
            ("P1Y", None),
            ("", None),
        ] {
            assert_eq!(iso_duration_ms(text), ms, "{text}");
        }
    }

    #[test]
    fn share_offset_resets() {
        for (text, ok) in [
            ("earliest", true),
            ("LATEST", false),
            ("by_duration:PT1H", true),
            ("by_duration:1h", false),
            ("none", false),
        ] {
            assert_eq!(Valid::ShareOffsetReset.check(&Value::String(text.to_owned())).is_ok(), ok, "{text}");
        }
    }

    #[test]
    fn throttled_replicas() {
        for (text, ok) in
            [("*", true), ("0:1, 2:3", true), ("", true), ("0:", false), ("*,0:1", false), ("0:-1", false)]
        {
            let given = Value::List(crate::value::split_list(text));
            assert_eq!(Valid::ThrottledReplicas.check(&given).is_ok(), ok, "{text}");
        }
    }
}

//! The types of config values, and their text in both directions as Kafka reads and prints it.

use std::fmt;

/// Type of a key's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `true` or `false`, in any case of letters.
    Boolean,
    /// Text, trimmed.
    String,
    /// 32-bit integer.
    Int,
    /// 16-bit integer.
    Short,
    /// 64-bit integer.
    Long,
    /// 64-bit floating point number.
    Double,
    /// Comma-separated texts.
    List,
    /// Name of a Java class; kept as text.
    Class,
    /// Text that is never shown.
    Password,
}

impl Type {
    /// Kafka's name of the type, as error messages and the facts table have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }

    /// The type's code in DescribeConfigs responses from version 3 on (KIP-569).
    pub fn code(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::String => 2,
            Self::Int => 3,
            Self::Short => 4,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
            Self::Class => 8,
            Self::Password => 9,
        }
    }
}

/// Text that is shown as `[hidden]`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Password(pub String);

/// What Kafka shows in place of a password.
pub const HIDDEN: &str = "[hidden]";

impl fmt::Display for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// Name of a Java class. Never loaded; a few names stand for something built in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Class(pub String);

/// A parsed value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Not set, and no default.
    Null,
    /// See [`Type::Boolean`].
    Boolean(bool),
    /// See [`Type::String`].
    String(String),
    /// See [`Type::Int`].
    Int(i32),
    /// See [`Type::Short`].
    Short(i16),
    /// See [`Type::Long`].
    Long(i64),
    /// See [`Type::Double`].
    Double(f64),
    /// See [`Type::List`].
    List(Vec<String>),
    /// See [`Type::Class`].
    Class(String),
    /// See [`Type::Password`].
    Password(Password),
}

impl Value {
    /// Parses `text` as a value of type `kind`. The error is the reason alone: the caller knows key and value.
    pub fn parse(kind: Type, text: &str) -> Result<Self, String> {
        let trimmed = trim(text);
        let no_number = || format!("Not a number of type {}", kind.name());
        Ok(match kind {
            Type::Boolean if trimmed.eq_ignore_ascii_case("true") => Self::Boolean(true),
            Type::Boolean if trimmed.eq_ignore_ascii_case("false") => Self::Boolean(false),
            Type::Boolean => return Err("Expected value to be either true or false".to_owned()),
            Type::String => Self::String(trimmed.to_owned()),
            Type::Int => Self::Int(trimmed.parse().map_err(|_| no_number())?),
            Type::Short => Self::Short(trimmed.parse().map_err(|_| no_number())?),
            Type::Long => Self::Long(trimmed.parse().map_err(|_| no_number())?),
            Type::Double => Self::Double(parse_double(trimmed).ok_or_else(no_number)?),
            Type::List => Self::List(split_list(trimmed)),
            Type::Class if trimmed.is_empty() => {
                return Err("the name of a class must not be empty".to_owned());
            }
            Type::Class => Self::Class(trimmed.to_owned()),
            Type::Password => Self::Password(Password(trimmed.to_owned())),
        })
    }

    /// The value as a number, for range checks.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Int(n) => Some(f64::from(*n)),
            Self::Short(n) => Some(f64::from(*n)),
            Self::Long(n) => Some(*n as f64),
            Self::Double(n) => Some(*n),
            _ => None,
        }
    }

    /// The text that, parsed, gives this value again; passwords in clear. `None` for [`Value::Null`].
    pub fn to_text(&self) -> Option<String> {
        Some(match self {
            Self::Null => return None,
            Self::Boolean(b) => b.to_string(),
            Self::String(s) | Self::Class(s) => s.clone(),
            Self::Int(n) => n.to_string(),
            Self::Short(n) => n.to_string(),
            Self::Long(n) => n.to_string(),
            Self::Double(n) => double_text(*n),
            Self::List(items) => items.join(","),
            Self::Password(p) => p.0.clone(),
        })
    }
}

/// As Kafka's error messages show a value: lists in brackets, passwords hidden, `null` for nothing.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::List(items) => write!(f, "[{}]", items.join(", ")),
            Self::Password(_) => f.write_str(HIDDEN),
            other => f.write_str(&other.to_text().unwrap_or_default()),
        }
    }
}

/// Java's `String.trim`: everything up to and including the space character goes, at both ends.
pub fn trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

/// Splits at commas and the white space around them. An empty text is an empty list, yet `a,,b` has an empty item.
pub fn split_list(text: &str) -> Vec<String> {
    let trimmed = trim(text);
    if trimmed.is_empty() {
        return Vec::new();
    }
    trimmed.split(',').map(|item| item.trim_matches(|c: char| c.is_ascii_whitespace()).to_owned()).collect()
}

/// Java accepts a type suffix and its own names of the special values.
fn parse_double(text: &str) -> Option<f64> {
    let (sign, body) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    match body {
        "NaN" => return Some(f64::NAN),
        "Infinity" => return Some(sign * f64::INFINITY),
        _ => {}
    }
    if !body.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    body.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(body).parse::<f64>().ok().map(|n| sign * n)
}

/// Java's text of a double: at least one decimal, and an exponent from 10^7 on and below 10^-3.
fn double_text(n: f64) -> String {
    if n.is_nan() {
        return "NaN".to_owned();
    }
    if n.is_infinite() {
        return if n > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let size = n.abs();
    if n == 0.0 || (1e-3..1e7).contains(&size) {
        let text = n.to_string();
        return if text.contains('.') { text } else { text + ".0" };
    }
    let text = format!("{n:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if digits.contains('.') => format!("{digits}E{exponent}"),
        Some((digits, exponent)) => format!("{digits}.0E{exponent}"),
        None => text,
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A Rust type in which a key's value is read.
pub trait ConfigType: sealed::Sealed + Sized {
    /// The type in the table.
    const TYPE: Type;
    /// Whether [`Value::Null`] is a value of the type.
    const NULLABLE: bool = false;
    /// Takes the value out. `None` if it is of another type, which the table rules out.
    fn from_value(value: &Value) -> Option<Self>;
}

macro_rules! config_types {
    ($($rust:ty = $variant:ident: $taken:ident => $out:expr;)+) => {$(
        impl sealed::Sealed for $rust {}
        impl ConfigType for $rust {
            const TYPE: Type = Type::$variant;
            fn from_value(value: &Value) -> Option<Self> {
                match value { Value::$variant($taken) => Some($out), _ => None }
            }
        }
    )+};
}

config_types! {
    bool = Boolean: b => *b;
    String = String: s => s.clone();
    i32 = Int: n => *n;
    i16 = Short: n => *n;
    i64 = Long: n => *n;
    f64 = Double: n => *n;
    Vec<String> = List: items => items.clone();
    Class = Class: name => Class(name.clone());
    Password = Password: p => p.clone();
}

impl<T: ConfigType> sealed::Sealed for Option<T> {}
impl<T: ConfigType> ConfigType for Option<T> {
    const TYPE: Type = T::TYPE;
    const NULLABLE: bool = true;
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            other => T::from_value(other).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_printed_as_java_prints_them() {
        for (number, text) in [
            (0.0, "0.0"),
            (0.5, "0.5"),
            (1.0, "1.0"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (2_147_483_647.0, "2.147483647E9"),
            (f64::MAX, "1.7976931348623157E308"),
            (0.0001, "1.0E-4"),
            (-0.25, "-0.25"),
        ] {
            assert_eq!(double_text(number), text);
        }
    }

    #[test]
    fn values_are_parsed_as_java_parses_them() {
        let ok = |kind, text: &str| Value::parse(kind, text).map(|v| v.to_string());
        assert_eq!(ok(Type::Boolean, " TRUE "), Ok("true".to_owned()));
        assert!(ok(Type::Boolean, "yes").is_err());
        assert_eq!(ok(Type::Int, "+7"), Ok("7".to_owned()));
        assert_eq!(ok(Type::Int, "2147483648"), Err("Not a number of type INT".to_owned()));
        assert!(ok(Type::Long, "1_000").is_err());
        assert_eq!(ok(Type::Double, "1e3"), Ok("1000.0".to_owned()));
        assert_eq!(ok(Type::Double, "1.5d"), Ok("1.5".to_owned()));
        for bad in ["inf", "nan", "", "d", "e5"] {
            assert!(ok(Type::Double, bad).is_err(), "{bad}");
        }
        assert_eq!(ok(Type::List, " a , b,c "), Ok("[a, b, c]".to_owned()));
        assert_eq!(ok(Type::List, "a,,b"), Ok("[a, , b]".to_owned()));
        assert_eq!(ok(Type::List, "  "), Ok("[]".to_owned()));
        assert_eq!(ok(Type::Password, "secret"), Ok("[hidden]".to_owned()));
    }
}

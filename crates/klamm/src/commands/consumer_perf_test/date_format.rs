//! The part of java.text.SimpleDateFormat that formats of numbers need.

use anyhow::bail;

use crate::java::civil;

/// Prints moments.
pub(in crate::commands) struct DateFormat {
    parts: Vec<Part>,
    offset_ms: i64,
}

enum Part {
    Literal(String),
    /// A letter and how often it stands.
    Field(char, usize),
}

impl DateFormat {
    /// Reads a pattern. Letters for what is no number (names of months and days, zones) are refused.
    pub(in crate::commands) fn new(pattern: &str) -> anyhow::Result<Self> {
        let mut parts = Vec::new();
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\'' => {
                    let text: String = chars.by_ref().take_while(|c| *c != '\'').collect();
                    parts.push(Part::Literal(if text.is_empty() { "'".to_owned() } else { text }));
                }
                'y' | 'M' | 'd' | 'H' | 'h' | 'k' | 'm' | 's' | 'S' | 'a' => {
                    let mut count = 1;
                    while chars.next_if_eq(&c).is_some() {
                        count += 1;
                    }
                    parts.push(Part::Field(c, count));
                }
                c if c.is_ascii_alphabetic() => bail!("date format: the letter '{c}' is not supported"),
                c => parts.push(Part::Literal(c.to_string())),
            }
        }
        Ok(Self { parts, offset_ms: local_offset_ms() })
    }

    #[cfg(test)]
    pub(in crate::commands) fn utc(self) -> Self {
        Self { offset_ms: 0, ..self }
    }

    /// The moment, in milliseconds since 1970, as text.
    pub(in crate::commands) fn text(&self, ms: i64) -> String {
        let ms = ms + self.offset_ms;
        let (days, in_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
        let (year, month, day) = civil(days);
        let hour = in_day / 3_600_000;
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Field('a', _) => text.push_str(if hour < 12 { "AM" } else { "PM" }),
                Part::Field(letter, width) => {
                    let value = match letter {
                        'y' if *width == 2 => year % 100,
                        'y' => year,
                        'M' => month,
                        'd' => day,
                        'H' => hour,
                        'h' => (hour + 11) % 12 + 1,
                        'k' => (hour + 23) % 24 + 1,
                        'm' => in_day / 60_000 % 60,
                        's' => in_day / 1000 % 60,
                        _ => in_day % 1000,
                    };
                    text.push_str(&format!("{value:0width$}", width = *width));
                }
            }
        }
        text
    }
}

/// How far local time is ahead of UTC, as `date +%z` says; zero if nobody tells.
fn local_offset_ms() -> i64 {
    let output = std::process::Command::new("date").arg("+%z").output();
    let text =
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits = text.trim_start_matches(['+', '-']);
    match (
        digits.get(..2).and_then(|h| h.parse::<i64>().ok()),
        digits.get(2..4).and_then(|m| m.parse::<i64>().ok()),
    ) {
        (Some(hours), Some(minutes)) => sign * (hours * 60 + minutes) * 60_000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_printed() {
        for (pattern, ms, expect) in [
            ("yyyy-MM-dd HH:mm:ss:SSS", 1_700_000_000_123, "2023-11-14 22:13:20:123"),
            ("dd.MM.yy 'at' h a", 951_782_400_000, "29.02.00 at 12 AM"),
            ("HH''mm", 0, "00'00"),
        ] {
            assert_eq!(DateFormat::new(pattern).unwrap().utc().text(ms), expect);
        }
        assert!(DateFormat::new("EEE").is_err());
    }
}

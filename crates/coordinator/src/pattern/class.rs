//! Character classes: from RE2/J's syntax to that of the `regex` crate.

use super::escape::read_character;
use std::fmt::Write;

const BAD_RANGE: &str = "invalid character class range";
const NOT_CLOSED: &str = "missing closing ]";

/// The categories that RE2/J knows: letters for the first, and those that may follow it.
const CATEGORIES: [(&str, &str); 7] = [
    ("C", "cfos"),
    ("L", "lmotu"),
    ("M", "cen"),
    ("N", "dlo"),
    ("P", "cdefios"),
    ("S", "ckmo"),
    ("Z", "lps"),
];

/// The scripts that RE2/J knows; in these spellings only.
const SCRIPTS: &str = "Arabic Armenian Avestan Balinese Bamum Batak Bengali Bopomofo Brahmi Braille Buginese Buhid \
    Canadian_Aboriginal Carian Cham Cherokee Common Coptic Cuneiform Cypriot Cyrillic Deseret Devanagari \
    Egyptian_Hieroglyphs Ethiopic Georgian Glagolitic Gothic Greek Gujarati Gurmukhi Han Hangul Hanunoo Hebrew Hiragana \
    Imperial_Aramaic Inherited Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kayah_Li \
    Kharoshthi Khmer Lao Latin Lepcha Limbu Linear_B Lisu Lycian Lydian Malayalam Mandaic Meetei_Mayek Mongolian Myanmar \
    New_Tai_Lue Nko Ogham Ol_Chiki Old_Italic Old_Persian Old_South_Arabian Old_Turkic Oriya Osmanya Phags_Pa Phoenician \
    Rejang Runic Samaritan Saurashtra Shavian Sinhala Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham \
    Tai_Viet Tamil Telugu Thaana Thai Tibetan Tifinagh Ugaritic Unknown Vai Yi";

const POSIX: &str = "alnum alpha ascii blank cntrl digit graph lower print punct space upper word xdigit";

/// A class in brackets, which `text` begins with: its length and its translation.
pub(super) fn bracketed(text: &str) -> Result<(usize, String), &'static str> {
    let mut rest = text.strip_prefix('[').unwrap_or(text);
    let mut class = String::from("[");
    if let Some(negated) = rest.strip_prefix('^') {
        rest = negated;
        class.push('^');
    }
    let start = class.len();
    let mut is_first = true;
    loop {
        let next = rest.chars().next().ok_or(NOT_CLOSED)?;
        if next == ']' && !is_first {
            break;
        }
        is_first = false;
        if let Some((length, named)) = posix(rest)? {
            class.push_str(&named);
            rest = &rest[length..];
            continue;
        }
        if let Some((length, named)) = escaped(rest)? {
            write!(class, "[{named}]").map_err(|_| BAD_RANGE)?;
            rest = &rest[length..];
            continue;
        }
        let (length, low) = one(rest)?;
        rest = &rest[length..];
        let mut high = low;
        if let Some(end) = rest.strip_prefix('-').filter(|end| !end.starts_with(']')) {
            let length;
            (length, high) = one(end)?;
            rest = &end[length..];
            if high < low {
                return Err(BAD_RANGE);
            }
        }
        put_range(&mut class, low, high);
    }
    if class.len() == start {
        // Nothing but surrogates, which no text has.
        class = if start == 1 { NOTHING.to_owned() } else { ANYTHING.to_owned() };
    } else {
        class.push(']');
    }
    Ok((text.len() - rest.len() + 1, class))
}

const NOTHING: &str = "[^\\x00-\\x{10FFFF}]";
const ANYTHING: &str = "[\\x00-\\x{10FFFF}]";

/// A class that came out empty matches nothing.
pub(super) fn or_nothing(class: &str) -> &str {
    if class == "[]" { NOTHING } else { class }
}

/// A character of a class, escaped or not.
fn one(text: &str) -> Result<(usize, u32), &'static str> {
    let first = text.chars().next().ok_or(NOT_CLOSED)?;
    if first == '\\' { read_character(text) } else { Ok((first.len_utf8(), u32::from(first))) }
}

/// Writes a range without the surrogates in it.
pub(super) fn put_range(class: &mut String, low: u32, high: u32) {
    let low = if (0xd800..0xe000).contains(&low) { 0xe000 } else { low };
    let high = if (0xd800..0xe000).contains(&high) { 0xd7ff } else { high };
    if low <= high {
        class.push_str(&format!("\\x{{{low:X}}}-\\x{{{high:X}}}"));
    }
}

/// `[:alpha:]`, which has to be in brackets.
fn posix(text: &str) -> Result<Option<(usize, String)>, &'static str> {
    let Some((name, _)) = text.strip_prefix("[:").and_then(|text| text.split_once(":]")) else {
        return Ok(None);
    };
    let positive = name.strip_prefix('^').unwrap_or(name);
    if !POSIX.split(' ').any(|known| known == positive) {
        return Err(BAD_RANGE);
    }
    Ok(Some((name.len() + 4, format!("[:{name}:]"))))
}

/// An escape that stands for a class, in brackets or not: its length, and what to put in brackets. `None`: it stands for
/// something else.
pub(super) fn escaped(text: &str) -> Result<Option<(usize, String)>, &'static str> {
    let perl = [
        ("\\d", "0-9"),
        ("\\D", "^0-9"),
        ("\\s", "\\t\\n\\f\\r\\x20"),
        ("\\S", "^\\t\\n\\f\\r\\x20"),
        ("\\w", "0-9A-Za-z_"),
        ("\\W", "^0-9A-Za-z_"),
    ];
    if let Some((escape, class)) = perl.into_iter().find(|(escape, _)| text.starts_with(escape)) {
        return Ok(Some((escape.len(), class.to_owned())));
    }
    let is_negated = text.starts_with("\\P");
    let Some(named) = text.strip_prefix("\\p").or_else(|| text.strip_prefix("\\P")) else {
        return Ok(None);
    };
    let (name, length) = match named.strip_prefix('{') {
        Some(braced) => braced.split_once('}').map(|(name, _)| (name, name.len() + 4)).ok_or(BAD_RANGE)?,
        None => {
            let first = named.chars().next().ok_or(BAD_RANGE)?;
            (&named[..first.len_utf8()], 2 + first.len_utf8())
        }
    };
    let positive = name.strip_prefix('^').unwrap_or(name);
    let is_negated = is_negated != (positive.len() < name.len());
    Ok(Some((length, unicode(positive, is_negated).ok_or(BAD_RANGE)?)))
}

fn unicode(name: &str, is_negated: bool) -> Option<String> {
    let is_category = CATEGORIES.iter().any(|(first, then)| {
        name.strip_prefix(first)
            .is_some_and(|rest| rest.is_empty() || (rest.len() == 1 && then.contains(rest)))
    });
    let escape = if is_negated { 'P' } else { 'p' };
    if name == "Cs" || name == "Any" {
        // No text has surrogates.
        let is_all = (name == "Any") != is_negated;
        Some(if is_all { "\\x00-\\x{10FFFF}" } else { "^\\x00-\\x{10FFFF}" }.to_owned())
    } else if is_category {
        Some(format!("\\{escape}{{gc={name}}}"))
    } else if SCRIPTS.split_ascii_whitespace().any(|known| known == name) {
        Some(format!("\\{escape}{{sc={name}}}"))
    } else {
        None
    }
}

//! Escapes of RE2/J that stand for one character.

const BAD_ESCAPE: &str = "invalid escape sequence";

/// An escape that stands for one character: its length and code point, which may be that of a surrogate.
pub(super) fn read_character(text: &str) -> Result<(usize, u32), &'static str> {
    let escaped = text.strip_prefix('\\').unwrap_or(text);
    let first = escaped.chars().next().ok_or("trailing backslash at end of expression")?;
    let simple = |code: u32| Ok((1 + first.len_utf8(), code));
    match first {
        '0'..='7' => {
            let digits = escaped.bytes().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
            // A digit alone would refer back to a group, which RE2 cannot.
            if first != '0' && digits < 2 {
                return Err(BAD_ESCAPE);
            }
            let code = u32::from_str_radix(&escaped[..digits], 8).map_err(|_| BAD_ESCAPE)?;
            Ok((1 + digits, code))
        }
        'x' => {
            let hex = &escaped[1..];
            let (digits, length) = match hex.strip_prefix('{') {
                Some(braced) => braced.split_once('}').map(|(digits, _)| (digits, digits.len() + 4)),
                None => hex.get(..2).map(|digits| (digits, 4)),
            }
            .ok_or(BAD_ESCAPE)?;
            let is_hex = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let code = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex);
            Ok((length, code.filter(|code| *code <= u32::from(char::MAX)).ok_or(BAD_ESCAPE)?))
        }
        'a' => simple(0x07),
        'f' => simple(0x0c),
        'n' => simple(0x0a),
        'r' => simple(0x0d),
        't' => simple(0x09),
        'v' => simple(0x0b),
        other if other.is_ascii_alphanumeric() => Err(BAD_ESCAPE),
        other => simple(u32::from(other)),
    }
}

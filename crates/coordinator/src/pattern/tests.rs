use super::*;

/// Each line is an expression, texts, and what RE2/J 1.8 (the one of Kafka 4.3.1) says: `ok` and whether each text
/// matches, or `ERR` and why not.
#[test]
fn expressions_are_taken_as_by_re2j() {
    let mut wrong = String::new();
    for line in include_str!("tests/re2j.txt").lines().filter(|line| !line.is_empty()) {
        let (left, expected) = line.rsplit_once("\t=> ").unwrap();
        let (pattern, texts) = left.split_once('\t').unwrap();
        let actual = match whole_match(pattern) {
            Ok(compiled) => {
                let one = |text: &str| format!(" {text}={}", u8::from(compiled.is_match(text)));
                std::iter::once("ok".to_owned()).chain(texts.split(' ').map(one)).collect::<String>()
            }
            Err(why) => format!("ERR {why}"),
        };
        if actual != expected {
            wrong += &format!("{left}: {actual}, RE2/J: {expected}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn what_would_take_too_much_is_refused() {
    for pattern in ["((a{1000}){1000}){1000}".to_owned(), "(".repeat(5000) + &")".repeat(5000)] {
        assert_eq!(whole_match(&pattern).unwrap_err(), "expression is too large");
    }
}

use super::*;

#[test]
fn placeholder_varints() {
    let mut writer = Writer::new();
    for value in [0, 1, 127, 128, 300, u32::MAX] {
        writer.uvarint(value);
    }
    let mut reader = Reader::new(writer.into_bytes());
    for value in [0, 1, 127, 128, 300, u32::MAX] {
        assert_eq!(reader.uvarint().unwrap(), value);
    }
}

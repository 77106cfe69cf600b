use super::*;

/// What is to be copied: `first-last x deliveries`, rejected.
fn letters(text: &str) -> Vec<DeadLetter> {
    let one = |word: &str| {
        let (range, count) = word.split_once('x').unwrap();
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        DeadLetter {
            first_offset: first.parse().unwrap(),
            last_offset: last.parse().unwrap(),
            delivery_count: count.parse().unwrap(),
            reason: GivenUp::Rejected,
            is_copied: false,
        }
    };
    text.split_whitespace().map(one).collect()
}

/// A batch of the log: records at offsets, each with key, value, a header and, for the first, one of an earlier round.
fn batch(offsets: &[i64], control: bool) -> Vec<u8> {
    let options = BatchOptions { base_offset: offsets[0], control, ..BatchOptions::default() };
    let mut builder = BatchBuilder::new(options);
    for offset in offsets {
        let header = |key: &'static str| RecordHeader { key: key.into(), value: Some("v".into()) };
        let headers = [header("trace"), header("__dlq.errors.offset")];
        let (key, value) = (format!("k{offset}"), format!("v{offset}"));
        builder
            .append_at(*offset, 1000 + offset, Some(key.as_bytes()), Some(value.as_bytes()), &headers)
            .unwrap();
    }
    builder.build().unwrap().to_vec()
}

fn made(letters_of: &str, log_start: i64, log: &[Vec<u8>], making: Making) -> (String, Copies) {
    let origin = Origin { topic: "orders", index: 3, group: "g" };
    let copies = copy(origin, making, &letters(letters_of), log_start, log.concat().into()).unwrap();
    let mut text = String::new();
    let records = copies.batch.iter().flat_map(|batch| RecordBatch::new(batch).unwrap().records().unwrap());
    for record in records.map(Result::unwrap) {
        assert_eq!(record.timestamp, making.now_ms);
        let shown = |bytes: &Option<Bytes>| {
            bytes.as_ref().map_or("-".to_owned(), |bytes| String::from_utf8(bytes.to_vec()).unwrap())
        };
        let headers: Vec<String> = record
            .headers
            .iter()
            .map(|header| format!("{}={}", shown(&Some(header.key.clone())), shown(&header.value)))
            .collect();
        text.push_str(&format!("{} {} {}\n", shown(&record.key), shown(&record.value), headers.join(" ")));
    }
    let done: Vec<String> =
        copies.done.iter().map(|letter| format!("{}-{}", letter.first_offset, letter.last_offset)).collect();
    text.push_str(&format!("done {}", done.join(" ")));
    (text.replace("__dlq.errors.", ""), copies)
}

const COPIED: Making = Making {
    is_record_copied: true,
    batch_bytes_max: 1 << 20,
    refused: Refused { batch_bytes_max: None, offset: None },
    now_ms: 5_000_000,
};
const BARE: Making = Making { is_record_copied: false, ..COPIED };

fn told(offset: i64, count: i16) -> String {
    format!(
        "topic=orders partition=3 offset={offset} group=g delivery.count={count} message=Offset rejected by client."
    )
}

#[test]
fn a_copy_has_what_the_record_had_and_tells_where_it_came_from() {
    let log = [batch(&[10, 11, 12], false)];
    let (text, copies) = made("11x2", 0, &log, COPIED);
    let time = "__dlq.klamm.timestamp=1011";
    assert_eq!(text, format!("k11 v11 trace=v {} {time}\ndone 11-11", told(11, 2)));
    assert_eq!((copies.records, copies.too_large), (1, 0));
    let (text, _) = made("11x2", 0, &log, BARE);
    assert_eq!(text, format!("- - {}\ndone 11-11", told(11, 2)));
}

#[test]
fn what_the_log_does_not_have_is_told_of_and_control_records_are_not() {
    // 0 to 4 are deleted, 6 was compacted, 8 is a marker, and the log goes on.
    let log = [batch(&[5, 7], false), batch(&[8], true), batch(&[9, 10], false)];
    let (text, copies) = made("3-4x1 6-9x5", 5, &log, BARE);
    let told: String = [told(3, 1), told(4, 1), told(6, 5), told(7, 5), told(9, 5)]
        .map(|told| format!("- - {told}\n"))
        .concat();
    assert_eq!(text, format!("{told}done 3-4 6-9"));
    assert_eq!(copies.records, 5);
    // Only markers.
    let (text, copies) = made("8x1", 0, &log[1..2], BARE);
    assert_eq!((text.as_str(), copies.batch), ("done 8-8", None));
    // The rest lies behind what was read.
    let (text, _) = made("9-20x1", 0, &log, BARE);
    assert!(text.ends_with("done 9-10"), "{text}");
}

#[test]
fn a_batch_is_no_larger_than_the_queue_takes() {
    let log = [batch(&(0..100).collect::<Vec<_>>(), false)];
    let making = Making { batch_bytes_max: 1000, ..COPIED };
    let (mut next, mut rounds) = (0, 0);
    while next < 100 {
        let (_, copies) = made(&format!("{next}-99x1"), 0, &log, making);
        let size = copies.batch.unwrap().len();
        assert!(size <= 1000, "{size}");
        assert_eq!((copies.done.len(), copies.done[0].first_offset), (1, next));
        next = copies.done[0].last_offset + 1;
        rounds += 1;
    }
    assert!((15..50).contains(&rounds), "{rounds}");
    // A record that alone is too large is told of, so that nothing waits for it for ever.
    let mut builder = BatchBuilder::new(BatchOptions::default());
    builder.append(1, None, Some(&[0; 2000]), &[]).unwrap();
    let (text, copies) = made("0x1", 0, &[builder.build().unwrap().to_vec()], making);
    assert_eq!(text, format!("- - {}\ndone 0-0", told(0, 1)));
    assert_eq!(copies.too_large, 1);
}

#[test]
fn what_is_refused_as_too_large_is_made_smaller_until_it_is_headers_only() {
    let log = [batch(&[0, 1, 2, 3], false)];
    let mut making = COPIED;
    let mut tried = Vec::new();
    loop {
        let (text, copies) = made("0-3x1", 0, &log, making);
        tried.push((copies.records, copies.too_large, text.contains("k0 v0")));
        if !making.refused.note(copies.size) {
            break;
        }
    }
    // A batch has a size of its own, so that half of it has room for one; without what it had, for two.
    assert_eq!(tried, [(4, 0, true), (1, 0, true), (2, 1, false), (1, 1, false)]);
    // The others are not told of by their headers for that.
    let (text, copies) = made("1-3x1", 0, &log, making);
    assert_eq!((copies.records, copies.too_large), (1, 0));
    assert!(text.starts_with("k1 v1 "), "{text}");
}

#[test]
fn damaged_batches_are_told_of() {
    let mut damaged = batch(&[0, 1, 2], false);
    let at = damaged.len() - 3;
    damaged.truncate(at);
    damaged.extend([0xff; 3]);
    let (text, copies) = made("0-2x1", 0, &[damaged.clone()], COPIED);
    assert!(text.starts_with("k0 v0 ") && text.ends_with("done 0-2"), "{text}");
    assert_eq!((copies.records, copies.unreadable), (3, 1));
    // Nobody has to look into it for what is not copied.
    let (text, copies) = made("0-2x1", 0, &[damaged], BARE);
    assert!(text.ends_with("done 0-2"), "{text}");
    assert_eq!((copies.records, copies.unreadable), (3, 0));
    // Nothing but noise is nothing that can be told of.
    let (text, copies) = made("0-2x1", 0, &[vec![0xff; 100]], BARE);
    assert_eq!((text.as_str(), copies.batch), ("done ", None));
}

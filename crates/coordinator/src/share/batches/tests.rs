use super::*;

/// Reads `100-110 0x1 2x2`: offsets, then state x count.
fn batches(text: &str) -> Vec<StateBatch> {
    let number = |text: &str| text.parse::<i64>().unwrap();
    text.split(", ")
        .filter(|text| !text.is_empty())
        .map(|text| {
            let (offsets, delivery) = text.split_once(' ').unwrap();
            let (first, last) = offsets.split_once('-').unwrap();
            let (state, count) = delivery.split_once('x').unwrap();
            StateBatch {
                first_offset: number(first),
                last_offset: number(last),
                delivery_state: state.parse().unwrap(),
                delivery_count: count.parse().unwrap(),
            }
        })
        .collect()
}

#[test]
fn batches_are_put_together_as_kafka_does_it() {
    let cases = [
        // What there was, what is new, the start offset, what comes of it.
        ("100-130 0x1", "", 120, "120-130 0x1"),
        ("", "100-130 0x1", 120, "120-130 0x1"),
        ("", "", 120, ""),
        ("100-110 0x1", "100-110 0x1, 120-130 2x1", -1, "100-110 0x1, 120-130 2x1"),
        ("0-5 2x1", "0-5 2x1, 11-15 0x1", -1, "0-5 2x1, 11-15 0x1"),
        // The same state.
        ("100-110 0x1", "100-110 0x1", -1, "100-110 0x1"),
        ("100-110 0x1", "100-105 0x1", -1, "100-110 0x1"),
        ("100-110 0x1", "100-115 0x1", -1, "100-115 0x1"),
        ("100-110 0x1", "105-108 0x1", -1, "100-110 0x1"),
        ("100-110 0x1", "105-110 0x1", -1, "100-110 0x1"),
        ("100-110 0x1", "105-115 0x1", -1, "100-115 0x1"),
        ("100-110 0x1", "111-115 0x1", -1, "100-115 0x1"),
        // Another state: the higher count holds, then the higher state.
        ("100-110 0x1", "100-110 0x2", -1, "100-110 0x2"),
        ("100-110 0x3", "100-110 0x1", -1, "100-110 0x3"),
        ("100-110 0x1", "100-105 0x2", -1, "100-105 0x2, 106-110 0x1"),
        ("100-110 0x3", "100-105 0x1", -1, "100-110 0x3"),
        ("100-110 0x1", "100-115 0x2", -1, "100-115 0x2"),
        ("100-110 0x3", "100-115 0x1", -1, "100-110 0x3, 111-115 0x1"),
        ("100-115 0x1", "105-110 1x1", -1, "100-104 0x1, 105-110 1x1, 111-115 0x1"),
        ("100-115 1x1", "105-110 0x1", -1, "100-115 1x1"),
        ("100-110 0x1", "105-110 0x2", -1, "100-104 0x1, 105-110 0x2"),
        ("100-110 0x2", "105-110 0x1", -1, "100-110 0x2"),
        ("100-110 0x1", "105-115 0x2", -1, "100-104 0x1, 105-115 0x2"),
        ("100-110 0x2", "105-115 0x1", -1, "100-110 0x2, 111-115 0x1"),
        // Several.
        ("100-110 0x1, 121-130 0x1", "111-119 2x2, 116-123 2x2", -1, "100-110 0x1, 111-123 2x2, 124-130 0x1"),
        ("100-110 0x1", "101-105 1x2, 101-115 2x2, 101-120 3x2", -1, "100-100 0x1, 101-120 3x2"),
        ("100-110 0x1, 121-130 0x1", "111-119 2x2, 116-123 2x2", 120, "120-123 2x2, 124-130 0x1"),
        (
            "111-120 0x1",
            "111-113 0x2, 114-114 2x1, 115-119 0x2",
            -1,
            "111-113 0x2, 114-114 2x1, 115-119 0x2, 120-120 0x1",
        ),
        // Offsets at their limits, and batches that end before they begin.
        (
            "5-9223372036854775807 0x1",
            "9223372036854775807-9223372036854775807 2x1",
            -1,
            "5-9223372036854775806 0x1, 9223372036854775807-9223372036854775807 2x1",
        ),
        ("1-10 0x1", "5-2 2x2", -1, "1-10 0x1"),
    ];
    for (so_far, newer, start_offset, expected) in cases {
        let combined = combine(batches(so_far).into_iter().chain(batches(newer)), start_offset);
        assert_eq!(combined, batches(expected), "{so_far} + {newer} from {start_offset}");
    }
}

#[test]
fn for_every_offset_the_highest_statement_holds() {
    let mut random: u64 = 7;
    let mut next = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    for _ in 0..2000 {
        let count = next(8);
        let said: Vec<StateBatch> = (0..count)
            .map(|_| {
                let first_offset = next(40) as i64;
                let last_offset = first_offset + next(10) as i64;
                let delivery_state = [0, 2, 4][next(3) as usize];
                StateBatch { first_offset, last_offset, delivery_state, delivery_count: next(3) as i16 }
            })
            .collect();
        let start_offset = next(20) as i64;
        let combined = combine(said.iter().copied(), start_offset);
        let at = |batches: &[StateBatch], offset: i64| {
            let of =
                batches.iter().filter(|batch| (batch.first_offset..=batch.last_offset).contains(&offset));
            of.map(|batch| (batch.delivery_count, batch.delivery_state)).max()
        };
        for offset in 0..60 {
            let expected = if offset < start_offset { None } else { at(&said, offset) };
            assert_eq!(at(&combined, offset), expected, "{said:?} from {start_offset}");
        }
        let in_order = combined.windows(2).all(|two| two[0].last_offset < two[1].first_offset);
        assert!(in_order, "{combined:?}");
    }
}

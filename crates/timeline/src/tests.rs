use crate::{StateMachine, Timeline};

/// Keeps every record it has seen.
#[derive(Clone, Debug, Default, PartialEq)]
struct Journal(Vec<u32>);

impl StateMachine for Journal {
    type Record = u32;

    fn replay(&mut self, record: &u32) {
        self.0.push(*record);
    }
}

fn journal() -> Timeline<Journal> {
    let mut timeline = Timeline::new(Journal::default(), 10);
    timeline.apply(&[1, 2], 12);
    timeline.apply(&[3], 13);
    timeline.apply(&[4], 15);
    timeline
}

#[test]
fn commands_see_what_is_applied_and_others_what_is_committed() {
    for (high_watermark, committed, end_offset) in [
        (10, vec![], 10),
        (11, vec![], 10),
        (12, vec![1, 2], 12),
        (14, vec![1, 2, 3], 13),
        (99, vec![1, 2, 3, 4], 15),
    ] {
        let mut timeline = journal();
        assert_eq!(timeline.commit(high_watermark), !committed.is_empty());
        assert_eq!(timeline.committed().0, committed, "high watermark {high_watermark}");
        assert_eq!(timeline.committed_end_offset(), end_offset);
        assert_eq!(timeline.tentative().0, [1, 2, 3, 4]);
        assert_eq!(timeline.tentative_end_offset(), 15);
    }
}

#[test]
fn loading_gives_what_applying_and_committing_give() {
    let batches: [(&[u32], i64); 4] = [(&[1, 2], 12), (&[3], 13), (&[], 15), (&[4, 5], 17)];
    // The high watermark at each batch: it may be anywhere, and moves on meanwhile.
    for high_watermarks in [[17; 4], [0; 4], [13; 4], [12, 12, 15, 16], [0, 13, 13, 17], [0, 0, 0, 17]] {
        let mut loaded = Timeline::new(Journal::default(), 10);
        let mut applied = loaded.clone();
        for ((records, end_offset), high_watermark) in batches.into_iter().zip(high_watermarks) {
            loaded.load(records, end_offset, high_watermark);
            applied.apply(records, end_offset);
            applied.commit(high_watermark);
            assert_eq!(loaded.tentative(), applied.tentative(), "{high_watermarks:?}");
            assert_eq!(loaded.tentative_end_offset(), applied.tentative_end_offset());
        }
        loaded.commit(high_watermarks[3]);
        assert_eq!(loaded.committed(), applied.committed(), "{high_watermarks:?}");
        assert_eq!(loaded.committed_end_offset(), applied.committed_end_offset());
    }
}

#[test]
fn revert_and_truncate_forget_what_is_not_committed() {
    let mut timeline = journal();
    timeline.commit(12);
    timeline.truncate(14);
    assert_eq!(timeline.tentative().0, [1, 2, 3]);
    timeline.revert();
    assert_eq!(timeline.tentative().0, [1, 2]);
    timeline.apply(&[9], 13);
    assert_eq!(timeline.tentative().0, [1, 2, 9]);
}

#[test]
#[should_panic(expected = "committed")]
fn what_is_committed_cannot_be_truncated() {
    let mut timeline = journal();
    timeline.commit(13);
    timeline.truncate(12);
}

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

//! Counts of tests, and the table that closes a run.

use std::time::Duration;

/// What one stage of tests came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    pub(crate) skipped: u32,
    /// One line for each failed test or for the reason of a skip.
    pub(crate) notes: Vec<String>,
}

impl Tally {
    /// A stage that could not run, with the reason.
    pub(crate) fn failure(note: String) -> Self {
        Self { failed: 1, notes: vec![note], ..Self::default() }
    }

    /// Notes the result of one test.
    pub(crate) fn note(&mut self, name: &str, result: anyhow::Result<()>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(error) => {
                self.failed += 1;
                self.notes.push(format!("{name}: {error:#}"));
            }
        }
    }

    fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Reads the result lines of `cargo test` ("test result: ok. 3 passed; 0 failed; 1 ignored; ...").
pub(crate) fn of_cargo_test(output: &str) -> Tally {
    let mut tally = Tally::default();
    for line in output.lines() {
        if let Some(counts) = line.strip_prefix("test result: ") {
            tally.passed += count_before(counts, " passed");
            tally.failed += count_before(counts, " failed");
            tally.skipped += count_before(counts, " ignored");
        } else if let Some(name) =
            line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            tally.notes.push(name.to_owned());
        }
    }
    tally
}

/// The number that stands right before `word`, 0 if there is none.
pub(crate) fn count_before(text: &str, word: &str) -> u32 {
    let Some(end) = text.find(word) else { return 0 };
    let digits = text[..end].rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| at + 1);
    text[digits..end].parse().unwrap_or(0)
}

/// Prints the table of all stages and the closing line; the sum of all.
pub(crate) fn print(stages: &[(String, Tally, Duration)]) -> Tally {
    let mut sum = Tally::default();
    println!("\n{:<14} {:>8} {:>8} {:>8} {:>9}", "stage", "passed", "failed", "skipped", "seconds");
    for (name, tally, took) in stages {
        let seconds = took.as_secs();
        println!("{name:<14} {:>8} {:>8} {:>8} {seconds:>9}", tally.passed, tally.failed, tally.skipped);
        sum.add(tally);
    }
    for (name, tally, _) in stages {
        for note in &tally.notes {
            println!("{name}: {note:.300}");
        }
    }
    println!("\n{} passed, {} failed, {} skipped", sum.passed, sum.failed, sum.skipped);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_test_output_is_summed() {
        let output = "test a::b ... FAILED\ntest result: FAILED. 10 passed; 1 failed; 2 ignored; 0 measured\n\
                      test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured\n";
        let tally = of_cargo_test(output);
        assert_eq!((tally.passed, tally.failed, tally.skipped), (15, 1, 2));
        assert_eq!(tally.notes, ["a::b"]);
    }
}

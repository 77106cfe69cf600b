//! A client program that reads as a member of a group, and the lines that it prints.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::shell::signal;

/// A record as a client has read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// Milliseconds since 1970.
    pub(crate) timestamp: i64,
    pub(crate) index: u32,
}

/// Reads a line `TOPIC PARTITION OFFSET TIMESTAMP KEY VALUE`, or that of Kafka's console consumer, and checks that the
/// value is the one that belongs to the key.
pub(crate) fn parse(line: &str) -> Result<Read> {
    let wrong = || anyhow!("not a record: {line:.80}");
    let fields: Vec<&str> = line.split([' ', '\t']).collect();
    let after = |at: usize, prefix: &str| {
        fields.get(at).and_then(|field| field.strip_prefix(prefix)).ok_or_else(wrong)
    };
    let (partition, offset, timestamp, at) = if line.contains('\t') {
        (after(1, "Partition:")?, after(2, "Offset:")?, after(0, "CreateTime:")?, 3)
    } else {
        (after(1, "")?, after(2, "")?, after(3, "")?, 4)
    };
    let index: u32 = after(at, "key-")?.parse().with_context(wrong)?;
    let value = format!("{index:08}").repeat(1 + index as usize % 12);
    ensure!(
        fields.get(at + 1) == Some(&value.as_str()),
        "key-{index} has another record's value: {line:.80}"
    );
    let (partition, offset) = (partition.parse().with_context(wrong)?, offset.parse().with_context(wrong)?);
    Ok(Read { partition, offset, timestamp: timestamp.parse().with_context(wrong)?, index })
}

/// What a member has read so far, and the first line that made no sense.
#[derive(Default)]
struct Seen {
    reads: Vec<Read>,
    fault: Option<String>,
}

/// A process that reads as a member of a group, killed when dropped.
pub(crate) struct Member {
    child: Child,
    reader: Option<JoinHandle<()>>,
    seen: Arc<Mutex<Seen>>,
}

impl Member {
    /// Starts the program; what it says beside the records goes to the end of the file `log`.
    pub(crate) fn start(mut program: Command, log: &Path) -> Result<Self> {
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        let mut child =
            program.stdout(Stdio::piped()).stderr(log).spawn().context("cannot start a member")?;
        let stdout = child.stdout.take().context("the output is piped")?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        let reader = thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                let read = parse(&String::from_utf8_lossy(&line));
                let mut seen = shared.lock().unwrap_or_else(PoisonError::into_inner);
                match read {
                    Ok(read) => seen.reads.push(read),
                    Err(error) => seen.fault = seen.fault.take().or(Some(error.to_string())),
                }
            }
        });
        Ok(Self { child, reader: Some(reader), seen })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many records it has read, one read twice counted twice.
    pub(crate) fn count(&self) -> usize {
        self.seen().reads.len()
    }

    pub(crate) fn reads(&self) -> Vec<Read> {
        self.seen().reads.clone()
    }

    /// An error if the member printed something else than records. The last line of a killed member may be cut.
    pub(crate) fn check_fault(&self) -> Result<()> {
        match &self.seen().fault {
            Some(fault) => bail!("{fault}"),
            None => Ok(()),
        }
    }

    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        self.join();
        self.seen().fault = None;
        Ok(())
    }

    /// Stops the member with SIGTERM; it leaves the group.
    pub(crate) fn stop(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("a member ended by itself with {status}");
        }
        signal(self.child.id(), "TERM");
        wait_until(Duration::from_secs(30), || Ok(self.child.try_wait()?.is_some()))
            .context("a member did not end after SIGTERM")?;
        self.join();
        Ok(())
    }

    fn join(&mut self) {
        if let Some(reader) = self.reader.take() {
            // Only a panic of the thread could fail here, and then its records are missing, which is noticed.
            let _panicked = reader.join();
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // Both fail only for a process that has ended already.
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}

/// Asks again and again until the answer is yes, at most for the time given.
pub(crate) fn wait_until(limit: Duration, mut ready: impl FnMut() -> Result<bool>) -> Result<()> {
    let started = Instant::now();
    while started.elapsed() < limit {
        if ready()? {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
    bail!("waited for {limit:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_line_are_read() {
        let expected = Read { partition: 3, offset: 7, timestamp: 1_700, index: 13 };
        let value = "0000001300000013";
        assert_eq!(parse(&format!("t 3 7 1700 key-13 {value}")).unwrap(), expected);
        let console = format!("CreateTime:1700\tPartition:3\tOffset:7\tkey-13\t{value}");
        assert_eq!(parse(&console).unwrap(), expected);
        assert!(parse("t 3 7 1700 key-13 00000013").is_err());
        assert!(parse("% some notice").is_err());
    }
}

//! What a process has used, and the figures in a tool's output.

use std::fs;

use anyhow::{Context, Result};

use crate::shell::output;

/// Seconds of processor time that a process and its threads have used.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in brackets may contain spaces; the fields after it do not.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks =
        |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).context("/proc/PID/stat");
    let hertz: f64 = output(&mut crate::shell::command("getconf", &["CLK_TCK"]))?.trim().parse()?;
    Ok((ticks(11)? + ticks(12)?) / hertz)
}

/// Resident memory of a process in MB (10^6 bytes).
pub(crate) fn resident_mb(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line =
        status.lines().find(|line| line.starts_with("VmRSS:")).context("/proc/PID/status has no VmRSS")?;
    let kib: f64 = line.split_whitespace().nth(1).and_then(|field| field.parse().ok()).context("VmRSS")?;
    Ok(kib * 1_024.0 / 1e6)
}

/// The number right before a mark: `number_before("5 ms 50th, 9 ms 99th", " ms 99th")` is 9.
pub(super) fn number_before(text: &str, mark: &str) -> Result<f64> {
    let end = text.find(mark).with_context(|| format!("no {mark:?} in {text}"))?;
    let start = text[..end].rfind(|c: char| !c.is_ascii_digit() && c != '.').map_or(0, |at| at + 1);
    text[start..end].parse().with_context(|| format!("no number before {mark:?} in {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_in_the_tools_output() {
        let line = "1000 records sent, 499.5 records/sec (0.48 MB/sec), 1.95 ms avg latency, 96.00 ms max latency, \
                    1 ms 50th, 3 ms 95th, 11 ms 99th, 96 ms 99.9th.";
        assert_eq!(number_before(line, " records/sec").unwrap(), 499.5);
        assert_eq!(number_before(line, " ms 99th").unwrap(), 11.0);
        assert!(number_before(line, " apples").is_err());
    }
}

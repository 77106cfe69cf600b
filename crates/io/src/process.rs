//! What the operating system counts of this process.

use std::{fs, time::Duration};

/// What the process uses.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Processor time, user and system.
    pub cpu: Duration,
    /// Resident memory in bytes.
    pub resident_bytes: u64,
    /// Threads.
    pub threads: u64,
    /// Open file descriptors.
    pub open_files: u64,
}

/// What the process uses now; `None` where the system does not tell as Linux does.
pub fn usage() -> Option<Usage> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field, the name in brackets, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let (user, system): (u64, u64) = (fields.nth(11)?.parse().ok()?, fields.next()?.parse().ok()?);
    let threads = fields.nth(4)?.parse().ok()?;
    let pages: u64 = fields.nth(3)?.parse().ok()?;
    let ticks = rustix::param::clock_ticks_per_second().max(1);
    Some(Usage {
        cpu: Duration::from_millis((user + system) * 1000 / ticks),
        resident_bytes: pages * rustix::param::page_size() as u64,
        threads,
        open_files: fs::read_dir("/proc/self/fd").ok()?.count() as u64,
    })
}

/// What the process had read from and written to block devices.
#[derive(Debug, Clone, Copy)]
pub struct DiskIo {
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written, or left to be written by the system.
    pub written_bytes: u64,
}

/// What the process has read and written so far; `None` where the system does not tell as Linux does.
pub fn disk_io() -> Option<DiskIo> {
    let io = fs::read_to_string("/proc/self/io").ok()?;
    let number = |name: &str| io.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    Some(DiskIo { read_bytes: number("read_bytes:")?, written_bytes: number("write_bytes:")? })
}

/// How many columns the terminal has that standard output goes to; `None` if it goes elsewhere.
pub fn terminal_columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0).then(|| usize::from(size.ws_col))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_process_has_memory_threads_and_files() {
        let usage = super::usage().unwrap();
        assert!((1..10_000).contains(&usage.threads), "{usage:?}");
        assert!((1 << 20..1 << 40).contains(&usage.resident_bytes), "{usage:?}");
        assert!(usage.open_files >= 3, "{usage:?}");
    }
}

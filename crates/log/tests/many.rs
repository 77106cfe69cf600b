//! Many partitions: how long opening takes, what an idle one costs. The bounds are loose; the figures are printed with
//! `--nocapture` (`KLAMM_PARTITIONS=10000` for the real thing).
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may fail, and this one measures time"
)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use klamm_log::{Append, Isolation, LogConfig, TopicPartition};
use support::*;

struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

#[expect(unsafe_code, reason = "counts and passes on")]
// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn many_partitions_open_fast_and_cost_little() {
    let count: i32 = std::env::var("KLAMM_PARTITIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    let root = TempDir::new("many");
    let config = Arc::new(LogConfig::default());
    let topic = klamm_protocol::StrBytes::from("a-topic-of-ordinary-length");
    let handles_of_writer = handles(100);
    let open = |handles: &klamm_log::Handles, partition: i32, clean| {
        let partition = TopicPartition::new(topic.clone(), partition);
        klamm_log::Log::open(klamm_log::OpenLog {
            handles,
            dir: &root.0.join(partition.to_string()),
            partition,
            config: config.clone(),
            log_start_offset: 0,
            recovery_point: 0,
            clean_shutdown: clean,
            now_ms: NOW_MS,
        })
        .unwrap()
    };
    let started = std::time::Instant::now();
    for partition in 0..count {
        let mut log = open(&handles_of_writer, partition, false);
        log.assign_topic_id(klamm_protocol::Uuid::from_u128(1000)).unwrap();
        for i in 0..3 {
            let idempotent = partition % 2 == 0;
            let id = i64::from(partition);
            let new = if idempotent { producer_batch(id, 0, i, false, &[NOW_MS]) } else { batch(&[NOW_MS]) };
            log.append_as_leader(&mut [new], Append::client(0, NOW_MS)).unwrap();
        }
        log.close().unwrap();
    }
    println!("{count} partitions made in {:?}", started.elapsed());

    let capacity = 50;
    let handles = handles(capacity);
    let before = IN_USE.load(Ordering::Relaxed);
    let started = std::time::Instant::now();
    let mut logs: Vec<_> = (0..count).map(|partition| open(&handles, partition, true)).collect();
    let opened = started.elapsed();
    let bytes = (IN_USE.load(Ordering::Relaxed) - before) / logs.len();
    let own = size_of::<klamm_log::Log>();
    println!(
        "{count} partitions opened in {opened:?}, {bytes} bytes each (half with a producer), {own} of them the Log"
    );
    assert!(handles.open_count() <= capacity);
    assert!(bytes < 2048, "{bytes} bytes per idle partition");
    assert!(opened.as_micros() / u128::from(count.unsigned_abs()) < 5000, "{opened:?}");
    for log in &mut logs {
        assert_eq!(log.log_end_offset(), 3);
        assert!(!log.read(0, 1000, Isolation::LogEnd, true).unwrap().is_empty());
    }
}

//! Bytes that are no message: every decoder gets damaged goldens and plain noise. None may panic, none may allocate
//! more than a multiple of what it was given, and the derived decoder and the JSON reader agree on what is a message.
//!
//! Seeded, so that a failure happens again; bounded, so that it runs with the other tests. `KLAMM_FUZZ_ROUNDS` and
//! `KLAMM_FUZZ_SEED` make it run longer and elsewhere.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::Bytes;
use klamm_protocol::control::ControlRecord;
use klamm_protocol::coordinator::{group, share, transaction};
use klamm_protocol::remote_log::RemoteLogRecord;
use klamm_protocol::{MetadataRecord, Reader, RequestHeader, json};

use crate::goldens::{bytes, lines};
use crate::table;

/// An element of a few bytes may be a struct of a hundred in memory, and a vector grows by doubling.
const MEMORY_PER_BYTE: usize = 100;
const MEMORY_BASE: usize = 4 * 1024;

/// Counts what the current thread has allocated and not freed, and its peak.
struct Counting;

thread_local! {
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "an allocator is unsafe by its nature; this one only counts and hands on")]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.get() + layout.size();
        LIVE.set(live);
        PEAK.set(PEAK.get().max(live));
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get().saturating_sub(layout.size()));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that `run` had allocated at most, beyond what there was before.
fn peak_memory<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let before = LIVE.get();
    PEAK.set(before);
    let outcome = run();
    (outcome, PEAK.get() - before)
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// `original` with one to three damages.
    fn damage(&mut self, original: &[u8]) -> Vec<u8> {
        let mut bytes = original.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            match self.below(7) {
                0 => bytes.truncate(at),
                1 => bytes.extend((0..self.below(20)).map(|index| index as u8)),
                2 => overwrite(&mut bytes, at, &[0x7f, 0xff, 0xff, 0xff]),
                3 => overwrite(&mut bytes, at, &[0xff, 0xff, 0xff, 0xff, 0x07]),
                4 => overwrite(&mut bytes, at, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
                5 => overwrite(&mut bytes, at, &[0]),
                _ => {
                    let bit = self.below(8);
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1 << bit;
                    }
                }
            }
        }
        bytes
    }
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    for (byte, new) in bytes.iter_mut().skip(at).zip(with) {
        *byte = *new;
    }
}

fn check(codec: &table::Codec, version: i16, input: Vec<u8>) -> bool {
    let input = Bytes::from(input);
    let (outcome, peak) = peak_memory(|| (codec.decode)(input.clone(), version));
    let name = codec.schema.name;
    assert!(
        peak <= MEMORY_BASE + input.len() * MEMORY_PER_BYTE,
        "{name} v{version}: {peak} bytes of memory for {input:?}"
    );
    let shown = json::from_bytes(codec.schema, input.clone(), version);
    assert_eq!(outcome.is_ok(), shown.is_ok(), "{name} v{version}: {outcome:?}, {shown:?}, {input:?}");
    outcome.is_ok()
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn random() -> Random {
    Random(setting("KLAMM_FUZZ_SEED", 0x6b6c_616d_6d00_0001).max(1))
}

#[test]
fn damaged_messages_are_refused_in_peace() {
    let goldens = lines("bytes.txt");
    let mutations_per_golden = (setting("KLAMM_FUZZ_ROUNDS", 60_000) / goldens.len() as u64).max(1);
    let mut random = random();
    let (mut accepted, mut refused) = (0u32, 0u32);
    for codec in table::all() {
        for version in codec.schema.versions.iter() {
            for variant in ["filled", "nulls"] {
                let key = (codec.schema.name.to_owned(), version, variant.to_owned());
                let golden = bytes(&goldens[&key]);
                for _ in 0..mutations_per_golden {
                    let counter = if check(&codec, version, random.damage(&golden)) {
                        &mut accepted
                    } else {
                        &mut refused
                    };
                    *counter += 1;
                }
                for length in 0..golden.len().min(64) {
                    assert!(!check(&codec, version, golden[..length].to_vec()), "{key:?} cut to {length}");
                }
            }
            for length in [0, 1, 4, 16, 64, 4096] {
                check(&codec, version, (0..length).map(|_| random.next() as u8).collect());
                check(&codec, version, vec![0; length]);
                check(&codec, version, vec![1; length]);
                check(&codec, version, vec![0xff; length]);
            }
        }
    }
    // Damage must be neither harmless nor always fatal, else this shows nothing.
    assert!(accepted > 100 && refused > 100, "{accepted} accepted, {refused} refused");
}

/// What reads the bytes around a message: frames, prefixes and headers.
#[test]
fn damaged_prefixes_are_refused_in_peace() {
    let mut random = random();
    let seeds: [&[u8]; 6] = [
        b"\x01\x02\0\x04foo\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x09\0",
        b"\0\x01\0\x01g\0\x01t\0\0\0\x01",
        b"\0\x03\0\0\0\0\0\0\0\x05\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\0",
        b"\0\0\0\x01\0\0\0\x03",
        b"\0\x12\0\x03\0\0\0\x07\0\x01c\0\x02a\x02b\0",
        b"\x02\0\x02t\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x09\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0",
    ];
    let check = |input: &Bytes| {
        let mut accepted = 0;
        accepted += u32::from(MetadataRecord::decode(input.clone()).is_ok());
        accepted += u32::from(RemoteLogRecord::decode(input.clone()).is_ok());
        accepted += u32::from(RequestHeader::decode_any(&mut Reader::new(input.clone())).is_ok());
        accepted +=
            u32::from(ControlRecord::decode(input.slice(..input.len().min(4)), input.clone()).is_ok());
        accepted += u32::from(group::GroupRecordKey::decode(input.clone()).is_ok());
        accepted += u32::from(transaction::TransactionRecordKey::decode(input.clone()).is_ok());
        accepted += u32::from(share::ShareRecordKey::decode(input.clone()).is_ok());
        for record_type in 0..24 {
            accepted += u32::from(group::GroupRecordValue::decode(record_type, input.clone()).is_ok());
        }
        accepted
    };
    for seed in seeds {
        assert!(check(&Bytes::from_static(seed)) > 0, "{seed:?} is nothing");
        for _ in 0..setting("KLAMM_FUZZ_ROUNDS", 60_000) / 100 {
            let input = Bytes::from(random.damage(seed));
            let (_, peak) = peak_memory(|| check(&input));
            assert!(
                peak <= MEMORY_BASE + input.len() * MEMORY_PER_BYTE,
                "{peak} bytes of memory for {input:?}"
            );
        }
    }
}

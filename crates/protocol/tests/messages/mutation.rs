//! Bytes that are no message: every decoder gets damaged goldens and plain noise. None may panic, none may allocate
//! more than a multiple of what it was given, and the derived decoder and the JSON reader agree on what is a message.
//!
//! Seeded, so that a failure happens again; bounded, so that it runs with the other tests.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::Bytes;
use klamm_protocol::json;

use crate::goldens::{bytes, lines};
use crate::table;

const MUTATIONS_PER_GOLDEN: u64 = 40;
/// A one-byte element may be a struct of a few hundred bytes in memory, and a vector grows by doubling.
const MEMORY_PER_BYTE: usize = 1500;
const MEMORY_BASE: usize = 16 * 1024;

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

#[test]
fn damaged_messages_are_refused_in_peace() {
    let goldens = lines("bytes.txt");
    let mut random = Random(0x6b6c_616d_6d00_0001);
    let (mut accepted, mut refused) = (0u32, 0u32);
    for codec in table::all() {
        for version in codec.schema.versions.iter() {
            for variant in ["filled", "nulls"] {
                let key = (codec.schema.name.to_owned(), version, variant.to_owned());
                let golden = bytes(&goldens[&key]);
                for _ in 0..MUTATIONS_PER_GOLDEN {
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
    assert!(accepted > 1000 && refused > 1000, "{accepted} accepted, {refused} refused");
}

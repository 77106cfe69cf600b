//! Randomness, for identifiers, jitter and placement.

use std::sync::{Arc, Mutex};

/// A source of random bits. Cheap to clone; clones of a seeded source share one sequence.
#[derive(Clone, Debug)]
pub struct Entropy(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Real,
    Seeded(Arc<Mutex<u64>>),
}

impl Entropy {
    /// The operating system's randomness.
    pub fn real() -> Self {
        Self(Kind::Real)
    }

    /// The randomness of the world that the caller is in: a sequence of the simulation's if its thread runs one, or else
    /// the operating system's.
    pub fn here() -> Self {
        match crate::sim::current() {
            Some(core) => core.fork_entropy(),
            None => Self::real(),
        }
    }

    /// A sequence that depends on `seed` alone.
    pub fn seeded(seed: u64) -> Self {
        Self(Kind::Seeded(Arc::new(Mutex::new(seed))))
    }

    /// Sixty-four random bits.
    ///
    /// # Panics
    /// If the operating system cannot give random bytes, since no identifier could be trusted then.
    pub fn next_u64(&self) -> u64 {
        match &self.0 {
            Kind::Real => {
                let mut bytes = [0; 8];
                getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
                u64::from_le_bytes(bytes)
            }
            Kind::Seeded(state) => {
                // SplitMix64 (Steele, Lea, Flood 2014): one addition and a mix per number.
                let mut state = state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut z = *state;
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                z ^ (z >> 31)
            }
        }
    }

    /// Sixteen random bytes.
    pub fn next_16(&self) -> [u8; 16] {
        let mut out = [0; 16];
        out[..8].copy_from_slice(&self.next_u64().to_le_bytes());
        out[8..].copy_from_slice(&self.next_u64().to_le_bytes());
        out
    }

    /// A number from 0 up to, not including, `bound`; 0 if `bound` is 0.
    pub fn below(&self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next_u64() % bound }
    }
}

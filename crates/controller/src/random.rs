//! Random numbers for decisions, from a seed that the driver draws.

use klamm_protocol::Uuid;

/// A generator for one decision (xoshiro256**), seeded with 32 random bytes by the caller, so that decisions stay pure.
#[derive(Clone, Debug)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// From 32 bytes of entropy.
    pub fn new(seed: [u8; 32]) -> Self {
        let mut state = [0x9e37_79b9_7f4a_7c15; 4];
        for (word, bytes) in state.iter_mut().zip(seed.chunks_exact(8)) {
            let mut word_bytes = [0; 8];
            word_bytes.copy_from_slice(bytes);
            // An all-zero state would stay zero for ever.
            *word ^= u64::from_le_bytes(word_bytes);
        }
        let mut random = Self { state };
        for _ in 0..8 {
            random.next();
        }
        random
    }

    /// 64 random bits.
    #[expect(
        clippy::should_implement_trait,
        reason = "it never ends, so that an iterator would only add Options"
    )]
    pub fn next(&mut self) -> u64 {
        let [s0, s1, s2, s3] = &mut self.state;
        let result = s1.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = *s1 << 17;
        *s2 ^= *s0;
        *s3 ^= *s1;
        *s1 ^= *s2;
        *s0 ^= *s3;
        *s2 ^= shifted;
        *s3 = s3.rotate_left(45);
        result
    }

    /// A number below `end`; 0 if that is 0.
    #[expect(clippy::cast_possible_truncation, reason = "the remainder is below a usize")]
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { (self.next() % end as u64) as usize }
    }

    /// Puts the items into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// A random id as Kafka makes them: version 4, not one of the reserved ones, and not starting with a dash, which
    /// command lines would take for a flag.
    pub fn uuid(&mut self) -> Uuid {
        loop {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&self.next().to_le_bytes());
            bytes[8..].copy_from_slice(&self.next().to_le_bytes());
            let id = Uuid::from_random(bytes);
            if !id.is_reserved() && !id.to_string().starts_with('-') {
                return id;
            }
        }
    }
}

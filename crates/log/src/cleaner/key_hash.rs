//! SipHash-2-4 with a result of 128 bits.
//!
//! Kafka uses MD5, of which anybody can make two inputs with one result, and so has a client lose another's record. Here
//! nobody knows the key.

/// The key of the hash, by chance.
#[derive(Clone, Copy)]
pub(crate) struct KeyHasher {
    k0: u64,
    k1: u64,
}

struct State {
    v0: u64,
    v1: u64,
    v2: u64,
    v3: u64,
}

impl State {
    const fn rounds(&mut self, count: usize) {
        let mut done = 0;
        while done < count {
            self.v0 = self.v0.wrapping_add(self.v1);
            self.v2 = self.v2.wrapping_add(self.v3);
            self.v1 = self.v1.rotate_left(13) ^ self.v0;
            self.v3 = self.v3.rotate_left(16) ^ self.v2;
            self.v0 = self.v0.rotate_left(32).wrapping_add(self.v3);
            self.v2 = self.v2.wrapping_add(self.v1);
            self.v1 = self.v1.rotate_left(17) ^ self.v2;
            self.v3 = self.v3.rotate_left(21) ^ self.v0;
            self.v2 = self.v2.rotate_left(32);
            done += 1;
        }
    }

    const fn take(&mut self, word: u64) {
        self.v3 ^= word;
        self.rounds(2);
        self.v0 ^= word;
    }

    const fn result(&self) -> u64 {
        self.v0 ^ self.v1 ^ self.v2 ^ self.v3
    }
}

impl KeyHasher {
    pub(crate) fn new(key: [u8; 16]) -> Self {
        let all = u128::from_le_bytes(key);
        Self { k0: all as u64, k1: (all >> 64) as u64 }
    }

    /// The hash, lower half first.
    pub(crate) fn hash(&self, input: &[u8]) -> [u64; 2] {
        let mut state = State {
            v0: self.k0 ^ 0x736f_6d65_7073_6575,
            v1: self.k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee,
            v2: self.k0 ^ 0x6c79_6765_6e65_7261,
            v3: self.k1 ^ 0x7465_6462_7974_6573,
        };
        let mut words = input.chunks_exact(8);
        for word in &mut words {
            state.take(word.try_into().map_or(0, u64::from_le_bytes));
        }
        let rest = words.remainder().iter().rev().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        state.take(rest | (input.len() as u64) << 56);
        state.v2 ^= 0xee;
        state.rounds(4);
        let low = state.result();
        state.v1 ^= 0xdd;
        state.rounds(4);
        [low, state.result()]
    }
}

#[cfg(test)]
mod tests {
    use super::KeyHasher;

    /// The first and a longer one of the vectors that come with SipHash's reference implementation.
    #[test]
    fn known_values() {
        let key: [u8; 16] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        for (len, expect) in [
            (0, "a3817f04ba25a8e66df67214c7550293"),
            (1, "da87c1d86b99af44347659119b22fc45"),
            (2, "8177228da4a45dc7fca38bdef60affe4"),
            (8, "3b62a9ba6258f5610f83e264f31497b4"),
        ] {
            let input: Vec<u8> = (0..len).collect();
            let [low, high] = KeyHasher::new(key).hash(&input);
            let found: String =
                low.to_le_bytes().iter().chain(&high.to_le_bytes()).map(|b| format!("{b:02x}")).collect();
            assert_eq!(found, expect, "{len} bytes");
        }
    }
}

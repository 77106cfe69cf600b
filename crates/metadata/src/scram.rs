//! The keys that stand in a SCRAM credential (RFC 5802), as Kafka computes them: passwords are taken as their UTF-8
//! bytes, without SASLprep.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};

/// A SCRAM mechanism that Kafka knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScramMechanism {
    /// SCRAM-SHA-256.
    Sha256,
    /// SCRAM-SHA-512.
    Sha512,
}

impl ScramMechanism {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];
    /// The fewest iterations that a credential may have.
    pub const ITERATIONS_MIN: i32 = 4096;
    /// The most iterations that a credential may have.
    pub const ITERATIONS_MAX: i32 = 16384;

    /// Its name, as clients give it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha512 => "SCRAM-SHA-512",
        }
    }

    /// Its number in records and requests.
    pub const fn number(self) -> i8 {
        match self {
            Self::Sha256 => 1,
            Self::Sha512 => 2,
        }
    }

    /// The mechanism of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name() == name)
    }

    /// `SaltedPassword`: what a client proves to know. Takes time in proportion to `iterations`.
    pub fn salted_password(self, password: &[u8], salt: &[u8], iterations: i32) -> Vec<u8> {
        let mut block = salt.to_vec();
        block.extend_from_slice(&1u32.to_be_bytes());
        let mut last = self.hmac(password, &block);
        let mut sum = last.clone();
        for _ in 1..iterations {
            last = self.hmac(password, &last);
            sum.iter_mut().zip(&last).for_each(|(sum, last)| *sum ^= last);
        }
        sum
    }

    /// `StoredKey`: by which the server checks a client's proof.
    pub fn stored_key(self, salted_password: &[u8]) -> Vec<u8> {
        let client_key = self.hmac(salted_password, b"Client Key");
        match self {
            Self::Sha256 => Sha256::digest(client_key).to_vec(),
            Self::Sha512 => Sha512::digest(client_key).to_vec(),
        }
    }

    /// `ServerKey`: by which the server proves itself.
    pub fn server_key(self, salted_password: &[u8]) -> Vec<u8> {
        self.hmac(salted_password, b"Server Key")
    }

    fn hmac(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => hmac::<Hmac<Sha256>>(key, message),
            Self::Sha512 => hmac::<Hmac<Sha512>>(key, message),
        }
    }
}

fn hmac<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
    // A key may have any length; the type only cannot say so.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return Vec::new() };
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

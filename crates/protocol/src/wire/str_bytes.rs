//! Strings that are slices of the buffer they came in.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use bytes::Bytes;

/// UTF-8 text over [`Bytes`]: cloning and decoding never copy, and a constant needs no allocation.
///
/// Keeps the buffer it was decoded from alive. What is stored for long (a topic name in the metadata image) is better
/// detached first, see [`StrBytes::detached`].
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct StrBytes(Bytes);

impl StrBytes {
    /// The empty string.
    pub const EMPTY: Self = Self::from_static("");

    /// A constant.
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// Takes bytes that should be UTF-8. What is not is replaced by U+FFFD, as Java does when it decodes a string:
    /// Kafka does not refuse such a request.
    pub fn from_utf8_lossy(bytes: Bytes) -> Self {
        match std::str::from_utf8(&bytes) {
            Ok(_) => Self(bytes),
            Err(_) => Self::from(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        #[expect(
            unsafe_code,
            reason = "every constructor has checked the bytes, and every use of a name would again"
        )]
        // SAFETY: `self.0` is private and immutable, and each constructor takes it from a `str` or checks it.
        unsafe {
            std::str::from_utf8_unchecked(&self.0)
        }
    }

    /// The UTF-8 bytes.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// A copy in a buffer of its own, for text that outlives the request it came in.
    pub fn detached(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }
}

impl Deref for StrBytes {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for StrBytes {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

// Equality, order and hash of UTF-8 bytes are those of the text, which is what `Borrow` demands.
impl Borrow<str> for StrBytes {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl Hash for StrBytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl From<&str> for StrBytes {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<String> for StrBytes {
    fn from(text: String) -> Self {
        Self(Bytes::from(text.into_bytes()))
    }
}

impl From<&String> for StrBytes {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&Self> for StrBytes {
    fn from(text: &Self) -> Self {
        text.clone()
    }
}

impl From<StrBytes> for String {
    fn from(text: StrBytes) -> Self {
        text.as_str().to_owned()
    }
}

impl PartialEq<str> for StrBytes {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for StrBytes {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for StrBytes {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<StrBytes> for str {
    fn eq(&self, other: &StrBytes) -> bool {
        self == other.as_str()
    }
}

impl PartialEq<StrBytes> for &str {
    fn eq(&self, other: &StrBytes) -> bool {
        *self == other.as_str()
    }
}

impl fmt::Display for StrBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl fmt::Debug for StrBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

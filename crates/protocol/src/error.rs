//! Why bytes are not a message, and why a message cannot be bytes.

/// The bytes do not follow the format. The peer is wrong, or the data is damaged; reading on makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} (field {field:?}, byte {at})")]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
    /// Field that was being read, empty before the first.
    pub field: &'static str,
    /// Position of the reader.
    pub at: usize,
}

/// The ways bytes can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeErrorKind {
    /// The bytes end within a value.
    #[error("needs {needed} bytes, has {remaining}")]
    EndOfInput {
        /// Bytes the value needs.
        needed: usize,
        /// Bytes there are.
        remaining: usize,
    },
    /// A length says more than the bytes that are left.
    #[error("length {length} is more than the {remaining} bytes left")]
    LengthBeyondInput {
        /// What the length says.
        length: i64,
        /// Bytes there are.
        remaining: usize,
    },
    /// A string above 32767 bytes, which its old form could not hold.
    #[error("string of {length} bytes")]
    StringTooLong {
        /// What the length says.
        length: u32,
    },
    /// Null where the version allows none.
    #[error("null")]
    Null,
    /// A varint that does not end.
    #[error("varint too long")]
    VarintTooLong,
    /// A known tagged field has another size than announced.
    #[error("value of tag {tag} has another size than announced")]
    TagSize {
        /// The tag.
        tag: u32,
    },
    /// A tag that the struct has in other versions only.
    #[error("tag {tag} does not exist in version {version}")]
    TagVersion {
        /// The tag.
        tag: u32,
        /// Version of the message.
        version: i16,
    },
    /// The version is outside of those this message has.
    #[error("{message} has no version {version}")]
    UnsupportedVersion {
        /// Kafka's name of the message.
        message: &'static str,
        /// Version of the message.
        version: i16,
    },
    /// Bytes are left although the message is complete.
    #[error("{count} bytes after the end")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// The number in front of a record names no type.
    #[error("unknown record type {id}")]
    UnknownRecordType {
        /// The number.
        id: i32,
    },
    /// The number in front of a request names no API.
    #[error("unknown api key {key}")]
    UnknownApiKey {
        /// The number.
        key: i16,
    },
    /// The frame around a record is of a version we do not know.
    #[error("unknown frame version {version}")]
    FrameVersion {
        /// The version.
        version: u32,
    },
}

/// The message cannot be written in this version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} (field {field:?})")]
pub struct EncodeError {
    /// What is wrong.
    pub kind: EncodeErrorKind,
    /// Field that was being written, in snake case.
    pub field: &'static str,
}

/// The ways a message can be impossible to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeErrorKind {
    /// A field is set that the version does not have and that must not be dropped silently.
    #[error("{message} cannot carry this field in version {version}")]
    UnsupportedField {
        /// Kafka's name of the struct.
        message: &'static str,
        /// Version of the message.
        version: i16,
    },
    /// The version is outside of those this message has.
    #[error("{message} has no version {version}")]
    UnsupportedVersion {
        /// Kafka's name of the message.
        message: &'static str,
        /// Version of the message.
        version: i16,
    },
    /// Null where the version allows none.
    #[error("null in version {version}")]
    Null {
        /// Version of the message.
        version: i16,
    },
    /// More bytes or elements than the length field can say.
    #[error("too long: {length}")]
    TooLong {
        /// Bytes or elements.
        length: usize,
    },
    /// An unknown tagged field has a known tag, or the tags do not ascend.
    #[error("tag {tag} out of order")]
    TagOrder {
        /// The tag.
        tag: u32,
    },
}

//! Descriptions of the messages as constant data, for whoever works with fields by name: printing records as JSON,
//! comparing ourselves with Kafka's definitions.

use crate::message::VersionRange;

/// Which listeners serve an API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// Listeners of a broker.
    Broker,
    /// Listeners of a KRaft controller.
    Controller,
}

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// Asks.
    Request,
    /// Answers.
    Response,
    /// A record with a number that names its type.
    Record,
    /// Anything else: headers, embedded messages, control records.
    Plain,
}

/// A message with versions.
#[derive(Debug, Clone, Copy)]
pub struct MessageSchema {
    /// Kafka's name.
    pub name: &'static str,
    /// What it is for.
    pub kind: MessageKind,
    /// API key or record type.
    pub key: Option<i16>,
    /// Versions there are.
    pub versions: VersionRange,
    /// Versions with compact lengths and tagged fields.
    pub flexible: VersionRange,
    /// Listeners that serve it, for requests.
    pub listeners: &'static [Listener],
    /// Whether the latest version may still change and is off unless `unstable.api.versions.enable` is set.
    pub latest_version_unstable: bool,
    /// Its fields.
    pub root: &'static StructSchema,
}

/// A struct: the message itself or one nested in it.
#[derive(Debug, Clone, Copy)]
pub struct StructSchema {
    /// Kafka's name.
    pub name: &'static str,
    /// Its fields, in the order they are written.
    pub fields: &'static [FieldSchema],
}

/// One field.
#[derive(Debug, Clone, Copy)]
pub struct FieldSchema {
    /// Kafka's name, such as `TopicId`.
    pub name: &'static str,
    /// Its type.
    pub field_type: FieldType,
    /// Versions that have it.
    pub versions: VersionRange,
    /// Versions in which it may be null.
    pub nullable: VersionRange,
    /// Its tag, if it is a tagged field.
    pub tag: Option<u32>,
    /// What it is where nothing says otherwise.
    pub default: DefaultValue,
    /// Whether a version that lacks it may drop it silently.
    pub ignorable: bool,
    /// Whether it keeps its old form in flexible versions.
    pub inflexible: bool,
}

/// Kafka's types.
#[derive(Debug, Clone, Copy)]
pub enum FieldType {
    /// One byte, 0 or 1.
    Bool,
    /// 8 bits.
    Int8,
    /// 16 bits.
    Int16,
    /// 16 bits, unsigned.
    UInt16,
    /// 32 bits.
    Int32,
    /// 32 bits, unsigned.
    UInt32,
    /// 64 bits.
    Int64,
    /// IEEE 754.
    Float64,
    /// 16 bytes.
    Uuid,
    /// UTF-8, at most 32767 bytes.
    String,
    /// Bytes.
    Bytes,
    /// Record batches.
    Records,
    /// Values of one type.
    Array(&'static Self),
    /// A nested struct.
    Struct(&'static StructSchema),
}

/// The default of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DefaultValue {
    /// The type's own: zero, empty, a struct of defaults.
    Zero,
    /// Null.
    Null,
    /// A bool.
    Bool(bool),
    /// A number.
    Int(i64),
    /// Text.
    String(&'static str),
}

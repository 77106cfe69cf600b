//! Records of the internal topics that coordinators keep their state in: groups (`__consumer_offsets`), transactions
//! (`__transaction_state`) and share groups (`__share_group_state`).
//!
//! A record's key is the type of the record in two bytes and the key's message; its value is the version of the value
//! in two bytes and the value's message. A null value is a tombstone.
//!
//! Non-obvious: the two bytes in front of a key are called a version in old code and documents. In the transaction log
//! they are 0, which is both the type and the version.

pub mod group;
pub mod share;
pub mod transaction;

/// The enums over the keys and values of one topic.
macro_rules! coordinator_records {
    ($keys:ident $values:ident { $($variant:ident($key:ident, $value:ident),)* }) => {
        /// The key of any record of this topic.
        #[derive(Debug, Clone, PartialEq)]
        #[expect(missing_docs, reason = "each is described in its own file")]
        pub enum $keys {
            $($variant($key),)*
        }

        /// The value of any record of this topic.
        #[derive(Debug, Clone, PartialEq)]
        #[expect(missing_docs, reason = "each is described in its own file")]
        pub enum $values {
            $($variant($value),)*
        }

        impl $keys {
            /// Descriptions of the keys of all types.
            pub const SCHEMAS: &'static [&'static $crate::schema::MessageSchema] =
                &[$(<$key as $crate::Message>::SCHEMA),*];

            /// The number that names the type.
            pub fn record_type(&self) -> i16 {
                match self {
                    $(Self::$variant(_) => <$key as $crate::Record>::KEY,)*
                }
            }

            /// Reads a record's key. A type that is not known is the error `UnknownRecordType`: whoever loads the
            /// topic skips such a record, since a newer version may have written it.
            pub fn decode(key: impl Into<::bytes::Bytes>) -> Result<Self, $crate::DecodeError> {
                let mut reader = $crate::wire::Reader::new(key);
                reader.enter("record_type");
                match reader.i16()? {
                    $(<$key as $crate::Record>::KEY => {
                        $crate::Message::decode(&mut reader, 0).map(Self::$variant)
                    })*
                    id => Err(reader.error($crate::DecodeErrorKind::UnknownRecordType { id: i32::from(id) })),
                }
            }

            /// The record's key.
            pub fn to_bytes(&self) -> Result<::bytes::Bytes, $crate::EncodeError> {
                let mut writer = $crate::wire::Writer::new();
                writer.i16(self.record_type());
                match self {
                    $(Self::$variant(key) => $crate::Message::encode(key, &mut writer, 0)?,)*
                }
                Ok(writer.into_bytes())
            }
        }

        impl $values {
            /// Descriptions of the values of all types.
            pub const SCHEMAS: &'static [&'static $crate::schema::MessageSchema] =
                &[$(<$value as $crate::Message>::SCHEMA),*];

            /// The number that names the type; the value itself does not contain it.
            pub fn record_type(&self) -> i16 {
                match self {
                    $(Self::$variant(_) => <$value as $crate::Record>::KEY,)*
                }
            }

            /// Reads the value of a record whose key is of `record_type`. Returns it and its version.
            pub fn decode(
                record_type: i16,
                value: impl Into<::bytes::Bytes>,
            ) -> Result<(Self, i16), $crate::DecodeError> {
                let mut reader = $crate::wire::Reader::new(value);
                reader.enter("version");
                let version = reader.i16()?;
                let value = match record_type {
                    $(<$value as $crate::Record>::KEY => {
                        $crate::Message::decode(&mut reader, version).map(Self::$variant)
                    })*
                    id => Err(reader.error($crate::DecodeErrorKind::UnknownRecordType { id: i32::from(id) })),
                };
                Ok((value?, version))
            }

            /// The record's value in `version`.
            pub fn to_bytes(&self, version: i16) -> Result<::bytes::Bytes, $crate::EncodeError> {
                let mut writer = $crate::wire::Writer::new();
                writer.i16(version);
                match self {
                    $(Self::$variant(value) => $crate::Message::encode(value, &mut writer, version)?,)*
                }
                Ok(writer.into_bytes())
            }
        }

        $(
            impl From<$key> for $keys {
                fn from(key: $key) -> Self {
                    Self::$variant(key)
                }
            }

            impl From<$value> for $values {
                fn from(value: $value) -> Self {
                    Self::$variant(value)
                }
            }
        )*
    };
}
use coordinator_records;

#[cfg(test)]
mod tests;

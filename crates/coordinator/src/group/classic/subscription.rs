//! What the coordinator reads of its members' subscriptions: the topics, to know which offsets are in use.

use super::{Classic, Member};
use bytes::Buf;
use klamm_protocol::StrBytes;
use std::collections::BTreeSet;

impl Classic {
    /// The topics that the members have subscribed to in the chosen protocol. `None` if the group is none of
    /// consumers, or if a member's subscription cannot be read.
    pub(super) fn read_subscribed_topics(&self) -> Option<BTreeSet<StrBytes>> {
        if !self.is_of_consumers() {
            return None;
        }
        if self.members.is_empty() {
            return Some(BTreeSet::new());
        }
        let protocol = self.protocol_name.as_ref()?;
        let topics = |member: &Member| subscribed_topics(&member.metadata(Some(protocol)));
        let all: Option<Vec<_>> = self.members.values().map(topics).collect();
        Some(all?.into_iter().flatten().collect())
    }

    /// Offsets of such a topic are in use: they neither expire nor may be deleted. A group of consumers whose
    /// topics are not known is taken to be subscribed to every topic.
    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        self.subscribed_topics
            .as_ref()
            .map_or_else(|| self.is_of_consumers(), |topics| topics.contains(topic))
    }
}

/// Reads the topics of a `ConsumerProtocolSubscription` as if it were of version 0, which every later version starts
/// with: a coordinator need not know the versions that assignors use.
fn subscribed_topics(mut subscription: &[u8]) -> Option<Vec<StrBytes>> {
    let version = subscription.try_get_i16().ok()?;
    let count = subscription.try_get_i32().ok()?;
    if version < 0 || count < 0 {
        return None;
    }
    let mut topics = Vec::new();
    for _ in 0..count {
        let length = usize::try_from(subscription.try_get_i16().ok()?).ok()?;
        let (topic, rest) = subscription.split_at_checked(length)?;
        topics.push(StrBytes::from(String::from_utf8(topic.to_vec()).ok()?));
        subscription = rest;
    }
    Some(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_topics_of_every_version_and_nothing_else() {
        let topics =
            |names: &[&str]| Some(names.iter().map(|name| StrBytes::from(*name)).collect::<Vec<_>>());
        let cases: [(&[u8], Option<Vec<StrBytes>>); 7] = [
            (b"\0\0\0\0\0\0", topics(&[])),
            (b"\0\x01\0\0\0\x02\0\x01a\0\x02bc", topics(&["a", "bc"])),
            (b"\0\x03\0\0\0\x01\0\x01a\xff\xff\xff\xff\0\0\0\0", topics(&["a"])),
            (b"", None),
            (b"\xff\xff\0\0\0\0", None),
            (b"\0\0\x7f\xff\xff\xff\0\x01a", None),
            (b"\0\0\0\0\0\x01\0\x05a", None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(subscribed_topics(bytes), expected, "{bytes:?}");
        }
    }
}

//! Which quota holds for a client.
//!
//! The most specific one of those that are set, in this order, where "any" is the default of a type:
//!
//! 1. this user and this client id  2. this user and any client id  3. this user
//! 4. any user and this client id  5. any user and any client id  6. any user
//! 7. this client id  8. any client id
//!
//! A quota that names both types is each pair's own; one of a user is shared by all of that user's clients, one of a client
//! id by all users of it.

use std::collections::BTreeMap;

use klamm_metadata::image::ClientQuotas;
use klamm_protocol::StrBytes;

/// Those who share what a quota allows: a user, a client id, or the two together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Sharers {
    user: Option<Box<str>>,
    client_id: Option<Box<str>>,
}

/// Whom a part of a quota is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Whom {
    /// This type is not part of the quota.
    Nobody,
    Any,
    This(StrBytes),
}

/// The limits that are set for one key: by user and client id.
#[derive(Debug, Default)]
pub(super) struct Limits(BTreeMap<(Whom, Whom), f64>);

impl Limits {
    /// Those of a key.
    pub(super) fn of(quotas: &ClientQuotas, key: &str) -> Self {
        let with_key = quotas.iter().filter_map(|(entity, values)| Some((entity, values.get(key)?.0)));
        let of_clients = with_key.filter_map(|(entity, limit)| {
            let whom = |kind: &str| match entity.iter().find(|(other, _)| other.as_str() == kind) {
                None => Whom::Nobody,
                Some((_, None)) => Whom::Any,
                Some((_, Some(name))) => Whom::This(name.detached()),
            };
            let pair = (whom("user"), whom("client-id"));
            (pair != (Whom::Nobody, Whom::Nobody)).then_some((pair, limit))
        });
        Self(of_clients.collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The limit that holds for a client, and who shares it.
    pub(super) fn find(&self, user: &str, client_id: &str) -> Option<(Sharers, f64)> {
        let levels = |name: &str| [Whom::This(name.into()), Whom::Any, Whom::Nobody];
        let ids = levels(client_id);
        // A client that does not tell its id has none that a quota could be for.
        let ids = if client_id.is_empty() { &ids[2..] } else { &ids[..] };
        let users = levels(user);
        let pairs = users.iter().flat_map(|user| ids.iter().map(move |id| (user.clone(), id.clone())));
        let (pair, limit) = pairs.into_iter().find_map(|pair| Some((pair.clone(), *self.0.get(&pair)?)))?;
        let sharer = |whom: &Whom, name: &str| (*whom != Whom::Nobody).then(|| name.into());
        Some((Sharers { user: sharer(&pair.0, user), client_id: sharer(&pair.1, client_id) }, limit))
    }
}

#[cfg(test)]
mod tests {
    use klamm_metadata::MetadataImage;
    use klamm_protocol::{
        MetadataRecord,
        metadata::{ClientQuotaRecord, EntityData},
    };

    use super::*;

    /// `user=alice,client-id`: an entity, with the default of a type where there is no name.
    fn entity(text: &str) -> Vec<EntityData> {
        let part = |part: &str| {
            let (kind, name) = part.split_once('=').map_or((part, None), |(kind, name)| (kind, Some(name)));
            EntityData {
                entity_type: kind.into(),
                entity_name: name.map(StrBytes::from),
                ..Default::default()
            }
        };
        text.split(',').map(part).collect()
    }

    #[test]
    fn the_most_specific_quota_holds() {
        let order = [
            "user=alice,client-id=app",
            "user=alice,client-id",
            "user=alice",
            "user,client-id=app",
            "user,client-id",
            "user",
            "client-id=app",
            "client-id",
        ];
        let shared =
            ["alice app", "alice app", "alice *", "alice app", "alice app", "alice *", "* app", "* app"];
        let mut image = MetadataImage::default();
        let mut set = |entity: Vec<EntityData>, value: f64, remove: bool| {
            let key = "producer_byte_rate".into();
            let record = ClientQuotaRecord { entity, key, value, remove, ..Default::default() };
            image.try_replay(&MetadataRecord::ClientQuota(record)).unwrap();
            Limits::of(&image.client_quotas, "producer_byte_rate")
        };
        set(entity("ip=127.0.0.1"), 1.0, false);
        let mut limits = Limits::default();
        for (rank, text) in (1i32..).zip(order) {
            limits = set(entity(text), rank.into(), false);
        }
        assert_eq!(limits.find("bob", "other").map(|(_, limit)| limit), Some(5.0));
        assert_eq!(limits.find("alice", "").map(|(_, limit)| limit), Some(3.0));
        for (rank, (text, shared)) in (1i32..).zip(order.into_iter().zip(shared)) {
            let (sharers, limit) = limits.find("alice", "app").unwrap();
            let star = |name: Option<Box<str>>| name.unwrap_or("*".into());
            assert_eq!(format!("{} {}", star(sharers.user), star(sharers.client_id)), shared, "{text}");
            assert_eq!(limit.to_bits(), f64::from(rank).to_bits(), "{text}");
            limits = set(entity(text), 0.0, true);
        }
        assert_eq!(limits.find("alice", "app"), None);
        assert!(limits.is_empty());
    }
}

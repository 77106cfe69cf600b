//! Client quotas.

use super::Map;
use klamm_protocol::StrBytes;

/// Whom a quota is for: entity type (`user`, `client-id`, `ip`) to name, where `None` is the default of that type.
/// Sorted by type.
pub type QuotaEntity = Vec<(StrBytes, Option<StrBytes>)>;

/// A quota's value. Compared bit by bit, so that an image equals itself.
#[derive(Clone, Copy, Debug)]
pub struct QuotaValue(pub f64);

impl PartialEq for QuotaValue {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

/// Quotas by entity and key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientQuotas {
    entities: Map<QuotaEntity, Map<StrBytes, QuotaValue>>,
}

impl ClientQuotas {
    /// The quotas of one entity.
    pub fn entity(&self, entity: &QuotaEntity) -> Option<&Map<StrBytes, QuotaValue>> {
        self.entities.get(entity)
    }

    /// Every entity with a quota.
    pub fn iter(&self) -> impl Iterator<Item = (&QuotaEntity, &Map<StrBytes, QuotaValue>)> {
        self.entities.iter()
    }

    pub(super) fn set(&mut self, mut entity: QuotaEntity, key: StrBytes, value: Option<f64>) {
        entity.sort();
        let mut quotas = self.entities.get(&entity).cloned().unwrap_or_default();
        match value {
            Some(value) => quotas.insert_mut(key, QuotaValue(value)),
            None => {
                quotas.remove_mut(&key);
            }
        }
        if quotas.is_empty() {
            self.entities.remove_mut(&entity);
        } else {
            self.entities.insert_mut(entity, quotas);
        }
    }
}

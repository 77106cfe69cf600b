//! Following the committed log, transaction by transaction.

use super::{MetadataImage, Provenance, ReplayError};
use klamm_protocol::metadata::MetadataRecord;

/// Turns the committed batches of `__cluster_metadata` into images that may be shown.
///
/// Owned by whoever reads the log: a broker's metadata follower, a standby controller. What lies between a
/// BeginTransactionRecord and its end is not published before EndTransactionRecord, and never after
/// AbortTransactionRecord (KIP-868).
#[derive(Clone, Debug, Default)]
pub struct Loader {
    image: MetadataImage,
    provenance: Provenance,
    /// The image with the records of the open transaction in it.
    open: Option<MetadataImage>,
}

impl Loader {
    /// Starts from a snapshot's image, or from nothing.
    pub const fn new(image: MetadataImage, provenance: Provenance) -> Self {
        Self { image, provenance, open: None }
    }

    /// The image to publish.
    pub const fn image(&self) -> &MetadataImage {
        &self.image
    }

    /// Where that image stands.
    pub const fn provenance(&self) -> Provenance {
        self.provenance
    }

    /// Whether a transaction is open; snapshots must wait for its end.
    pub const fn is_in_transaction(&self) -> bool {
        self.open.is_some()
    }

    /// Carries out the records of one committed batch, whose last record is at `provenance`. Control batches are
    /// passed without records, so that the offset moves on. Returns whether the published image has changed or moved.
    ///
    /// # Errors
    /// If a record contradicts the image; what came before it in the batch is carried out then.
    pub fn apply<'a>(
        &mut self,
        records: impl IntoIterator<Item = &'a MetadataRecord>,
        provenance: Provenance,
    ) -> Result<bool, ReplayError> {
        for record in records {
            match record {
                MetadataRecord::BeginTransaction(_) => self.open = Some(self.image.clone()),
                MetadataRecord::EndTransaction(_) => {
                    if let Some(image) = self.open.take() {
                        self.image = image;
                    }
                }
                MetadataRecord::AbortTransaction(_) => self.open = None,
                _ => self.open.as_mut().unwrap_or(&mut self.image).try_replay(record)?,
            }
        }
        if self.open.is_none() {
            self.provenance = provenance;
        }
        Ok(self.open.is_none())
    }
}

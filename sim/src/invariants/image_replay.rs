//! An image is what replaying its snapshot gives.

use klamm_metadata::{checkpoint, image::MetadataImage};
use klamm_server::{metadata::Published, observe::Observation};

use super::Invariant;

/// One image in so many is looked at.
const ONE_IN: u64 = 16;

/// See above.
#[derive(Default)]
pub(super) struct ImageReplay {
    images: u64,
}

impl Invariant for ImageReplay {
    fn name(&self) -> &'static str {
        "image is the replay of its snapshot"
    }

    fn observe(&mut self, node: i32, observation: &Observation) -> Result<(), String> {
        let Observation::Published(published) = observation else { return Ok(()) };
        // Nobody makes a snapshot of nothing; it would say the lowest metadata.version, as Kafka's does.
        if published.image.features.metadata_version.is_none() {
            return Ok(());
        }
        self.images += 1;
        if !self.images.is_multiple_of(ONE_IN) {
            return Ok(());
        }
        let offset = published.provenance.last_offset;
        check(published).map_err(|what| format!("node {node}, offset {offset}: {what}"))
    }
}

fn check(published: &Published) -> Result<(), String> {
    let epoch = published.provenance.last_epoch;
    let content = checkpoint::encode_image(&published.image, epoch, &checkpoint::Header::default(), 0)
        .map_err(|error| error.to_string())?;
    let snapshot = checkpoint::decode(content).map_err(|error| error.to_string())?;
    let mut replayed = MetadataImage::default();
    for record in &snapshot.records {
        replayed.try_replay(record).map_err(|error| error.to_string())?;
    }
    if replayed == published.image { Ok(()) } else { Err("the replay differs".to_owned()) }
}

//! Brings committed metadata to this broker: first to its shards, then to everybody.
//!
//! Runs beside the quorum's driver. Images that arrive while the shards are busy are applied together.

use std::{collections::BTreeSet, sync::Arc};

use klamm_config::BrokerConfig;
use klamm_metadata::{MetadataImage, image::ConfigResource};
use tokio::sync::mpsc;
use tracing::{error, warn};

use crate::{
    log_dirs::{absolute, checkpoints},
    metadata::Published,
    metadata_change::{MetadataChange, Touched},
    node::Node,
    shard::{ShardRequest, router::ShardSenders},
};

/// A committed image and what its records have touched since the one before.
#[derive(Debug)]
pub struct Update {
    /// The image.
    pub published: Arc<Published>,
    /// What differs.
    pub touched: Touched,
}

/// Applies updates until the sender is gone.
///
/// A broker that starts follows the log from far behind: what it passes on the way is not to be acted on, since a topic
/// that is there at some offset may have been deleted, and made anew, by the end. So nothing is applied before the image
/// has the broker's own registration in it.
pub async fn run(node: Arc<Node>, shards: ShardSenders, mut updates: mpsc::UnboundedReceiver<Update>) {
    let mut registered = node.broker_epoch.subscribe();
    let mut pending: Option<Update> = None;
    loop {
        let next = tokio::select! {
            biased;
            update = updates.recv() => update,
            Ok(()) = registered.changed(), if pending.is_some() => pending.take(),
        };
        let Some(next) = next else { return };
        let mut update = merged(pending.take(), next);
        while let Ok(next) = updates.try_recv() {
            update = merged(Some(update), next);
        }
        let epoch = *registered.borrow_and_update();
        if node.config.load().is_broker() && (epoch < 0 || update.published.provenance.last_offset < epoch) {
            node.metadata.foresee(Arc::clone(&update.published));
            pending = Some(update);
            continue;
        }
        apply(&node, &shards, update).await;
    }
}

fn merged(earlier: Option<Update>, mut later: Update) -> Update {
    if let Some(earlier) = earlier {
        later.touched.merge(earlier.touched);
    }
    later
}

async fn apply(node: &Arc<Node>, shards: &ShardSenders, update: Update) {
    if update.touched.broker_configs {
        apply_broker_configs(node, &update.published);
    }
    if update.touched.client_quotas {
        node.quotas.apply(&update.published.image.client_quotas);
        for limits in node.all_limits() {
            limits.apply_quotas(&update.published.image.client_quotas);
        }
    }
    let (before, after) = (node.metadata.load(), Arc::clone(&update.published));
    if let Some(fault) = version_fault(&node.config.load(), &before.image, &after.image) {
        node.measures.apply_failed();
        error!("{fault}");
    }
    let change = Arc::new(MetadataChange::new(before, after, update.touched));
    // What comes has to be there before clients hear of it; what goes, they need not hear of any longer.
    let only_removes = change.only_removes_topics();
    if only_removes {
        node.metadata.publish(Arc::clone(&update.published));
    }
    if !change.touched.is_empty() {
        apply_to_shards(node, shards, change).await;
    }
    if !only_removes {
        node.metadata.publish(update.published);
    }
}

/// What this broker's config asks for and a metadata version that is news does not have.
fn version_fault(config: &BrokerConfig, before: &MetadataImage, after: &MetadataImage) -> Option<String> {
    let version = after.features.metadata_version?;
    let has_several = config.is_broker() && config.log_dirs().len() > 1;
    let is_news = before.features.metadata_version != Some(version);
    (is_news && has_several && !version.is_directory_assignment_supported()).then(|| {
        format!(
            "several log directories (log.dirs) are not supported in metadata.version {version}, which does not tell where a \
             replica is: raise it to 3.7-IV2 or higher, by klamm features upgrade, or give this broker one directory"
        )
    })
}

async fn apply_to_shards(node: &Arc<Node>, shards: &ShardSenders, mut change: Arc<MetadataChange>) {
    loop {
        let reply = |reply| ShardRequest::ApplyMetadata { change: Arc::clone(&change), reply };
        let postponed: BTreeSet<_> = shards.ask_all(reply).await.into_iter().flatten().collect();
        if postponed.is_empty() {
            return;
        }
        // Their names may have been those of other logs.
        checkpoints::write(node, shards).await;
        change = Arc::new(change.of_topics(postponed));
    }
}

fn apply_broker_configs(node: &Node, published: &Published) {
    let of = |resource: ConfigResource| {
        let values = published.image.configs.resource(&resource);
        values
            .map(|values| values.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect())
            .unwrap_or_default()
    };
    let (defaults, own) = (of(ConfigResource::broker(None)), of(ConfigResource::broker(Some(node.id))));
    let current: Arc<BrokerConfig> = node.config.load_full();
    match current.applied(&defaults, &own) {
        Ok(altered) => {
            node.all_limits().iter().for_each(|limits| limits.apply(&altered));
            node.log_dirs.cordon(&absolute(&node.world, &altered.cordoned_log_dirs()));
            node.config.store(Arc::new(altered));
        }
        Err(errors) => {
            node.measures.apply_failed();
            warn!(%errors, "the altered config of this broker is not legal and does not count");
        }
    }
}

#[cfg(test)]
mod tests {
    use klamm_metadata::features::MetadataVersion;

    use super::*;

    #[test]
    fn several_directories_need_a_metadata_version_that_knows_them() {
        let image = |version| {
            let mut image = MetadataImage::default();
            image.features.metadata_version = version;
            image
        };
        let (old, new) = (Some(MetadataVersion::V3_7_IV0), Some(MetadataVersion::LATEST_PRODUCTION));
        for (roles, dirs, before, after, is_told) in [
            ("broker", "/a,/b", None, old, true),
            ("broker", "/a,/b", new, old, true),
            ("broker", "/a,/b", old, old, false),
            ("broker", "/a,/b", None, new, false),
            ("broker", "/a", None, old, false),
            ("controller", "/a,/b", None, old, false),
        ] {
            let listener = if roles == "broker" { "PLAINTEXT" } else { "CONTROLLER" };
            let text = format!(
                "process.roles={roles}\nnode.id=1\ncontroller.quorum.voters=1@a:1,2@b:1\nlog.dirs={dirs}\n\
                 controller.listener.names=CONTROLLER\nlisteners={listener}://a:1\n"
            );
            let text = if roles == "broker" { text.replace("node.id=1", "node.id=7") } else { text };
            let config =
                BrokerConfig::from_properties(&klamm_config::properties::parse(&text).unwrap()).unwrap();
            let told = version_fault(&config, &image(before), &image(after));
            assert_eq!(told.is_some(), is_told, "{roles} {dirs} {before:?} {after:?}");
        }
    }
}

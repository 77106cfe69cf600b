//! Whether those who say who votes agree: the metadata log, `quorum-state`, and the properties file.

use std::{collections::BTreeSet, path::Path};

use klamm_raft::{Config, METADATA_TOPIC, QuorumState, VoterSet};

use super::StartError;
use crate::quorum::voter_watch::list;

/// Whether the config names the voters that it named before, if those count.
///
/// `logged` are the voters of the metadata log (KIP-853), which count if there are any; `kept` those that `quorum-state`
/// names.
///
/// # Errors
/// If the config makes a controller elect with others than it did before: parts of a cluster that do not know of each
/// other would each have an active controller.
pub(super) fn check(
    config: &Config,
    logged: Option<&VoterSet>,
    kept: Option<&BTreeSet<i32>>,
    metadata_dir: &Path,
) -> Result<(), StartError> {
    let configured = config.static_voters.ids();
    match kept {
        Some(kept)
            if logged.is_none()
                && config.is_controller
                && !kept.is_empty()
                && !configured.is_empty()
                && *kept != configured =>
        {
            let file = metadata_dir.join(format!("{METADATA_TOPIC}-0")).join(QuorumState::FILE_NAME);
            Err(StartError::Directory(format!(
                "controller.quorum.voters names the voters {}, but by {} this node has voted with {}. With other voters \
                 than the other controllers have it could elect itself beside them. Name the same voters again; to have \
                 others, upgrade the quorum (klamm features upgrade --feature kraft.version=1) and use klamm \
                 metadata-quorum add-controller and remove-controller. If all controllers are stopped and get these \
                 voters, remove the file from each of them",
                list(&configured),
                file.display(),
                list(kept),
            )))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use klamm_protocol::Uuid;
    use klamm_raft::{ReplicaKey, Voter};

    use super::*;

    fn config(voters: &str) -> Config {
        let mut config = Config::new(1, Uuid::from_u128(1000), "cluster".into());
        config.is_controller = true;
        config.static_voters = klamm_raft::parse_voters(voters, "CONTROLLER").unwrap_or_default();
        config
    }

    fn voter(id: i32, directory_id: Option<Uuid>) -> Voter {
        Voter { key: ReplicaKey { id, directory_id }, endpoints: Vec::new(), kraft_versions: (0, 1) }
    }

    #[test]
    fn a_controller_does_not_elect_with_others_than_before() {
        let three = "1@a:1,2@b:1,3@c:1";
        let logged = {
            let mut voters = VoterSet::default();
            voters.insert(voter(2, None));
            voters
        };
        for (configured, is_controller, kept, logged, refused) in [
            ("1@a:1", true, Some(&[1, 2, 3][..]), None, true),
            (three, true, Some(&[1, 2][..]), None, true),
            (three, true, Some(&[1, 2, 3][..]), None, false),
            // A first start; a file that has none; a node that does not elect; a quorum that has its own.
            (three, true, None, None, false),
            (three, true, Some(&[][..]), None, false),
            (three, false, Some(&[1, 2][..]), None, false),
            (three, true, Some(&[1, 2][..]), Some(&logged), false),
        ] {
            let mut config = config(configured);
            config.is_controller = is_controller;
            let kept: Option<BTreeSet<i32>> = kept.map(|ids| ids.iter().copied().collect());
            let result = check(&config, logged, kept.as_ref(), Path::new("/data"));
            assert_eq!(result.is_err(), refused, "{configured} and {kept:?}");
            if let (Err(error), Some(kept)) = (result, &kept) {
                let text = error.to_string();
                for said in [list(&config.static_voters.ids()), list(kept), "quorum-state".to_owned()] {
                    assert!(text.contains(&said), "{text}");
                }
            }
        }
    }
}

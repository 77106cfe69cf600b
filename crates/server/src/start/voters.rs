//! Whether those who say who votes agree: the metadata log, `quorum-state`, and the properties file.

use std::{collections::BTreeSet, path::Path};

use klamm_protocol::Uuid;
use klamm_raft::{Config, METADATA_TOPIC, QuorumState, VoterSet};
use tracing::warn;

use super::StartError;

/// Tells of a node that has no vote and of voters in the config that do not count.
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
    let configured = ids(&config.static_voters);
    if let Some(logged) = logged {
        let told = [other_directory(config, logged, metadata_dir), ignored(&configured, &ids(logged))];
        for text in told.into_iter().flatten() {
            warn!("{text}");
        }
        return Ok(());
    }
    match kept {
        Some(kept)
            if config.is_controller && !kept.is_empty() && !configured.is_empty() && *kept != configured =>
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

fn ids(voters: &VoterSet) -> BTreeSet<i32> {
    voters.iter().map(|voter| voter.key.id).collect()
}

fn list(ids: &BTreeSet<i32>) -> String {
    ids.iter().map(i32::to_string).collect::<Vec<_>>().join(", ")
}

/// What to tell if the voters have this node with another directory than it has now: it follows, but has no vote (KIP-853).
fn other_directory(config: &Config, voters: &VoterSet, metadata_dir: &Path) -> Option<String> {
    let (id, own): (i32, Uuid) = (config.node_id, config.directory_id);
    let voting = voters.voter(id)?.key.directory_id.filter(|voting| *voting != own)?;
    Some(format!(
        "node {id} is a voter with directory {voting}, but {} has the directory.id {own}: this node does not vote. Bring \
         the directory back that was here, or, with a majority of the other voters alive, have this one take its place: \
         klamm metadata-quorum remove-controller --controller-id {id} --controller-directory-id {voting}, then \
         add-controller",
        metadata_dir.display()
    ))
}

/// What to tell if the config names voters that the quorum has outgrown.
fn ignored(configured: &BTreeSet<i32>, logged: &BTreeSet<i32>) -> Option<String> {
    (!configured.is_empty() && configured != logged).then(|| {
        format!(
            "controller.quorum.voters names the voters {}, but the quorum's own are {}, and those count: set \
             controller.quorum.bootstrap.servers instead",
            list(configured),
            list(logged)
        )
    })
}

#[cfg(test)]
mod tests {
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
    fn a_directory_that_does_not_vote_is_told_of() {
        let told = |directory_id: Option<u128>| {
            let mut voters = VoterSet::default();
            voters.insert(voter(1, directory_id.map(Uuid::from_u128)));
            other_directory(&config(""), &voters, Path::new("/data"))
        };
        assert_eq!(told(Some(1000)), None);
        assert_eq!(told(None), None, "a static voter");
        let (voting, own) = (Uuid::from_u128(2000), Uuid::from_u128(1000));
        let text = told(Some(2000)).unwrap();
        for said in [
            format!("voter with directory {voting}"),
            format!("/data has the directory.id {own}"),
            format!("remove-controller --controller-id 1 --controller-directory-id {voting}"),
        ] {
            assert!(text.contains(&said), "{text}");
        }
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
                for said in [list(&ids(&config.static_voters)), list(kept), "quorum-state".to_owned()] {
                    assert!(text.contains(&said), "{text}");
                }
            }
        }
    }

    #[test]
    fn voters_that_do_not_count_are_told_of() {
        let set = |ids: &[i32]| ids.iter().copied().collect::<BTreeSet<i32>>();
        assert_eq!(ignored(&set(&[]), &set(&[1, 2])), None, "bootstrap servers");
        assert_eq!(ignored(&set(&[1, 2]), &set(&[1, 2])), None);
        let text = ignored(&set(&[1, 2]), &set(&[1, 3])).unwrap();
        assert!(text.contains("voters 1, 2,") && text.contains("are 1, 3,"), "{text}");
    }
}

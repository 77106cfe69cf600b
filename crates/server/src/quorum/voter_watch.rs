//! Voters in the metadata log that a node was not told of: said when they become known, be that at the start or later.

use std::{collections::BTreeSet, path::PathBuf};

use klamm_protocol::Uuid;
use klamm_raft::{Config, ControlState, VoterSet};
use tracing::warn;

/// Compares the voters of the log with what this node was told, each time that they change.
#[derive(Debug)]
pub struct VoterWatch {
    node_id: i32,
    directory_id: Uuid,
    configured: BTreeSet<i32>,
    metadata_dir: PathBuf,
    /// The voters that `storage format` has written, while nothing else is in the log.
    formatted: Option<VoterSet>,
    /// Offset of the record that was looked at last.
    seen: Option<i64>,
    /// What was said.
    told: BTreeSet<String>,
}

impl VoterWatch {
    /// Watches for a node with that config, whose directory is `metadata_dir`; `control` is what its files say at the
    /// start.
    pub fn new(config: &Config, control: &ControlState, metadata_dir: PathBuf) -> Self {
        // A record of the log has an offset, the bootstrap snapshot comes before the first.
        let formatted = control.voters().filter(|(offset, _)| *offset < 0).map(|(_, voters)| voters.clone());
        Self {
            node_id: config.node_id,
            directory_id: config.directory_id,
            configured: config.static_voters.ids(),
            metadata_dir,
            formatted,
            seen: None,
            told: BTreeSet::new(),
        }
    }

    /// Tells what is wrong with the voters in force, once.
    pub fn look(&mut self, control: &ControlState) {
        let Some((offset, voters)) = control.voters() else { return };
        if self.seen.replace(offset) == Some(offset) {
            return;
        }
        for text in self.found(offset, voters) {
            if self.told.insert(text.clone()) {
                warn!("{text}");
            }
        }
    }

    fn found(&self, offset: i64, voters: &VoterSet) -> Vec<String> {
        let formatted = self.formatted.as_ref().filter(|_| offset >= 0);
        [
            self.other_directory(voters),
            self.ignored(voters),
            formatted.and_then(|it| self.outgrown(it, voters)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The voters have this node with another directory than it has now: it follows, but has no vote (KIP-853).
    fn other_directory(&self, voters: &VoterSet) -> Option<String> {
        let (id, own) = (self.node_id, self.directory_id);
        let voting = voters.voter(id)?.key.directory_id.filter(|voting| *voting != own)?;
        Some(format!(
            "node {id} is a voter with directory {voting}, but {} has the directory.id {own}: this node does not vote. If \
             the other one runs elsewhere give this one a node.id of its own. Else bring the directory back that was \
             here, or, with a majority of the other voters alive, have this one take its place: klamm metadata-quorum \
             remove-controller --controller-id {id} --controller-directory-id {voting}, then add-controller",
            self.metadata_dir.display()
        ))
    }

    /// The config names voters that the quorum has outgrown.
    fn ignored(&self, voters: &VoterSet) -> Option<String> {
        let voters = voters.ids();
        (!self.configured.is_empty() && self.configured != voters).then(|| {
            format!(
                "controller.quorum.voters names the voters {}, but the quorum's own are {}, and those count: set \
                 controller.quorum.bootstrap.servers instead; klamm metadata-quorum add-controller adds a voter",
                list(&self.configured),
                list(&voters)
            )
        })
    }

    /// The node was formatted for other voters than it has found.
    fn outgrown(&self, formatted: &VoterSet, voters: &VoterSet) -> Option<String> {
        let keys = |voters: &VoterSet| voters.iter().map(|voter| voter.key.to_string()).collect::<Vec<_>>();
        let (before, now) = (keys(formatted), keys(voters));
        (before != now).then(|| {
            format!(
                "{} was formatted for the voters {}, but the quorum's own are {}, and those count: a node that is to join \
                 a quorum is formatted with --no-initial-controllers and added by klamm metadata-quorum add-controller",
                self.metadata_dir.display(),
                before.join(", "),
                now.join(", ")
            )
        })
    }
}

/// Ids as people read them.
pub fn list(ids: &BTreeSet<i32>) -> String {
    ids.iter().map(i32::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use klamm_raft::{ReplicaKey, Voter};

    use super::*;

    fn voters(keys: &[(i32, Option<u128>)]) -> VoterSet {
        let mut voters = VoterSet::default();
        for (id, directory) in keys {
            voters.insert(Voter {
                key: ReplicaKey { id: *id, directory_id: directory.map(Uuid::from_u128) },
                endpoints: Vec::new(),
                kraft_versions: (0, 1),
            });
        }
        voters
    }

    fn watch(configured: &str) -> VoterWatch {
        let mut config = Config::new(1, Uuid::from_u128(1000), "cluster".into());
        config.static_voters = klamm_raft::parse_voters(configured, "CONTROLLER").unwrap_or_default();
        VoterWatch::new(&config, &ControlState::default(), "/data".into())
    }

    #[test]
    fn a_directory_that_does_not_vote_is_told_of() {
        let told = |directory| watch("").found(5, &voters(&[(1, directory)])).pop();
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
    fn voters_that_do_not_count_are_told_of() {
        let both = voters(&[(1, Some(1000)), (2, Some(2))]);
        assert!(watch("").found(5, &both).is_empty(), "bootstrap servers");
        assert!(watch("1@a:1,2@b:1").found(5, &both).is_empty());
        let told = watch("1@a:1,2@b:1").found(5, &voters(&[(1, Some(1000)), (3, Some(3))]));
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("voters 1, 2,") && told[0].contains("are 1, 3,"), "{told:?}");
    }

    #[test]
    fn voters_that_a_directory_was_formatted_for_are_compared_with_those_that_there_are() {
        let own = voters(&[(1, Some(1000)), (2, Some(2))]);
        let mut watch = watch("");
        watch.formatted = Some(own.clone());
        assert!(watch.found(-1, &own).is_empty());
        assert!(watch.found(3, &own).is_empty(), "the first leader writes them to the log");
        let others = voters(&[(2, Some(22)), (3, Some(3))]);
        let told = watch.found(3, &others);
        assert_eq!(told.len(), 1);
        for said in own.iter().chain(others.iter()).map(|voter| voter.key.to_string()) {
            assert!(told[0].contains(&said), "{said} is not in {told:?}");
        }
    }
}

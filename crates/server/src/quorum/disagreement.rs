//! What to say of nodes that do not agree with this one on who votes, and what to do about it.

use klamm_raft::Disagreement;
use tracing::{error, warn};

use super::voter_watch::list;

/// The way out of different `controller.quorum.voters`.
const SAME_VOTERS: &str = "Two sets of voters can elect two leaders at once: give all controllers the same \
                           controller.quorum.voters. To have other voters than now upgrade the quorum (klamm features \
                           upgrade --feature kraft.version=1), then klamm metadata-quorum add-controller and \
                           remove-controller";
/// The way out of voters that are not those that run.
const SAME_DIRECTORIES: &str = "If the controllers were formatted with different --initial-controllers format them all \
                                anew with one, in which each directory id is the one of that node; if a controller has \
                                lost its directory: klamm metadata-quorum remove-controller, then add-controller";

/// Tells of it. Ends a controller that finds a quorum of other voters when it starts: whatever it did there would be wrong.
/// One that was at work with others before the leader came goes on, since it may be the leader that is wrong.
pub(super) fn tell(disagreement: &Disagreement, is_controller: bool) {
    let text = text(disagreement);
    match disagreement {
        Disagreement::LeaderVoters { agreed_before: false, .. } if is_controller => {
            error!("{text}. The node ends");
            klamm_io::spawn::exit(1);
        }
        Disagreement::LeaderVoters { .. } => error!("{text}"),
        _ => warn!("{text}"),
    }
}

fn text(disagreement: &Disagreement) -> String {
    match disagreement {
        Disagreement::Stranger { id, own } => format!(
            "controller {id} wants to lead and is none of the voters {} that controller.quorum.voters names here: refused \
             (INCONSISTENT_VOTER_SET). {SAME_VOTERS}",
            list(own)
        ),
        Disagreement::StrangerTo { voter, own } => format!(
            "controller.quorum.voters names the voters {} here, and controller {voter} refuses this node, since its own \
             does not name it (INCONSISTENT_VOTER_SET). {SAME_VOTERS}",
            list(own)
        ),
        Disagreement::NotMeant { from, wanted, own } => format!(
            "controller {from} takes this node for the voter {wanted}, but this is {own}: refused (INVALID_VOTER_KEY). \
             {SAME_DIRECTORIES}"
        ),
        Disagreement::NotThere { wanted } => format!(
            "the node at the address of voter {wanted} is another one or has another directory.id (INVALID_VOTER_KEY), so \
             that this voter is missing. {SAME_DIRECTORIES}"
        ),
        Disagreement::Twin { id, epoch } => format!(
            "another controller with the node.id {id} of this one leads the quorum in epoch {epoch}, or this one led it \
             before its directory was replaced. If there are two stop one of them, and give it a node.id of its own, in \
             its properties and by klamm storage format"
        ),
        Disagreement::LeaderVoters { leader, epoch, theirs, own, .. } => format!(
            "controller {leader} was elected in epoch {epoch} by the voters {}, but controller.quorum.voters names {} \
             here. {SAME_VOTERS}",
            list(theirs),
            list(own)
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use klamm_protocol::Uuid;
    use klamm_raft::ReplicaKey;

    use super::*;

    #[test]
    fn both_sides_and_a_way_out_are_named() {
        let ids = |ids: &[i32]| ids.iter().copied().collect::<BTreeSet<i32>>();
        let key = |id, directory| ReplicaKey { id, directory_id: Some(Uuid::from_u128(directory)) };
        let (wanted, own) = (key(2, 20), key(2, 21));
        let (wanted_text, own_text) = (wanted.to_string(), own.to_string());
        for (disagreement, said) in [
            (
                Disagreement::Stranger { id: 4, own: ids(&[1, 2, 3]) },
                ["controller 4", "voters 1, 2, 3 ", "add-controller"],
            ),
            (
                Disagreement::StrangerTo { voter: 2, own: ids(&[2, 3, 4]) },
                ["controller 2", "voters 2, 3, 4 ", "kraft.version=1"],
            ),
            (
                Disagreement::NotMeant { from: 1, wanted, own },
                [&wanted_text[..], &own_text, "--initial-controllers"],
            ),
            (
                Disagreement::Twin { id: 2, epoch: 7 },
                ["node.id 2 of this one", "leads the quorum in epoch 7", "node.id of its own"],
            ),
            (Disagreement::NotThere { wanted }, [&wanted_text[..], "another directory.id", "add-controller"]),
            (
                Disagreement::LeaderVoters {
                    leader: 1,
                    epoch: 7,
                    theirs: ids(&[1, 2]),
                    own: ids(&[2, 3]),
                    agreed_before: false,
                },
                ["voters 1, 2,", "names 2, 3 here", "same controller.quorum.voters"],
            ),
        ] {
            let text = text(&disagreement);
            for said in said {
                assert!(text.contains(said), "{said:?} is not in {text:?}");
            }
        }
    }
}

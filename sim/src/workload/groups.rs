//! Commits growing offsets for a group without members, and asks what is committed.

use std::collections::{BTreeMap, BTreeSet};

use klamm_client::{TopicPartition, admin::Admin, consumer::OffsetAndMetadata};

use super::{Client, readers::wait_for_topics};

const GROUP: &str = "committer";

/// What may be found: the offset whose commit was answered last, and all that were tried and never answered, since these
/// may be on their way still.
#[derive(Default)]
struct Commits {
    answered: i64,
    unanswered: BTreeSet<i64>,
    next: i64,
}

/// Commits and asks until nothing goes wrong any more, then both once more.
pub(super) async fn commit(client: Client) {
    wait_for_topics(&client).await;
    let Ok(admin) = client.admin() else { return };
    let at = TopicPartition::new("topic-0", 0);
    let mut commits = Commits::default();
    loop {
        let is_last = client.history.is_healing();
        client.pause(1000).await;
        let is_committed = commit_next(&client, &admin, &at, &mut commits).await;
        let is_asked = ask(&client, &admin, &at, &commits, is_last && is_committed).await;
        if is_last && is_committed && is_asked {
            break;
        }
    }
    client.history.done("groups".to_owned());
}

async fn commit_next(client: &Client, admin: &Admin, at: &TopicPartition, commits: &mut Commits) -> bool {
    commits.next += 1;
    commits.unanswered.insert(commits.next);
    let offset = OffsetAndMetadata::new(commits.next);
    let offsets = BTreeMap::from([(at.clone(), offset)]);
    match admin.alter_consumer_group_offsets(GROUP, &offsets).await {
        Ok(answers) if answers.values().all(Result::is_ok) => {
            commits.unanswered.remove(&commits.next);
            commits.answered = commits.next;
            client.history.lock().count("offsets committed");
            true
        }
        _ => false,
    }
}

/// A coordinator that is cut off answers from what it knew, as Kafka's does: an old offset is one too many only when all
/// has healed and this coordinator has answered a commit.
async fn ask(client: &Client, admin: &Admin, at: &TopicPartition, commits: &Commits, is_last: bool) -> bool {
    let Ok(found) = admin.consumer_group_offsets(GROUP).await else { return false };
    let found = found.get(at).map_or(0, |found| found.offset);
    if found != commits.answered && !commits.unanswered.contains(&found) {
        let Commits { answered, unanswered, .. } = commits;
        let what = format!("{found} is committed, where {answered} was answered and {unanswered:?} are not");
        let mut history = client.history.lock();
        history.count("old offsets read");
        if is_last {
            history.offset_contradictions.push(what);
        }
    }
    true
}

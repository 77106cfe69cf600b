//! The topics that belong to a streams group: changelogs of its stores, and what it writes to repartition its records.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use klamm_client::{
    ClientError,
    admin::{Admin, StreamsGroupDescription},
};
use regex::Regex;

/// The names that foreign-key joins give to their topics.
static FOREIGN_KEY_JOIN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^.+-KTABLE-FK-JOIN-SUBSCRIPTION-(REGISTRATION|RESPONSE)-[0-9]+-topic$").ok()
});

/// The internal topics of a group as its topology names them. Whatever does not look like one is left out, and said.
pub(super) fn of(group: &StreamsGroupDescription) -> Vec<String> {
    let sources: BTreeSet<&String> =
        group.subtopologies.iter().flat_map(|part| &part.source_topics).collect();
    let mut topics = Vec::new();
    for part in &group.subtopologies {
        for topic in part.repartition_source_topics.iter().chain(&part.changelog_topics) {
            if sources.contains(topic) {
                continue;
            }
            if is_internal(topic, &group.group_id) {
                topics.push(topic.clone());
            } else {
                println!(
                    "\nError: The internal topic '{topic}' is not inferred as internal and thus will not be deleted with the group '{}'.",
                    group.group_id
                );
            }
        }
    }
    topics
}

/// Whether a topic's name is one that the Streams library gives to topics of this application.
pub(in crate::commands) fn is_internal(topic: &str, group: &str) -> bool {
    let of_group = topic.strip_prefix(group).is_some_and(|rest| rest.starts_with('-'));
    let ends =
        ["-changelog", "-repartition", "-subscription-registration-topic", "-subscription-response-topic"];
    let is_join = || FOREIGN_KEY_JOIN.as_ref().is_some_and(|names| names.is_match(topic));
    of_group && (ends.iter().any(|end| topic.ends_with(end)) || is_join())
}

/// Deletes topics; gives those that could not be, and why.
pub(in crate::commands) async fn delete(
    admin: &Admin,
    topics: &[String],
) -> Result<Vec<(String, ClientError)>, ClientError> {
    let results = admin.delete_topics(topics).await?;
    Ok(results.into_iter().filter_map(|(topic, result)| Some((topic, result.err()?))).collect())
}

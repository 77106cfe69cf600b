//! Creates the topics that the others work with, then creates and deletes others.

use std::collections::BTreeSet;

use klamm_client::{
    ClientError,
    admin::{Admin, NewTopic},
};
use klamm_protocol::ErrorCode;

use super::{Client, DEAD_LETTERS, PATIENCE, topics};

/// Creates, and goes on creating and deleting until nothing goes wrong any more.
pub(super) async fn create_and_churn(client: Client) {
    let Ok(admin) = client.admin() else { return };
    for (name, partitions) in topics(&client.plan) {
        while !create(&client, &admin, &name, partitions).await {
            client.pause(1000).await;
        }
        client.history.lock().topics_kept.insert(name);
    }
    let mut number = 0;
    let mut there: Vec<String> = Vec::new();
    while client.plan.has_churn && !client.history.is_healing() {
        client.pause(3000).await;
        if there.len() < 3 || client.entropy.below(2) == 0 {
            let name = format!("churn-{number}");
            number += 1;
            if create(&client, &admin, &name, 2).await {
                client.history.lock().topics_kept.insert(name.clone());
                there.push(name);
            }
            continue;
        }
        let index = usize::try_from(client.entropy.below(there.len() as u64)).unwrap_or(0);
        let name = there.swap_remove(index);
        client.history.lock().topics_kept.remove(&name);
        delete(&client, &admin, &name).await;
    }
    while !client.history.is_healing() {
        client.pause(1000).await;
    }
    // A broker that was cut off learns late of what it has missed.
    let deadline = client.clock.now() + PATIENCE;
    loop {
        if let Ok(listed) = admin.list_topics(true).await {
            let names: BTreeSet<String> = listed.into_iter().map(|topic| topic.name.to_string()).collect();
            let mut history = client.history.lock();
            let is_complete = history.topics_kept.is_subset(&names);
            history.topics_listed = Some(names);
            if is_complete || client.clock.now() > deadline {
                break;
            }
        }
        client.pause(1000).await;
    }
    client.history.done("topics".to_owned());
}

/// Whether the topic is there. After an error nobody knows, and its name is not used again.
async fn create(client: &Client, admin: &Admin, name: &str, partitions: i32) -> bool {
    let mut configs = vec![("min.insync.replicas".to_owned(), client.plan.min_isr().to_string())];
    if name == DEAD_LETTERS {
        configs.push(("errors.deadletterqueue.group.enable".to_owned(), "true".to_owned()));
    }
    let topic = NewTopic {
        name: name.to_owned(),
        partitions: Some(partitions),
        replication_factor: Some(client.plan.replication_factor),
        configs,
        ..NewTopic::default()
    };
    match admin.create_topics(&[topic], false).await.map(|mut all| all.remove(name)) {
        Ok(Some(Ok(()))) => {
            client.history.lock().count("topics created");
            true
        }
        // An earlier attempt got through.
        Ok(Some(Err(ClientError::Broker { code: ErrorCode::TopicAlreadyExists, .. }))) => true,
        _ => false,
    }
}

async fn delete(client: &Client, admin: &Admin, name: &str) {
    let done = admin.delete_topics(&[name.to_owned()]).await.map(|mut all| all.remove(name));
    if matches!(done, Ok(Some(Ok(())))) {
        client.history.lock().count("topics deleted");
    }
}

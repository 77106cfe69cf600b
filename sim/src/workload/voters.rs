//! Takes voters out of the quorum and puts them in again (KIP-853), one at a time.

use std::collections::BTreeSet;

use klamm_client::{ClientError, admin::Admin};
use klamm_protocol::ErrorCode;

use super::Client;
use crate::cluster::{CONTROLLER_PORT, controllers, directory_id};

/// Changes voters until nothing goes wrong any more; then one goes and comes back, which has to succeed.
pub(super) async fn change(client: Client) {
    let Ok(admin) = client.admin() else { return };
    let ids: Vec<u8> = controllers(&client.plan).collect();
    while !client.history.is_healing() {
        client.pause(15_000).await;
        let chosen = ids[usize::try_from(client.entropy.below(ids.len() as u64)).unwrap_or(0)];
        let _ = remove(&client, &admin, chosen).await;
        client.pause(10_000).await;
        // It may be another one that is missing, since nobody knows of what was not answered.
        for id in &ids {
            let _ = add(&client, &admin, *id).await;
        }
    }
    let gone = ids[0];
    until(&client, &admin, &ids, None).await;
    until(&client, &admin, &ids, Some(gone)).await;
    until(&client, &admin, &ids, None).await;
    client.history.done("voters".to_owned());
}

/// Until all controllers but one are voters, as the quorum itself says after the change was answered.
async fn until(client: &Client, admin: &Admin, ids: &[u8], without: Option<u8>) {
    let expected: BTreeSet<i32> =
        ids.iter().filter(|id| Some(**id) != without).map(|id| i32::from(*id)).collect();
    loop {
        let mut is_answered = true;
        for id in ids {
            is_answered &= match Some(*id) == without {
                true => remove(client, admin, *id).await,
                false => add(client, admin, *id).await,
            };
        }
        if is_answered && let Ok(quorum) = admin.describe_quorum().await {
            let found = quorum.voters.iter().map(|voter| voter.replica_id).collect();
            client.history.lock().voters.push((expected, found));
            return;
        }
        client.pause(1000).await;
    }
}

/// Whether the controller is a voter now.
async fn add(client: &Client, admin: &Admin, id: u8) -> bool {
    let host = klamm_io::sim::Host(id).address().to_string();
    let endpoint = ("CONTROLLER".to_owned(), host, CONTROLLER_PORT);
    match admin.add_raft_voter(i32::from(id), directory_id(id, 0), &[endpoint]).await {
        Ok(()) => {
            client.history.lock().count("voters added");
            true
        }
        Err(ClientError::Broker { code: ErrorCode::DuplicateVoter, .. }) => true,
        Err(error) => {
            tracing::info!(%error, id, "a voter is not added");
            false
        }
    }
}

/// Whether the controller is no voter now.
async fn remove(client: &Client, admin: &Admin, id: u8) -> bool {
    match admin.remove_raft_voter(i32::from(id), directory_id(id, 0)).await {
        Ok(()) => {
            client.history.lock().count("voters removed");
            true
        }
        Err(ClientError::Broker { code: ErrorCode::VoterNotFound, .. }) => true,
        Err(error) => {
            tracing::info!(%error, id, "a voter is not removed");
            false
        }
    }
}

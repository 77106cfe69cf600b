//! Read records, write of each which one it was, and commit both in one transaction: exactly once. One is alone and takes all
//! partitions, or several are members of a group (KIP-447).

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use klamm_client::{
    ClientError, ClientKind, TopicPartition,
    consumer::{Consumer, ConsumerRecord, GroupMetadata, OffsetAndMetadata},
    producer::{Producer, ProducerRecord},
};
use klamm_io::spawn;

use super::{
    COPIES, Client, SHARED,
    members::is_of_consumer_protocol,
    readers::{all_written, wait_for_topics},
    transactions::{Outcome, abort, commit, initialized},
};
use crate::plan::Special;

const GROUP: &str = "copier";
/// How long a member may go without a poll; less than its transaction may last.
const POLL_INTERVAL_MAX: Duration = Duration::from_secs(10);

type Offsets = BTreeMap<TopicPartition, OffsetAndMetadata>;

/// Copies until everything that was written is copied.
pub(super) async fn copy(client: Client, index: usize) {
    wait_for_topics(&client).await;
    let id = if is_alone(&client) { GROUP.to_owned() } else { format!("{GROUP}-{index}") };
    while !is_done(&client).await {
        if let Some(producer) = initialized(&client, &id).await
            && let Err(error) = session(&client, &Rc::new(producer)).await
        {
            tracing::info!(%error, "the copier starts again");
            client.pause(500).await;
        }
    }
    client.history.done(format!("copier {index}"));
}

/// One that is alone takes all partitions and is no member of a group.
fn is_alone(client: &Client) -> bool {
    client.plan.copiers == 1
}

fn partitions(client: &Client) -> Vec<TopicPartition> {
    (0..client.plan.topics.1).map(|index| TopicPartition::new(SHARED, index)).collect()
}

fn consumer(client: &Client) -> Result<Consumer, ClientError> {
    let pairs = [("group.id", GROUP), ("auto.offset.reset", "earliest"), ("enable.auto.commit", "false")];
    Consumer::new(&client.config(ClientKind::Consumer, &pairs)?)
}

/// A member of the copiers' group.
fn member(client: &Client) -> Result<Consumer, ClientError> {
    let poll_interval = POLL_INTERVAL_MAX.as_millis().to_string();
    let pairs = [
        ("group.id", GROUP),
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "false"),
        ("max.poll.interval.ms", &poll_interval),
        match is_of_consumer_protocol(client) {
            true => ("group.protocol", "consumer"),
            false => ("session.timeout.ms", "10000"),
        },
    ];
    let mut consumer = Consumer::new(&client.config(ClientKind::Consumer, &pairs)?)?;
    consumer.subscribe([SHARED])?;
    Ok(consumer)
}

async fn is_done(client: &Client) -> bool {
    if !all_written(client) {
        return false;
    }
    let Ok(consumer) = consumer(client) else { return false };
    let Ok(ends) = consumer.end_offsets(partitions(client)).await else { return false };
    let Ok(committed) = consumer.committed(&partitions(client).into_iter().collect()).await else {
        return false;
    };
    ends.iter().all(|(at, end)| committed.get(at).map_or(0, |offset| offset.offset) >= *end)
}

/// Copies for a while, from where the last committed transaction has ended.
async fn session(client: &Client, producer: &Rc<Producer>) -> Result<(), ClientError> {
    if is_alone(client) {
        let mut consumer = consumer(client)?;
        consumer.assign(partitions(client));
        return copy_some(client, producer, &mut consumer).await;
    }
    let mut consumer = member(client)?;
    let outcome = copy_some(client, producer, &mut consumer).await;
    if client.entropy.below(4) > 0 {
        // Or else it goes without a word.
        client.clock.timeout(Duration::from_secs(5), consumer.close()).await;
    }
    outcome
}

async fn copy_some(
    client: &Client,
    producer: &Rc<Producer>,
    consumer: &mut Consumer,
) -> Result<(), ClientError> {
    for _ in 0..20 + client.entropy.below(40) {
        client.pause(400).await;
        let records = consumer.poll(Duration::from_millis(500)).await?;
        if records.is_empty() {
            if is_to_end(client).await {
                return Ok(());
            }
            continue;
        }
        let identity = identity(client, consumer)?;
        producer.begin_transaction()?;
        let (next, mut outcome) = send_copies(producer, &records).await;
        if client.entropy.below(25) == 0 {
            // It dies in the middle, or so it seems.
            if outcome == Outcome::Committed && client.entropy.below(2) == 0 {
                drop(spawn::local(come_back(client.clone(), Rc::clone(producer), next, identity)));
            }
            return Ok(());
        }
        rest(client).await;
        let is_given = outcome == Outcome::Committed
            && give_offsets(client, producer, consumer, (&next, &identity)).await;
        outcome = match is_given {
            true if client.entropy.below(8) > 0 => commit(producer).await,
            _ => {
                producer.flush().await;
                abort(producer).await
            }
        };
        match outcome {
            Outcome::Committed => client.history.lock().count("copies committed"),
            // What was not copied is read again.
            Outcome::Aborted | Outcome::GivenUp => return Ok(()),
        }
    }
    Ok(())
}

/// Whether one that was given nothing is to end.
async fn is_to_end(client: &Client) -> bool {
    // A member is given nothing before its group has settled, which takes longer than one poll: one that went then would
    // have the others settle anew, for ever. Nor may it wait here until the others take it for dead.
    all_written(client)
        && (is_alone(client)
            || client.clock.timeout(POLL_INTERVAL_MAX / 2, is_done(client)).await.unwrap_or(false))
}

/// As whom it gives offsets. To be asked for with the records, before others may have been given them.
fn identity(client: &Client, consumer: &Consumer) -> Result<GroupMetadata, ClientError> {
    match is_alone(client) || client.plan.special == Special::NamelessCopiers {
        true => Ok(GroupMetadata::new(GROUP)),
        false => consumer.group_metadata(),
    }
}

/// Sends copies. Returns the offsets that come after the records, and whether all was taken.
async fn send_copies(producer: &Producer, records: &[ConsumerRecord]) -> (Offsets, Outcome) {
    let mut next = Offsets::new();
    for record in records {
        let at = TopicPartition::new(&*record.topic, record.partition);
        let leader_epoch = record.leader_epoch.unwrap_or(-1);
        let offset = OffsetAndMetadata { leader_epoch, ..OffsetAndMetadata::new(record.offset + 1) };
        next.insert(at, offset);
        let value = format!("{} {}", record.partition, record.offset);
        let copy = ProducerRecord { partition: Some(record.partition), ..ProducerRecord::new(COPIES, value) };
        if producer.send(copy).await.is_err() {
            return (next, Outcome::Aborted);
        }
    }
    (next, Outcome::Committed)
}

/// One that was taken for dead goes on with its transaction, beside who has taken its place.
async fn come_back(client: Client, producer: Rc<Producer>, next: Offsets, identity: GroupMetadata) {
    client.pause(8000).await;
    let given = producer.send_offsets_to_transaction(&next, &identity).await;
    let committed = match &given {
        Ok(()) => producer.commit_transaction().await,
        Err(_) => Ok(()),
    };
    tracing::info!(?given, ?committed, "a copier came back");
    client.history.lock().count(match (given, committed) {
        (Ok(()), Ok(())) => "copiers came back in time",
        _ => "copiers came back too late",
    });
}

/// Now and then a member stands still until the group has given its partitions to others, and then goes on.
async fn rest(client: &Client) {
    if !is_alone(client) && !client.history.is_healing() && client.entropy.below(20) == 0 {
        client.clock.sleep(POLL_INTERVAL_MAX + Duration::from_secs(3)).await;
        client.history.lock().count("copiers stood still");
    }
}

/// Makes offsets part of the transaction. Whether that succeeds.
async fn give_offsets(
    client: &Client,
    producer: &Producer,
    consumer: &mut Consumer,
    (next, identity): (&Offsets, &GroupMetadata),
) -> bool {
    let given = match client.plan.special {
        Special::UnboundOffsets => consumer.commit_offsets(next).await,
        _ => producer.send_offsets_to_transaction(next, identity).await,
    };
    if let Err(error) = &given {
        tracing::info!(%error, ?identity, "offsets are not part of the transaction");
        if error.is_abortable() {
            client.history.lock().count("copies refused");
        }
    }
    given.is_ok()
}

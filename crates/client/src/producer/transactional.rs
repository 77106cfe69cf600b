//! What a transactional producer asks of its coordinators.
//!
//! The calls of the producer's owner run in the owner's task and repeat what may succeed for up to `max.block.ms`; each
//! may be given up midway and asked for again. With the first version of transactions the sender tells the coordinator
//! of partitions before their first batch goes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use klamm_io::spawn;
use klamm_net::client::Connection;
use klamm_protocol::{
    ErrorCode, Request, StrBytes,
    api::{
        add_offsets_to_txn::AddOffsetsToTxnRequest,
        add_partitions_to_txn::{AddPartitionsToTxnRequest, AddPartitionsToTxnTopic},
        end_txn::EndTxnRequest,
        init_producer_id::InitProducerIdRequest,
        txn_offset_commit::{
            TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
        },
    },
};

use super::{
    Producer, Shared,
    batch::{Fate, Identity},
    transaction::Phase,
};
use crate::{
    ClientError, TopicPartition,
    cluster::CoordinatorKind,
    consumer::{GroupMetadata, OffsetAndMetadata},
};

/// Highest versions with which a transaction is one of version 1 (KIP-890).
const END_TXN_1: i16 = 4;
const TXN_OFFSET_COMMIT_1: i16 = 4;
/// Later versions are for brokers.
const ADD_PARTITIONS_MAX: i16 = 3;
/// From this version on the coordinator raises the epoch of a producer that asks for it (KIP-360).
const INIT_RAISES_EPOCH: i16 = 3;
/// How soon to ask again while the last transaction is still being completed.
const CONCURRENT_PAUSE: std::time::Duration = std::time::Duration::from_millis(20);

impl Producer {
    /// Makes the producer ready for transactions: takes the transactional id over from any other producer, whose open
    /// transaction is aborted, and which is fenced from then on. To be called once, before anything else.
    ///
    /// # Errors
    /// If there is no `transactional.id`, the coordinator refuses, or it takes longer than `max.block.ms`; then it may
    /// be called again.
    pub async fn init_transactions(&self) -> Result<(), ClientError> {
        let shared = &self.shared;
        self.transactional_id()?;
        if *shared.lock().transaction.phase() != Phase::Uninitialized {
            return Err(ClientError::Invalid("The transactions are initialized already".to_owned()));
        }
        let since = shared.cluster.clock().now();
        initialize(shared, None).await?;
        let mut state = shared.lock();
        state.transaction.initialized();
        state.metrics.spent.txn_init += shared.cluster.clock().now() - since;
        Ok(())
    }

    /// Begins a transaction. Everything that is sent until its end belongs to it.
    ///
    /// # Errors
    /// If one is open, `init_transactions` was not called, or the producer cannot go on.
    pub fn begin_transaction(&self) -> Result<(), ClientError> {
        self.transactional_id()?;
        let clock = self.shared.cluster.clock();
        let since = clock.now();
        let mut state = self.shared.lock();
        state.transaction.begin()?;
        state.metrics.spent.txn_begin += clock.now() - since;
        Ok(())
    }

    /// Makes a group's offsets part of the transaction: they are committed if it is (KIP-447). An offset is the next to
    /// be read. `group` is of [`crate::consumer::Consumer::group_metadata`], taken when the records were polled, so
    /// that a member that has lost its partitions is refused.
    ///
    /// # Errors
    /// If no transaction is open; if the group does not have this member any more or another reason makes it
    /// necessary to abort the transaction; or if the producer cannot go on.
    pub async fn send_offsets_to_transaction(
        &self,
        offsets: &BTreeMap<TopicPartition, OffsetAndMetadata>,
        group: &GroupMetadata,
    ) -> Result<(), ClientError> {
        let id = self.transactional_id()?;
        let shared = &self.shared;
        shared.lock().transaction.check_open("send offsets to a transaction")?;
        if offsets.is_empty() {
            return Ok(());
        }
        let since = shared.cluster.clock().now();
        let result = if shared.lock().transaction.is_version_2 {
            shared.lock().transaction.started();
            Ok(())
        } else {
            add_offsets(shared, &id, group).await
        };
        let result = match result {
            Ok(()) => commit_offsets(shared, &id, offsets, group).await,
            Err(error) => Err(error),
        };
        result.map_err(|error| shared.blame(error, is_survivable))?;
        shared.lock().metrics.spent.txn_send_offsets += shared.cluster.clock().now() - since;
        Ok(())
    }

    /// Sends what waits, and commits the transaction: readers with `isolation.level=read_committed` see all of it.
    ///
    /// # Errors
    /// If something could not be written: the transaction has to be aborted ([`ClientError::is_abortable`]). If the
    /// producer is fenced or fails otherwise for good ([`ClientError::is_fatal`]). If it takes longer than
    /// `max.block.ms`: then nobody knows, and it may be called again.
    pub async fn commit_transaction(&self) -> Result<(), ClientError> {
        self.end_transaction(true).await
    }

    /// Gives up what waits, and aborts the transaction: readers with `isolation.level=read_committed` see nothing of it.
    ///
    /// # Errors
    /// If none is open, if the producer fails for good, or if it takes longer than `max.block.ms`: then it may be called
    /// again.
    pub async fn abort_transaction(&self) -> Result<(), ClientError> {
        self.end_transaction(false).await
    }

    fn transactional_id(&self) -> Result<StrBytes, ClientError> {
        self.shared.settings.transactional_id.clone().ok_or_else(|| {
            ClientError::Invalid(
                "Cannot use transactional methods without enabling transactions by setting the transactional.id configuration property"
                    .to_owned(),
            )
        })
    }

    async fn end_transaction(&self, committed: bool) -> Result<(), ClientError> {
        let id = self.transactional_id()?;
        let shared = &self.shared;
        shared.lock().transaction.end(committed)?;
        shared.wake.notify_one();
        let clock = shared.cluster.clock();
        let since = clock.now();
        let limit = shared.settings.block_max;
        let settled = clock.timeout(limit, async {
            shared.settle().await;
            shared.until_nothing_is_added().await;
        });
        if settled.await.is_none() {
            return Err(ClientError::TimedOut {
                doing: "waiting for the transaction's records to be written".to_owned(),
                after: limit,
                cause: None,
            });
        }
        // What failed on the way has turned the commit into an error.
        shared.lock().transaction.end(committed)?;
        if shared.lock().transaction.has_started() {
            end(shared, &id, committed).await?;
            shared.lock().transaction.end_is_told();
        }
        let raise = {
            let state = shared.lock();
            state.identity.filter(|_| state.transaction.wants_epoch)
        };
        if raise.is_some() {
            initialize(shared, raise).await?;
        }
        let mut state = shared.lock();
        state.transaction.ended();
        let spent = &mut state.metrics.spent;
        let total = if committed { &mut spent.txn_commit } else { &mut spent.txn_abort };
        *total += clock.now() - since;
        Ok(())
    }
}

impl Shared {
    /// Notes an error that no repetition can mend. `is_survivable` says whether the transaction alone is lost.
    fn blame(&self, error: ClientError, is_survivable: fn(ErrorCode) -> bool) -> ClientError {
        let Some(code) = error.code() else {
            return error;
        };
        if error.is_retriable() {
            return error;
        }
        let mut state = self.lock();
        match code {
            // Old coordinators say it so.
            ErrorCode::InvalidProducerEpoch => {
                let fenced = ClientError::Broker { code: ErrorCode::ProducerFenced, message: None };
                state.transaction.fail(&fenced)
            }
            code if is_survivable(code) => state.transaction.fail(&error),
            _ => state.transaction.fail_for_good(&error),
        }
    }

    async fn until_nothing_is_added(&self) {
        loop {
            let added = self.room.notified();
            let mut added = std::pin::pin!(added);
            added.as_mut().enable();
            if !self.lock().transaction.is_adding {
                return;
            }
            added.await;
        }
    }
}

/// Whether a request that was refused with this code costs the transaction, and not the producer.
const fn is_survivable(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::TransactionAbortable
            | ErrorCode::UnknownProducerId
            | ErrorCode::TopicAuthorizationFailed
            | ErrorCode::OperationNotAttempted
            | ErrorCode::GroupAuthorizationFailed
            | ErrorCode::FencedInstanceId
            | ErrorCode::UnknownMemberId
            | ErrorCode::IllegalGeneration
            | ErrorCode::StaleMemberEpoch
    )
}

/// Asks a coordinator, repeating what may succeed. `check` looks into the answer. `version_max` may depend on the
/// connection.
async fn ask<R: Request>(
    shared: &Shared,
    (kind, key): (CoordinatorKind, &str),
    doing: &str,
    request: &R,
    (version_max, check): (impl Fn(&Connection) -> i16, impl Fn(&R::Response) -> Result<(), ClientError>),
) -> Result<R::Response, ClientError> {
    let cluster = &shared.cluster;
    cluster
        .retrying(doing, shared.settings.block_max, async || {
            let asked = async {
                let node = cluster.coordinator(kind, key).await?;
                let connection = cluster.connection(node).await?;
                let version = connection.version_of::<R>()?.min(version_max(&connection));
                let answer = connection.call_version(request, version, std::time::Duration::ZERO).await?;
                check(&answer)?;
                Ok(answer)
            };
            let result: Result<R::Response, ClientError> = asked.await;
            if let Err(error) = &result
                && (matches!(error, ClientError::Connection(_))
                    || matches!(
                        error.code(),
                        Some(ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable)
                    ))
            {
                cluster.forget_coordinator(kind, key);
            }
            result
        })
        .await
}

/// Whether the cluster has transactions of version 2, as this broker sees it.
fn has_version_2(connection: &Connection) -> bool {
    let features = &connection.api_versions().finalized_features;
    features.iter().any(|feature| &*feature.name == "transaction.version" && feature.max_version_level >= 2)
}

/// Gets the producer's id and epoch; with `known` a higher epoch for these.
async fn initialize(shared: &Shared, known: Option<Identity>) -> Result<(), ClientError> {
    let Some(id) = shared.settings.transactional_id.clone() else { return Ok(()) };
    let request = InitProducerIdRequest {
        transactional_id: Some(id.clone()),
        transaction_timeout_ms: shared.settings.transaction_timeout_ms,
        producer_id: known.map_or(-1, |known| known.id),
        producer_epoch: known.map_or(-1, |known| known.epoch),
        ..Default::default()
    };
    let seen = std::sync::Mutex::new((false, false));
    let answer = ask(
        shared,
        (CoordinatorKind::Transaction, &id),
        "initializing transactions",
        &request,
        (
            |connection: &Connection| {
                let version = connection.version_of::<InitProducerIdRequest>().unwrap_or(0);
                let now = (has_version_2(connection), version >= INIT_RAISES_EPOCH);
                *seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = now;
                i16::MAX
            },
            |answer: &klamm_protocol::api::init_producer_id::InitProducerIdResponse| {
                ClientError::check(answer.error_code, None)
            },
        ),
    )
    .await
    .map_err(|error| shared.blame(error, |code| code == ErrorCode::TransactionAbortable))?;
    let (is_version_2, can_raise_epoch) = *seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut state = shared.lock();
    state.transaction.is_version_2 = is_version_2;
    state.transaction.can_raise_epoch = can_raise_epoch;
    state.identity = Some(identity(answer.producer_id, answer.producer_epoch));
    Ok(())
}

const fn identity(id: i64, epoch: i16) -> Identity {
    Identity { id, epoch, is_transactional: true }
}

/// The producer's id and epoch; -1 without.
fn current(shared: &Shared) -> (i64, i16) {
    shared.lock().identity.map_or((-1, -1), |identity| (identity.id, identity.epoch))
}

async fn end(shared: &Shared, id: &StrBytes, committed: bool) -> Result<(), ClientError> {
    let (producer_id, producer_epoch) = current(shared);
    let is_version_2 = shared.lock().transaction.is_version_2;
    let request = EndTxnRequest {
        transactional_id: id.clone(),
        producer_id,
        producer_epoch,
        committed,
        ..Default::default()
    };
    let doing = if committed { "committing the transaction" } else { "aborting the transaction" };
    let now_version_2 = std::sync::atomic::AtomicBool::new(is_version_2);
    let answer = ask(
        shared,
        (CoordinatorKind::Transaction, id),
        doing,
        &request,
        (
            |connection: &Connection| {
                now_version_2.store(has_version_2(connection), std::sync::atomic::Ordering::Relaxed);
                if is_version_2 { i16::MAX } else { END_TXN_1 }
            },
            |answer: &klamm_protocol::api::end_txn::EndTxnResponse| {
                ClientError::check(answer.error_code, None)
            },
        ),
    )
    .await
    .map_err(|error| {
        // An abort that has to be aborted would go on for ever.
        let survivable: fn(ErrorCode) -> bool = if committed {
            |code| matches!(code, ErrorCode::TransactionAbortable | ErrorCode::UnknownProducerId)
        } else {
            |_| false
        };
        shared.blame(error, survivable)
    })?;
    let mut state = shared.lock();
    if answer.producer_id >= 0 {
        state.identity = Some(identity(answer.producer_id, answer.producer_epoch));
    }
    // The cluster may have gone to version 2 meanwhile: from the next transaction on it counts, under a new epoch.
    if now_version_2.into_inner() && !is_version_2 {
        state.transaction.wants_epoch = true;
    }
    Ok(())
}

/// Version 1: tells the coordinator that the group's offsets belong to the transaction.
async fn add_offsets(shared: &Shared, id: &StrBytes, group: &GroupMetadata) -> Result<(), ClientError> {
    let (producer_id, producer_epoch) = current(shared);
    let request = AddOffsetsToTxnRequest {
        transactional_id: id.clone(),
        producer_id,
        producer_epoch,
        group_id: StrBytes::from(group.group_id.clone()),
        ..Default::default()
    };
    ask(
        shared,
        (CoordinatorKind::Transaction, id),
        "adding offsets to the transaction",
        &request,
        (
            |_: &Connection| i16::MAX,
            |answer: &klamm_protocol::api::add_offsets_to_txn::AddOffsetsToTxnResponse| {
                ClientError::check(answer.error_code, None)
            },
        ),
    )
    .await?;
    shared.lock().transaction.started();
    Ok(())
}

async fn commit_offsets(
    shared: &Shared,
    id: &StrBytes,
    offsets: &BTreeMap<TopicPartition, OffsetAndMetadata>,
    group: &GroupMetadata,
) -> Result<(), ClientError> {
    let (producer_id, producer_epoch) = current(shared);
    let is_version_2 = shared.lock().transaction.is_version_2;
    let mut topics: BTreeMap<&Arc<str>, TxnOffsetCommitRequestTopic> = BTreeMap::new();
    for (partition, offset) in offsets {
        let topic = topics.entry(&partition.topic).or_insert_with(|| TxnOffsetCommitRequestTopic {
            name: StrBytes::from(partition.topic.to_string()),
            ..Default::default()
        });
        topic.partitions.push(TxnOffsetCommitRequestPartition {
            partition_index: partition.partition,
            committed_offset: offset.offset,
            committed_leader_epoch: offset.leader_epoch,
            committed_metadata: Some(StrBytes::from(offset.metadata.clone())),
            ..Default::default()
        });
    }
    let request = TxnOffsetCommitRequest {
        transactional_id: id.clone(),
        group_id: StrBytes::from(group.group_id.clone()),
        producer_id,
        producer_epoch,
        generation_id: group.generation_id,
        member_id: StrBytes::from(group.member_id.clone()),
        group_instance_id: group.group_instance_id.clone().map(StrBytes::from),
        topics: topics.into_values().collect(),
        ..Default::default()
    };
    ask(
        shared,
        (CoordinatorKind::Group, &group.group_id),
        "committing offsets in the transaction",
        &request,
        (
            |_: &Connection| if is_version_2 { i16::MAX } else { TXN_OFFSET_COMMIT_1 },
            |answer: &klamm_protocol::api::txn_offset_commit::TxnOffsetCommitResponse| {
                let mut codes = answer.topics.iter().flat_map(|topic| &topic.partitions);
                codes.try_for_each(|partition| ClientError::check(partition.error_code, None))
            },
        ),
    )
    .await?;
    Ok(())
}

/// The sender's part: gives up what waits if the transaction is lost, and tells the coordinator of new partitions.
pub(super) fn keep_up(shared: &Arc<Shared>) {
    if shared.settings.transactional_id.is_none() {
        return;
    }
    let reason = shared.lock().transaction.gives_up();
    if let Some(reason) = reason {
        let waiting = shared.lock().accumulator.take_all();
        for batch in waiting {
            shared.finish(batch, Fate::Failed { error: reason.clone(), records: BTreeMap::new() }, None);
        }
        return;
    }
    let mut state = shared.lock();
    if let Some(partitions) = state.transaction.to_add() {
        state.transaction.is_adding = true;
        spawn::anywhere(add_partitions(Arc::clone(shared), partitions));
    }
}

/// Version 1: tells the coordinator of partitions.
async fn add_partitions(shared: Arc<Shared>, partitions: BTreeSet<TopicPartition>) {
    let Some(id) = shared.settings.transactional_id.clone() else { return };
    let (producer_id, producer_epoch) = current(&shared);
    let mut topics: BTreeMap<&Arc<str>, AddPartitionsToTxnTopic> = BTreeMap::new();
    for partition in &partitions {
        let topic = topics.entry(&partition.topic).or_insert_with(|| AddPartitionsToTxnTopic {
            name: StrBytes::from(partition.topic.to_string()),
            ..Default::default()
        });
        topic.partitions.push(partition.partition);
    }
    let request = AddPartitionsToTxnRequest {
        v3_and_below_transactional_id: id.clone(),
        v3_and_below_producer_id: producer_id,
        v3_and_below_producer_epoch: producer_epoch,
        v3_and_below_topics: topics.into_values().collect(),
        ..Default::default()
    };
    let check = |answer: &klamm_protocol::api::add_partitions_to_txn::AddPartitionsToTxnResponse| {
        let topics = &answer.results_by_topic_v3_and_below;
        let codes = topics.iter().flat_map(|topic| &topic.results_by_partition);
        let failed: Vec<i16> =
            codes.map(|found| found.partition_error_code).filter(|code| *code != 0).collect();
        // One partition is to blame for the others that were not attempted.
        let not_attempted = ErrorCode::OperationNotAttempted.code();
        let worst = failed.iter().find(|code| **code != not_attempted).or(failed.first());
        worst.map_or(Ok(()), |code| ClientError::check(*code, None))
    };
    let result = loop {
        let result = ask(
            &shared,
            (CoordinatorKind::Transaction, &id),
            "adding partitions to the transaction",
            &request,
            (
                |_: &Connection| ADD_PARTITIONS_MAX,
                |answer: &klamm_protocol::api::add_partitions_to_txn::AddPartitionsToTxnResponse| {
                    match check(answer) {
                        // Not to be waited for with growing pauses: the last transaction ends in a moment.
                        Err(error) if error.code() == Some(ErrorCode::ConcurrentTransactions) => Ok(()),
                        result => result,
                    }
                },
            ),
        )
        .await;
        match result {
            Ok(answer) if check(&answer).is_err() => shared.cluster.clock().sleep(CONCURRENT_PAUSE).await,
            result => break result,
        }
    };
    {
        let mut state = shared.lock();
        state.transaction.is_adding = false;
        if result.is_ok() {
            state.transaction.add(partitions);
        }
    }
    match result {
        Ok(_) => {}
        Err(error) if error.code().is_none() || error.is_retriable() => {
            // Asked again with the next turn of the sender; the records' own time limit ends it.
            tracing::warn!(%error, "partitions could not be added to the transaction yet");
        }
        Err(error) => drop(shared.blame(error, is_survivable)),
    }
    shared.wake.notify_one();
    shared.room.notify_waiters();
}

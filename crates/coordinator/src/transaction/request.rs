//! What can be asked of a transaction coordinator, what it answers, and what it asks of its driver.

use super::refusal;
use super::state::{TransactionRecord, TxnPartition};
use crate::pattern::whole_match;
use crate::token::Token;
use klamm_protocol::api::{describe_transactions, list_transactions};
use klamm_protocol::{ErrorCode, StrBytes};
use klamm_timeline::{Outcome, TimerChange};
use regex::Regex;
use std::collections::BTreeSet;
use std::time::Duration;

/// Values of the broker's `transaction*` keys, in milliseconds. Defaults are Kafka's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionSettings {
    /// `transaction.max.timeout.ms`.
    pub timeout_ms_max: i32,
    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`.
    pub abort_interval_ms: i64,
    /// `transactional.id.expiration.ms`.
    pub expiration_ms: i64,
    /// `transaction.remove.expired.transaction.cleanup.interval.ms`.
    pub expiration_interval_ms: i64,
}

impl Default for TransactionSettings {
    fn default() -> Self {
        Self {
            timeout_ms_max: 15 * 60 * 1000,
            abort_interval_ms: 10_000,
            expiration_ms: 7 * 24 * 60 * 60 * 1000,
            expiration_interval_ms: 60 * 60 * 1000,
        }
    }
}

/// What the machine cannot find out by itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct TransactionContext {
    /// Milliseconds since the epoch.
    pub now_ms: i64,
    /// The cluster's `transaction.version`.
    pub transaction_version: i16,
    /// A producer id that nobody has, should one be needed.
    pub fresh_producer_id: Option<i64>,
}

/// InitProducerId of a transactional producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Init {
    /// The transactional id, not empty.
    pub id: StrBytes,
    /// How long its transactions may take.
    pub timeout_ms: i32,
    /// Its transactions may take as long as they like (KIP-939).
    pub is_two_phase: bool,
    /// The id and epoch that the producer has, if it goes on after an error (KIP-360).
    pub expected: Option<(i64, i16)>,
}

/// AddPartitionsToTxn and AddOffsetsToTxn, of one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partitions {
    /// The transactional id.
    pub id: StrBytes,
    /// Who adds.
    pub producer_id: i64,
    /// In which epoch.
    pub producer_epoch: i16,
    /// What is added, or asked for.
    pub partitions: BTreeSet<TxnPartition>,
    /// `transaction.version` that the client works by.
    pub version: i16,
}

/// EndTxn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// The transactional id.
    pub id: StrBytes,
    /// Who ends it.
    pub producer_id: i64,
    /// In which epoch.
    pub producer_epoch: i16,
    /// Commit or abort.
    pub is_commit: bool,
    /// `transaction.version` that the client works by.
    pub version: i16,
}

/// ListTransactions: what is left out by none of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListFilters {
    /// Names of states; empty: all.
    pub states: Vec<StrBytes>,
    /// Producer ids; empty: all.
    pub producer_ids: Vec<i64>,
    /// Transactions that have been running for longer than this; negative: all (KIP-994).
    pub duration_ms: i64,
    /// A regular expression for the whole transactional id; empty: all (KIP-1152).
    pub pattern: StrBytes,
}

impl ListFilters {
    /// # Errors
    /// INVALID_REGULAR_EXPRESSION if the pattern is none.
    pub fn check(&self) -> Result<(), ErrorCode> {
        self.whole_match().map(drop)
    }

    /// The pattern as it is compared.
    pub(super) fn whole_match(&self) -> Result<Option<Regex>, ErrorCode> {
        match self.pattern.as_str() {
            "" => Ok(None),
            pattern => whole_match(pattern).map(Some).map_err(|_| ErrorCode::InvalidRegularExpression),
        }
    }
}

/// A request to the coordinator of one partition of `__transaction_state`. The transactional ids in it belong to that
/// partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionRequest {
    /// InitProducerId.
    Init(Init),
    /// AddPartitionsToTxn, AddOffsetsToTxn.
    AddPartitions(Partitions),
    /// AddPartitionsToTxn with `verify_only`: whether the partitions are in the transaction (KIP-890).
    Verify(Partitions),
    /// EndTxn.
    End(End),
    /// DescribeTransactions.
    Describe {
        /// The transactional ids.
        ids: Vec<StrBytes>,
    },
    /// ListTransactions.
    List(ListFilters),
}

/// The answer to a [`TransactionRequest`].
#[derive(Clone, Debug, PartialEq)]
pub enum TransactionReply {
    /// A producer id and epoch.
    Init(Result<(i64, i16), ErrorCode>),
    /// To be asked again with a fresh producer id.
    NeedsProducerId,
    /// One code for all partitions.
    AddPartitions(ErrorCode),
    /// A code for each partition.
    Verify(Vec<(TxnPartition, ErrorCode)>),
    /// The producer id and epoch of the next transaction, if they change with each; else -1.
    End(Result<(i64, i16), ErrorCode>),
    /// Transactions described.
    Describe(Vec<describe_transactions::TransactionState>),
    /// Transactions listed.
    List(Result<Vec<list_transactions::TransactionState>, ErrorCode>),
}

impl TransactionRequest {
    /// The answer if this broker does not coordinate the transaction, is still loading it, or cannot write.
    pub fn refuse(&self, error: ErrorCode) -> TransactionReply {
        let error = refusal(error);
        match self {
            Self::Init(_) => TransactionReply::Init(Err(error)),
            Self::AddPartitions(_) => TransactionReply::AddPartitions(error),
            Self::Verify(request) => TransactionReply::Verify(
                request.partitions.iter().map(|partition| (partition.clone(), error)).collect(),
            ),
            Self::End(_) => TransactionReply::End(Err(error)),
            Self::Describe { ids } => {
                let refused = |id: &StrBytes| describe_transactions::TransactionState {
                    transactional_id: id.clone(),
                    error_code: error.code(),
                    ..Default::default()
                };
                TransactionReply::Describe(ids.iter().map(refused).collect())
            }
            Self::List(_) => TransactionReply::List(Err(error)),
        }
    }
}

/// A timer of the coordinator. Setting one replaces the one of the same name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionTimer {
    /// The next search for transactions that take too long; it sets itself again.
    AbortLate,
    /// The next search for transactional ids that nobody uses; it sets itself again.
    Expire,
    /// The note that a transaction is complete, should it not have been written yet.
    Complete {
        /// The transactional id.
        id: StrBytes,
    },
}

/// The response part of a [`TransactionOutcome`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TransactionEffects {
    /// Requests that are answered now.
    pub now: Vec<(Token, TransactionReply)>,
    /// The answer to the request itself, to be given when everything appended so far is committed. If the append
    /// fails, the request is refused instead.
    pub committed: Option<(Token, TransactionReply)>,
    /// Transactional ids for [`TransactionCoordinator::committed`](super::TransactionCoordinator::committed).
    pub decided: Vec<StrBytes>,
    /// Markers to be written, and answered for.
    pub markers: Vec<super::MarkerOrder>,
    /// Something waits for a fresh producer id in the context.
    pub wants_producer_id: bool,
    /// The fresh producer id of the context is in the records.
    pub used_producer_id: bool,
}

/// What one operation of the coordinator answers.
pub type TransactionOutcome = Outcome<TransactionRecord, TransactionEffects, TransactionTimer>;

/// The pen with which operations write their [`TransactionOutcome`].
pub(super) struct Step {
    pub(super) now_ms: i64,
    pub(super) transaction_version: i16,
    fresh_producer_id: Option<i64>,
    outcome: TransactionOutcome,
}

impl Step {
    pub(super) fn new(context: TransactionContext) -> Self {
        Self {
            now_ms: context.now_ms,
            transaction_version: context.transaction_version,
            fresh_producer_id: context.fresh_producer_id,
            outcome: Outcome::unchanged(TransactionEffects::default()),
        }
    }

    pub(super) fn record(&mut self, record: TransactionRecord) {
        self.outcome.records.push(record);
    }

    pub(super) fn complete(&mut self, token: Token, reply: TransactionReply) {
        self.outcome.response.now.push((token, reply));
    }

    pub(super) fn complete_when_committed(&mut self, token: Token, reply: TransactionReply) {
        self.outcome.response.committed = Some((token, reply));
    }

    /// Orders the markers of decided transactions once the decisions are committed.
    pub(super) fn send_markers(&mut self, ids: Vec<StrBytes>) {
        self.outcome.response.decided.extend(ids);
    }

    pub(super) fn order(&mut self, order: super::MarkerOrder) {
        self.outcome.response.markers.push(order);
    }

    /// A producer id that nobody has; none is there at first.
    pub(super) fn take_producer_id(&mut self) -> Option<i64> {
        let taken = self.fresh_producer_id.take();
        self.outcome.response.wants_producer_id |= taken.is_none();
        self.outcome.response.used_producer_id |= taken.is_some();
        taken
    }

    pub(super) fn set_timer(&mut self, key: TransactionTimer, delay_ms: i64) {
        let after = Duration::from_millis(u64::try_from(delay_ms).unwrap_or(0));
        self.outcome.timers.push(TimerChange::Set { key, after });
    }

    pub(super) fn finish(self) -> TransactionOutcome {
        self.outcome
    }
}

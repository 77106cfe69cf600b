//! Where a transactional producer stands (KIP-98, KIP-360, KIP-890).
//!
//! Pure: the producer's calls and its sender tell what happens and are told what is allowed. The requests are made in
//! [`super::transactional`].

use std::collections::BTreeSet;

use klamm_protocol::ErrorCode;

use crate::{ClientError, TopicPartition};

/// Stage of a transactional producer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Phase {
    /// Before `init_transactions`.
    #[default]
    Uninitialized,
    /// Between transactions.
    Ready,
    /// In a transaction.
    Open,
    /// In one that can only be aborted, for this reason.
    Abortable(ClientError),
    /// Being committed (`true`) or aborted. Asking for the same again goes on with it.
    Ending(bool),
    /// Nothing goes any more, for this reason: another producer has to be made.
    Fatal(ClientError),
}

/// The state of a producer's transactions.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    phase: Phase,
    /// Partitions that the coordinator has in the transaction.
    added: BTreeSet<TopicPartition>,
    /// Partitions that records wait for and that the coordinator has to be told of first.
    wanted: BTreeSet<TopicPartition>,
    /// Whether the coordinator may know of the transaction, so that its end has to be told.
    has_started: bool,
    /// Whether partitions join the transaction with the first batch and every end gives a new epoch (KIP-890).
    pub(super) is_version_2: bool,
    /// Whether the coordinator raises the epoch of a producer that asks for it (KIP-360).
    pub(super) can_raise_epoch: bool,
    /// Whether the epoch has to be raised before the next transaction: batches of this one may come late.
    pub(super) wants_epoch: bool,
    /// Whether a request that adds partitions is under way.
    pub(super) is_adding: bool,
}

impl Transaction {
    pub(super) const fn phase(&self) -> &Phase {
        &self.phase
    }

    /// `init_transactions` succeeded.
    pub(super) fn initialized(&mut self) {
        self.clear();
        self.phase = Phase::Ready;
    }

    pub(super) fn begin(&mut self) -> Result<(), ClientError> {
        match &self.phase {
            Phase::Ready => {
                self.phase = Phase::Open;
                Ok(())
            }
            other => Err(other.refusal("begin a transaction")),
        }
    }

    /// Whether a record may be sent, or offsets.
    pub(super) fn check_open(&self, doing: &str) -> Result<(), ClientError> {
        if self.phase == Phase::Open { Ok(()) } else { Err(self.phase.refusal(doing)) }
    }

    /// Notes that records of this partition wait. Says whether the coordinator has to be told first.
    pub(super) fn want(&mut self, partition: &TopicPartition) -> bool {
        if self.added.contains(partition) {
            return false;
        }
        if self.is_version_2 {
            self.has_started = true;
            self.added.insert(partition.clone());
            return false;
        }
        self.wanted.insert(partition.clone())
    }

    /// Partitions to tell the coordinator of, if that is due.
    pub(super) fn to_add(&self) -> Option<BTreeSet<TopicPartition>> {
        let due = !self.is_adding
            && !self.wanted.is_empty()
            && matches!(self.phase, Phase::Open | Phase::Ending(true));
        due.then(|| self.wanted.clone())
    }

    /// The coordinator has these partitions now.
    pub(super) fn add(&mut self, partitions: BTreeSet<TopicPartition>) {
        self.has_started = true;
        for partition in partitions {
            self.wanted.remove(&partition);
            self.added.insert(partition);
        }
    }

    /// Notes that the coordinator may know of the transaction, because offsets were sent.
    pub(super) const fn started(&mut self) {
        self.has_started = true;
    }

    pub(super) const fn has_started(&self) -> bool {
        self.has_started
    }

    /// Whether batches of this partition may be sent.
    pub(super) fn may_send(&self, partition: &TopicPartition) -> bool {
        self.is_version_2 || self.added.contains(partition)
    }

    /// Begins, or goes on, to end the transaction.
    pub(super) fn end(&mut self, committed: bool) -> Result<(), ClientError> {
        let allowed = match &self.phase {
            Phase::Open => true,
            Phase::Abortable(_) => !committed,
            Phase::Ending(other) => *other == committed,
            _ => false,
        };
        if !allowed {
            let doing = if committed { "commit the transaction" } else { "abort the transaction" };
            return Err(self.phase.refusal(doing));
        }
        self.phase = Phase::Ending(committed);
        Ok(())
    }

    /// The coordinator has been told of the end, and need not be again, should what follows fail.
    pub(super) const fn end_is_told(&mut self) {
        self.has_started = false;
    }

    /// The transaction has ended.
    pub(super) fn ended(&mut self) {
        if !matches!(self.phase, Phase::Fatal(_)) {
            self.clear();
            self.phase = Phase::Ready;
        }
    }

    /// Something went wrong in the transaction. Gives the error as the caller is to see it.
    pub(super) fn fail(&mut self, error: &ClientError) -> ClientError {
        let is_fatal = is_fatal(error) || matches!(self.phase, Phase::Uninitialized | Phase::Ready);
        match &self.phase {
            Phase::Fatal(_) => {}
            _ if is_fatal || (!self.is_version_2 && !self.can_raise_epoch) => {
                self.phase = Phase::Fatal(error.clone());
            }
            // What fails while a transaction is aborted does not matter any more.
            Phase::Abortable(_) | Phase::Ending(false) => {}
            _ => {
                self.wants_epoch |= !self.is_version_2;
                self.phase = Phase::Abortable(error.clone());
            }
        }
        self.wrap(error)
    }

    /// Something went wrong after which the producer cannot go on. Gives the error as the caller is to see it.
    pub(super) fn fail_for_good(&mut self, error: &ClientError) -> ClientError {
        if !matches!(self.phase, Phase::Fatal(_)) {
            self.phase = Phase::Fatal(error.clone());
        }
        self.wrap(error)
    }

    /// The error with what it means for the producer.
    fn wrap(&self, error: &ClientError) -> ClientError {
        let cause = Box::new(error.clone());
        match &self.phase {
            Phase::Fatal(_) => ClientError::ProducerFatal { cause },
            _ => ClientError::TransactionAbortable { cause },
        }
    }

    /// Why what waits has to be given up, if it has to be.
    pub(super) fn gives_up(&self) -> Option<ClientError> {
        match &self.phase {
            Phase::Abortable(cause) | Phase::Fatal(cause) => Some(self.wrap(cause)),
            Phase::Ending(false) => {
                Some(ClientError::Invalid("Failing batch since transaction was aborted".to_owned()))
            }
            _ => None,
        }
    }

    fn clear(&mut self) {
        self.added.clear();
        self.wanted.clear();
        self.has_started = false;
        self.wants_epoch = false;
    }
}

impl Phase {
    /// Why something cannot be done now.
    fn refusal(&self, doing: &str) -> ClientError {
        match self {
            Self::Abortable(cause) => ClientError::TransactionAbortable { cause: Box::new(cause.clone()) },
            Self::Fatal(cause) => ClientError::ProducerFatal { cause: Box::new(cause.clone()) },
            Self::Uninitialized => ClientError::Invalid(format!(
                "Cannot {doing} before the producer's transactions are initialized (init_transactions)"
            )),
            Self::Ready => ClientError::Invalid(format!("Cannot {doing}: no transaction is open")),
            Self::Open => ClientError::Invalid(format!("Cannot {doing}: a transaction is open")),
            Self::Ending(_) => ClientError::Invalid(format!("Cannot {doing}: a transaction is being ended")),
        }
    }
}

/// Whether another producer has the transactional id, or this one cannot go on for another reason.
fn is_fatal(error: &ClientError) -> bool {
    matches!(
        error.code(),
        Some(
            ErrorCode::ProducerFenced
                | ErrorCode::InvalidProducerIdMapping
                | ErrorCode::TransactionalIdAuthorizationFailed
                | ErrorCode::ClusterAuthorizationFailed
                | ErrorCode::UnsupportedVersion
                | ErrorCode::UnsupportedForMessageFormat
        )
    )
}

#[cfg(test)]
mod tests;

//! Records of `__transaction_state`.

pub mod transaction_log;

pub use transaction_log::{TransactionLogKey, TransactionLogValue};

super::coordinator_records! {
    TransactionRecordKey TransactionRecordValue {
        TransactionLog(TransactionLogKey, TransactionLogValue),
    }
}

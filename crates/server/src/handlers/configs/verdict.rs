//! What becomes of each resource of an alteration: some is decided here, the rest by the controller.

use std::collections::BTreeMap;

use klamm_protocol::{ErrorCode, StrBytes};

use crate::{error::ApiError, quorum::CommandError};

/// A resource by type and name.
pub(super) type Address = (i8, StrBytes);

/// What one resource is answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) error_code: i16,
    pub(super) error_message: Option<StrBytes>,
}

impl From<ApiError> for Verdict {
    fn from(error: ApiError) -> Self {
        Self { error_code: error.code.code(), error_message: Some(error.message.as_ref().into()) }
    }
}

impl From<CommandError> for Verdict {
    fn from(error: CommandError) -> Self {
        Self { error_code: error.code().code(), error_message: Some(error.to_string().into()) }
    }
}

/// What the controller has decided.
pub(super) type Decided = Result<BTreeMap<Address, Verdict>, CommandError>;

/// The verdict on each resource, in order: `here` if it was decided here, else the controller's.
pub(super) fn merged<'a>(
    resources: impl Iterator<Item = (Address, Option<Verdict>)> + 'a,
    decided: &'a Decided,
) -> impl Iterator<Item = (Address, Verdict)> + 'a {
    resources.map(move |(address, here)| {
        let verdict = here.unwrap_or_else(|| match decided {
            Ok(verdicts) => verdicts.get(&address).cloned().unwrap_or_else(|| Verdict {
                error_code: ErrorCode::UnknownServerError.code(),
                error_message: None,
            }),
            Err(error) => Verdict::from(*error),
        });
        (address, verdict)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_resource_gets_its_own_verdict() {
        let address = |name: &'static str| (2, StrBytes::from(name));
        let verdict = |code: ErrorCode| Verdict { error_code: code.code(), error_message: None };
        let asked = || {
            [("here", Some(verdict(ErrorCode::InvalidRequest))), ("there", None), ("lost", None)]
                .into_iter()
                .map(|(name, here)| (address(name), here))
        };
        let decided = Ok(BTreeMap::from([(address("there"), verdict(ErrorCode::InvalidConfig))]));
        let codes = |decided: &Decided| -> Vec<_> {
            merged(asked(), decided)
                .map(|((_, name), verdict)| {
                    format!("{name} {}", ErrorCode::from_code(verdict.error_code).name())
                })
                .collect()
        };
        assert_eq!(
            codes(&decided),
            ["here INVALID_REQUEST", "there INVALID_CONFIG", "lost UNKNOWN_SERVER_ERROR"]
        );
        assert_eq!(
            codes(&Err(CommandError::NotController)),
            ["here INVALID_REQUEST", "there NOT_CONTROLLER", "lost NOT_CONTROLLER"]
        );
    }
}

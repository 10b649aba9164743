//! Status and code of each refusal at the door.

use axum::http::StatusCode;
use quancheng_contracts::{CoreRefusal, RefusalCode as _};
use quancheng_types::{ModuleId, TransactionError, problem as codes};

use crate::admission::AdmissionError;

/// Status and code.
pub(super) fn status_and_code(error: &AdmissionError) -> (StatusCode, &'static str) {
    match error {
        AdmissionError::Malformed(_) => (StatusCode::BAD_REQUEST, codes::MALFORMED),
        AdmissionError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, codes::TOO_LARGE),
        AdmissionError::TooHeavy { .. } => (StatusCode::PAYLOAD_TOO_LARGE, codes::TOO_HEAVY),
        AdmissionError::Transaction(error) => (StatusCode::BAD_REQUEST, transaction_code(error)),
        AdmissionError::Expired { .. } => (StatusCode::BAD_REQUEST, codes::EXPIRED),
        AdmissionError::LifetimeTooLong { .. } => (StatusCode::BAD_REQUEST, codes::LIFETIME_TOO_LONG),
        AdmissionError::UnknownModule { .. } => (StatusCode::BAD_REQUEST, codes::UNKNOWN_MODULE),
        AdmissionError::Refused { module: ModuleId(0), code, .. } => core_refusal(*code),
        AdmissionError::Refused { .. } => (StatusCode::UNPROCESSABLE_ENTITY, codes::CALL_REFUSED),
        AdmissionError::Overloaded { .. } => (StatusCode::SERVICE_UNAVAILABLE, codes::OVERLOADED),
        AdmissionError::QuotaExceeded { .. } => (StatusCode::TOO_MANY_REQUESTS, codes::QUOTA_EXCEEDED),
        AdmissionError::NotAValidator => (StatusCode::SERVICE_UNAVAILABLE, codes::NOT_A_VALIDATOR),
        AdmissionError::Starting { .. } => (StatusCode::SERVICE_UNAVAILABLE, codes::STARTING),
        AdmissionError::Stopping => (StatusCode::SERVICE_UNAVAILABLE, codes::STOPPING),
        AdmissionError::Store(_) => (StatusCode::INTERNAL_SERVER_ERROR, codes::STORE_FAILED),
    }
}

fn transaction_code(error: &TransactionError) -> &'static str {
    match error {
        TransactionError::WrongChain { .. } => codes::WRONG_CHAIN,
        TransactionError::KeyMismatch { .. } | TransactionError::Signature { .. } => codes::BAD_SIGNATURE,
        TransactionError::NoSigner
        | TransactionError::NoCall
        | TransactionError::SignatureCount { .. }
        | TransactionError::RepeatedSigner { .. } => codes::MALFORMED,
    }
}

/// What the executor itself would refuse. Codes that it gave up or that a newer version added are a plain refusal.
fn core_refusal(code: u16) -> (StatusCode, &'static str) {
    match CoreRefusal::ALL.iter().find(|refusal| refusal.code() == code) {
        Some(CoreRefusal::KeyNotAuthorized | CoreRefusal::AccountSuspended) => {
            (StatusCode::FORBIDDEN, codes::KEY_NOT_AUTHORIZED)
        }
        Some(CoreRefusal::MalformedCall) => (StatusCode::BAD_REQUEST, codes::MALFORMED_CALL),
        Some(CoreRefusal::UnknownModule) => (StatusCode::BAD_REQUEST, codes::UNKNOWN_MODULE),
        Some(CoreRefusal::Expired) => (StatusCode::BAD_REQUEST, codes::EXPIRED),
        Some(CoreRefusal::LifetimeTooLong) => (StatusCode::BAD_REQUEST, codes::LIFETIME_TOO_LONG),
        Some(CoreRefusal::TooLarge) => (StatusCode::PAYLOAD_TOO_LARGE, codes::TOO_LARGE),
        Some(CoreRefusal::TooHeavy) => (StatusCode::PAYLOAD_TOO_LARGE, codes::TOO_HEAVY),
        Some(CoreRefusal::NotAMember) => (StatusCode::FORBIDDEN, codes::NOT_A_MEMBER),
        Some(CoreRefusal::Internal | CoreRefusal::EventsTooLarge) | None => {
            (StatusCode::UNPROCESSABLE_ENTITY, codes::CALL_REFUSED)
        }
    }
}

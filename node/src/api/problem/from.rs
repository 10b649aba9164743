//! Faults of the rooms below as problems.

use quancheng_contracts::QueryError;
use quancheng_state::StoreError;

use super::ApiError;
use crate::admission::AdmissionError;
use crate::backup::BackupError;
use crate::snapshot::SnapshotError;

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Pruned { height, oldest } => Self::Pruned { height, lowest: oldest },
            StoreError::NotExecuted { height, .. } => Self::NotReached { height },
            // The next certified root will do.
            StoreError::RootGone { oldest, .. } => Self::NotCertifiedYet { height: oldest },
            StoreError::NotKept { height } => Self::NotKept { height },
            StoreError::Undecodable { .. }
            | StoreError::Missing { .. }
            | StoreError::Inconsistent { .. }
            | StoreError::Io { .. }
            | StoreError::Format { .. }
            | StoreError::OutOfOrder { .. }
            | StoreError::GenesisExists
            | StoreError::TooLarge { .. } => Self::Store(error),
        }
    }
}

impl From<SnapshotError> for ApiError {
    fn from(error: SnapshotError) -> Self {
        match error {
            SnapshotError::Running => Self::SnapshotRunning,
            SnapshotError::Stopping => Self::Stopping,
            SnapshotError::Empty
            | SnapshotError::Exists { .. }
            | SnapshotError::NotRunning { .. }
            | SnapshotError::Refused { .. }
            | SnapshotError::NotCertified { .. }
            | SnapshotError::Io { .. }
            | SnapshotError::Ledger(_)
            | SnapshotError::Manifest { .. }
            | SnapshotError::OtherChain { .. }
            | SnapshotError::NoAnswer { .. }
            | SnapshotError::Gone { .. }
            | SnapshotError::NoSource { .. }
            | SnapshotError::Import { .. }
            | SnapshotError::ReplayWindow { .. } => Self::Snapshot { en: error.en(), zh: error.zh() },
        }
    }
}

impl From<BackupError> for ApiError {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Running => Self::BackupRunning,
            BackupError::Stopping => Self::Stopping,
            BackupError::Empty { .. }
            | BackupError::Io { .. }
            | BackupError::Ledger(_)
            | BackupError::File(_)
            | BackupError::Start(_)
            | BackupError::Exists { .. }
            | BackupError::NoFolder { .. }
            | BackupError::NoBackup { .. }
            | BackupError::Faults { .. }
            | BackupError::OtherChain { .. }
            | BackupError::OtherContent { .. }
            | BackupError::NoAnswer { .. }
            | BackupError::Refused { .. } => Self::Backup(error),
        }
    }
}

impl From<AdmissionError> for ApiError {
    fn from(error: AdmissionError) -> Self {
        Self::Admission(error)
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Query(error) => Self::parameter("query", error),
            QueryError::Store(error) => error.into(),
        }
    }
}

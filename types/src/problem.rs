//! Codes of the problems that nodes answer with (RFC 9457): one list for those who give them and those who read them.

/// The `type` of a problem is this and its code. What answers otherwise is no node.
pub const TYPE_PREFIX: &str = "urn:quancheng:problem:";

macro_rules! codes {
    ($($(#[$meta:meta])+ $name:ident,)+) => {
        $($(#[$meta])+ pub const $name: &str = stringify!($name);)+

        /// All of them.
        pub const ALL: &[&str] = &[$($name),+];
    };
}

codes! {
    /// A backup came to nothing.
    BACKUP_FAILED,
    /// Another backup is being made.
    BACKUP_RUNNING,
    /// A signature does not hold.
    BAD_SIGNATURE,
    /// A body did not arrive in time.
    BODY_TIMEOUT,
    /// A call would be refused by its module.
    CALL_REFUSED,
    /// A transaction whose time is over.
    EXPIRED,
    /// A height that does not exist yet.
    HEIGHT_NOT_REACHED,
    /// A fault of the node's program.
    INTERNAL,
    /// A parameter in path, query or header is wrong.
    INVALID_PARAMETER,
    /// The key may not act for the account.
    KEY_NOT_AUTHORIZED,
    /// A transaction that would be valid for too long.
    LIFETIME_TOO_LONG,
    /// A body that does not decode.
    MALFORMED,
    /// A call that does not decode.
    MALFORMED_CALL,
    /// The path exists, the method does not.
    METHOD_NOT_ALLOWED,
    /// The account belongs to no registered organization.
    NOT_A_MEMBER,
    /// The node only follows.
    NOT_A_VALIDATOR,
    /// Executed, and no final header certifies it yet.
    NOT_CERTIFIED_YET,
    /// No such record.
    NOT_FOUND,
    /// A past that no proof shows.
    NOT_KEPT,
    /// No such path.
    NO_SUCH_PATH,
    /// Too much is going on at the node.
    OVERLOADED,
    /// The node no longer keeps it.
    PRUNED,
    /// The sender has used up its share.
    QUOTA_EXCEEDED,
    /// A snapshot cannot be begun, made or read.
    SNAPSHOT_FAILED,
    /// Another snapshot is being made.
    SNAPSHOT_RUNNING,
    /// The node has not started yet.
    STARTING,
    /// The node is stopping.
    STOPPING,
    /// The store of the node failed.
    STORE_FAILED,
    /// No answer in time.
    TIMEOUT,
    /// A transaction that weighs too much.
    TOO_HEAVY,
    /// A body above its limit.
    TOO_LARGE,
    /// The node knows nothing of the transaction.
    TRANSACTION_UNKNOWN,
    /// The chain has no such module.
    UNKNOWN_MODULE,
    /// A body of a kind that the path does not read.
    UNSUPPORTED_MEDIA_TYPE,
    /// A transaction of another chain.
    WRONG_CHAIN,
}

/// With these a node says that it has *not* taken the transaction that it was given. After any other one it may have.
pub const NOT_TAKEN: &[&str] = &[
    BAD_SIGNATURE,
    BODY_TIMEOUT,
    CALL_REFUSED,
    EXPIRED,
    KEY_NOT_AUTHORIZED,
    LIFETIME_TOO_LONG,
    MALFORMED,
    MALFORMED_CALL,
    METHOD_NOT_ALLOWED,
    NOT_A_MEMBER,
    NOT_A_VALIDATOR,
    NO_SUCH_PATH,
    QUOTA_EXCEEDED,
    STARTING,
    TOO_HEAVY,
    TOO_LARGE,
    UNKNOWN_MODULE,
    UNSUPPORTED_MEDIA_TYPE,
    WRONG_CHAIN,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_ascend_so_that_a_double_is_seen() {
        assert!(ALL.is_sorted_by(|a, b| a < b), "{ALL:?}");
        assert!(NOT_TAKEN.is_sorted_by(|a, b| a < b), "{NOT_TAKEN:?}");
    }

    #[test]
    fn what_may_come_after_a_transaction_was_taken_does_not_say_that_it_was_not() {
        for code in [INTERNAL, STORE_FAILED, TIMEOUT, STOPPING, OVERLOADED, TRANSACTION_UNKNOWN, NOT_CERTIFIED_YET] {
            assert!(!NOT_TAKEN.contains(&code), "{code}");
        }
    }
}

//! Whose a data folder is.

use std::fmt;
use std::path::PathBuf;

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_types::{NodeId, ValidatorId};

use super::REJOIN;

/// Whose a data folder is: what is counted, numbered and signed in it is of one key alone. Each file that says what this node did carries it: the marks, the
/// chain's part of the store, the log of the height in progress; the sign record carries the key itself. A file of another node of the
/// same chain is as whole as the own one, and says nothing of what this node answered and signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Owner {
    /// A validator, by its consensus key.
    Validator(ValidatorId),
    /// A follower, by its identity on the network.
    Follower(NodeId),
}

impl Owner {
    /// The validator, if it is one.
    #[must_use]
    pub const fn validator(&self) -> Option<ValidatorId> {
        match self {
            Self::Validator(id) => Some(*id),
            Self::Follower(_) => None,
        }
    }

    /// In Chinese.
    #[must_use]
    pub fn zh(&self) -> String {
        match self {
            Self::Validator(id) => format!("验证节点 {id}"),
            Self::Follower(id) => format!("跟随节点 {id}"),
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Validator(id) => write!(f, "validator {id}"),
            Self::Follower(id) => write!(f, "follower {id}"),
        }
    }
}

/// A file of another node of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherOwner {
    /// The file.
    pub path: PathBuf,
    /// Whose it is.
    pub found: Owner,
    /// Whose it should be.
    pub expected: Owner,
}

impl fmt::Display for OtherOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, found, expected } = self;
        let path = path.display();
        write!(
            f,
            "{path} belongs to another node of this chain: to {found}, and this node is {expected}. What another node keeps says nothing of what this one \
             signed, numbered and answered \"admitted\"; nothing was changed. If the configuration or its key files are not those of this \
             folder, mend that. Else put back what is this node's own; where it is gone, {REJOIN} ({path} 属于本链的另一节点（{}），而本节点是{}，\
             其内容与本节点的签名、编号和已接收的交易无关；未作任何改动。请核对配置与密钥文件，或放回本节点自己的文件；确已丢失的，请按上述方法重新加入)",
            found.zh(),
            expected.zh()
        )
    }
}

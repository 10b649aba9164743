//! The first state: every module's genesis content, written as one patch.

use core::fmt;

use quancheng_state::{Overlay, Patch, StoreError, View, view::EmptyView};
use quancheng_types::{
    DecodeError, Genesis, GenesisError, Height, ModuleId, PROTOCOL_VERSION, SharedKey, TransactionId, Validator,
    ValidatorId,
};

use crate::contract::{Context, Environment, EventLog};
use crate::domain::{Unseen, unseen_in};
use crate::{governance, identity, modules};

/// Why the content of a module cannot be a first state.
#[derive(Clone, Debug)]
pub enum GenesisRefused {
    /// The content is wrong.
    Content {
        /// Which part, such as `organizations[3].uscc`.
        field: String,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// The store failed.
    Store(StoreError),
}

impl GenesisRefused {
    /// Content that is wrong.
    pub fn content(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Content { field: field.into(), reason: reason.into() }
    }
}

impl From<StoreError> for GenesisRefused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for GenesisRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content { field, reason } => write!(f, "{field}: {reason}"),
            Self::Store(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl core::error::Error for GenesisRefused {}

/// Why a genesis makes no first state.
#[derive(Clone, Debug)]
pub enum GenesisStateError {
    /// The genesis itself is invalid.
    Genesis(GenesisError),
    /// A key votes and is the identity of a node.
    SharedKey(SharedKey),
    /// A key of a validator also signs the transactions of an organization.
    OrganizationKey {
        /// Whose key it is.
        validator: ValidatorId,
    },
    /// A text that people read holds a character that is not seen.
    Illegible {
        /// Which text.
        field: String,
        /// The character, and its place.
        unseen: Unseen,
    },
    /// It has content for a module that this version does not know.
    UnknownModule {
        /// Its number.
        module: ModuleId,
    },
    /// The content of a module does not decode.
    Decode {
        /// The module.
        module: &'static str,
        /// Why.
        error: DecodeError,
    },
    /// The content of a module is refused.
    Refused {
        /// The module.
        module: &'static str,
        /// Why.
        error: GenesisRefused,
    },
}

impl fmt::Display for GenesisStateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Genesis(error) => fmt::Display::fmt(error, f),
            Self::SharedKey(shared) => write!(f, "genesis: {shared}"),
            Self::OrganizationKey { validator } => write!(
                f,
                "genesis: the consensus key or the peer identity (node_id) of validator {validator} is also the key of an organization; make a \
                 key of its own for each (验证节点 {validator} 的共识密钥或网络身份同时是某组织的密钥，请为每一用途各生成一个密钥)"
            ),
            Self::Illegible { field, unseen } => {
                write!(f, "genesis: {field} holds {unseen}, which no reader sees; take it out (含看不见的字符，请删去)")
            }
            Self::UnknownModule { module } => {
                write!(
                    f,
                    "genesis has content for module {module}, which this version does not know; install a newer version"
                )
            }
            Self::Decode { module, error } => write!(f, "genesis content of module {module} does not decode: {error}"),
            Self::Refused { module, error } => {
                write!(f, "genesis content of module {module} is refused: {error}")
            }
        }
    }
}

impl core::error::Error for GenesisStateError {}

/// The writes that make the state of height 0. The validators and parameters of the genesis go to governance; a module without
/// content starts from its default.
///
/// # Errors
/// [`GenesisStateError`].
pub fn genesis_patch(genesis: &Genesis, view: &dyn View) -> Result<Patch, GenesisStateError> {
    genesis.validate().map_err(GenesisStateError::Genesis)?;
    if let Some(shared) = genesis.validators.shared_key() {
        return Err(GenesisStateError::SharedKey(shared));
    }
    check_texts(genesis)?;
    for content in &genesis.modules {
        if modules::by_id(content.module).is_none() {
            return Err(GenesisStateError::UnknownModule { module: content.module });
        }
    }
    let environment = Environment {
        chain_id: genesis.chain_id(),
        version: PROTOCOL_VERSION,
        height: Height::GENESIS,
        time_ms: genesis.time_ms,
        parameters: genesis.parameters,
        transaction_id: TransactionId::default(),
        signers: Vec::new(),
    };
    let mut overlay = Overlay::new(view);
    let mut log = EventLog::default();
    let mut context = Context::new(&mut overlay, &environment, &mut log);
    governance::init_consensus(&mut context, &genesis.validators, &genesis.parameters)
        .map_err(|error| GenesisStateError::Refused { module: "governance", error: GenesisRefused::Store(error) })?;
    for module in modules::MODULES {
        let content = genesis.modules.iter().find(|content| content.module == module.id());
        module.genesis(content.map(|content| &*content.content), &mut context)?;
    }
    let store = |error| GenesisStateError::Refused { module: "identity", error: GenesisRefused::Store(error) };
    for validator in genesis.validators.validators() {
        if identity::owns_key_of(context.view(), validator).map_err(store)? {
            return Err(GenesisStateError::OrganizationKey { validator: Validator::id(validator) });
        }
    }
    Ok(overlay.into_patch())
}

/// The texts that courts read with every bundle.
fn check_texts(genesis: &Genesis) -> Result<(), GenesisStateError> {
    let check = |field: String, text: &str| match unseen_in(text) {
        Some(unseen) => Err(GenesisStateError::Illegible { field, unseen }),
        None => Ok(()),
    };
    check("chain_name".to_owned(), &genesis.chain_name)?;
    for (at, validator) in genesis.validators.validators().iter().enumerate() {
        check(format!("validators[{at}].organization"), &validator.organization)?;
        check(format!("validators[{at}].interest"), &validator.interest)?;
    }
    Ok(())
}

/// Whether a genesis makes a first state, with nothing kept of it: for those who write or read the file of one.
///
/// # Errors
/// [`GenesisStateError`].
pub fn check_genesis(genesis: &Genesis) -> Result<(), GenesisStateError> {
    genesis_patch(genesis, &EmptyView).map(drop)
}

//! The fixed list of modules. One line per module makes dispatch, the list that commands print, JSON to borsh, texts of refusals
//! and the check that numbers are unique.

mod error;
#[cfg(test)]
mod tests;

use core::marker::PhantomData;

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_state::View;
use quancheng_types::codec::encode;
use quancheng_types::{Bytes, Call, Event, ModuleGenesis, ModuleId, Parameters, decode, limits};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::contract::{Answer, Context, Contract};
use crate::describe::{Describe, Shape};
use crate::evidence::Evidence;
use crate::executor::CoreRefusal;
use crate::genesis::GenesisStateError;
use crate::governance::Governance;
use crate::identity::Identity;
use crate::index::IndexList;
use crate::refusal::{Failure, RefusalCode, RefusalText};
use crate::registry::Registry;
use crate::weight::Cost;

pub use error::{CodecError, QueryError};

/// A refusal with its origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Refusal {
    /// The module that refuses; 0 is the executor.
    pub module: ModuleId,
    /// Its code.
    pub code: u16,
}

impl Refusal {
    pub(crate) fn core(refusal: CoreRefusal) -> Self {
        Self { module: CORE, code: refusal.code() }
    }
}

/// Module 0: the executor itself.
pub const CORE: ModuleId = ModuleId(0);

/// A module behind one object-safe surface of bytes and JSON.
pub trait Module: Sync {
    /// Number.
    fn id(&self) -> ModuleId;

    /// Name.
    fn name(&self) -> &'static str;

    /// Decodes, checks and executes a call.
    ///
    /// # Errors
    /// [`Failure`].
    fn execute(&self, context: &mut Context<'_, '_>, payload: &[u8]) -> Result<(), Failure<Refusal>>;

    /// Decodes and checks a call without state, as admission does.
    ///
    /// # Errors
    /// The refusal that execution would give.
    fn check(&self, payload: &[u8], parameters: &Parameters) -> Result<(), Refusal>;

    /// What a call costs at most; one that does not decode costs nothing beyond its bytes.
    fn cost(&self, payload: &[u8]) -> Cost;

    /// Whether a call is open to those who are no members; one that does not decode is not.
    fn is_open(&self, payload: &[u8]) -> bool;

    /// Writes the first state from borsh content, or from the default when there is none.
    ///
    /// # Errors
    /// [`GenesisStateError`].
    fn genesis(&self, content: Option<&[u8]>, context: &mut Context<'_, '_>) -> Result<(), GenesisStateError>;

    /// Borsh of a call from its JSON.
    ///
    /// # Errors
    /// [`CodecError`].
    fn call_from_json(&self, json: Value) -> Result<Vec<u8>, CodecError>;

    /// JSON of a call from its borsh.
    ///
    /// # Errors
    /// [`CodecError`].
    fn call_to_json(&self, payload: &[u8]) -> Result<Value, CodecError>;

    /// JSON of an event from its borsh.
    ///
    /// # Errors
    /// [`CodecError`].
    fn event_to_json(&self, payload: &[u8]) -> Result<Value, CodecError>;

    /// Borsh of genesis content from its JSON.
    ///
    /// # Errors
    /// [`CodecError`].
    fn genesis_from_json(&self, json: Value) -> Result<Vec<u8>, CodecError>;

    /// Answers a query given as JSON.
    ///
    /// # Errors
    /// [`QueryError`].
    fn query(&self, view: &dyn View, json: Value) -> Result<Answer, QueryError>;

    /// Its tables.
    fn tables(&self) -> &'static [&'static dyn Describe];

    /// What stands where in the JSON of a call, and of an event.
    fn shapes(&self) -> (Shape, Shape);

    /// Its indexes.
    fn lists(&self) -> &'static [IndexList];

    /// The words of one refusal code.
    fn refusal_text(&self, code: u16) -> Option<RefusalText>;

    /// All refusals: code and words.
    fn refusals(&self) -> Vec<(u16, RefusalText)>;
}

/// Gives a [`Contract`] the surface of a [`Module`].
struct Adapter<C>(PhantomData<fn() -> C>);

impl<C: Contract> Adapter<C> {
    fn decode_call(payload: &[u8]) -> Result<C::Call, Refusal> {
        decode(payload, limits::CALL_BYTES_MAX).map_err(|_| Refusal::core(CoreRefusal::MalformedCall))
    }

    fn refusal(error: C::Error) -> Refusal {
        Refusal { module: C::ID, code: error.code() }
    }
}

impl<C: Contract> Module for Adapter<C> {
    fn id(&self) -> ModuleId {
        C::ID
    }

    fn name(&self) -> &'static str {
        C::NAME
    }

    fn execute(&self, context: &mut Context<'_, '_>, payload: &[u8]) -> Result<(), Failure<Refusal>> {
        let call = Self::decode_call(payload).map_err(Failure::Refused)?;
        C::check(&call, &context.environment().parameters).map_err(|error| Failure::Refused(Self::refusal(error)))?;
        C::execute(context, &call).map_err(|failure| failure.map(Self::refusal))
    }

    fn check(&self, payload: &[u8], parameters: &Parameters) -> Result<(), Refusal> {
        C::check(&Self::decode_call(payload)?, parameters).map_err(Self::refusal)
    }

    fn cost(&self, payload: &[u8]) -> Cost {
        Self::decode_call(payload).map_or(Cost::new(), |call| C::cost(&call))
    }

    fn is_open(&self, payload: &[u8]) -> bool {
        Self::decode_call(payload).is_ok_and(|call| C::is_open(&call))
    }

    fn genesis(&self, content: Option<&[u8]>, context: &mut Context<'_, '_>) -> Result<(), GenesisStateError> {
        let content = match content {
            None => C::Genesis::default(),
            Some(bytes) => decode(bytes, limits::GENESIS_MODULE_BYTES_MAX)
                .map_err(|error| GenesisStateError::Decode { module: C::NAME, error })?,
        };
        C::genesis(&content, context).map_err(|error| GenesisStateError::Refused { module: C::NAME, error })
    }

    fn call_from_json(&self, json: Value) -> Result<Vec<u8>, CodecError> {
        let call: C::Call = CodecError::read(C::NAME, json)?;
        Ok(encode(&call))
    }

    fn call_to_json(&self, payload: &[u8]) -> Result<Value, CodecError> {
        let call: C::Call =
            decode(payload, limits::CALL_BYTES_MAX).map_err(|error| CodecError::Borsh { module: C::NAME, error })?;
        serde_json::to_value(&call).map_err(|error| CodecError::json(C::NAME, &error))
    }

    fn event_to_json(&self, payload: &[u8]) -> Result<Value, CodecError> {
        let event: C::Event =
            decode(payload, limits::EVENT_BYTES_MAX).map_err(|error| CodecError::Borsh { module: C::NAME, error })?;
        serde_json::to_value(&event).map_err(|error| CodecError::json(C::NAME, &error))
    }

    fn genesis_from_json(&self, json: Value) -> Result<Vec<u8>, CodecError> {
        let content: C::Genesis = CodecError::read(C::NAME, json)?;
        Ok(encode(&content))
    }

    fn query(&self, view: &dyn View, json: Value) -> Result<Answer, QueryError> {
        let query: C::Query = CodecError::read(C::NAME, json).map_err(QueryError::Query)?;
        C::query(view, &query).map_err(QueryError::Store)
    }

    fn tables(&self) -> &'static [&'static dyn Describe] {
        C::TABLES
    }

    fn shapes(&self) -> (Shape, Shape) {
        (Shape::of::<C::Call>(), Shape::of::<C::Event>())
    }

    fn lists(&self) -> &'static [IndexList] {
        C::LISTS
    }

    fn refusal_text(&self, code: u16) -> Option<RefusalText> {
        C::Error::ALL.iter().find(|error| error.code() == code).map(|error| error.text())
    }

    fn refusals(&self) -> Vec<(u16, RefusalText)> {
        C::Error::ALL.iter().map(|error| (error.code(), error.text())).collect()
    }
}

/// Declares the modules in ascending order of number; a number that repeats, descends or differs from the module's own does not
/// compile.
macro_rules! modules {
    ($($(#[$meta:meta])* $id:literal => $contract:ty),+ $(,)?) => {
        /// All modules, in ascending order of number.
        pub static MODULES: &[&dyn Module] = &[$($(#[$meta])* &Adapter::<$contract>(PhantomData)),+];

        const _: () = {
            let ids = [$($(#[$meta])* $id),+];
            let own = [$($(#[$meta])* <$contract as Contract>::ID.0),+];
            let mut index = 0;
            while index < ids.len() {
                assert!(ids[index] == own[index], "a module is listed under another number than its own");
                assert!(ids[index] > 0, "number 0 is the executor itself");
                assert!(index == 0 || ids[index - 1] < ids[index], "module numbers repeat or are not ascending");
                index += 1;
            }
        };
    };
}

modules! {
    1 => Identity,
    2 => Governance,
    3 => Registry,
    10 => Evidence,
    #[cfg(test)]
    60_000 => crate::testing::fault::Fault,
}

/// The module with this number.
#[must_use]
pub fn by_id(id: ModuleId) -> Option<&'static dyn Module> {
    MODULES.iter().find(|module| module.id() == id).copied()
}

/// The module with this name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn Module> {
    MODULES.iter().find(|module| module.name() == name).copied()
}

fn named(name: &str) -> Result<&'static dyn Module, CodecError> {
    by_name(name).ok_or_else(|| CodecError::UnknownName { name: name.to_owned() })
}

fn numbered(id: ModuleId) -> Result<&'static dyn Module, CodecError> {
    by_id(id).ok_or(CodecError::UnknownModule { module: id })
}

/// A call from the name of its module and its JSON, such as `{"register": {…}}`.
///
/// # Errors
/// [`CodecError`].
pub fn encode_call(module: &str, json: Value) -> Result<Call, CodecError> {
    let module = named(module)?;
    let payload = module.call_from_json(json)?;
    let bytes = payload.len();
    let payload = Bytes::new(payload).map_err(|_| CodecError::TooLarge { bytes, max: limits::CALL_BYTES_MAX })?;
    Ok(Call { module: module.id(), payload })
}

/// The JSON of a call.
///
/// # Errors
/// [`CodecError`].
pub fn decode_call(call: &Call) -> Result<Value, CodecError> {
    numbered(call.module)?.call_to_json(&call.payload)
}

/// The JSON of an event.
///
/// # Errors
/// [`CodecError`].
pub fn decode_event(event: &Event) -> Result<Value, CodecError> {
    numbered(event.module)?.event_to_json(&event.payload)
}

/// Checks a call without state, as admission does before a transaction enters a batch.
///
/// # Errors
/// The refusal that execution would give.
pub fn check_call(call: &Call, parameters: &Parameters) -> Result<(), Refusal> {
    let module = by_id(call.module).ok_or(Refusal::core(CoreRefusal::UnknownModule))?;
    module.check(&call.payload, parameters)
}

/// Genesis content of a module from its JSON.
///
/// # Errors
/// [`CodecError`].
pub fn encode_genesis(module: &str, json: Value) -> Result<ModuleGenesis, CodecError> {
    let module = named(module)?;
    let content = module.genesis_from_json(json)?;
    let bytes = content.len();
    let max = limits::GENESIS_MODULE_BYTES_MAX;
    let content = Bytes::new(content).map_err(|_| CodecError::TooLarge { bytes, max })?;
    Ok(ModuleGenesis { module: module.id(), content })
}

/// Answers a query given as JSON, such as `{"organization": {"org_id": "ORG-REG"}}`.
///
/// # Errors
/// [`QueryError`].
pub fn query(view: &dyn View, module: &str, json: Value) -> Result<Answer, QueryError> {
    named(module).map_err(QueryError::Query)?.query(view, json)
}

/// The words of a refusal code, if this version knows it.
#[must_use]
pub fn refusal_text(module: ModuleId, code: u16) -> Option<RefusalText> {
    if module == CORE {
        return CoreRefusal::ALL.iter().find(|refusal| refusal.code() == code).map(|refusal| refusal.text());
    }
    by_id(module)?.refusal_text(code)
}

//! A module that misbehaves in every way a module of ours could: the executor must stand it.

use borsh::{BorshDeserialize, BorshSerialize};
use quancheng_state::{StoreError, Table, View};
use quancheng_types::{ModuleId, Parameters};
use serde::{Deserialize, Serialize};

use crate::contract::{Answer, Context, Contract};
use crate::genesis::GenesisRefused;
use crate::refusal::Failure;
use crate::weight::Cost;

/// The module.
#[derive(Debug)]
pub(crate) struct Fault;

/// What goes wrong, after one write.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Call {
    /// Nothing.
    Nothing,
    /// A panic.
    Panic,
    /// A value larger than the state admits.
    LargeValue,
    /// Events, of so many bytes each.
    Events { count: u32, bytes: u32 },
    /// An ordinary refusal.
    Refuse,
    /// A store that fails.
    Fatal,
}

crate::refusals! {
    pub(crate) enum Error {
        Refused = 1, "REFUSED", "拒绝", "Refused.";
    }
}

pub(crate) const WRITES: Table<u32, Vec<u8>> = Table::kept(Fault::ID, 1, "fault.writes");

impl Contract for Fault {
    const ID: ModuleId = ModuleId(60_000);
    const NAME: &'static str = "fault";

    type Call = Call;
    type Event = Vec<u8>;
    type Error = Error;
    type Query = u8;
    type Genesis = ();

    fn check(_call: &Call, _parameters: &Parameters) -> Result<(), Error> {
        Ok(())
    }

    fn cost(_call: &Call) -> Cost {
        Cost::new()
    }

    fn is_open(_call: &Call) -> bool {
        true
    }

    fn execute(context: &mut Context<'_, '_>, call: &Call) -> Result<(), Failure<Error>> {
        context.put(&WRITES, &1, &vec![1]);
        match call {
            Call::Nothing => {}
            Call::Panic => panic!("a planted panic"),
            Call::LargeValue => context.put(&WRITES, &2, &vec![0; 70_000]),
            Call::Events { count, bytes } => {
                (0..*count).for_each(|_| context.emit::<Self>(&vec![0; *bytes as usize]));
            }
            Call::Refuse => return Err(Error::Refused.into()),
            Call::Fatal => return Err(StoreError::GenesisExists.into()),
        }
        Ok(())
    }

    fn genesis((): &(), _context: &mut Context<'_, '_>) -> Result<(), GenesisRefused> {
        Ok(())
    }

    fn query(view: &dyn View, key: &u8) -> Result<Answer, StoreError> {
        let key = u32::from(*key);
        Ok(Answer::of(WRITES.read(view, &key)?.as_ref(), WRITES.key(&key)))
    }
}

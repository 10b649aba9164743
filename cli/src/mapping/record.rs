//! A record whose every key is accounted for.
//!
//! What was signed could differ from what a record states, in silence, whenever a key was read by nobody. So the content comes out of a
//! record only together with the account of its keys: each one is signed, compared, or told as not signed; a key that nobody took is
//! refused by name.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Form, check_form};
use crate::fault::{Fault, Outcome};
use crate::text::say;

/// How keys begin that tell where a sample record comes from. They are never signed.
const SEED_PREFIX: &str = "seed_";

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is signed as it is.
    Signed,
    /// It is signed in another form, or beside others that state the same: a function of its own says how.
    Worked,
    /// It says who or what the record is of: signed where the call has room for it, else compared, else told.
    Named,
    /// It is never signed, and told: what the chain decides itself, and what belongs to other records.
    Told,
}

/// A key of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// Its name.
    pub(super) name: &'static str,
    /// What becomes of it.
    pub(super) fate: Fate,
    /// Forms of its value; any when there are none. What has another form is refused: taken for absent, it would be signed away.
    pub(super) forms: &'static [Form],
}

/// Says what becomes of a key, for tables.
pub(super) const fn key(name: &'static str, fate: Fate, forms: &'static [Form]) -> Key {
    Key { name, fate, forms }
}

/// What comes of keys that state one thing.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Use {
    /// It is signed; of what is stated, this is not.
    Signed(Value, Vec<String>),
    /// The same, and of what is signed, this is stated in other words.
    Resolved(Value, Vec<String>, Vec<String>),
    /// It is not signed: this is told.
    Left(Vec<String>),
}

impl Use {
    /// All of it is signed.
    pub(super) const fn signed(value: Value) -> Self {
        Self::Signed(value, Vec::new())
    }
}

/// A record that is being made into a call.
#[derive(Debug)]
pub(super) struct Record {
    /// What nobody took yet.
    rest: Map<String, Value>,
    table: &'static [Key],
    account: Account,
}

/// What came of the keys of a record.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Account {
    /// What is to be signed.
    pub(super) signed: Map<String, Value>,
    /// Stated and not signed.
    pub(super) told: Vec<String>,
    /// Signed and not stated.
    pub(super) supplied: Vec<String>,
    /// Who or what the record is of, as far as that is not signed: to be compared, else told.
    pub(super) named: BTreeMap<String, String>,
}

impl Record {
    /// A record whose known keys have their forms. A null states nothing and is as good as no key.
    pub(super) fn new(record: Value, table: &'static [Key]) -> Outcome<Self> {
        let mut rest = super::object(record)?;
        for key in table {
            match rest.get(key.name) {
                Some(Value::Null) => drop(rest.remove(key.name)),
                Some(value) if !key.forms.is_empty() => check_form(key.name, value, key.forms)?,
                Some(_) | None => {}
            }
        }
        Ok(Self { rest, table, account: Account::default() })
    }

    /// A value that somebody still has to take.
    pub(super) fn look(&self, name: &str) -> Option<&Value> {
        self.rest.get(name)
    }

    /// The same as text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.look(name).and_then(Value::as_str)
    }

    /// Signs every key of the table that is signed as it is.
    pub(super) fn sign_all(&mut self) {
        for key in self.table.iter().filter(|key| key.fate == Fate::Signed) {
            self.sign(key.name);
        }
    }

    /// Signs a key as it is.
    pub(super) fn sign(&mut self, name: &str) {
        if let Some(value) = self.rest.remove(name) {
            self.account.signed.insert(name.to_owned(), value);
        }
    }

    /// Takes keys that state one thing; the function says what of them is signed under the first name, and what is not.
    pub(super) fn resolve<const N: usize>(
        &mut self,
        name: &str,
        keys: [&str; N],
        of: impl FnOnce([Option<Value>; N]) -> Outcome<Use>,
    ) -> Outcome<()> {
        match of(keys.map(|key| self.rest.remove(key)))? {
            Use::Signed(value, told) => {
                self.account.signed.insert(name.to_owned(), value);
                self.account.told.extend(told);
            }
            Use::Resolved(value, told, supplied) => {
                self.account.signed.insert(name.to_owned(), value);
                self.account.told.extend(told);
                self.account.supplied.extend(supplied);
            }
            Use::Left(told) => self.account.told.extend(told),
        }
        Ok(())
    }

    /// Signs what the record does not state, and tells so.
    pub(super) fn supply(&mut self, name: &str, value: Value) {
        self.account.supplied.push(told(name, &value));
        self.account.signed.insert(name.to_owned(), value);
    }

    /// Takes a key that says who or what the record is of, to be compared or told.
    pub(super) fn name(&mut self, name: &str) {
        if let Some(value) = self.rest.remove(name) {
            self.account.named.insert(name.to_owned(), plain(&value));
        }
    }

    /// The account, once every key is in it.
    pub(super) fn finish(mut self) -> Outcome<Account> {
        let is_told = |name: &str| {
            let known = self.table.iter().any(|key| key.name == name && key.fate == Fate::Told);
            known || name.starts_with(SEED_PREFIX)
        };
        let (left, rest): (Map<_, _>, Map<_, _>) = self.rest.into_iter().partition(|(name, _)| is_told(name));
        self.account.told.extend(left.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name));
        if rest.is_empty() {
            return Ok(self.account);
        }
        let is_known = |name: &String| self.table.iter().any(|key| key.name == name.as_str());
        let (known, unknown): (Vec<&String>, Vec<&String>) = rest.keys().partition(|name| is_known(name));
        Err(if unknown.is_empty() { out_of_place(&known) } else { unknown_keys(&unknown) })
    }
}

fn unknown_keys(unknown: &[&String]) -> Fault {
    let names = joined(unknown);
    Fault::usage("UNKNOWN_KEY", say!("记录含未知字段：{names}。", "The record holds unknown keys: {names}."))
        .hint(say!("请改正字段名，或删除该字段。", "Correct the names, or remove them."))
}

/// Keys of a statement stand beside a whole statement, so there are two of them.
fn out_of_place(known: &[&String]) -> Fault {
    let names = joined(known);
    let message = say!(
        "记录在 dossier 之外另写有材料内容：{names}。",
        "The record has a dossier, and states content beside it: {names}."
    );
    Fault::usage("BESIDE_DOSSIER", message).hint(say!(
        "请将其写入 dossier，或删除 dossier 而逐项写明。",
        "Move them into the dossier, or leave the dossier out and state each key beside the others."
    ))
}

fn joined(names: &[&String]) -> String {
    names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
}

/// A value as it stands in a sentence.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A key with its value, as it is told.
pub(super) fn told(name: &str, value: &Value) -> String {
    format!("{name} {}", plain(value))
}

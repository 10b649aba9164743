//! Making and signing transactions, and the file in which they travel between signers.

use std::path::Path;

use quancheng_contracts::{check_call, decode_call, refusal_text};
use quancheng_proof::Claim;
use quancheng_proof::identity::{key_owner, key_owner_key};
use quancheng_types::transaction::TransactionSignature;
use quancheng_types::{
    AccountId, Call, ChainId, KeyId, List, Parameters, PublicKey, SignedTransaction, Signer, SigningKey, Transaction,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answered::Question;
use crate::args::common::Write;
use crate::client::Client;
use crate::fault::{Exit, Fault, Outcome};
use crate::messages::causes;
use crate::session::Session;
use crate::text::{Text, say};
use crate::time::{duration_ms, now_ms};
use crate::{files, keys, unread};

/// Name of the format of a transaction file.
const FORMAT: &str = "quancheng-transaction";
/// Version of the format.
const VERSION: u16 = 1;
/// Greatest size of a transaction file, bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A transaction that may still lack signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Draft {
    format: String,
    version: u16,
    /// What is asked.
    pub(crate) body: Transaction,
    /// One place for each signer.
    pub(crate) signatures: Vec<Option<TransactionSignature>>,
}

impl Draft {
    fn new(body: Transaction) -> Self {
        let signatures = vec![None; body.signers.len()];
        Self { format: FORMAT.to_owned(), version: VERSION, body, signatures }
    }

    /// Signs for every signer whom this key stands for; how many those are.
    pub(crate) fn sign(&mut self, key: &SigningKey) -> usize {
        let (public_key, id) = (key.public_key(), self.body.id());
        let key_id = KeyId::of(&public_key);
        let mut count = 0;
        for (signer, place) in self.body.signers.iter().zip(&mut self.signatures) {
            if signer.key_id == key_id {
                *place = Some(TransactionSignature { public_key, signature: key.sign(id.as_bytes()) });
                count += 1;
            }
        }
        count
    }

    /// Key ids of those who have not signed yet.
    pub(crate) fn missing(&self) -> Vec<KeyId> {
        let pairs = self.body.signers.iter().zip(&self.signatures);
        pairs.filter(|(_, signature)| signature.is_none()).map(|(signer, _)| signer.key_id).collect()
    }

    /// The whole transaction, once everybody has signed, checked as a node would.
    pub(crate) fn complete(self) -> Outcome<SignedTransaction> {
        let missing = self.missing();
        let incomplete = |causes: Vec<Text>| {
            let mut fault = Fault::usage("NOT_SIGNED", say!("交易尚缺签名。", "Signatures are missing."));
            fault.causes = causes;
            fault.hint(say!(
                "请用 `quancheng tx sign 文件 --key 密钥` 补签。",
                "Add them with `quancheng tx sign FILE --key KEY`."
            ))
        };
        if !missing.is_empty() {
            return Err(incomplete(missing.iter().map(|key_id| say!("密钥 {key_id}", "key {key_id}")).collect()));
        }
        let signatures = List::new(self.signatures.into_iter().flatten().collect())
            .map_err(|error| incomplete(vec![causes::cause(&error.to_string())]))?;
        let signed = SignedTransaction { body: self.body, signatures };
        signed.check(&signed.body.chain_id).map_err(|error| {
            Fault::usage("BAD_TRANSACTION", say!("交易无效。", "The transaction is not valid.")).cause(error)
        })?;
        Ok(signed)
    }

    /// Reads a file: a draft or a signed transaction as JSON, or canonical bytes.
    pub(crate) fn read(path: &Path) -> Outcome<Self> {
        let bytes = files::read(path, FILE_BYTES_MAX)?;
        let shown = path.display();
        let unlike = |cause: Text| {
            Fault::usage("TX_FILE", say!("{shown} 不是交易文件。", "{shown} is not a transaction file."))
                .cause_in(cause)
        };
        let damaged = |cause: &dyn ToString| unlike(causes::said(&cause.to_string()));
        let bytes = files::without_mark(&bytes);
        if bytes.first() != Some(&b'{') {
            return SignedTransaction::decode(bytes).map(Self::from).map_err(|error| unlike(causes::bytes(&error)));
        }
        let value: Value = files::parse(bytes).map_err(|error| damaged(&error))?;
        if value.get("format").is_none() {
            let signed: SignedTransaction = serde_json::from_value(value.clone()).map_err(|error| damaged(&error))?;
            no_more(&value, &signed).map_err(|path| damaged(&path))?;
            return Ok(signed.into());
        }
        let draft: Self = serde_json::from_value(value.clone()).map_err(|error| damaged(&error))?;
        no_more(&value, &draft).map_err(|path| damaged(&path))?;
        if draft.format != FORMAT || draft.version != VERSION {
            return Err(damaged(&"made by another version of this program"));
        }
        if draft.signatures.len() != draft.body.signers.len() {
            return Err(damaged(&"not one place for a signature per signer"));
        }
        Ok(draft)
    }

    /// Adds the signatures of another copy of the same transaction.
    pub(crate) fn merge(&mut self, other: &Self) {
        if self.body.id() != other.body.id() {
            return;
        }
        for (place, found) in self.signatures.iter_mut().zip(&other.signatures) {
            if place.is_none() {
                place.clone_from(found);
            }
        }
    }

    /// Writes a new file.
    pub(crate) fn write_new(&self, path: &Path) -> Outcome<()> {
        files::write_new(path, self.text()?.as_bytes())
    }

    /// Writes a file in the place of another copy of this transaction, or where nothing is. Anything else stays, and so does a copy with
    /// signatures which this draft lacks.
    pub(crate) fn write_again(&self, path: &Path) -> Outcome<()> {
        files::write_over(path, self.text()?.as_bytes(), &|found| match Self::read(found) {
            Ok(other) if self.body.id() != other.body.id() => Err(files::exists(path)),
            Ok(other) if self.lacks(&other) => Err(signed_already(path)),
            Ok(_) => Ok(()),
            Err(_) => Err(files::exists(path)),
        })
    }

    fn text(&self) -> Outcome<String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| {
            Fault::usage("TX_FILE", say!("无法写出交易。", "Cannot write the transaction.")).cause(error)
        })?;
        Ok(text + "\n")
    }

    /// Whether another copy holds a signature that this draft does not.
    fn lacks(&self, other: &Self) -> bool {
        let mut whole = self.clone();
        whole.merge(other);
        whole.missing() != self.missing()
    }

    /// What it asks, for people and programs.
    pub(crate) fn describe(&self) -> Value {
        let signers: Vec<Value> = self
            .body
            .signers
            .iter()
            .zip(&self.signatures)
            .map(|(signer, signature)| {
                json!({ "account": signer.account, "key_id": signer.key_id, "signed": signature.is_some() })
            })
            .collect();
        json!({
            "id": self.body.id(),
            "chain_id": self.body.chain_id,
            "signers": signers,
            "complete": self.missing().is_empty(),
            "nonce": self.body.nonce,
            "valid_until_ms": self.body.valid_until_ms,
            "calls": self.body.calls.iter().map(describe_call).collect::<Vec<_>>(),
        })
    }
}

impl From<SignedTransaction> for Draft {
    fn from(signed: SignedTransaction) -> Self {
        let mut draft = Self::new(signed.body);
        for (place, signature) in draft.signatures.iter_mut().zip(signed.signatures.into_vec()) {
            *place = Some(signature);
        }
        draft
    }
}

/// Code of the fault of a file that holds signatures.
pub(crate) const SIGNED_ALREADY: &str = "TX_EXISTS";

fn signed_already(path: &Path) -> Fault {
    let shown = path.display();
    let message = say!(
        "{shown} 已有签署过的交易，不会被覆盖。",
        "{shown} holds a transaction with signatures and is not written over."
    );
    Fault::usage(SIGNED_ALREADY, message)
        .hint(say!("请另取名称，或将其移走。", "Choose another name, or move it away."))
}

/// That a file holds nothing beside what is read of it: whoever adds a signature has read the file, and signs what was read.
fn no_more(file: &Value, read: &impl Serialize) -> Result<(), String> {
    let read = serde_json::to_value(read).map_err(|error| error.to_string())?;
    unread::members(file, &read).first().map_or(Ok(()), |path| Err(format!("unknown field `{path}`")))
}

/// A call with the name of its module and its arguments, as far as this version knows them.
pub(crate) fn describe_call(call: &Call) -> Value {
    let module = quancheng_contracts::MODULES.iter().find(|module| module.id() == call.module);
    match (module, decode_call(call)) {
        (Some(module), Ok(arguments)) => {
            json!({ "module": call.module, "name": module.name(), "call": arguments })
        }
        _ => json!({ "module": call.module, "payload": call.payload }),
    }
}

/// A call from JSON, checked as far as that needs no state.
pub(crate) fn call(module: &str, arguments: Value) -> Outcome<Call> {
    let unseen = crate::unseen::causes(&arguments);
    let bad = |error: &dyn ToString| {
        Fault::usage("BAD_CALL", say!("调用内容无效。", "The call is not valid.")).cause(error.to_string())
    };
    let call = quancheng_contracts::encode_call(module, arguments.clone()).map_err(|error| bad(&error))?;
    // Whatever a reader of the call passes over would be stated and not signed.
    let taken = decode_call(&call).map_err(|error| bad(&error))?;
    if let Some(path) = unread::members(&arguments, &taken).first() {
        return Err(bad(&format!("unknown field `{path}`")));
    }
    match check_call(&call, &Parameters::default()) {
        Ok(()) => Ok(call),
        Err(refusal) => {
            let words = refusal_text(refusal.module, refusal.code);
            let (name, text) = words.map_or_else(
                || (format!("{}/{}", refusal.module, refusal.code), say!("调用被拒绝。", "The call is refused.")),
                |words| (words.name.to_owned(), Text::new(words.zh.to_owned(), words.en.to_owned())),
            );
            let hint = crate::submit::refusal_hint(&name);
            let mut fault = Fault::new(Exit::Refused, name, text)
                .cause_in(say!("签署前即被拒绝，未发送任何内容", "refused before signing; nothing was sent"));
            fault.hint = hint;
            Err(unseen.into_iter().fold(fault, Fault::cause_in))
        }
    }
}

/// A random number that makes two equal requests two transactions.
fn nonce() -> Outcome<u64> {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).map_err(|error| {
        Fault::usage("NO_RANDOMNESS", say!("系统无法提供随机数。", "The system gives no random bytes.")).cause(error)
    })?;
    Ok(u64::from_le_bytes(bytes))
}

/// Makes a transaction and signs it with every key at hand. Keys are opened once, by [`Signers`].
pub(crate) fn compose(chain_id: ChainId, signers: &Signers, valid_for_ms: u64, calls: Vec<Call>) -> Outcome<Draft> {
    let too_many = |error: &dyn ToString| {
        Fault::usage("TOO_MANY", say!("签署人或调用过多。", "Too many signers or calls.")).cause(error.to_string())
    };
    let body = Transaction {
        chain_id,
        signers: List::new(signers.list.clone()).map_err(|error| too_many(&error))?,
        nonce: nonce()?,
        valid_until_ms: now_ms().saturating_add(valid_for_ms),
        calls: List::new(calls).map_err(|error| too_many(&error))?,
    };
    let mut draft = Draft::new(body);
    for key in &signers.keys {
        draft.sign(key);
    }
    Ok(draft)
}

/// Who signs, with the keys at hand.
#[derive(Debug)]
pub(crate) struct Signers {
    /// Each key with the account that is named for it, in order.
    places: Vec<(PublicKey, Option<AccountId>)>,
    list: Vec<Signer>,
    keys: Vec<SigningKey>,
}

impl Signers {
    /// Opens the keys of the flags.
    pub(crate) fn open(session: &Session, write: &Write) -> Outcome<Self> {
        let main = keys::choose(session, write.key.as_ref())?;
        let mut signers = Self { places: Vec::new(), list: Vec::new(), keys: Vec::new() };
        let account = write.account.as_deref().map(keys::parse_account).transpose()?;
        signers.add(session, write, &main, account)?;
        for path in &write.cosign {
            signers.add(session, write, path, None)?;
        }
        for text in &write.signer {
            let (key, account) =
                text.split_once('@').map_or((text.as_str(), None), |(key, account)| (key, Some(account)));
            let key = keys::parse_public_key(key)?;
            signers.places.push((key, account.map(keys::parse_account).transpose()?));
        }
        Ok(signers)
    }

    /// Finds the account of each, on the chain of the client.
    pub(crate) fn on_chain(mut self, client: Option<&Client>) -> Outcome<Self> {
        let of_place = |(key, account): &(PublicKey, Option<AccountId>)| {
            let account = match (account, client) {
                (Some(account), _) => *account,
                (None, Some(client)) => account_of(client, key)?,
                (None, None) => AccountId::of(key),
            };
            Ok(Signer { account, key_id: KeyId::of(key) })
        };
        self.list = self.places.iter().map(of_place).collect::<Outcome<_>>()?;
        Ok(self)
    }

    /// The account that acts: that of the first signer.
    pub(crate) fn account(&self) -> AccountId {
        self.list.first().map(|signer| signer.account).unwrap_or_default()
    }

    fn add(&mut self, session: &Session, write: &Write, path: &Path, account: Option<AccountId>) -> Outcome<()> {
        let key = keys::open(session, path, &write.password)?;
        self.places.push((key.public_key(), account));
        self.keys.push(key);
        Ok(())
    }
}

/// The account a key signs for: the one it is bound to on chain, else its own. It is proven: in whose name somebody signs is nothing to
/// take a node's word for.
fn account_of(client: &Client, key: &PublicKey) -> Outcome<AccountId> {
    let question = Question::state(key_owner_key(&KeyId::of(key)));
    let owner = question.ask_for(client, client.deadline(), |bundle| {
        let unread = || vec![say!("其中的账户无法识别", "the account in it cannot be read")];
        match bundle.claims.first() {
            Some(Claim::State { value: Some(value), .. }) => key_owner(value).ok_or_else(unread),
            Some(Claim::State { value: None, .. }) => Ok(AccountId::of(key)),
            Some(Claim::Transaction { .. }) | None => Err(unread()),
        }
    });
    owner.map_err(|fault| {
        let key_id = KeyId::of(key);
        fault.cause_in(say!(
            "密钥 {key_id} 所属账户未经证明；未签名",
            "to which account key {key_id} is bound is not proven; nothing was signed"
        ))
    })
}

/// A client for a transaction that is to be signed: of the chain that the flag names, else the profile, else of that of the first endpoint.
pub(crate) fn client(session: &Session, write: &Write) -> Outcome<Client> {
    let named = named_chain(session, write)?;
    named.into_iter().fold(session.client(&write.api)?, Client::of_chain).of_some_chain()
}

/// The chain that the flag names, else the profile.
pub(crate) fn named_chain(session: &Session, write: &Write) -> Outcome<Option<ChainId>> {
    let named = match &write.chain_id {
        Some(id) => Some(id.clone()),
        None => session.profile()?.chain_id,
    };
    named.map(|text| parse_chain_id(&text)).transpose()
}

/// The chain of the endpoints, where nobody names one.
pub(crate) fn chain_id(client: Option<&Client>) -> Outcome<ChainId> {
    let Some(client) = client else {
        let message = say!("未指定链。", "No chain is named.");
        return Err(
            Fault::usage("NO_CHAIN", message).hint(say!("请加 --chain-id 或 --api。", "Add --chain-id or --api."))
        );
    };
    client.some_chain()
}

/// Reads a chain id.
pub(crate) fn parse_chain_id(text: &str) -> Outcome<ChainId> {
    text.parse().map_err(|error| {
        Fault::usage("BAD_CHAIN_ID", say!("链标识 {text} 无效。", "{text} is not a chain id.")).cause(error).hint(say!(
            "链标识为 64 位小写十六进制，见 `quancheng chain status`。",
            "It has 64 lower-case hexadecimal digits; `quancheng chain status` tells it."
        ))
    })
}

/// Ms for which a transaction may wait.
pub(crate) fn valid_for_ms(write: &Write) -> u64 {
    duration_ms(write.valid_for)
}

#[cfg(test)]
mod tests;

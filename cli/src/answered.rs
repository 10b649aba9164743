//! What a node answers, held against what was asked. Nothing of it is written, and nothing given up for it, before it fits: what is
//! found out in a court is found out too late.

mod shown;

use std::time::Instant;

use quancheng_contracts::{Entry, StateKey, describe_entry};
use quancheng_proof::identity::account_key;
use quancheng_proof::report::shanghai_time;
use quancheng_proof::{Assessment, Bundle, Checkpoint, Claim, Finding, Report, Scope, Step, verify_bundle};
use quancheng_types::{AccountId, Digest, Height, HistoryLeaf, TransactionId};
use serde_json::Value;

use crate::client::{Answer, Client, OCTETS, Request, foreign, with_query};
use crate::fault::{Exit, Fault, Outcome};
use crate::text::{Text, say};
use crate::time::AsOf;

/// What a proof has to be about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A transaction: the first claim is this one.
    Transaction(TransactionId),
    /// The entry under a key of the state, or that there is none.
    State(Vec<u8>),
    /// A row of one of these tables, by its key as text, or that there is none.
    Row(&'static [&'static str], String),
    /// A rule set by its id in its newest version, or that there is none.
    RuleSet(String),
    /// Any entries, of which only the node knows the keys.
    Entries,
}

/// What a proof shows of the answer that it came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Whether all that the answer says of the record was compared with it. A kind of answer that is not rebuilt from what is proven is the
    /// word of the node beside a bundle, and nothing else.
    pub(crate) is_compared: bool,
    /// Time of the block that it is as of, ms since 1970 UTC.
    pub(crate) time_ms: u64,
    /// Key of the first entry that it is about.
    pub(crate) key: Vec<u8>,
}

impl Asked {
    /// A record of evidence by the root of its batch.
    pub(crate) fn evidence(root: &Digest) -> Self {
        Self::Row(&["evidence.records"], root.to_string())
    }

    /// A registration by its serial or ledger number.
    pub(crate) fn registration(number: &str) -> Self {
        let serial = number.parse::<u32>().map_or_else(|_| number.to_owned(), |serial| serial.to_string());
        Self::Row(&["registry.registrations", "registry.by_number"], serial)
    }

    /// An account.
    pub(crate) fn account(account: &AccountId) -> Self {
        Self::Row(&["identity.accounts"], account.to_string())
    }

    /// An organization.
    pub(crate) fn organization(org_id: &str) -> Self {
        Self::Row(&["identity.organizations"], org_id.to_owned())
    }

    /// A proposal.
    pub(crate) fn proposal(number: u64) -> Self {
        Self::Row(&["governance.proposals"], number.to_string())
    }

    /// The working-day calendar of a year.
    pub(crate) fn calendar(year: u16) -> Self {
        Self::Row(&["governance.calendar"], year.to_string())
    }

    fn is_claimed_by(&self, claim: &Claim) -> bool {
        match (self, claim) {
            (Self::Transaction(id), Claim::Transaction { transaction, .. }) => transaction.id() == *id,
            (Self::State(wanted), Claim::State { key, .. }) => **key == *wanted,
            (Self::Row(tables, wanted), Claim::State { key, .. }) => {
                row_of(key).is_some_and(|row| tables.contains(&row.table) && shown::text(&row.key) == *wanted)
            }
            (Self::RuleSet(wanted), Claim::State { key, .. }) => {
                row_of(key).is_some_and(|row| shown::is_of_rule_set(row.table, &row.key, wanted))
            }
            (Self::Entries, Claim::State { .. }) => true,
            (Self::Transaction(_), Claim::State { .. })
            | (Self::State(_) | Self::Row(..) | Self::RuleSet(_) | Self::Entries, Claim::Transaction { .. }) => false,
        }
    }
}

/// Table and key that a claim names.
fn row_of(key: &[u8]) -> Option<Entry> {
    StateKey::from_bytes(key.to_vec()).and_then(|key| describe_entry(&key, None).ok())
}

/// A question that is answered with a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    path: String,
    asked: Asked,
    as_of: Option<AsOf>,
}

impl Question {
    /// The bundle of a transaction.
    pub(crate) fn transaction(id: &TransactionId) -> Self {
        Self { path: format!("transactions/{id}"), asked: Asked::Transaction(*id), as_of: None }
    }

    /// The bundle of a record of evidence.
    pub(crate) fn evidence(root: &Digest) -> Self {
        Self { path: format!("evidence/{root}"), asked: Asked::evidence(root), as_of: None }
    }

    /// The bundle of a registration, by its serial or ledger number.
    pub(crate) fn registration(number: &str) -> Self {
        Self { path: format!("registrations/{number}"), asked: Asked::registration(number), as_of: None }
    }

    /// The bundle of an entry of the state.
    pub(crate) fn state(key: Vec<u8>) -> Self {
        Self { path: format!("state/{}", hex::encode(&key)), asked: Asked::State(key), as_of: None }
    }

    /// As of a moment. What a transaction came to does not change.
    pub(crate) fn at(self, as_of: Option<AsOf>) -> Self {
        Self { as_of, ..self }
    }

    /// Where it is asked.
    pub(crate) fn path(&self) -> String {
        let parameters: Vec<(&str, String)> = self.as_of.iter().map(|as_of| as_of.query()).collect();
        with_query(&format!("/v1/bundles/{}", self.path), &parameters)
    }

    /// Asks one endpoint after the other, and holds each answer against the question and the chain that is meant: the first that fits. What is
    /// asked for as of no moment is as of now: then all are asked, and of those that fit the one of the newest block counts.
    pub(crate) fn ask(&self, client: &Client) -> Outcome<Bundle> {
        let is_of_now = self.as_of.is_none()
            && match &self.asked {
                Asked::State(_) | Asked::Row(..) | Asked::RuleSet(_) | Asked::Entries => true,
                // It does not change.
                Asked::Transaction(_) => false,
            };
        if !is_of_now {
            return self.ask_for(client, client.deadline(), |bundle| Ok(bundle.clone()));
        }
        let trusted = client.trusted()?;
        let path = self.path();
        let request = Request { path: &path, body: None, accept: OCTETS, until: client.deadline(), held: None };
        let read = |answer: &Answer| self.read(client, answer, trusted.as_ref(), |bundle| Ok(bundle.clone()));
        client.newest(request, read, |bundle| self.block_of(bundle))
    }

    /// The block that the claim asked for is of, and the one whose header proves it.
    fn block_of(&self, bundle: &Bundle) -> (Height, Height) {
        let claim = bundle.claims.iter().find(|claim| self.asked.is_claimed_by(claim));
        let leaf = claim.and_then(|claim| leaf_of(bundle, claim));
        (leaf.map_or(Height::GENESIS, |leaf| leaf.height), bundle.header.height)
    }

    /// As [`ask`](Self::ask), for what is read from a bundle that fits; one from which it cannot be read does not.
    pub(crate) fn ask_for<T>(
        &self,
        client: &Client,
        until: Instant,
        read: impl Fn(&Bundle) -> Result<T, Vec<Text>>,
    ) -> Outcome<T> {
        if let Some(found) = self.settled(client).and_then(|bundle| read(&bundle).ok()) {
            return Ok(found);
        }
        let trusted = client.trusted()?;
        let path = self.path();
        let request = Request { path: &path, body: None, accept: OCTETS, until, held: None };
        client.in_turn(request, |answer| self.read(client, answer, trusted.as_ref(), &read))
    }

    /// What was found to answer it a moment ago.
    fn settled(&self, client: &Client) -> Option<Bundle> {
        match &self.asked {
            Asked::Transaction(id) => client.settled(id),
            Asked::State(_) | Asked::Row(..) | Asked::RuleSet(_) | Asked::Entries => None,
        }
    }

    fn read<T>(
        &self,
        client: &Client,
        answer: &Answer,
        trusted: Option<&Checkpoint>,
        read: impl Fn(&Bundle) -> Result<T, Vec<Text>>,
    ) -> Outcome<T> {
        // What is no bundle is not evidence that does not match: some other program has answered.
        let bundle = Bundle::decode(&answer.body).map_err(|error| answer.foreign().cause(error))?;
        let fits = check(&bundle, &self.asked, self.as_of, trusted);
        let is_last = || self.as_of.map_or(Ok(()), |as_of| is_last(client, &bundle, as_of));
        let found = fits.and_then(|()| is_last()).and_then(|()| read(&bundle));
        if let (Ok(_), Asked::Transaction(id)) = (&found, &self.asked) {
            client.settle(*id, &bundle);
        }
        found.map_err(|causes| unfit(&answer.url, causes))
    }
}

/// Holds the record of an answer against the question.
pub(crate) fn named(asked: &Asked, data: &Value, urls: &str) -> Outcome<()> {
    if data.is_null() || asked.is_named_by(data) {
        return Ok(());
    }
    Err(foreign(urls)
        .cause_in(say!("答复中的记录并非所问的记录", "the record in the answer is not the one that was asked for")))
}

/// Whether a bundle is as of the last block that is not later than the moment asked for: the next one is later, or there is none. Any earlier
/// block has no later time either, and what it shows may have changed since.
fn is_last(client: &Client, bundle: &Bundle, as_of: AsOf) -> Result<(), Vec<Text>> {
    let (AsOf::TimeMs(time_ms), Some(leaf)) = (as_of, bundle.claims.first().and_then(|claim| leaf_of(bundle, claim)))
    else {
        return Ok(());
    };
    // Any proof as of the next block tells its time.
    let next = AsOf::Height(leaf.height.next().0);
    let found = Question::state(account_key(&AccountId::default())).at(Some(next)).ask(client);
    let next_ms =
        found.map(|found| found.claims.first().and_then(|claim| leaf_of(&found, claim)).map(|leaf| leaf.time_ms));
    settles(leaf.height, bundle.header.executed_height, time_ms, next_ms)
}

/// Whether a block is the last one before a moment, by the time of the next one: when nobody tells it, if it is the newest that there is.
fn settles(height: Height, newest: Height, time_ms: u64, next_ms: Outcome<Option<u64>>) -> Result<(), Vec<Text>> {
    match next_ms {
        Ok(Some(next_ms)) if next_ms > time_ms => Ok(()),
        Ok(Some(next_ms)) => Err(vec![not_last(height, next_ms)]),
        Ok(None) | Err(_) if newest == height => Ok(()),
        Ok(None) | Err(_) => Err(vec![say!(
            "没有接口证明其后的区块晚于所问时刻",
            "no endpoint proves that the block after it is later than that moment"
        )]),
    }
}

fn not_last(height: Height, next_ms: u64) -> Text {
    let (next, time) = (height.next(), shanghai_time(next_ms));
    say!(
        "它截至高度 {height}，而所问时刻之前还有区块 {next}（{time}，北京时间）",
        "it is as of height {height}, and block {next} of {time} (Beijing time) is not after that moment either"
    )
}

/// The leaf of the block that a claim is as of.
fn leaf_of<'a>(bundle: &'a Bundle, claim: &Claim) -> Option<&'a HistoryLeaf> {
    bundle.leaves.get(usize::from(claim.leaf())).map(|proof| &proof.leaf)
}

/// The proof in an answer to another question, held against it: as of the height that the answer names, and of the moment that was asked for,
/// and of what it shows. What it shows of that.
pub(crate) fn proof(
    bytes: &[u8],
    asked: &Asked,
    height: u64,
    data: &Value,
    (urls, trusted): (&str, Option<&Checkpoint>),
    moment: Option<(&Client, AsOf)>,
) -> Outcome<Shown> {
    let is_there = !data.is_null();
    let bundle = Bundle::decode(bytes).map_err(|error| foreign(urls).cause(error))?;
    check(&bundle, asked, Some(AsOf::Height(height)), trusted).map_err(|causes| unfit(urls, causes))?;
    if let Some((client, as_of)) = moment {
        let is_as_of = bundle.claims.iter().all(|claim| is_as_of(&bundle, claim, as_of));
        let doubt = if is_as_of { is_last(client, &bundle, as_of) } else { Err(vec![other_moment(as_of)]) };
        doubt.map_err(|causes| unfit(urls, causes))?;
    }
    let is_proven = |claim: &Claim| asked.is_claimed_by(claim) && matches!(claim, Claim::State { value: Some(_), .. });
    if *asked != Asked::Entries && bundle.claims.iter().any(is_proven) != is_there {
        let cause =
            say!("证明与答复不一致：记录是否存在不同", "the proof and the answer differ on whether there is a record");
        return Err(unfit(urls, vec![cause]));
    }
    let is_compared = match (is_there, asked.is_proven_as(&bundle, data)) {
        (true, Some(false)) => {
            let cause =
                say!("证明与答复所示的记录内容不一致", "the proof and the answer differ on what the record says");
            return Err(unfit(urls, vec![cause]));
        }
        (_, compared) => compared.is_some(),
    };
    let about = bundle.claims.iter().find(|claim| asked.is_claimed_by(claim));
    let key = match about {
        Some(Claim::State { key, .. }) => key.to_vec(),
        Some(Claim::Transaction { .. }) | None => Vec::new(),
    };
    let time_ms = about.and_then(|claim| leaf_of(&bundle, claim)).map(|leaf| leaf.time_ms).unwrap_or_default();
    Ok(Shown { is_compared, time_ms, key })
}

/// The fault of an answer that does not fit.
fn unfit(url: &str, causes: Vec<Text>) -> Fault {
    let message = say!(
        "{url} 返回的证据包不是所问的内容，或自身不成立；未写入。",
        "The bundle from {url} is not what was asked for, or does not hold; it was not written."
    );
    let fault = Fault::new(Exit::Network, "BAD_ANSWER", message).hint(say!(
        "请用 --api 改问其他节点；如多次如此，请告知该节点的运营者。",
        "Ask another node with --api; if it happens again, tell the operator of this one."
    ));
    causes.into_iter().fold(fault, Fault::cause_in)
}

/// Whether a bundle answers a question: why not.
fn check(bundle: &Bundle, asked: &Asked, as_of: Option<AsOf>, trusted: Option<&Checkpoint>) -> Result<(), Vec<Text>> {
    let claims: Vec<&Claim> = match asked {
        Asked::Transaction(_) => bundle.claims.iter().take(1).collect(),
        Asked::State(_) | Asked::Row(..) | Asked::RuleSet(_) | Asked::Entries => bundle.claims.iter().collect(),
    };
    let about: Vec<&Claim> = claims.into_iter().filter(|claim| asked.is_claimed_by(claim)).collect();
    if about.is_empty() {
        return Err(vec![say!("其中没有所问的记录", "it says nothing of the record that was asked for")]);
    }
    if let Some(as_of) = as_of.filter(|as_of| !about.iter().all(|claim| is_as_of(bundle, claim, *as_of))) {
        return Err(vec![other_moment(as_of)]);
    }
    sound(bundle, trusted)
}

fn other_moment(as_of: AsOf) -> Text {
    let (_, wanted) = as_of.query();
    say!("并非截至所问的 {wanted}", "it is not as of {wanted}, which was asked for")
}

fn is_as_of(bundle: &Bundle, claim: &Claim, as_of: AsOf) -> bool {
    leaf_of(bundle, claim).is_some_and(|leaf| match as_of {
        AsOf::Height(height) => leaf.height.0 == height,
        AsOf::TimeMs(time_ms) => leaf.time_ms <= time_ms,
    })
}

/// Whether a bundle holds: what contradicts it. Where trust starts is known when a chain is meant, and then its validators have to follow
/// from there, for anyone can sign with keys of his own; otherwise it holds by itself, whoever its validators are.
pub(crate) fn sound(bundle: &Bundle, trusted: Option<&Checkpoint>) -> Result<(), Vec<Text>> {
    let report = match trusted {
        Some(trusted) => verify_bundle(bundle, trusted, &[]),
        None => by_itself(bundle)?,
    };
    let is_doubt = |finding: &Finding| {
        speaks_against(finding) || (finding.step == Step::TrustPath && finding.result != Assessment::Match)
    };
    let told: Vec<Text> = report.findings.into_iter().filter(is_doubt).map(|finding| said(&finding)).collect();
    if told.is_empty() { Ok(()) } else { Err(told) }
}

/// Whether a bundle shows that its first transaction took effect and notarized every file that it opens: what speaks against it. A salt
/// that is held back, or a record that cannot be checked, shows nothing.
pub(crate) fn opened(bundle: &Bundle) -> Result<(), Vec<Text>> {
    let report = by_itself(bundle)?;
    let is_included = report.is_included(0);
    let is_doubt = |finding: &Finding| match finding.step {
        Step::Commitment => finding.result != Assessment::Match,
        Step::Form
        | Step::FileDigest
        | Step::Manifest
        | Step::Inclusion
        | Step::Finality
        | Step::TrustPath
        | Step::BlockTime
        | Step::Timestamp
        | Step::Signature
        | Step::Status
        | Step::Absence
        | Step::Grant
        | Step::PreChain
        | Step::Platform
        | Step::DoubtWindow => speaks_against(finding),
    };
    let told: Vec<Text> = report.findings.into_iter().filter(is_doubt).map(|finding| said(&finding)).collect();
    match (told.is_empty(), is_included) {
        (true, true) => Ok(()),
        (true, false) => {
            Err(vec![say!("交易未见于已认证的区块", "the transaction is not shown to be in a certified block")])
        }
        (false, _) => Err(told),
    }
}

/// What the verifier says of a bundle under its own header.
fn by_itself(bundle: &Bundle) -> Result<Report, Vec<Text>> {
    let own = Checkpoint::pinned(bundle.header, bundle.validators.clone());
    let own = own.map_err(|error| vec![Text::same(error.to_string())])?;
    Ok(verify_bundle(bundle, &own, &[]))
}

/// A mismatch; that a signer's key was not in force is a fact which a sound bundle shows.
fn speaks_against(finding: &Finding) -> bool {
    finding.result == Assessment::Mismatch && !matches!(finding.scope, Scope::Signer { .. })
}

/// A finding with what was met.
pub(crate) fn said(finding: &Finding) -> Text {
    let joined = |statement: &str, detail: &str, separator: &str| match detail {
        "" => statement.to_owned(),
        detail => format!("{statement}{separator}{detail}"),
    };
    Text::new(
        joined(&finding.statement_zh, &finding.detail_zh, "："),
        joined(&finding.statement_en, &finding.detail, ": "),
    )
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::fixture;

//! Which endpoints are doors of the chain that is meant. One of another chain knows nothing of it, and that it does not know would be
//! taken for an answer; so each names its chain before it is asked anything else, and those of others are passed over.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use quancheng_proof::{Bundle, Checkpoint};
use quancheng_types::{ChainId, Genesis, TransactionId, problem as codes};

use super::{Answer, Client, JSON, OCTETS, OTHERWISE_TIME_MAX, Request, foreign};
use crate::fault::{Fault, Outcome};
use crate::text::say;

/// Path under which a node names its chain.
const STATUS: &str = "/v1/status";
/// Path of what the chain starts from.
const GENESIS: &str = "/v1/genesis";

/// The chain that is meant, if one is, the endpoints that have named it, and its genesis once it was asked for. Clients for single
/// endpoints share what was found out.
#[derive(Clone, Debug, Default)]
pub(super) struct Doors {
    chain_id: Option<ChainId>,
    proven: Rc<RefCell<BTreeSet<String>>>,
    genesis: Rc<OnceCell<Checkpoint>>,
    /// The bundle of a transaction that holds for this chain: what a transaction came to does not change, and is not asked for again.
    settled: Rc<RefCell<Option<(TransactionId, Bundle)>>>,
}

/// What came of asking one endpoint.
#[derive(Debug)]
pub(super) enum Met {
    /// Its answer.
    Answer(Answer),
    /// It is of this other chain and was asked nothing more.
    OtherChain(ChainId),
}

impl Client {
    /// The same endpoints, as far as they are of this chain.
    pub(crate) fn of_chain(mut self, chain_id: ChainId) -> Self {
        if self.doors.chain_id != Some(chain_id) {
            self.doors = Doors { chain_id: Some(chain_id), ..Doors::default() };
        }
        self
    }

    /// The same endpoints, as far as they are of the chain that is meant; of that of the endpoints when none is.
    pub(crate) fn of_some_chain(self) -> Outcome<Self> {
        if self.doors.chain_id.is_some() {
            return Ok(self);
        }
        let named = self.some_chain()?;
        Ok(self.of_chain(named))
    }

    /// The chain of the endpoints, where nobody names one. They have to agree on it: everything is proven under its id, and one that makes
    /// up a chain of its own would be believed for standing first.
    pub(crate) fn some_chain(&self) -> Outcome<ChainId> {
        let request = Request { path: STATUS, body: None, accept: JSON, until: self.deadline(), held: None };
        let answers = if self.urls.len() > 1 { self.send_each(request, OTHERWISE_TIME_MAX) } else { Vec::new() };
        let named = |answer: Answer| Some((answer.url.clone(), answer.named_chain()?));
        let found: Vec<(String, ChainId)> = answers.into_iter().flatten().filter_map(named).collect();
        match found.split_first() {
            None => self.in_turn(request, |answer| answer.named_chain().ok_or_else(|| answer.foreign())),
            Some(((_, first), rest)) if rest.iter().all(|(_, other)| other == first) => Ok(*first),
            Some(_) => {
                let message = say!(
                    "所给接口属于不同的链；未提交任何内容。",
                    "The endpoints are of different chains; nothing was submitted."
                );
                let fault = Fault::usage("CHAINS_DIFFER", message).hint(say!(
                    "请用 --chain-id 或配置档（`quancheng config set 名称 --chain-id`）指明所用的链，或去掉他链的 --api。",
                    "Name the chain that you mean with --chain-id or in a profile (`quancheng config set NAME --chain-id`), or leave out the --api of others."
                ));
                Err(found.iter().fold(fault, |fault, (url, id)| fault.cause_in(of_chain(url, *id))))
            }
        }
    }

    /// Refuses what is of another chain than the one that is meant.
    pub(crate) fn is_meant(&self, url: &str, found: ChainId) -> Outcome<()> {
        if self.doors.chain_id.is_none_or(|wanted| wanted == found) {
            return Ok(());
        }
        Err(foreign(url).cause_in(of_chain(url, found)))
    }

    /// Where trust in the chain that is meant starts: its genesis, which its id is the hash of, so that any door may give it. With no
    /// chain meant there is none.
    pub(crate) fn trusted(&self) -> Outcome<Option<Checkpoint>> {
        if self.doors.chain_id.is_none() {
            return Ok(None);
        }
        if let Some(genesis) = self.doors.genesis.get() {
            return Ok(Some(genesis.clone()));
        }
        let request = Request { path: GENESIS, body: None, accept: OCTETS, until: self.deadline(), held: None };
        let found = self.in_turn(request, |answer| {
            let genesis = Genesis::decode(&answer.body).map_err(|error| answer.foreign().cause(error))?;
            self.is_meant(&answer.url, genesis.chain_id())?;
            Checkpoint::from_genesis(genesis).map_err(|error| answer.foreign().cause(error))
        })?;
        Ok(Some(self.doors.genesis.get_or_init(|| found).clone()))
    }

    /// The bundle of a transaction that was found to hold for the chain that is meant.
    pub(crate) fn settled(&self, id: &TransactionId) -> Option<Bundle> {
        self.doors.settled.borrow().as_ref().filter(|(found, _)| found == id).map(|(_, bundle)| bundle.clone())
    }

    /// Keeps the bundle of a transaction, which holds for the chain that is meant: the step that comes next needs it.
    pub(crate) fn settle(&self, id: TransactionId, bundle: &Bundle) {
        if self.doors.chain_id.is_some() {
            *self.doors.settled.borrow_mut() = Some((id, bundle.clone()));
        }
    }

    /// Asks the first of so many endpoints, once it has named the chain that is meant. What one says that does not name any is its answer.
    pub(super) fn meet(&self, url: &str, request: Request<'_>, endpoints: usize) -> Result<Met, ureq::Error> {
        let Some(wanted) = self.doors.chain_id.filter(|_| !self.doors.proven.borrow().contains(url)) else {
            return self.ask(url, request, endpoints).map(Met::Answer);
        };
        let question = Request { path: STATUS, body: None, accept: JSON, until: request.until, held: None };
        let answer = self.ask(url, question, endpoints)?;
        match answer.named_chain() {
            Some(found) if found == wanted => {
                self.doors.proven.borrow_mut().insert(url.to_owned());
                self.ask(url, request, endpoints).map(Met::Answer)
            }
            Some(found) => Ok(Met::OtherChain(found)),
            None => Ok(Met::Answer(answer)),
        }
    }

    /// The fault when all endpoints are of other chains: nothing but that was asked of them.
    pub(super) fn wrong_chain(&self, found: &[(String, ChainId)]) -> Fault {
        let wanted = self.doors.chain_id.unwrap_or_default();
        let message = say!(
            "所给接口均不属于链 {wanted}；未提交任何内容。",
            "No endpoint is of chain {wanted}; nothing was submitted."
        );
        let fault = Fault::usage(codes::WRONG_CHAIN, message).hint(say!(
            "请用 --api 指定该链的节点，并核对 --chain-id 与配置档。",
            "Name a node of that chain with --api, and check --chain-id and the profile."
        ));
        found.iter().fold(fault, |fault, (url, id)| fault.cause_in(of_chain(url, *id)))
    }
}

/// Of which chain an endpoint is.
pub(super) fn of_chain(url: &str, id: ChainId) -> crate::text::Text {
    say!("{url} 属于链 {id}", "{url} is of chain {id}")
}

impl Answer {
    /// The chain that a node names in its status.
    fn named_chain(&self) -> Option<ChainId> {
        let status = (self.status == 200).then(|| self.node_status().ok()).flatten()?;
        status.get("chain_id")?.as_str()?.parse().ok()
    }
}

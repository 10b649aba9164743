//! Which endpoints are doors of the chain that is meant. One of another chain knows nothing of it, and that it does not know would be
//! taken for an answer; so each names its chain before it is asked anything else, and those of others are passed over.

use std::cell::RefCell;
use std::collections::BTreeSet;

use quancheng_types::{ChainId, problem as codes};

use super::{Answer, Client, JSON, Request};
use crate::fault::Fault;
use crate::text::say;

/// Path under which a node names its chain.
const STATUS: &str = "/v1/status";

/// The chain that is meant, if one is, and the endpoints that have named it.
#[derive(Clone, Debug, Default)]
pub(super) struct Doors {
    chain_id: Option<ChainId>,
    proven: RefCell<BTreeSet<String>>,
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
            self.doors = Doors { chain_id: Some(chain_id), proven: RefCell::default() };
        }
        self
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

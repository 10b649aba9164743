//! The task behind one stream.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use quancheng_types::{AccountId, Height, Receipt, TransactionId};
use serde_json::json;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::mpsc;

use super::super::super::backend::{Backend, CertifiedBlock};
use super::super::super::limits::RECEIPTS_PER_PIECE;
use super::super::super::outcome::EventView;
use super::super::super::problem::{ApiError, ApiResult};
use super::super::super::state::Api;
use super::{BLOCK, Position};

/// Which events a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    /// Names of modules and events; all when `None`.
    pub(super) names: Option<Vec<String>>,
    /// A signer of the transaction; any when `None`.
    pub(super) account: Option<AccountId>,
}

impl Filter {
    fn wants_blocks(&self) -> bool {
        self.names.as_ref().is_none_or(|names| names.iter().any(|name| name == BLOCK))
    }

    fn wants(&self, event: &EventView) -> bool {
        self.names.as_ref().is_none_or(|names| {
            names.iter().any(|wanted| match wanted.split_once('.') {
                None => wanted == event.module_name,
                Some((module, name)) => module == event.module_name && name == event.name,
            })
        })
    }
}

/// What one stream is about.
pub(super) struct Feed {
    pub(super) api: Api,
    pub(super) filter: Filter,
    /// The next height to tell.
    pub(super) next: Height,
    /// Where the client stopped, within that height.
    pub(super) after: Option<Position>,
    pub(super) sender: mpsc::Sender<Bytes>,
}

/// A block to tell.
#[derive(Clone)]
struct Block {
    height: Height,
    time_ms: u64,
    /// All receipts, of a block that was certified just now; those of an earlier one are read from the store, piece by piece.
    receipts: Option<Arc<Vec<Receipt>>>,
    /// The transactions that the account of the filter signed; all are told when `None`.
    signed: Option<Arc<BTreeSet<TransactionId>>>,
}

impl Block {
    fn piece(&self, backend: &dyn Backend, from: u32) -> ApiResult<Vec<Receipt>> {
        let Some(receipts) = &self.receipts else {
            return Ok(backend.receipts(self.height, from, RECEIPTS_PER_PIECE)?);
        };
        let skip = usize::try_from(from).unwrap_or(usize::MAX);
        let take = usize::try_from(RECEIPTS_PER_PIECE).unwrap_or(usize::MAX);
        Ok(receipts.iter().skip(skip).take(take).cloned().collect())
    }

    fn wants(&self, receipt: &Receipt) -> bool {
        !receipt.events.is_empty() && self.signed.as_ref().is_none_or(|signed| signed.contains(&receipt.transaction_id))
    }
}

/// Why a stream ends: the client left or the node stops.
struct Ended;

impl Feed {
    /// Tells blocks until the client leaves or the node stops.
    pub(super) async fn run(mut self, mut receiver: broadcast::Receiver<Arc<CertifiedBlock>>) {
        let greeting = Bytes::from_static(b"retry: 2000\n: connected\n\n");
        if self.send(greeting).await.is_err() {
            return;
        }
        loop {
            if self.replay(self.api.backend.status().certified_height).await.is_err() {
                return;
            }
            let told = tokio::select! {
                received = receiver.recv() => match received {
                    Ok(block) => self.live(&block).await,
                    Err(RecvError::Lagged(_)) => Ok(()),
                    Err(RecvError::Closed) => return,
                },
                () = tokio::time::sleep(self.api.limits.heartbeat) => self.send(Bytes::from_static(b": heartbeat\n\n")).await,
                () = self.sender.closed() => return,
                () = self.api.stopped() => return,
            };
            if told.is_err() {
                return;
            }
        }
    }

    async fn send(&self, piece: Bytes) -> Result<(), Ended> {
        if piece.is_empty() {
            return Ok(());
        }
        tokio::select! {
            sent = self.sender.send(piece) => sent.map_err(|_| Ended),
            () = self.api.stopped() => Err(Ended),
        }
    }

    /// Tells everything up to a height out of the store.
    async fn replay(&mut self, last: Height) -> Result<(), Ended> {
        while self.next <= last {
            let height = self.next;
            let loaded = self
                .api
                .blocking(move |backend| {
                    let leaf = backend.history_leaf(height)?.ok_or(ApiError::NotReached { height })?;
                    Ok(Block { height, time_ms: leaf.time_ms, receipts: None, signed: None })
                })
                .await;
            match loaded {
                Ok(block) => self.tell(block).await?,
                Err(ApiError::Overloaded { .. }) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
                Err(error) => {
                    let (_, code) = error.status_and_code();
                    tracing::warn!(%height, code, "an event stream ends early");
                    return Err(Ended);
                }
            }
        }
        Ok(())
    }

    async fn live(&mut self, block: &CertifiedBlock) -> Result<(), Ended> {
        if block.height > self.next {
            // Some were missed; the store has them.
            if let Some(before) = block.height.previous() {
                self.replay(before).await?;
            }
        }
        if block.height == self.next {
            let receipts = Some(Arc::clone(&block.receipts));
            self.tell(Block { height: block.height, time_ms: block.time_ms, receipts, signed: None }).await?;
        }
        Ok(())
    }

    async fn tell(&mut self, mut block: Block) -> Result<(), Ended> {
        let after = self.after.take();
        let mut count = 0_u32;
        loop {
            let (filter, from) = (self.filter.clone(), count);
            let piece = self.api.blocking(move |backend| words(backend, block, from, &filter, after)).await;
            // The client comes back with the id of the last event it got.
            let Ok(Piece { text, receipts, block: same }) = piece else { return Err(Ended) };
            block = same;
            self.send(Bytes::from(text)).await?;
            count = count.saturating_add(receipts);
            if receipts < RECEIPTS_PER_PIECE {
                break;
            }
        }
        let end = Position { height: block.height, position: count, index: 0 };
        if self.filter.wants_blocks() && after.is_none_or(|after| end > after) {
            self.send(Bytes::from(self.block_end(&block, end))).await?;
        }
        self.next = block.height.next();
        Ok(())
    }

    fn block_end(&self, block: &Block, id: Position) -> String {
        let status = self.api.backend.status();
        let data = json!({
            "height": block.height,
            "executed_height": status.executed_height.max(block.height),
            "certified_height": status.certified_height.max(block.height),
            "time_ms": block.time_ms,
            "transactions": id.position,
        });
        format!("id: {id}\nevent: {BLOCK}\ndata: {data}\n\n")
    }
}

/// Some receipts of a block in words.
struct Piece {
    text: String,
    /// How many receipts were looked at.
    receipts: u32,
    block: Block,
}

/// Events of some receipts of a block, after a position.
fn words(
    backend: &dyn Backend,
    mut block: Block,
    from: u32,
    filter: &Filter,
    after: Option<Position>,
) -> ApiResult<Piece> {
    let mut text = String::new();
    let receipts = block.piece(backend, from)?;
    if let (Some(account), None, false) = (&filter.account, &block.signed, receipts.is_empty()) {
        // Once for the whole block: each of its batches is read a single time, whatever it holds.
        block.signed = Some(Arc::new(backend.signed_by(block.height, account)?));
    }
    for receipt in receipts.iter().filter(|receipt| block.wants(receipt)) {
        for (index, event) in (0_u32..).zip(&receipt.events) {
            let id = Position { height: block.height, position: receipt.position, index };
            if after.is_some_and(|after| id <= after) {
                continue;
            }
            let event = EventView::new(event);
            if !filter.wants(&event) {
                continue;
            }
            let data = json!({
                "height": block.height,
                "position": receipt.position,
                "transaction_id": receipt.transaction_id,
                "module": event.module_name,
                "name": event.name,
                "data": event.data,
            });
            write!(text, "id: {id}\ndata: {data}\n\n").expect("writing to memory cannot fail");
        }
    }
    let receipts = u32::try_from(receipts.len()).unwrap_or(u32::MAX);
    Ok(Piece { text, receipts, block })
}

//! The task behind one stream.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use quancheng_types::{AccountId, Height, Receipt, TransactionId};
use serde_json::json;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::mpsc;

use super::super::super::backend::{Backend, CertifiedBlock};
use super::super::super::limits::{PIECE_BYTES, RECEIPTS_PER_PIECE, RECEIPTS_PER_READ};
use super::super::super::outcome::EventView;
use super::super::super::problem::{ApiError, ApiResult};
use super::super::super::state::Api;
use super::{BLOCK, Position};
use crate::budget::held;
use crate::fair::FairShare;

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
    /// Rest that this stream owes for what it has read of the past.
    pub(super) owed: Duration,
}

/// A stream that reads the past rests so many times as long as it has read: a request of a hundred bytes asks for the whole chain, and one
/// that finds nothing to tell is held up by no client. With the turns of `replaying` no address takes more than a quarter of a processor.
const REST: u32 = 3;
/// Rests are taken together until they are as long as this.
const REST_MIN: Duration = Duration::from_millis(20);

/// A block to tell.
#[derive(Clone)]
struct Block {
    height: Height,
    time_ms: u64,
    /// All receipts of a block that was certified just now, as long as others keep them too; else they are read from the store, piece by
    /// piece. A client that takes its time keeps nothing in memory.
    receipts: Weak<Vec<Receipt>>,
    /// The transactions that the account of the filter signed; all are told when `None`.
    signed: Option<Arc<Signed>>,
}

/// Transactions of one signer, with their share of the memory for streams.
struct Signed {
    ids: BTreeSet<TransactionId>,
    _share: FairShare,
}

/// What the id of a transaction takes in a set.
const ID_BYTES: usize = 48;

impl Block {
    fn wants(&self, receipt: &Receipt) -> bool {
        let is_signed = self.signed.as_ref().is_none_or(|signed| signed.ids.contains(&receipt.transaction_id));
        !receipt.events.is_empty() && is_signed
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

    async fn send(&self, piece: impl Into<Bytes>) -> Result<(), Ended> {
        let piece = piece.into();
        if piece.is_empty() {
            return Ok(());
        }
        let sent = async {
            let share = self.api.pieces.take(self.api.client, piece.len()).await;
            self.sender.send(held(piece, share)).await.map_err(|_| Ended)
        };
        self.unless_ended(sent).await?
    }

    /// Reads something of the store in turn with the other streams, and rests for it.
    async fn read_past<T: Send + 'static>(
        &mut self,
        read: impl FnOnce(&dyn Backend) -> ApiResult<T> + Send + 'static,
    ) -> Result<ApiResult<T>, Ended> {
        let api = self.api.clone();
        let timed = async move {
            let turn = api.replaying.take(api.client, 1).await;
            api.blocking(move |backend| {
                // Held until the read ends, also when nobody waits for it any more.
                let _turn = turn;
                let begun = Instant::now();
                let result = read(backend);
                Ok((result, begun.elapsed()))
            })
            .await
        };
        let (result, took) = match self.unless_ended(timed).await? {
            Ok(read) => read,
            Err(error) => return Ok(Err(error)),
        };
        self.owed += took * REST;
        if self.owed >= REST_MIN {
            let rest = core::mem::take(&mut self.owed);
            self.unless_ended(tokio::time::sleep(rest)).await?;
        }
        Ok(result)
    }

    /// Waits for something as long as the client is there and the node goes on.
    async fn unless_ended<T>(&self, wait: impl Future<Output = T>) -> Result<T, Ended> {
        tokio::select! {
            done = wait => Ok(done),
            () = self.sender.closed() => Err(Ended),
            () = self.api.stopped() => Err(Ended),
        }
    }

    /// Tells everything up to a height out of the store.
    async fn replay(&mut self, last: Height) -> Result<(), Ended> {
        while self.next <= last {
            let height = self.next;
            let loaded = self
                .read_past(move |backend| {
                    let leaf = backend.history_leaf(height)?.ok_or(ApiError::NotReached { height })?;
                    Ok(Block { height, time_ms: leaf.time_ms, receipts: Weak::new(), signed: None })
                })
                .await?;
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
            let receipts = block.receipts.clone();
            self.tell(Block { height: block.height, time_ms: block.time_ms, receipts, signed: None }).await?;
        }
        Ok(())
    }

    async fn tell(&mut self, mut block: Block) -> Result<(), Ended> {
        let mut after = self.after.take();
        let (mut count, mut few) = (0_u32, RECEIPTS_PER_READ);
        loop {
            let (filter, from, api) = (self.filter.clone(), count, self.api.clone());
            let is_past = block.receipts.strong_count() == 0;
            let read = move |backend: &dyn Backend| words(backend, block, from, few, &filter, after, &api);
            let piece = if is_past { self.read_past(read).await? } else { self.api.blocking(read).await };
            // The client comes back with the id of the last event it got.
            let Ok(Piece { text, receipts, last, end, block: same }) = piece else { return Err(Ended) };
            block = same;
            after = last;
            self.send(text).await?;
            count = count.saturating_add(receipts);
            match end {
                PieceEnd::Block => break,
                PieceEnd::Read => few = few.saturating_mul(2).min(RECEIPTS_PER_PIECE),
                PieceEnd::Full => few = receipts.saturating_mul(2).clamp(1, RECEIPTS_PER_PIECE),
            }
        }
        let end = Position { height: block.height, position: count, index: 0 };
        if self.filter.wants_blocks() && after.is_none_or(|after| end > after) {
            self.send(self.block_end(&block, end)).await?;
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
    /// How many receipts are told whole.
    receipts: u32,
    /// The last event that was told, now or before.
    last: Option<Position>,
    end: PieceEnd,
    block: Block,
}

/// Why a piece ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PieceEnd {
    /// The block has no more receipts.
    Block,
    /// No more were read.
    Read,
    /// The text is long enough.
    Full,
}

/// Events of some receipts of a block, after a position.
fn words(
    backend: &dyn Backend,
    mut block: Block,
    from: u32,
    few: u32,
    filter: &Filter,
    after: Option<Position>,
    api: &Api,
) -> ApiResult<Piece> {
    let kept = block.receipts.upgrade();
    let read = match &kept {
        Some(_) => Vec::new(),
        None => backend.receipts(block.height, from, few)?,
    };
    let receipts = kept.as_deref().map_or(&read[..], |all| slice(all, from, few));
    if let (Some(account), None, false) = (&filter.account, &block.signed, receipts.is_empty()) {
        // Once for the whole block: each of its batches is read a single time, whatever it holds.
        let ids = backend.signed_by(block.height, account)?;
        let overloaded = |_| ApiError::Overloaded { what: "event streams", retry_after_ms: super::RETRY_AFTER_MS };
        let share = api.pieces.try_take(api.client, ids.len() * ID_BYTES).map_err(overloaded)?;
        block.signed = Some(Arc::new(Signed { ids, _share: share }));
    }
    let (mut text, mut last, mut told) = (String::new(), after, 0);
    for receipt in receipts {
        if text.len() >= PIECE_BYTES {
            break;
        }
        let events = if block.wants(receipt) { &receipt.events[..] } else { &[] };
        for (index, event) in (0_u32..).zip(events) {
            let id = Position { height: block.height, position: receipt.position, index };
            if after.is_some_and(|after| id <= after) {
                continue;
            }
            if text.len() >= PIECE_BYTES {
                text.shrink_to_fit();
                return Ok(Piece { text, receipts: told, last, end: PieceEnd::Full, block });
            }
            let event = EventView::new(event);
            if filter.wants(&event) {
                write(&mut text, id, receipt, &event);
                last = Some(id);
            }
        }
        told += 1;
    }
    // What is counted is its length.
    text.shrink_to_fit();
    let count = u32::try_from(receipts.len()).unwrap_or(u32::MAX);
    let end = match told {
        told if told < count => PieceEnd::Full,
        _ if count < few => PieceEnd::Block,
        _ => PieceEnd::Read,
    };
    Ok(Piece { text, receipts: told, last, end, block })
}

fn slice(receipts: &[Receipt], from: u32, few: u32) -> &[Receipt] {
    let from = usize::try_from(from).unwrap_or(usize::MAX).min(receipts.len());
    let few = usize::try_from(few).unwrap_or(usize::MAX).min(receipts.len() - from);
    &receipts[from..from + few]
}

fn write(text: &mut String, id: Position, receipt: &Receipt, event: &EventView) {
    let data = json!({
        "height": id.height,
        "position": receipt.position,
        "transaction_id": receipt.transaction_id,
        "module": event.module_name,
        "name": event.name,
        "data": event.data,
    });
    write!(text, "id: {id}\ndata: {data}\n\n").expect("writing to memory cannot fail");
}

//! What one notarization costs a validator's executor at a size of the chain: executing, committing, everything that the store does
//! behind it, and bytes that reach the disk (merges included).
//!
//! ```text
//! cargo bench -p quancheng-benches --bench filling -- 1000000
//! cargo bench -p quancheng-benches --bench filling -- 1000000 1000    in blocks of 1,000 notarizations instead of 10,000
//! ```
//!
//! Fills the state with half as many entries, measures, fills it to that many, and measures again, with the memory that a node gives its store
//! by default. Without a number (as in the smoke run of all benches) it fills 20,000 entries.

mod ledger;
mod spent;

use std::io::Write as _;
use std::sync::Arc;

use ledger::Chain;
use quancheng_state_rocks::{Rocks, within};
use spent::{Spent, thread_cpu_ns};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ENTRIES_SMALL: u64 = 20_000;
/// What a node gives its store by default (`store.memory_mib`).
const MEMORY_MIB: usize = 128;
const BLOCK: u64 = 10_000;
/// Notarizations that are measured at each size.
const MEASURED: u64 = 100_000;

fn measure(chain: &mut Chain, entries: u64, block: u64) {
    chain.fill(entries);
    let found = chain.entries();
    let (mut execute_ns, mut commit_ns, mut all, mut count) = (0, 0, Spent::default(), 0);
    let measured = MEASURED.min(entries);
    while count < measured {
        // Signing, and writing the batches, is not the executor's.
        let signed = chain.block(block);
        let (begun, before) = (Spent::now(), thread_cpu_ns());
        let output = chain.execute(&signed);
        let executed = thread_cpu_ns();
        chain.commit(&signed, output);
        commit_ns += thread_cpu_ns() - executed;
        execute_ns += executed - before;
        all = all + (Spent::now() - begun);
        count += block;
    }
    // Merges that have begun go on behind it: their bytes and time count where they fall.
    let line = format!(
        "{found} entries, blocks of {block}: {} ns to execute and {} ns to commit one notarization, {} ns of all CPU, {} bytes on the disk",
        execute_ns / count,
        commit_ns / count,
        all.cpu_ns / count,
        all.disk_bytes / count,
    );
    writeln!(std::io::stdout(), "{line}").expect("the figures can be written");
}

fn main() {
    let mut numbers = std::env::args().filter_map(|word| word.parse().ok());
    let entries = numbers.next().unwrap_or(ENTRIES_SMALL);
    let block = numbers.next().unwrap_or(BLOCK);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let (rocks, options) = within(MEMORY_MIB << 20);
    let rocks = Rocks::open(folder.path(), &rocks).expect("the temporary folder can be written");
    let mut chain = Chain::new(Arc::new(rocks), options);
    for size in [entries / 2, entries] {
        measure(&mut chain, size, block);
    }
}

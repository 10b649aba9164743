//! temporary
use std::sync::Arc;
use quancheng_state::{BlockCommit, Overlay, Patch, Store, StoreOptions, Table, view::EmptyView, Memory};
use quancheng_state_rocks::{Rocks, RocksOptions};
use quancheng_types::hash::sha256;
use quancheng_types::*;
const ROWS: Table<u64, Vec<u8>> = Table::new(ModuleId(1), 1, "rows");
fn scatter(turn: u64, at: u64) -> u64 {
    let h = sha256(&[&turn.to_be_bytes(), &at.to_be_bytes()]);
    u64::from_be_bytes(h.0[..8].try_into().unwrap())
}
fn patch(keys: impl Iterator<Item = u64>, turn: u64) -> Patch {
    let v: Vec<u8> = turn.to_be_bytes().into_iter().cycle().take(120).collect();
    let mut overlay = Overlay::new(&EmptyView);
    for key in keys { ROWS.put(&mut overlay, &key, &v); }
    overlay.into_patch()
}
fn main_cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    s.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e3
}
fn all_cpu() -> f64 {
    let mut sum = 0.0;
    for t in std::fs::read_dir("/proc/self/task").unwrap() {
        let s = std::fs::read_to_string(t.unwrap().path().join("schedstat")).unwrap_or_default();
        sum += s.split(' ').next().and_then(|x| x.parse::<f64>().ok()).unwrap_or(0.0) / 1e3;
    }
    sum
}
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let keys: u64 = args[2].parse().unwrap();
    let cache: usize = args[3].parse::<usize>().unwrap() << 20;
    let dir = tempfile::tempdir().unwrap();
    let backend: Arc<dyn quancheng_state::Backend> = if args[1] == "rocks" { Arc::new(Rocks::open(dir.path(), &RocksOptions::default()).unwrap()) } else { Arc::new(Memory::new()) };
    let store = Store::open(backend.clone(), StoreOptions { page_cache_bytes: cache }).unwrap();
    let v = Validator { public_key: SigningKey::from_seed([1; 32]).public_key(), power: 1, node_id: NodeId(Digest([2; 32])), organization: Text::default(), interest: Text::default() };
    store.init_genesis(0, Patch::empty(), &ValidatorSet::new(vec![v]).unwrap()).unwrap();
    let next = |store: &Store, patch| BlockCommit { height: store.tip().unwrap().height().next(), patch, ..BlockCommit::default() };
    let (a, m) = (all_cpu(), main_cpu());
    for start in (0..keys).step_by(50_000) {
        store.commit(next(&store, patch(start..(start + 50_000).min(keys), 0))).unwrap();
    }
    println!("fill: all {:.1} main {:.1} us/key", (all_cpu() - a) / keys as f64, (main_cpu() - m) / keys as f64);
    for updates in [400_u64, 4000, 10000] {
        let blocks = 80_000 / updates;
        let (mut main, all, mut making) = (0.0, all_cpu(), 0.0);
        for turn in 1..=blocks {
            let turn = turn + updates * 1000;
            let m = main_cpu();
            let p = patch((0..updates).map(|at| if at % 2 == 0 { scatter(turn, at) % keys } else { keys + turn * 100_000 + at }), turn);
            let block = next(&store, p);
            let m1 = main_cpu();
            making += m1 - m;
            store.commit(block).unwrap();
            main += main_cpu() - m1;
            if store.tip().unwrap().height().0 % 10 == 0 { store.sync().unwrap(); }
        }
        let n = (blocks * updates) as f64;
        println!("{} keys {keys} cache {} block {updates}: commit thread {:.2} us/update; all threads {:.2}  root {}", args[1], cache >> 20, main / n, (all_cpu() - all - making) / n, store.tip().unwrap().leaf.state_root);
    }
}

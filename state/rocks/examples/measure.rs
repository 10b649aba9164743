use quancheng_state::view::EmptyView;
use quancheng_state::*;
use quancheng_state_rocks::*;
use quancheng_types::hash::sha256;
use quancheng_types::*;
use std::sync::Arc;
use std::time::Instant;
const ROWS: Table<u64, Vec<u8>> = Table::new(ModuleId(1), 1, "rows");
fn scatter(t: u64, a: u64) -> u64 {
    let h = sha256(&[&t.to_be_bytes(), &a.to_be_bytes()]);
    h.0.iter().take(8).fold(0, |n, b| n << 8 | u64::from(*b))
}
fn patch(keys: impl Iterator<Item = u64>, t: u64) -> Patch {
    let mut o = Overlay::new(&EmptyView);
    for k in keys {
        ROWS.put(
            &mut o,
            &k,
            &t.to_be_bytes().into_iter().cycle().take(120).collect(),
        );
    }
    o.into_patch()
}
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) * 10.0
}
fn rss() -> u64 {
    let s = std::fs::read_to_string("/proc/self/statm").unwrap();
    s.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096 / 1_000_000
}
fn vals() -> ValidatorSet {
    ValidatorSet::new(vec![Validator {
        public_key: SigningKey::from_seed([1; 32]).public_key(),
        power: 1,
        node_id: NodeId(Digest([2; 32])),
        organization: Text::default(),
        interest: Text::default(),
    }])
    .unwrap()
}
fn run(name: &str, backend: Arc<dyn Backend>, keys: u64, updates: u64) {
    let store = Store::open(backend.clone(), StoreOptions::default()).unwrap();
    store.init_genesis(0, Patch::empty(), &vals()).unwrap();
    let next = |p| {
        let h = store.tip().unwrap().height().next();
        BlockCommit {
            height: h,
            patch: p,
            ..BlockCommit::default()
        }
    };
    let t = Instant::now();
    for s in (0..keys).step_by(50_000) {
        store.commit(next(patch(s..s + 50_000, 0))).unwrap();
    }
    println!("{name}: fill {keys} in {:?} rss {} MB", t.elapsed(), rss());
    let (mut wall, mut c, mut worst) = (0.0, 0.0, 0.0_f64);
    let n = 20;
    for turn in 1..=n {
        let p = patch(
            (0..updates).map(|a| {
                if a % 2 == 0 {
                    scatter(turn, a) % keys
                } else {
                    keys + turn * updates + a
                }
            }),
            turn,
        );
        let b = next(p);
        let (t, c0) = (Instant::now(), cpu());
        store.commit(b).unwrap();
        store.sync().unwrap();
        let w = t.elapsed().as_secs_f64() * 1e3;
        wall += w;
        worst = worst.max(w);
        c += cpu() - c0;
    }
    let per = |ms: f64| ms * 1e3 / (n * updates) as f64;
    println!(
        "{name}: updates={updates}: wall {:.2} us/update, cpu (all threads) {:.2} us/update, mean block {:.1} ms worst {:.1} ms rss {} MB",
        per(wall),
        per(c),
        wall / n as f64,
        worst,
        rss()
    );
    let s = store.snapshot().unwrap();
    let t = Instant::now();
    let mut size = 0;
    for i in 0..5000 {
        let p = s.prove(&ROWS.key(&(scatter(0, i) % keys))).unwrap();
        size += quancheng_types::codec::encode(&p).len();
    }
    println!(
        "{name}: prove {:.1} us, {} bytes",
        t.elapsed().as_secs_f64() * 1e6 / 5000.0,
        size / 5000
    );
    let old = store
        .snapshot_at(Height(store.tip().unwrap().height().0 - 15))
        .unwrap();
    let t = Instant::now();
    for i in 0..2000 {
        old.prove(&ROWS.key(&(scatter(0, i) % keys))).unwrap();
    }
    println!(
        "{name}: prove 15 heights back {:.1} us",
        t.elapsed().as_secs_f64() * 1e6 / 2000.0
    );
    let t = Instant::now();
    for i in 0..50000 {
        s.read(&ROWS.key(&(scatter(0, i) % keys))).unwrap().unwrap();
    }
    println!(
        "{name}: read {:.2} us",
        t.elapsed().as_secs_f64() * 1e6 / 50000.0
    );
    drop(s);
    drop(old);
    drop(store);
    let t = Instant::now();
    Store::open(backend, StoreOptions::default()).unwrap();
    println!("{name}: Store::open on an open backend {:?}", t.elapsed());
}
fn main() {
    let keys: u64 = std::env::args()
        .nth(1)
        .map_or(1_000_000, |a| a.parse().unwrap());
    if std::env::args().nth(2).is_some() { run("memory", Arc::new(Memory::new()), keys, 10_000); return; }
    let dir = tempfile::tempdir().unwrap();
    run(
        "rocks",
        Arc::new(Rocks::open(dir.path(), &RocksOptions::default()).unwrap()),
        keys,
        10_000,
    );
    run_small(dir.path());
}
fn run_small(path: &std::path::Path) {
    let t = Instant::now();
    let rocks = Arc::new(Rocks::open(path, &RocksOptions::default()).unwrap());
    let store = Store::open(rocks.clone(), StoreOptions::default()).unwrap();
    println!(
        "reopen rocks+store {:?}, engine memory {} MB",
        t.elapsed(),
        rocks.memory_bytes().unwrap() / 1_000_000
    );
    for c in quancheng_state::backend::Column::ALL {
        let b = rocks.column_bytes(c).unwrap();
        if b > 1_000_000 {
            println!("  {} {} MB", c.name(), b / 1_000_000);
        }
    }
    for turn in 100..103 {
        let h = store.tip().unwrap().height().next();
        let p = patch((0..300).map(|a| scatter(turn, a) % 1_000_000), turn);
        let t = Instant::now();
        store
            .commit(BlockCommit {
                height: h,
                patch: p,
                ..BlockCommit::default()
            })
            .unwrap();
        println!("300 updates cold: {:?}", t.elapsed());
    }
}

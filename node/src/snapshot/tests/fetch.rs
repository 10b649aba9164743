use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::manifest::MANIFEST_BYTES_MAX;
use super::super::{Left, Source, Sources};
use super::*;

const CHUNKS: [&[u8]; 3] = [b"a", b"bb", b"ccc"];

/// What a node answers.
struct Answer {
    head: String,
    body: Vec<u8>,
    wait: Duration,
    /// More than it said, as long as somebody reads.
    is_endless: bool,
}

impl Answer {
    fn of(status: &str, body: Vec<u8>) -> Self {
        Self { head: format!("HTTP/1.1 {status}\r\n"), body, wait: Duration::ZERO, is_endless: false }
    }

    fn ok(body: Vec<u8>) -> Self {
        Self::of("200 OK", body)
    }

    fn absent() -> Self {
        Self::of("404 Not Found", b"{}".to_vec())
    }
}

/// A node, and what it was asked for.
struct Fake {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    fn new(answer: impl Fn(&str) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                let Some(first) = lines.next() else { continue };
                lines.find(String::is_empty);
                let path = first.split(' ').nth(1).unwrap().to_owned();
                noted.lock().unwrap().push(path.clone());
                let Answer { head, body, wait, is_endless } = answer(&path);
                std::thread::sleep(wait);
                let length = if is_endless { String::new() } else { format!("content-length: {}\r\n", body.len()) };
                let mut sent = stream.write_all(format!("{head}{length}connection: close\r\n\r\n").as_bytes());
                sent = sent.and_then(|()| stream.write_all(&body));
                while is_endless && sent.is_ok() {
                    sent = stream.write_all(&[b' '; 65_536]);
                }
            }
        });
        Self { url, asked }
    }

    fn source(&self) -> Source {
        Source::Node(self.url.clone())
    }

    /// How often something was asked for whose path ends so.
    fn asked(&self, end: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|path| path.ends_with(end)).count()
    }

    fn asked_chunks(&self) -> usize {
        self.asked.lock().unwrap().iter().filter(|path| path.contains("/chunks/")).count()
    }
}

/// What a node answers that has a folder of snapshots.
fn honest(folder: &Path, path: &str) -> Answer {
    let folder = SnapshotFolder::at(folder);
    let mut parts = path.trim_start_matches("/v1/snapshots").split('/').skip(1);
    let height = parts.next().map(|height| Height(height.parse().unwrap()));
    let bytes = match (height, parts.next(), parts.next()) {
        (None, _, _) => Some(list(&folder.list().unwrap())),
        (Some(height), Some("manifest"), None) => folder.manifest(height).unwrap(),
        (Some(height), Some("chunks"), Some(number)) => folder.chunk(height, number.parse().unwrap()).unwrap(),
        other => panic!("{other:?}"),
    };
    bytes.map_or_else(Answer::absent, Answer::ok)
}

fn list(infos: &[SnapshotInfo]) -> Vec<u8> {
    serde_json::to_vec(&serde_json::json!({ "snapshots": infos })).unwrap()
}

/// A node that is honest but for what `change` makes of its answer to some paths.
fn nearly(folder: &Path, change: impl Fn(&str, Answer) -> Answer + Send + 'static) -> Fake {
    let folder = folder.to_owned();
    Fake::new(move |path| change(path, honest(&folder, path)))
}

fn as_it_is(folder: &Path) -> Fake {
    nearly(folder, |_, answer| answer)
}

/// All chunks, as a join fetches them; anew whenever a snapshot is left.
fn fetch(sources: &mut Sources, genesis: &Genesis) -> (Found, Vec<Vec<u8>>) {
    for _ in 0..20 {
        let mut found = sources.newest(genesis).unwrap();
        let entries = found.manifest.list.chunks.clone();
        let chunks = (0_u64..).zip(&entries).map(|(number, entry)| sources.chunk(&mut found, number, entry));
        if let Ok(chunks) = chunks.collect::<Result<Vec<_>, Left>>() {
            return (found, chunks);
        }
    }
    panic!("it is never whole: {:?}", sources.given_up());
}

type Found = super::super::Found;

#[test]
fn a_source_is_an_address_or_a_folder() {
    let read = |text: &str| text.parse::<Source>();
    for (text, url) in [
        ("http://a:1/", "http://a:1"),
        ("HTTP://a:1", "http://a:1"),
        ("http://NODE.example:1/Path/", "http://node.example:1/Path"),
        ("Http://[::1]:80", "http://[::1]:80"),
        (" http://b", "http://b"),
        ("http://b\t", "http://b"),
        ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        (" node.example:9000/", "http://node.example:9000"),
        ("[::1]:9000", "http://[::1]:9000"),
    ] {
        assert!(matches!(read(text), Ok(Source::Node(found)) if found == url), "{text}");
    }
    for (text, path) in
        [("/a/b", "/a/b"), ("here", "here"), (" a:b ", "a:b"), ("C:/x", "C:/x"), ("127.0.0.1", "127.0.0.1")]
    {
        assert!(matches!(read(text), Ok(Source::Folder(found)) if found == Path::new(path)), "{text}");
    }
    for (text, told) in [
        ("", "needed"),
        (" ", "needed"),
        ("https://a:1", "over http"),
        ("HTTPS://a:1", "over http"),
        ("ftp://a", "only http://"),
    ] {
        assert!(read(text).is_err_and(|error| error.contains(told)), "{text}");
    }
}

/// A slip in the name of a source is told as one, in both languages.
#[test]
fn a_folder_that_is_not_there_is_told_as_such() {
    let genesis = testing::genesis();
    let empty = tempfile::tempdir().unwrap();
    let damaged = folder(&genesis, &CHUNKS, b"ccc");
    std::fs::write(damaged.path().join("5/snapshot.json"), b"{").unwrap();
    for (text, en, zh) in [
        ("127.0.0.1", "no such folder here; the address of a node is HOST:PORT or http://HOST:PORT", "没有该文件夹"),
        ("http:/127.0.0.1:1", "no such folder here", "主机:端口"),
        (empty.path().to_str().unwrap(), "it has none", "其没有快照"),
        (damaged.path().to_str().unwrap(), "snapshot.json of its height 5", "snapshot.json 缺失或已损坏"),
    ] {
        let error = Sources::new(vec![text.parse().unwrap()]).newest(&genesis).unwrap_err();
        assert!(error.en().contains(en) && error.zh().contains(zh), "{error}");
    }
}

/// Whoever gives a false list is to blame for it, and nobody else: not those who have the same snapshot and tell it as it is.
#[test]
fn a_false_list_is_nobody_elses_fault() {
    let genesis = testing::genesis();
    let [false_one, true_one, other] = [b"cc", b"bb", b"bb"].map(|named| folder(&genesis, &[b"a", b"bb"], named));
    let source = |folder: &tempfile::TempDir| Source::Folder(folder.path().to_owned());
    let mut sources = Sources::new([&false_one, &true_one, &other].map(source).to_vec());
    let mut found = sources.newest(&genesis).unwrap();
    assert_eq!(found.source, source(&false_one));
    let list = found.manifest.list.chunks.clone();
    assert_eq!(sources.chunk(&mut found, 0, &list[0]).unwrap(), b"a");
    assert_eq!(sources.chunk(&mut found, 1, &list[1]), Err(Left::NoHolder));
    assert_eq!(sources.given_up().len(), 1, "{:?}", sources.given_up());

    let mut found = sources.newest(&genesis).unwrap();
    assert_eq!(found.source, source(&true_one));
    let list = found.manifest.list.chunks.clone();
    // A chunk that one of them lost is taken from the other.
    std::fs::remove_file(chunk_path(&SnapshotFolder::at(true_one.path()).of_height(Height(5)), 1)).unwrap();
    assert_eq!(sources.chunk(&mut found, 0, &list[0]).unwrap(), b"a");
    assert_eq!(sources.chunk(&mut found, 1, &list[1]).unwrap(), b"bb");
    let givers = [&true_one, &other].map(|folder| (source(folder).to_string(), 1));
    assert_eq!(sources.givers(&found), givers);
}

/// The same snapshot so often, each time with another digest, or the true one.
fn many(count: usize, is_true: bool, answer: &Answer) -> Answer {
    let listed: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let one: SnapshotInfo = serde_json::from_value(listed["snapshots"][0].clone()).unwrap();
    let digest = |number: usize| sha256(&[&number.to_le_bytes()]);
    let name = |number| SnapshotInfo {
        manifest_sha256: if is_true { one.manifest_sha256 } else { digest(number) },
        ..one.clone()
    };
    Answer::ok(list(&(0..count).map(name).collect::<Vec<_>>()))
}

fn flipped(mut answer: Answer) -> Answer {
    *answer.body.last_mut().unwrap() ^= 1;
    answer
}

/// One that sends whoever asks elsewhere.
fn redirected(to: &str) -> Answer {
    Answer { head: format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {to}\r\n"), ..Answer::ok(Vec::new()) }
}

/// A lie: to which paths, by how they end, what it makes of the answer, what is told of it, and how many chunks it is asked for.
struct Lie(&'static str, fn(Answer) -> Answer, [&'static str; 2], usize);

const LISTS: &str = "/v1/snapshots";
const LIES: [Lie; 12] = [
    Lie("/1", flipped, ["chunk 1 is not", "第 1 块与清单所列不符"], 2),
    Lie("/1", |_| Answer::ok(vec![0; 9]), ["more than the 2 bytes", "超过其应有的 2 字节"], 2),
    Lie("/1", |it| Answer { is_endless: true, ..it }, ["more than the 2 bytes", "超过其应有的 2 字节"], 2),
    Lie("/0", |_| redirected("file:///etc/passwd"), ["redirects to file:///etc/passwd", "不跟随"], 1),
    Lie("manifest", flipped, ["not the one that was offered", "清单与所报的不符"], 0),
    Lie("manifest", |it| Answer { is_endless: true, ..it }, ["bytes that it may have", "字节"], 0),
    Lie(LISTS, |it| many(100, false, &it), ["not the one that was offered", "清单与所报的不符"], 0),
    Lie(LISTS, |it| many(2_500, true, &it), ["more than the 65536 bytes", "超过其应有的 65536 字节"], 0),
    Lie(LISTS, |_| Answer::ok(vec![b'['; 9_000]), ["not that of a node", "不是节点的答复"], 0),
    Lie(
        LISTS,
        |_| redirected("http://10.0.0.1/x"),
        ["redirects to http://10.0.0.1/x", "重定向至 http://10.0.0.1/x"],
        0,
    ),
    Lie("", |_| redirected("/v1/snapshots?1"), ["redirects to /v1/snapshots?1", "不跟随"], 0),
    Lie("", |_| Answer::absent(), ["answers 404", "返回 404"], 0),
];

/// What became of a liar that an honest source stands beside: it gave nothing false twice, and the other one gave the rest.
fn is_given_up_at_once(what: &str, liar: &Fake, whole: &Path, [en, zh]: [&str; 2], chunks: usize) {
    let genesis = testing::genesis();
    let good = as_it_is(whole);
    // Named twice, it is one.
    let mut sources = Sources::new(vec![liar.source(), liar.source(), good.source()]);
    let (found, fetched) = fetch(&mut sources, &genesis);
    assert_eq!(fetched, CHUNKS, "{what}");
    let [given_up] = sources.given_up() else { panic!("{what}: {:?}", sources.given_up()) };
    let is_told = given_up.source == liar.url && given_up.en.contains(en) && given_up.zh.contains(zh);
    assert!(is_told, "{what}: {given_up:?}");
    assert_eq!(liar.asked_chunks(), chunks, "{what}");
    assert!(liar.asked("manifest") <= 1 && liar.asked(LISTS) <= 3, "{what}");
    let by_good = u64::try_from(CHUNKS.len() - chunks.saturating_sub(1)).unwrap();
    let givers = sources.givers(&found);
    assert!(givers.contains(&(good.url.clone(), by_good)), "{what}: {givers:?}");
}

/// One false thing, and a source is out: it is asked for no second one, and the honest one gives everything else.
#[test]
fn who_gives_something_false_is_asked_no_more() {
    let whole = folder(&testing::genesis(), &CHUNKS, b"ccc");
    for (number, Lie(end, change, told, chunks)) in LIES.into_iter().enumerate() {
        let liar = nearly(whole.path(), move |path, answer| if path.ends_with(end) { change(answer) } else { answer });
        is_given_up_at_once(&format!("lie {number}"), &liar, whole.path(), told, chunks);
    }
}

/// Who is in its own list a hundred times is one holder, and gives one false chunk.
#[test]
fn a_list_is_a_set() {
    let whole = folder(&testing::genesis(), &CHUNKS, b"ccc");
    let liar = nearly(whole.path(), |path, answer| match path {
        LISTS => many(100, true, &answer),
        _ if path.ends_with("/0") => flipped(answer),
        _ => answer,
    });
    is_given_up_at_once("a hundred times", &liar, whole.path(), ["chunk 0 is not", "第 0 块"], 1);
}

/// A manifest that is said to be longer than any is not asked for.
#[test]
fn a_manifest_that_is_too_long_is_not_fetched() {
    let genesis = testing::genesis();
    let whole = folder(&genesis, &CHUNKS, b"ccc");
    let liar = nearly(whole.path(), |path, answer| {
        if !path.ends_with("/v1/snapshots") {
            return answer;
        }
        let listed: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let mut one: SnapshotInfo = serde_json::from_value(listed["snapshots"][0].clone()).unwrap();
        one.manifest_bytes = u64::from(MANIFEST_BYTES_MAX) + 1;
        Answer::ok(list(&[one]))
    });
    let error = Sources::new(vec![liar.source()]).newest(&genesis).unwrap_err();
    assert!(error.en().contains("none has more than 67108864") && error.zh().contains("67108864"), "{error}");
    assert_eq!(liar.asked("manifest"), 0);
}

/// Chunks of one after a while.
fn slow(folder: &Path) -> Fake {
    nearly(folder, |path, answer| {
        let wait = if path.contains("/chunks/") { Duration::from_millis(1_300) } else { Duration::ZERO };
        Answer { wait, ..answer }
    })
}

/// Who stays below the least pace comes after the others, and a height that it alone has is left for one that others have.
#[test]
fn a_slow_source_holds_up_nobody() {
    let genesis = testing::genesis();
    let (newer, older) = (tempfile::tempdir().unwrap(), folder(&genesis, &CHUNKS, b"ccc"));
    add(newer.path(), &genesis, 7, &CHUNKS, b"ccc");
    let bounds = |sources: Sources| sources.bounded(Duration::from_secs(5), Duration::from_millis(100));

    // Alone with the newest height, and another one has an older one.
    let (liar, good) = (slow(newer.path()), as_it_is(older.path()));
    let mut sources = bounds(Sources::new(vec![liar.source(), good.source()]));
    let mut found = sources.newest(&genesis).unwrap();
    assert_eq!(found.manifest.height(), Height(7));
    let entries = found.manifest.list.chunks.clone();
    assert_eq!(sources.chunk(&mut found, 0, &entries[0]).unwrap(), CHUNKS[0]);
    assert_eq!(sources.chunk(&mut found, 1, &entries[1]), Err(Left::Slow));
    let (found, fetched) = fetch(&mut sources, &genesis);
    assert_eq!((found.manifest.height(), fetched), (Height(5), CHUNKS.map(<[u8]>::to_vec).to_vec()));
    assert_eq!((liar.asked_chunks(), sources.given_up()), (1, &[][..]));
    assert_eq!(sources.givers(&found), [(good.url, 3)]);

    // The same height: the other one gives what is left.
    let (late, good) = (slow(older.path()), as_it_is(older.path()));
    let mut sources = bounds(Sources::new(vec![late.source(), good.source()]));
    let (found, fetched) = fetch(&mut sources, &genesis);
    assert_eq!(fetched, CHUNKS);
    assert_eq!(sources.givers(&found), [(late.url, 1), (good.url, 2)]);

    // Nobody else: slow is better than nothing.
    let late = slow(older.path());
    let mut sources = bounds(Sources::new(vec![late.source()]));
    assert_eq!(fetch(&mut sources, &genesis).1, CHUNKS);
    assert_eq!(sources.given_up(), []);
}

/// A place that took longer for a chunk is asked again when the others had their turn.
#[test]
fn slow_sources_take_turns() {
    let genesis = testing::genesis();
    let whole = folder(&genesis, &CHUNKS, b"ccc");
    let nodes = [as_it_is(whole.path()), as_it_is(whole.path())];
    let mut sources =
        Sources::new(nodes.iter().map(Fake::source).collect()).bounded(Duration::ZERO, Duration::from_secs(9));
    let (found, _) = fetch(&mut sources, &genesis);
    let [first, second] = &nodes;
    assert_eq!(sources.givers(&found), [(first.url.clone(), 2), (second.url.clone(), 1)]);
}

/// Who has replaced a snapshot by a newer one did nothing false; who does it again and again is given up.
#[test]
fn a_snapshot_that_is_gone_is_left_for_a_newer_one() {
    let genesis = testing::genesis();
    let whole = folder(&genesis, &CHUNKS, b"ccc");
    let (path, genesis_of_node) = (whole.path().to_owned(), genesis.clone());
    let is_replaced = Mutex::new(false);
    let node = nearly(whole.path(), move |asked, answer| {
        let mut is_replaced = is_replaced.lock().unwrap();
        if asked.ends_with("5/chunks/1") && !*is_replaced {
            add(&path, &genesis_of_node, 8, &CHUNKS, b"ccc");
            std::fs::remove_dir_all(path.join("5")).unwrap();
            *is_replaced = true;
            return Answer::absent();
        }
        answer
    });
    let mut sources = Sources::new(vec![node.source()]);
    let (found, fetched) = fetch(&mut sources, &genesis);
    assert_eq!((found.manifest.height(), fetched), (Height(8), CHUNKS.map(<[u8]>::to_vec).to_vec()));
    assert_eq!(sources.given_up(), []);

    // Always gone when it is asked for, and always back in the list.
    let (lists, count) = (Arc::new(Mutex::new(0_u32)), 5);
    let seen = Arc::clone(&lists);
    let liar = nearly(whole.path(), move |asked, answer| {
        if asked.contains("/chunks/") {
            return Answer::absent();
        }
        if !asked.ends_with("/v1/snapshots") {
            return answer;
        }
        let mut lists = seen.lock().unwrap();
        *lists += 1;
        if lists.is_multiple_of(2) { many(1, true, &renumbered(&answer)) } else { answer }
    });
    let mut sources = Sources::new(vec![liar.source()]);
    let error = loop {
        match sources.newest(&genesis) {
            Ok(mut found) => {
                let entries = found.manifest.list.chunks.clone();
                assert_eq!(sources.chunk(&mut found, 0, &entries[0]), Err(Left::NoHolder));
            }
            Err(error) => break error,
        }
    };
    assert!(error.en().contains("has the snapshot of height 8 no more") && error.zh().contains("已不再有"), "{error}");
    assert_eq!(liar.asked_chunks(), count + 1);
}

/// The same list, with another height.
fn renumbered(answer: &Answer) -> Answer {
    let listed: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let one: SnapshotInfo = serde_json::from_value(listed["snapshots"][0].clone()).unwrap();
    Answer::ok(list(&[SnapshotInfo { height: Height(4), ..one }]))
}

/// What a place says is shown in one line, however long it is and whatever it holds.
#[test]
fn what_a_source_says_is_shown_in_a_line() {
    let genesis = testing::genesis();
    let long = format!("http://x/{}", "y".repeat(5_000));
    let node = Fake::new(move |_| Answer {
        head: format!("HTTP/1.1 302 Found\r\nlocation: {long}\t\u{1b}\r\n"),
        ..Answer::ok(Vec::new())
    });
    let error = Sources::new(vec![node.source()]).newest(&genesis).unwrap_err();
    assert!(error.en().len() < 2_000 && !error.to_string().contains('\u{1b}'), "{error}");
}

/// What becomes of sources is told at once, in both languages.
#[test]
fn what_becomes_of_sources_is_told_at_once() {
    let genesis = testing::genesis();
    let whole = folder(&genesis, &CHUNKS, b"ccc");
    let liar = nearly(whole.path(), |path, answer| if path.ends_with("/1") { flipped(answer) } else { answer });
    let good = as_it_is(whole.path());
    let lines = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&lines);
    let mut sources = Sources::new(vec![liar.source(), good.source()])
        .told_to(move |line| told.lock().unwrap().push(line.to_owned()));
    fetch(&mut sources, &genesis);
    drop(sources);
    let lines = lines.lock().unwrap();
    let [begun, given_up] = &lines[..] else { panic!("{lines:?}") };
    assert!(
        begun.contains("fetching the snapshot of height 5: 3 chunks, 6 bytes") && begun.contains("开始获取"),
        "{begun}"
    );
    assert!(given_up.contains(&format!("given up: {}: ", liar.url)) && given_up.contains("已放弃来源"), "{given_up}");
}

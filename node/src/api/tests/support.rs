//! A served API and a plain HTTP/1.1 client that can also misbehave.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::chain::Fake;
use crate::api::{ApiLimits, Audience, Entrance, StartProgress};

/// A node behind both listeners.
pub(super) struct Served {
    pub(super) node: Arc<Fake>,
    pub(super) public: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) stop: watch::Sender<bool>,
    pub(super) progress: Arc<StartProgress>,
    entrances: [Entrance; 2],
    pub(super) runtime: Option<Runtime>,
}

/// Limits of tests: as in production, but short where a test waits for the end of a time.
pub(super) fn limits() -> ApiLimits {
    ApiLimits {
        // No connection of a test is closed because the machine is slow.
        idle_min: Duration::from_secs(600),
        heartbeat: Duration::from_millis(50),
        shutdown_grace: Duration::from_millis(500),
        ..ApiLimits::default()
    }
}

pub(super) fn served() -> Served {
    served_with(limits())
}

pub(super) fn served_with(limits: ApiLimits) -> Served {
    doors(limits, true)
}

/// The doors of a node that is starting.
pub(super) fn starting() -> Served {
    doors(limits(), false)
}

fn doors(limits: ApiLimits, is_started: bool) -> Served {
    let node = Arc::new(Fake::new());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    let listen = || runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
    let (public, admin) = (listen(), listen());
    let (public_address, admin_address) = (public.local_addr().expect("bound"), admin.local_addr().expect("bound"));
    let (stop, stopped) = watch::channel(false);
    let progress = Arc::new(StartProgress::default());
    let entrance = |audience| Entrance::new(audience, limits.clone(), stopped.clone(), &progress);
    let entrances = [entrance(Audience::Public), entrance(Audience::Operator)];
    for (entrance, listener) in entrances.iter().zip([public, admin]) {
        runtime.spawn(entrance.serve(listener));
    }
    let served = Served {
        node,
        public: public_address,
        admin: admin_address,
        stop,
        progress,
        entrances,
        runtime: Some(runtime),
    };
    if is_started {
        served.enter();
    }
    served
}

impl Served {
    /// The node has started.
    pub(super) fn enter(&self) {
        self.entrances.iter().for_each(|entrance| entrance.enter(Arc::clone(&self.node) as Arc<_>));
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(2));
        }
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let split = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(bytes[..split].to_vec()).expect("ASCII");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let body = bytes[split + 4..].to_vec();
        let mut reply = Self { status, head, body };
        if reply.header("transfer-encoding").as_deref() == Some("chunked") {
            reply.body = dechunk(&reply.body);
        }
        reply
    }

    pub(super) fn header(&self, name: &str) -> Option<String> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The code of a problem, after a check of its form.
    pub(super) fn code(&self) -> String {
        assert_eq!(self.header("content-type").as_deref(), Some("application/problem+json"), "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        for field in ["type", "title", "detail"] {
            assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{field}");
        }
        problem["code"].as_str().expect("a code").to_owned()
    }

    /// Status and code of a problem.
    pub(super) fn problem(&self) -> (u16, String) {
        (self.status, self.code())
    }
}

fn dechunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end]).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
        let Some(size) = size.filter(|size| *size > 0) else {
            break;
        };
        body.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 4 + size..];
    }
    body
}

/// Sends one request and reads the whole answer.
pub(super) fn send(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let mut stream = connect(address);
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).expect("sent");
    // A refused body may be cut off while it is sent.
    let _ = stream.write_all(body);
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    Reply::parse(&bytes)
}

pub(super) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    stream
}

/// As a client of another address of this machine.
pub(super) fn connect_from(served: &Served, last: u8) -> TcpStream {
    let runtime = served.runtime.as_ref().expect("it runs");
    let connected = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind((std::net::Ipv4Addr::new(127, 0, 0, last), 0).into())?;
        socket.connect(served.public).await?.into_std()
    });
    let stream = connected.expect("connected");
    stream.set_nonblocking(false).expect("blocking");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    stream
}

impl Served {
    pub(super) fn get(&self, path: &str) -> Reply {
        send(self.public, "GET", path, &[], b"")
    }

    pub(super) fn get_as(&self, path: &str, accept: &str) -> Reply {
        send(self.public, "GET", path, &[("accept", accept)], b"")
    }

    pub(super) fn post(&self, path: &str, media_type: &str, body: &[u8]) -> Reply {
        send(self.public, "POST", path, &[("content-type", media_type)], body)
    }

    pub(super) fn post_json(&self, path: &str, body: &Value) -> Reply {
        self.post(path, "application/json", body.to_string().as_bytes())
    }

    pub(super) fn post_borsh(&self, path: &str, body: &[u8]) -> Reply {
        self.post(path, "application/octet-stream", body)
    }
}

//! Tests of the parts that need no socket.

mod allowance;
mod frames;
mod mux;
mod queues;

use core::time::Duration;
use std::net::SocketAddr;

use futures::{AsyncWriteExt as _, io::Cursor};
use libp2p::{PeerId, swarm::ConnectionId};
use proptest::prelude::*;

use super::{
    Lane, NetworkConfig, NetworkError, NetworkLimits, PeerEntry, PeerIdentity, PeerRole,
    backoff::Backoff,
    config::multiaddr_of,
    frame::{LaneEnd, read_frame, write_frame},
    gate::{Gate, GateRefusal},
    lane::LaneProtocols,
    peer_id_of,
};

/// Runs a future that touches no socket and no timer.
fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

fn peer(number: u8) -> PeerId {
    PeerIdentity::from_seed([number; 32]).peer_id()
}

fn entry(number: u8, address: Option<&str>) -> PeerEntry {
    PeerEntry { peer_id: peer(number), address: address.map(|text| text.parse().unwrap()), role: PeerRole::Validator }
}

fn config(peers: Vec<PeerEntry>, limits: NetworkLimits) -> NetworkConfig {
    let listen = vec!["127.0.0.1:0".parse().unwrap()];
    NetworkConfig { listen, identity: PeerIdentity::from_seed([1; 32]), chain_id: [2; 32], peers, limits }
}

fn frames_bytes(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut stream = Vec::new();
    block_on(async {
        for frame in frames {
            write_frame(&mut stream, frame).await.unwrap();
        }
        stream.flush().await.unwrap();
    });
    stream
}

#[test]
fn protocol_names_are_fixed() {
    let protocols = LaneProtocols::new(&[0xab; 32]);
    let chain = "ab".repeat(32);
    assert_eq!(protocols.name(Lane::Consensus).as_ref(), format!("/quancheng/{chain}/consensus/1"));
    assert_eq!(protocols.name(Lane::Data).as_ref(), format!("/quancheng/{chain}/data/1"));
    assert_eq!(protocols.name(Lane::Sync).as_ref(), format!("/quancheng/{chain}/sync/1"));
}

/// RFC 8032, section 7.1, test 1, and the peer identity libp2p's specification derives from such a key.
#[test]
fn peer_identity_follows_from_the_public_key() {
    let seed = [
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49,
        0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
    ];
    let public = [
        0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1,
        0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
    ];
    let id = PeerIdentity::from_seed(seed).peer_id();
    assert_eq!(peer_id_of(&public).unwrap(), id);
    // Identity multihash of the protobuf of an Ed25519 key (libp2p peer-ids specification).
    assert_eq!(id.to_bytes(), [&[0x00, 0x24, 0x08, 0x01, 0x12, 0x20][..], &public].concat());
    let not_a_point = [2; 32];
    assert!(matches!(peer_id_of(&not_a_point), Err(NetworkError::PublicKeyInvalid(key)) if key == not_a_point));
}

#[test]
fn bad_configuration_is_refused_with_a_reason() {
    let limits = NetworkLimits::default();
    assert!(config(vec![entry(2, None)], limits).validate().is_ok());
    let twice = config(vec![entry(2, None), entry(2, Some("10.0.0.1:1"))], limits).validate();
    assert!(matches!(twice, Err(NetworkError::PeerTwice(id)) if id == peer(2)));
    let few = NetworkLimits { peers_max: 1, ..limits };
    let many = config(vec![entry(2, None), entry(3, None)], few).validate();
    assert!(matches!(many, Err(NetworkError::TooManyPeers { listed: 2, max: 1 })));
    let nowhere = NetworkConfig { listen: vec![], ..config(vec![entry(2, None)], limits) };
    assert!(matches!(nowhere.validate(), Err(NetworkError::Unreachable)));
    let broken: [(&str, NetworkLimits); 5] = [
        ("connection_window_bytes_max", NetworkLimits { connection_window_bytes_max: 1 << 20, ..limits }),
        ("idle_timeout_ms", NetworkLimits { idle_timeout_ms: limits.keepalive_ms * 2 - 1, ..limits }),
        ("handshake_timeout_ms", NetworkLimits { handshake_timeout_ms: 0, ..limits }),
        ("dial_backoff_max_ms", NetworkLimits { dial_backoff_max_ms: limits.dial_backoff_min_ms - 1, ..limits }),
        ("keepalive_ms", NetworkLimits { keepalive_ms: u64::MAX, ..limits }),
    ];
    for (expected, limits) in broken {
        let error = config(vec![], limits).validate().unwrap_err();
        assert!(matches!(error, NetworkError::LimitInvalid { name, .. } if name == expected), "{error}");
    }
}

#[test]
fn bad_lane_limits_are_refused_by_name() {
    for field in ["frame_bytes_max", "send_bytes_max", "receive_bytes_max", "send_frames_max"] {
        let mut limits = NetworkLimits::default();
        let lane = &mut limits.lanes[1];
        match field {
            "frame_bytes_max" => lane.frame_bytes_max = 0,
            "send_bytes_max" => lane.send_bytes_max = 1,
            "receive_bytes_max" => lane.receive_bytes_max = 1,
            _ => lane.send_frames_max = 0,
        }
        let error = config(vec![], limits).validate().unwrap_err();
        assert!(matches!(error, NetworkError::LimitInvalid { name, .. } if name == field), "{error}");
    }
}

#[test]
fn peer_entries_are_read_from_text() {
    let id = peer(4).to_string();
    let good = PeerEntry::parse(&id, Some("[fd00::7]:26656"), PeerRole::Follower).unwrap();
    assert_eq!(good.address, Some("[fd00::7]:26656".parse::<SocketAddr>().unwrap()));
    assert_eq!(PeerEntry::parse(&id, None, PeerRole::Validator).unwrap(), entry(4, None));
    for address in ["node.example.org:1", "10.0.0.7", "10.0.0.7:99999", ""] {
        let error = PeerEntry::parse(&id, Some(address), PeerRole::Validator).unwrap_err();
        assert!(matches!(error, NetworkError::AddressUnparsable(text) if text == address));
    }
    let error = PeerEntry::parse("12D3KooWnonsense", None, PeerRole::Validator).unwrap_err();
    assert!(matches!(error, NetworkError::PeerIdUnparsable(_)));
}

#[test]
fn listen_errors_are_sorted_even_when_wrapped() {
    use std::io;
    let address: SocketAddr = "127.0.0.1:80".parse().unwrap();
    let wrapped = |kind: io::ErrorKind| io::Error::other(io::Error::from(kind));
    let sort = |kind| NetworkError::from_listen(address, wrapped(kind));
    assert!(matches!(sort(io::ErrorKind::AddrInUse), NetworkError::AddressInUse(_)));
    assert!(matches!(sort(io::ErrorKind::PermissionDenied), NetworkError::ListenForbidden(_)));
    assert!(matches!(sort(io::ErrorKind::AddrNotAvailable), NetworkError::AddressNotLocal(_)));
    assert!(matches!(sort(io::ErrorKind::OutOfMemory), NetworkError::Listen { .. }));
}

#[test]
fn frame_length_is_big_endian_and_checked_first() {
    assert_eq!(frames_bytes(&[vec![7; 258]])[..5], [0, 0, 1, 2, 7]);
    let mut announced = Cursor::new(vec![0xff; 4]);
    let end = block_on(read_frame(&mut announced, 1 << 20, None)).unwrap_err();
    assert!(matches!(end, LaneEnd::Oversized { bytes: u32::MAX, bytes_max: 0x0010_0000 }));
}

proptest! {
    #[test]
    fn frames_are_read_as_written(frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..8), cut in any::<prop::sample::Index>()) {
        let stream = frames_bytes(&frames);
        let mut reader = Cursor::new(stream.clone());
        for frame in &frames {
            prop_assert_eq!(&block_on(read_frame(&mut reader, 600, None)).unwrap()[..], &frame[..]);
        }
        prop_assert!(matches!(block_on(read_frame(&mut reader, 600, None)), Err(LaneEnd::Closed)));
        // A stream cut anywhere yields a beginning of the frames and then ends.
        let mut reader = Cursor::new(stream[..cut.index(stream.len() + 1)].to_vec());
        let mut read = 0;
        while let Ok(frame) = block_on(read_frame(&mut reader, 600, None)) {
            prop_assert_eq!(&frame[..], &frames[read][..]);
            read += 1;
        }
    }

    #[test]
    fn backoff_stays_within_its_bounds(failures in 0_u32..200, random in any::<u64>()) {
        let backoff = Backoff { min_ms: 100, max_ms: 5_000 };
        let delay = backoff.delay(failures, random);
        prop_assert!(delay >= Duration::from_millis(50) && delay <= Duration::from_millis(5_000));
        prop_assert!(failures < 6 || delay >= Duration::from_millis(2_500));
    }
}

#[test]
fn gate_keeps_strangers_from_crowding_peers_out() {
    let limits = NetworkLimits { pending_incoming_max: 3, pending_per_ip_max: 2, ..NetworkLimits::default() };
    let mut gate = Gate::new(&limits);
    gate.know(&[entry(1, Some("10.0.0.1:1")), entry(2, Some("10.0.0.1:2"))]);
    let mut ids = (0..).map(ConnectionId::new_unchecked);
    let mut knock = |gate: &mut Gate, ip: &str| {
        let id = ids.next().unwrap();
        gate.knock(id, &multiaddr_of(format!("{ip}:999").parse().unwrap())).map(|()| id)
    };
    let first = knock(&mut gate, "9.9.9.1").unwrap();
    knock(&mut gate, "9.9.9.1").unwrap();
    assert_eq!(knock(&mut gate, "9.9.9.1"), Err(GateRefusal::AddressBusy("9.9.9.1".parse().unwrap())));
    knock(&mut gate, "9.9.9.2").unwrap();
    assert_eq!(knock(&mut gate, "9.9.9.3"), Err(GateRefusal::StrangersBusy));
    // Two peers live at 10.0.0.1: three shares of two, whatever the strangers do.
    let known: Vec<_> = (0..6).map(|_| knock(&mut gate, "10.0.0.1").unwrap()).collect();
    assert!(matches!(knock(&mut gate, "10.0.0.1"), Err(GateRefusal::AddressBusy(_))));
    gate.settle(first);
    gate.settle(first);
    assert!(knock(&mut gate, "9.9.9.3").is_ok());
    assert_eq!(knock(&mut gate, "9.9.9.4"), Err(GateRefusal::StrangersBusy));
    // When the peers move away, those that knock there become strangers; settling them makes room again.
    gate.know(&[]);
    assert_eq!(knock(&mut gate, "9.9.9.4"), Err(GateRefusal::StrangersBusy));
    known.into_iter().for_each(|id| gate.settle(id));
    assert_eq!(knock(&mut gate, "9.9.9.4"), Err(GateRefusal::StrangersBusy));
}

//! Requests that were good until something changed in them, by the thousand, against a node that must not die.
//!
//! `KLAMM_FUZZ_ROUNDS` says how many, `KLAMM_FUZZ_SEED` where to start. A defect of a shard ends the process, and with it
//! this test; the last line printed names the seed.

use std::{fs, io::Read, path::Path, time::Duration};

use klamm_protocol::ApiKey;

use crate::{
    batches,
    harness::{PANIC, Rng, TestNode, beside_others, framed, log_lines, raw_frame},
};

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Every request of every version that Kafka's classes wrote, as whole frames without the size.
fn seeds() -> Vec<(ApiKey, Vec<u8>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/data/bytes.txt");
    let goldens = fs::read_to_string(path).unwrap();
    let mut seeds = Vec::new();
    for line in goldens.lines() {
        let mut words = line.split(' ');
        let (Some(name), Some(version), Some(_), Some(hex)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        let key = ApiKey::ALL.iter().find(|key| name.strip_suffix("Request") == Some(key.name()));
        let Some(key) = key else { continue };
        let bytes: Vec<u8> =
            (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect();
        seeds.push((*key, raw_frame(*key, version.parse().unwrap(), 1, &bytes)));
    }
    seeds
}

/// Changes a few things in a frame, mostly behind the header.
fn mutate(frame: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..rng.below(4) {
        if frame.is_empty() {
            return;
        }
        let body = if rng.below(20) == 0 { 0 } else { 8.min(frame.len() - 1) };
        let at = body + rng.below(frame.len() - body);
        match rng.below(7) {
            0 => frame[at] ^= 1 << rng.below(8),
            1 => frame[at] = [0, 1, 0x7F, 0x80, 0xFF][rng.below(5)],
            2 => frame.truncate(at),
            3 => {
                let piece = frame[at..(at + 1 + rng.below(16)).min(frame.len())].to_vec();
                frame.splice(at..at, piece);
            }
            4 => drop(frame.drain(at..(at + 1 + rng.below(8)).min(frame.len()))),
            5 => {
                let number =
                    [i64::MAX, i64::MIN, -1, 0, 1 << 31, (1 << 31) - 1, 1 << 15][rng.below(7)].to_be_bytes();
                let width = [2, 4, 8][rng.below(3)];
                for (byte, value) in frame[at..].iter_mut().zip(&number[8 - width..]) {
                    *byte = *value;
                }
            }
            _ => frame.insert(at, rng.next().to_le_bytes()[0]),
        }
    }
}

#[test]
fn no_request_ends_the_node() {
    let _shared = beside_others();
    let node = TestNode::start("fuzz", &[("group.min.session.timeout.ms", "10")]);
    node.create_topic("topic", 3, &[]);
    let mut seeds = seeds();
    assert!(seeds.len() > 500, "{}", seeds.len());
    // What touches partitions counts as much as everything else.
    let touching = batches::frames_for(&node, "topic");
    let share = seeds.len() / touching.len() / 2;
    for _ in 0..share {
        seeds.extend(touching.iter().cloned());
    }
    let first = setting("KLAMM_FUZZ_SEED", 1);
    let rounds = setting("KLAMM_FUZZ_ROUNDS", 5_000);
    let (mut answered, mut closed) = (0, 0);
    let mut client = node.connect();
    for seed in first..first + rounds {
        let mut rng = Rng(seed);
        client.stream.set_read_timeout(Some(Duration::from_millis(1 + rng.next() % 20))).unwrap();
        // Now and then several at once, which are answered in turn.
        for _ in 0..[1, 1, 1, 4][rng.below(4)] {
            let (_, seed_frame) = &seeds[rng.below(seeds.len())];
            let mut frame = seed_frame.clone();
            mutate(&mut frame, &mut rng);
            client.send(&framed(&frame));
        }
        // A look at what comes back; some requests need not be answered in time.
        let mut answers = [0; 1 << 16];
        match client.stream.read(&mut answers) {
            Ok(1..) => answered += 1,
            Ok(_) => {
                closed += 1;
                client = node.connect();
            }
            Err(_) => client = node.connect(),
        }
        if seed % 200 == 0 {
            println!("seed {seed}: {answered} answered, {closed} closed");
            node.assert_serves_others();
        }
    }
    assert!(answered > rounds / 10, "{answered} of {rounds} requests got as far as a handler");
    node.assert_serves_others();
    assert_eq!(log_lines(PANIC), Vec::<String>::new(), "a handler has panicked");
    // It can also stop, and start on what all this left on its disk.
    let dir = node.stop();
    let node = TestNode::start_in(dir, &[]);
    node.assert_serves_others();
}

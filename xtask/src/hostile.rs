//! `hostile`: bad input of every kind to a running node.
//!
//! Whatever comes, the node answers with an error or closes that connection, its memory stays bounded, and a client
//! beside it that behaves keeps being served.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::node::{Node, Product};
use crate::shell::output;
use crate::tally::Tally;
use crate::{setup, tools, wire};

/// How much more memory the node may use after all of it, in kB.
const GROWTH_MAX_KB: u64 = 200_000;
const PRODUCE: i16 = 0;
const FETCH: i16 = 1;
const METADATA: i16 = 3;
const API_VERSIONS: i16 = 18;

/// One kind of bad input.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
}

/// Sends every case to one node.
pub(crate) fn hostile(product: Product) -> Result<Tally> {
    product.prepare()?;
    setup::java_client()?;
    let mut node = Node::create(product, "hostile", &[])?;
    node.start()?;
    output(&mut tools::java_client(&["create", &node.servers(), "good", "1"]))?;
    let before = resident_kb(&node)?;
    let mut tally = Tally::default();
    for case in cases() {
        tally.note(case.name, send(node.port, &case.bytes).and_then(|()| still_serves(&node)));
    }
    tally.note("many half-open connections", half_open(&node));
    tally.note("random bytes", noise(&node));
    tally.note("memory", memory_is_bounded(&node, before));
    tally.note("a client beside it", good_client(&node));
    tally.note("orderly stop", node.stop());
    Ok(tally)
}

fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case { name: "a frame of 2 GB", bytes: i32::MAX.to_be_bytes().to_vec() },
        Case { name: "a frame of negative size", bytes: (-1_i32).to_be_bytes().to_vec() },
        Case { name: "an empty frame", bytes: 0_i32.to_be_bytes().to_vec() },
        Case { name: "a frame shorter than a header", bytes: framed(&[0, 3]) },
        Case { name: "an unknown API", bytes: framed(&header(999, 0)) },
        Case { name: "a negative API", bytes: framed(&header(-1, 0)) },
        Case { name: "an unknown version", bytes: framed(&header(METADATA, 99)) },
        Case { name: "an unknown version of ApiVersions", bytes: framed(&header(API_VERSIONS, 99)) },
        Case { name: "an API of controllers only", bytes: framed(&header(52, 0)) },
        Case { name: "another protocol", bytes: b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec() },
        Case {
            name: "a TLS hello",
            bytes: vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03],
        },
    ];
    let mut truncated = framed(&header(METADATA, 1));
    truncated[3] += 100;
    cases.push(Case { name: "a frame that never ends", bytes: truncated });
    for (name, key, version) in [
        ("an array of 2^31 - 1 topics", METADATA, 1),
        ("an array of 2^31 - 1 topics to produce to", PRODUCE, 3),
        ("an array of 2^31 - 1 topics to fetch", FETCH, 4),
    ] {
        let mut request = header(key, version);
        match key {
            // transactional id, acks, timeout
            PRODUCE => request.extend([0xff, 0xff, 0x00, 0x01, 0x00, 0x00, 0x10, 0x00]),
            // replica, wait, bytes at least and at most, isolation
            FETCH => request.extend([255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 127, 255, 255, 255, 0]),
            _ => {}
        }
        request.extend(i32::MAX.to_be_bytes());
        cases.push(Case { name, bytes: framed(&request) });
    }
    for (name, batch) in batches() {
        cases.push(Case { name, bytes: framed(&produce("good", &batch)) });
    }
    for (name, topic) in [
        ("producing to ../../etc", "../../etc"),
        ("producing to an empty name", ""),
        ("producing to a dot", "."),
    ] {
        cases.push(Case { name, bytes: framed(&produce(topic, &[])) });
    }
    for (name, topic) in
        [("creating ../../etc", "../../etc"), ("creating an empty name", ""), ("creating a dot", ".")]
    {
        cases.push(Case { name, bytes: framed(&create_topic(topic)) });
    }
    cases
}

/// Record batches that are wrong in one way each. The header has 61 bytes, then the records.
fn batches() -> Vec<(&'static str, Vec<u8>)> {
    let base = batch(0, 1, &[0; 20]);
    let with = |at: usize, bytes: &[u8]| {
        let mut batch = base.clone();
        batch[at..at + bytes.len()].copy_from_slice(bytes);
        batch
    };
    vec![
        ("a batch with a wrong checksum", with(17, &[0xde, 0xad, 0xbe, 0xef])),
        ("a batch of an unknown magic", with(16, &[9])),
        ("a batch of magic 0", with(16, &[0])),
        ("a batch that claims 2 GB", with(8, &i32::MAX.to_be_bytes())),
        ("a batch of negative length", with(8, &(-5_i32).to_be_bytes())),
        ("a batch that claims 2^31 - 1 records", batch(0, i32::MAX, &[0; 20])),
        ("a batch of a negative number of records", batch(0, -1, &[0; 20])),
        ("a batch of an unknown codec", batch(7, 1, &[0; 20])),
        ("a gzip batch of noise", batch(1, 1, &[0x1f; 40])),
        ("a snappy batch of noise", batch(2, 1, &[0x82; 40])),
        ("an lz4 batch of noise", batch(3, 1, &[0x04; 40])),
        ("a zstd batch of noise", batch(4, 1, &[0x28; 40])),
        ("half a batch", base[..30].to_vec()),
        ("no batch at all", Vec::new()),
    ]
}

/// A batch of version 2 with a right checksum: attributes, number of records, and whatever stands for the records.
fn batch(attributes: i16, records: i32, content: &[u8]) -> Vec<u8> {
    let mut body = attributes.to_be_bytes().to_vec();
    body.extend(records.wrapping_sub(1).to_be_bytes());
    body.extend([0; 16]); // timestamps
    body.extend([0xff; 8 + 2 + 4]); // producer id, epoch, sequence
    body.extend(records.to_be_bytes());
    body.extend(content);
    let mut batch = 0_i64.to_be_bytes().to_vec();
    batch.extend((body.len() as i32 + 9).to_be_bytes());
    batch.extend(0_i32.to_be_bytes());
    batch.push(2);
    batch.extend(crc32c(&body).to_be_bytes());
    batch.extend(body);
    batch
}

/// CRC-32C, bit by bit: slow and plainly right.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    !crc
}

fn header(key: i16, version: i16) -> Vec<u8> {
    let mut header = key.to_be_bytes().to_vec();
    header.extend(version.to_be_bytes());
    header.extend(1_i32.to_be_bytes());
    header.extend([0xff, 0xff]); // no client id
    header
}

fn string(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as i16).to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

/// Produce v3: one topic, one partition.
fn produce(topic: &str, records: &[u8]) -> Vec<u8> {
    let mut request = header(PRODUCE, 3);
    request.extend([0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x10, 0x00, 0, 0, 0, 1]);
    request.extend(string(topic));
    request.extend([0, 0, 0, 1, 0, 0, 0, 0]);
    request.extend((records.len() as i32).to_be_bytes());
    request.extend(records);
    request
}

/// CreateTopics v2: one topic of one partition.
fn create_topic(topic: &str) -> Vec<u8> {
    let mut request = header(19, 2);
    request.extend(1_i32.to_be_bytes());
    request.extend(string(topic));
    request.extend(1_i32.to_be_bytes());
    request.extend(1_i16.to_be_bytes());
    request.extend([0; 8]); // no assignments, no configs
    request.extend(5_000_i32.to_be_bytes());
    request.push(0);
    request
}

fn framed(request: &[u8]) -> Vec<u8> {
    let mut frame = (request.len() as i32).to_be_bytes().to_vec();
    frame.extend(request);
    frame
}

fn connect(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port)).context("the node accepts no connection")?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    Ok(stream)
}

/// Sends the bytes, closes the sending side, and reads until the node answers or closes; both are right.
fn send(port: u16, bytes: &[u8]) -> Result<()> {
    let mut stream = connect(port)?;
    let sent = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
    let answer = sent.and_then(|()| stream.read(&mut [0; 1024]));
    match answer {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotConnected => Ok(()),
        Err(error) => bail!("neither answered nor closed: {error}"),
    }
}

fn still_serves(node: &Node) -> Result<()> {
    ensure!(
        wire::live_brokers(node.port).context("the node does not serve any more")? == 1,
        "no broker is alive"
    );
    Ok(())
}

/// 300 connections that have sent half a frame: nobody else waits for them.
fn half_open(node: &Node) -> Result<()> {
    let mut open = Vec::new();
    for _ in 0..300 {
        let mut stream = connect(node.port)?;
        stream.write_all(&[0, 0, 1, 0, 0, 3, 0, 1])?;
        open.push(stream);
    }
    still_serves(node)
}

/// 500 frames of pseudo-random bytes with a right length, half of them after the key of an API that exists.
fn noise(node: &Node) -> Result<()> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..500_u64 {
        let length = 8 + next() as usize % 400;
        let mut request: Vec<u8> = (0..length).map(|_| next() as u8).collect();
        if round % 2 == 0 {
            let key = (next() % 93) as i16;
            request[..4].copy_from_slice(&header(key, (next() % 14) as i16)[..4]);
        }
        let mut stream = connect(node.port)?;
        // The node may close before it has read all of it, and nothing has to be answered.
        let _closed = stream.write_all(&framed(&request)).and_then(|()| stream.shutdown(Shutdown::Write));
    }
    still_serves(node)
}

fn resident_kb(node: &Node) -> Result<u64> {
    let pid = node.pid().context("the node runs")?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    line.split_whitespace().nth(1).and_then(|field| field.parse().ok()).context("VmRSS")
}

fn memory_is_bounded(node: &Node, before: u64) -> Result<()> {
    let after = resident_kb(node)?;
    println!("resident memory: {before} kB before, {after} kB after");
    ensure!(after < before + GROWTH_MAX_KB, "resident memory grew from {before} to {after} kB");
    Ok(())
}

/// 100 records written and read, and none of what was sent above among them.
fn good_client(node: &Node) -> Result<()> {
    output(&mut tools::java_client(&[
        "produce",
        &node.servers(),
        "good",
        "none",
        "0",
        "100",
        "1700000000000",
    ]))?;
    let text = output(&mut tools::java_client(&["seek", &node.servers(), "good", "0"]))?;
    ensure!(text.lines().count() == 100, "{} records are there, not 100", text.lines().count());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_crc32c() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_batch_has_the_length_that_it_claims() {
        let batch = batch(0, 1, &[0; 20]);
        assert_eq!(batch.len(), 81);
        assert_eq!(batch[8..12], 69_i32.to_be_bytes());
    }
}

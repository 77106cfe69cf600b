//! The few requests that the drivers themselves send: whether a node is ready, and what state a group is in.
//!
//! Written by hand in old versions of the protocol, so that a fault in our own codecs cannot hide itself.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

const METADATA: i16 = 3;
const CREATE_TOPICS: i16 = 19;
const DESCRIBE_GROUPS: i16 = 15;
const DESCRIBE_QUORUM: i16 = 55;

const TOPIC_ALREADY_EXISTS: i16 = 36;

/// All of a large cluster's metadata.
const RESPONSE_BYTES_MAX: i32 = 64 << 20;

/// Reads big-endian fields one after another.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>().context("the response is too short")?;
        self.0 = rest;
        Ok(*head)
    }

    fn int16(&mut self) -> Result<i16> {
        Ok(i16::from_be_bytes(self.take()?))
    }

    fn int32(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.take()?))
    }

    fn ids(&mut self) -> Result<Vec<i32>> {
        (0..self.int32()?).map(|_| self.int32()).collect()
    }

    fn nullable_string(&mut self) -> Result<()> {
        if self.0.starts_with(&[0xff, 0xff]) {
            self.take::<2>()?;
            return Ok(());
        }
        self.string().map(drop)
    }

    fn string(&mut self) -> Result<String> {
        let length = usize::try_from(self.int16()?).context("a null string")?;
        ensure!(self.0.len() >= length, "the response is too short");
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        Ok(String::from_utf8_lossy(text).into_owned())
    }
}

fn put_string(body: &mut Vec<u8>, text: &str) {
    body.extend((text.len() as i16).to_be_bytes());
    body.extend(text.as_bytes());
}

/// Sends one request with header version 1 and returns the body of the response.
fn call(port: u16, key: i16, version: i16, body: &[u8]) -> Result<Vec<u8>> {
    exchange(port, key, version, &[], body)
}

/// As [`call`], with what follows the client's name in the header.
fn exchange(port: u16, key: i16, version: i16, tags: &[u8], body: &[u8]) -> Result<Vec<u8>> {
    let mut request = Vec::new();
    request.extend(key.to_be_bytes());
    request.extend(version.to_be_bytes());
    request.extend(7_i32.to_be_bytes());
    put_string(&mut request, "xtask");
    request.extend(tags);
    request.extend(body);
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(if key == CREATE_TOPICS {
        CREATION_MAX + Duration::from_secs(5)
    } else {
        Duration::from_secs(5)
    }))?;
    stream.write_all(&(request.len() as i32).to_be_bytes())?;
    stream.write_all(&request)?;
    let mut size = [0; 4];
    stream.read_exact(&mut size)?;
    let size = i32::from_be_bytes(size);
    ensure!((4..RESPONSE_BYTES_MAX).contains(&size), "a response of {size} bytes");
    let mut response = vec![0; size as usize];
    stream.read_exact(&mut response)?;
    Ok(response.split_off(4))
}

/// How many brokers the node knows to be alive; an error while it does not answer.
pub(crate) fn live_brokers(port: u16) -> Result<i32> {
    let no_topics = 0_i32.to_be_bytes();
    let response = call(port, METADATA, 1, &no_topics)?;
    Fields(&response).int32()
}

/// A partition as a node describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Partition {
    pub(crate) index: i32,
    /// -1: nobody.
    pub(crate) leader: i32,
    pub(crate) replicas: Vec<i32>,
    pub(crate) isr: Vec<i32>,
}

/// How long a broker may take to create topics.
const CREATION_MAX: Duration = Duration::from_secs(120);

/// Creates a topic by way of a broker; one that was created by an earlier request whose answer was lost counts.
pub(crate) fn create_topic(port: u16, topic: &str, partitions: u32, replicas: i16) -> Result<()> {
    let mut body = 1_i32.to_be_bytes().to_vec();
    put_string(&mut body, topic);
    body.extend(partitions.to_be_bytes());
    body.extend(replicas.to_be_bytes());
    // Neither assignments nor configs.
    body.extend([0; 8]);
    body.extend((CREATION_MAX.as_millis() as i32).to_be_bytes());
    let for_real = 0;
    body.push(for_real);
    let response = call(port, CREATE_TOPICS, 2, &body)?;
    let mut fields = Fields(&response);
    let _throttle = fields.int32()?;
    ensure!(fields.int32()? == 1, "one topic was to be created");
    fields.string()?;
    let error = fields.int16()?;
    ensure!([0, TOPIC_ALREADY_EXISTS].contains(&error), "CreateTopics of {topic} answered the error {error}");
    Ok(())
}

/// The partitions of a topic, by index.
pub(crate) fn partitions(port: u16, topic: &str) -> Result<Vec<Partition>> {
    let mut body = 1_i32.to_be_bytes().to_vec();
    put_string(&mut body, topic);
    let response = call(port, METADATA, 1, &body)?;
    let mut fields = after_brokers(&response)?;
    ensure!(fields.int32()? == 1, "one topic was asked for");
    let mut partitions = next_topic(&mut fields)?;
    partitions.sort_by_key(|partition| partition.index);
    Ok(partitions)
}

/// The partitions of all topics.
pub(crate) fn all_partitions(port: u16) -> Result<Vec<Partition>> {
    let all_topics = (-1_i32).to_be_bytes();
    let response = call(port, METADATA, 1, &all_topics)?;
    let mut fields = after_brokers(&response)?;
    let mut partitions = Vec::new();
    for _ in 0..fields.int32()? {
        partitions.extend(next_topic(&mut fields)?);
    }
    Ok(partitions)
}

/// Where Metadata begins to tell of topics.
fn after_brokers(response: &[u8]) -> Result<Fields<'_>> {
    let mut fields = Fields(response);
    for _ in 0..fields.int32()? {
        fields.int32()?;
        fields.string()?;
        fields.int32()?;
        fields.nullable_string()?;
    }
    let _controller = fields.int32()?;
    Ok(fields)
}

fn next_topic(fields: &mut Fields<'_>) -> Result<Vec<Partition>> {
    let error = fields.int16()?;
    let topic = fields.string()?;
    ensure!(error == 0, "Metadata of {topic} answered the error {error}");
    let _is_internal = fields.take::<1>()?;
    let mut partitions = Vec::new();
    for _ in 0..fields.int32()? {
        fields.int16()?;
        let (index, leader) = (fields.int32()?, fields.int32()?);
        partitions.push(Partition { index, leader, replicas: fields.ids()?, isr: fields.ids()? });
    }
    Ok(partitions)
}

/// The state of a classic group and how many members it has.
pub(crate) fn group_state(port: u16, group: &str) -> Result<(String, i32)> {
    let mut body = 1_i32.to_be_bytes().to_vec();
    put_string(&mut body, group);
    let response = call(port, DESCRIBE_GROUPS, 0, &body)?;
    let mut fields = Fields(&response);
    ensure!(fields.int32()? == 1, "one group was asked for");
    let error = fields.int16()?;
    ensure!(error == 0, "DescribeGroups answered the error {error}");
    let _group = fields.string()?;
    let state = fields.string()?;
    let _protocol_type = fields.string()?;
    let _protocol = fields.string()?;
    Ok((state, fields.int32()?))
}

/// Who leads the quorum, and in which epoch, as the leader says that a broker has asked.
pub(crate) fn quorum_leader(port: u16) -> Result<(i32, i32)> {
    const TOPIC: &[u8] = b"__cluster_metadata";
    // Compact arrays and strings have a length of one more; tagged fields end everything.
    let mut body = vec![2, TOPIC.len() as u8 + 1];
    body.extend(TOPIC);
    body.extend([2, 0, 0, 0, 0, 0, 0, 0]);
    let response = exchange(port, DESCRIBE_QUORUM, 0, &[0], &body)?;
    let mut fields = Fields(&response);
    let _tags = fields.take::<1>()?;
    let error = fields.int16()?;
    ensure!(error == 0, "DescribeQuorum answered the error {error}");
    ensure!(fields.take::<1>()? == [2], "one topic was asked for");
    for _ in 0..=TOPIC.len() {
        fields.take::<1>()?;
    }
    ensure!(fields.take::<1>()? == [2], "one partition was asked for");
    let _index = fields.int32()?;
    let error = fields.int16()?;
    ensure!(error == 0, "DescribeQuorum answered the error {error}");
    Ok((fields.int32()?, fields.int32()?))
}

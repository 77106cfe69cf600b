//! A broker that answers as a test tells it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use klamm_io::{
    Clock,
    net::{Listener, SocketOptions, Stream},
    sim::{Host, Simulation},
    spawn,
};
use klamm_net::frame::FrameReader;
use klamm_protocol::{
    ApiKey, Reader, Uuid, Writer,
    api::{
        AnyRequest, AnyResponse,
        api_versions::{ApiVersion, ApiVersionsResponse},
        metadata::{
            MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
        },
    },
    header::{RequestHeader, ResponseHeader},
};

/// The only topic.
pub(crate) const TOPIC: &str = "t";
pub(crate) const TOPIC_ID: Uuid = Uuid::from_bytes([7; 16]);

/// What a broker does with a request.
pub(crate) enum Deed {
    /// Sends this.
    Answer(Box<AnyResponse>),
    /// Sends this after a while; what comes on the same connection waits.
    Later(Duration, Box<AnyResponse>),
    /// Closes the connection.
    Hangup,
}

/// Starts the broker with this id on the host of the same number. It has every API in the versions that are known here.
/// `play` is told of every request, but for those of ApiVersions.
pub(crate) fn start(sim: &Simulation, id: u8, play: impl Fn(AnyRequest) -> Deed + 'static) {
    sim.start(Host(id), 2, move || serve(Arc::new(play)));
    sim.run_for(Duration::from_millis(1));
}

async fn serve(play: Arc<impl Fn(AnyRequest) -> Deed + 'static>) {
    let listener = Listener::bind("", 9092, 10, SocketOptions::default()).unwrap().into_acceptor().unwrap();
    loop {
        let stream = listener.accept().await.unwrap().into_stream().unwrap();
        spawn::local(talk(stream, Arc::clone(&play)));
    }
}

async fn talk(stream: Stream, play: Arc<impl Fn(AnyRequest) -> Deed>) {
    let mut frames = FrameReader::new(1 << 20);
    loop {
        let Some(frame) = frames.next_frame().unwrap() else {
            match stream.read(frames.room().unwrap()).await {
                Ok(1..) => continue,
                _ => return,
            }
        };
        let mut reader = Reader::new(frame.freeze());
        let (key, header) = RequestHeader::decode_any(&mut reader).unwrap();
        let version = header.request_api_version;
        let deed = match AnyRequest::decode(key, &mut reader, version).unwrap() {
            AnyRequest::ApiVersions(_) => Deed::Answer(Box::new(AnyResponse::ApiVersions(versions()))),
            request => play(request),
        };
        let answer = match deed {
            Deed::Answer(answer) => answer,
            Deed::Later(wait, answer) => {
                Clock::here().sleep(wait).await;
                answer
            }
            Deed::Hangup => return,
        };
        let bytes = encode(key, version, header.correlation_id, &answer);
        if stream.write_all(&mut [bytes]).await.is_err() {
            return;
        }
    }
}

fn encode(key: ApiKey, version: i16, correlation_id: i32, answer: &AnyResponse) -> Bytes {
    let mut writer = Writer::new();
    writer.i32(0);
    ResponseHeader::new(correlation_id).encode_for(key, &mut writer, version).unwrap();
    answer.encode(&mut writer, version).unwrap();
    writer.patch_i32(0, i32::try_from(writer.len() - 4).unwrap());
    writer.into_bytes()
}

fn versions() -> ApiVersionsResponse {
    let range = |key: &ApiKey| {
        let versions = key.request_schema().versions;
        ApiVersion {
            api_key: key.number(),
            min_version: versions.min,
            max_version: versions.max,
            ..Default::default()
        }
    };
    ApiVersionsResponse { api_keys: ApiKey::ALL.iter().map(range).collect(), ..Default::default() }
}

/// Metadata with these live brokers, and one topic of this id whose partitions have these leaders, in their first epoch.
pub(crate) fn metadata(live: &[u8], leaders: &[i32]) -> Deed {
    let leaders: Vec<(i32, i32)> = leaders.iter().map(|leader| (*leader, 1)).collect();
    metadata_with_epochs(live, TOPIC_ID, &leaders)
}

/// Metadata with these live brokers, and one topic of this id whose partitions have these leaders in these epochs.
pub(crate) fn metadata_with_epochs(live: &[u8], topic_id: Uuid, leaders: &[(i32, i32)]) -> Deed {
    let broker = |id: &u8| MetadataResponseBroker {
        node_id: i32::from(*id),
        host: Host(*id).address().to_string().into(),
        port: 9092,
        ..Default::default()
    };
    let partition = |(index, (leader, epoch)): (usize, &(i32, i32))| MetadataResponsePartition {
        partition_index: index as i32,
        leader_id: *leader,
        leader_epoch: *epoch,
        ..Default::default()
    };
    let topic = MetadataResponseTopic {
        name: Some(TOPIC.into()),
        topic_id,
        partitions: leaders.iter().enumerate().map(partition).collect(),
        ..Default::default()
    };
    Deed::Answer(Box::new(AnyResponse::Metadata(MetadataResponse {
        brokers: live.iter().map(broker).collect(),
        topics: vec![topic],
        ..Default::default()
    })))
}

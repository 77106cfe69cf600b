//! `klamm.metrics.listener`: metrics by HTTP, on a thread of their own.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use klamm_config::{BrokerConfig, broker};
use klamm_io::{
    net::{Listener, SocketOptions},
    spawn,
};
use tokio::sync::oneshot;
use tracing::{info, warn};

use super::{
    families::{NETWORK_PROCESSOR_IDLE, REQUEST_HANDLER_IDLE},
    lately::Idleness,
    measures::ShardMeasures,
    node,
    samples::Samples,
};
use crate::{
    node::Node,
    shard::{ShardRequest, router::ShardSenders},
    start::StartError,
};

const BACKLOG: i32 = 16;
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Metrics can be read for as long as this lives.
#[derive(Debug)]
pub struct Exposition {
    stop: oneshot::Sender<()>,
    thread: spawn::Thread,
}

impl Exposition {
    /// Ends it, and lets go of the node: its directories are locked for as long as somebody has it.
    pub async fn stop(self) {
        drop(self.stop);
        self.thread.join().await;
    }
}

/// Where numbers come from.
#[derive(Debug)]
struct Source {
    node: Arc<Node>,
    shards: ShardSenders,
    idleness: Mutex<Idleness>,
}

/// Begins to serve `/metrics`, if the config asks for it.
///
/// # Errors
/// If the address is none or taken.
pub fn start(
    config: &BrokerConfig,
    node: &Arc<Node>,
    shards: &ShardSenders,
) -> Result<Option<Exposition>, StartError> {
    let wanted = config.get(&broker::KLAMM_METRICS_LISTENER);
    if wanted.is_empty() {
        return Ok(None);
    }
    let (host, port) = wanted
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host.trim_matches(['[', ']']), port.parse().ok()?)))
        .ok_or_else(|| {
            StartError::Config(format!(
                "klamm.metrics.listener is {wanted}: it has to be HOST:PORT, as 127.0.0.1:9404"
            ))
        })?;
    let failed = |source| StartError::Listen { listener: format!("klamm.metrics.listener {wanted}"), source };
    let listener = Listener::bind(host, port, BACKLOG, SocketOptions::default()).map_err(failed)?;
    info!(address = %listener.local_addr().map_err(failed)?, "metrics can be read at /metrics");
    let source =
        Arc::new(Source { node: Arc::clone(node), shards: shards.clone(), idleness: Mutex::default() });
    let (stop, stopped) = oneshot::channel::<()>();
    let thread = spawn::thread("klamm-metrics", move || async move {
        let pages = Router::new().route("/metrics", get(metrics)).with_state(source);
        let acceptor = match listener.into_acceptor() {
            Ok(acceptor) => acceptor,
            Err(error) => {
                warn!(%error, "metrics cannot be read: no listener");
                return;
            }
        };
        tokio::select! {
            biased;
            served = klamm_io::http::serve(acceptor, pages) => {
                if let Err(error) = served {
                    warn!(%error, "metrics cannot be read any more");
                }
            }
            _ = stopped => {}
        }
    })?;
    Ok(Some(Exposition { stop, thread }))
}

async fn metrics(State(source): State<Arc<Source>>) -> Response {
    match source.gather().await.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl Source {
    /// A shard's thread is what Kafka has two pools for: it serves connections and handles requests.
    fn sample_idleness(&self, shards: &[ShardMeasures], samples: &mut Samples) {
        let Some(worked) = shards.iter().map(|shard| shard.busy).sum() else { return };
        let threads = u32::try_from(shards.len()).unwrap_or(u32::MAX);
        let now = self.node.world.clock.now();
        let idle = self.idleness.lock().unwrap_or_else(PoisonError::into_inner).look(now, threads, worked);
        samples.add(REQUEST_HANDLER_IDLE, &[], idle);
        samples.add(NETWORK_PROCESSOR_IDLE, &[], idle);
    }

    async fn gather(&self) -> Samples {
        let mut samples = Samples::default();
        let config = self.node.config.load();
        let published = self.node.metadata.load();
        if config.is_broker() {
            let shards = self.shards.ask_all(|reply| ShardRequest::Measure { reply }).await;
            ShardMeasures::sample(&shards, &self.node, &published, &mut samples);
            self.sample_idleness(&shards, &mut samples);
        }
        if let Some(quorum) = self.node.controller.measure().await {
            let wall_ms = self.node.world.clock.wall_ms();
            quorum.sample(&published, &config, wall_ms, &mut samples);
        }
        node::sample(&self.node, &published, &mut samples);
        samples
    }
}

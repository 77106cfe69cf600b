//! Starts nodes, speaks with them, listens to their log.
#![expect(clippy::disallowed_methods, reason = "the outside of a node: sockets, files, threads")]

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use bytes::Bytes;
use klamm_config::BrokerConfig;
use klamm_metadata::{bootstrap, features::MetadataVersion};
use klamm_protocol::{
    ApiKey, Message, Reader, Request, Writer,
    api::{
        create_topics::{CreatableTopic, CreateTopicsRequest},
        delete_topics::{DeleteTopicState, DeleteTopicsRequest},
        metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse},
    },
    header::{RequestHeader, ResponseHeader},
};
use klamm_server::StartError;
use tokio::sync::oneshot;

/// What one answer may take; this machine may be busy with much else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Tests that measure memory run alone; all others share.
static MEMORY: RwLock<()> = RwLock::new(());

/// Runs this test while no other has a node.
pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    MEMORY.write().unwrap_or_else(PoisonError::into_inner)
}

/// Runs beside others that are not [`alone`].
pub(crate) fn beside_others() -> RwLockReadGuard<'static, ()> {
    MEMORY.read().unwrap_or_else(PoisonError::into_inner)
}

/// A node in this process. Stopped when dropped.
pub(crate) struct TestNode {
    pub(crate) port: u16,
    pub(crate) controller_port: u16,
    dir: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), StartError>>>,
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A directory that nobody else uses, empty.
pub(crate) fn fresh_dir(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// Writes what `klamm storage format` writes.
pub(crate) fn format(dir: &Path, node_id: i32) {
    let records = bootstrap::records(
        MetadataVersion::LATEST_PRODUCTION,
        &bootstrap::default_levels(MetadataVersion::LATEST_PRODUCTION),
    );
    fs::write(dir.join(bootstrap::FILE_NAME), bootstrap::encode(&records, 0).unwrap()).unwrap();
    // No two directories of a cluster have the same id.
    let directory = if node_id == 1 { "b".to_owned() } else { node_id.to_string() };
    let meta = format!(
        "version=1\nnode.id={node_id}\ncluster.id=abcdefghijklmnopqrstuA\ndirectory.id=b{directory}cdefghijklmnopqrstuA\n"
    );
    fs::write(dir.join("meta.properties"), meta).unwrap();
}

/// The config of a node, changed by `settings`.
pub(crate) fn config(dir: &Path, port: u16, controller_port: u16, settings: &[(&str, &str)]) -> BrokerConfig {
    let listeners = format!("PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}");
    let voters = format!("1@127.0.0.1:{controller_port}");
    let dir = dir.display().to_string();
    let fixed = [
        ("process.roles", "broker,controller"),
        ("node.id", "1"),
        ("listeners", &listeners),
        ("controller.listener.names", "CONTROLLER"),
        ("controller.quorum.voters", &voters),
        ("log.dirs", &dir),
        ("offsets.topic.replication.factor", "1"),
        ("offsets.topic.num.partitions", "4"),
        ("group.initial.rebalance.delay.ms", "0"),
    ];
    let all = fixed.iter().chain(settings).map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    BrokerConfig::from_properties(&all.collect()).unwrap()
}

impl TestNode {
    /// Starts a node in a fresh directory.
    pub(crate) fn start(name: &str, settings: &[(&str, &str)]) -> Self {
        let dir = fresh_dir(name);
        format(&dir, 1);
        Self::start_in(dir, settings)
    }

    /// Starts a node in a directory.
    pub(crate) fn start_in(dir: PathBuf, settings: &[(&str, &str)]) -> Self {
        let (port, controller_port) = (free_port(), free_port());
        let config = config(&dir, port, controller_port, settings);
        Self::run(dir, config, port, controller_port)
    }

    /// Starts a node that was stopped again, where others look for it.
    pub(crate) fn start_again(
        dir: PathBuf,
        (port, controller_port): (u16, u16),
        settings: &[(&str, &str)],
    ) -> Self {
        let config = config(&dir, port, controller_port, settings);
        Self::run(dir, config, port, controller_port)
    }

    /// Starts another broker beside this node, which stays the only controller. It may be started in its directory again.
    pub(crate) fn start_broker(&self, dir: PathBuf, id: i32, settings: &[(&str, &str)]) -> Self {
        if !dir.join("meta.properties").exists() {
            format(&dir, id);
        }
        let port = free_port();
        let (id, listeners) = (id.to_string(), format!("PLAINTEXT://127.0.0.1:{port}"));
        let own = [("process.roles", "broker"), ("node.id", &*id), ("listeners", &*listeners)];
        let settings: Vec<_> = own.iter().chain(settings).copied().collect();
        let config = config(&dir, port, self.controller_port, &settings);
        Self::run(dir, config, port, self.controller_port)
    }

    /// Starts a node, 1, and beside it a controller, 2, without which it can decide nothing. The controller comes back with
    /// what is returned with them.
    pub(crate) fn start_pair(name: &str) -> (Self, Self, impl Fn() -> Self) {
        let (port, controller_ports) = (free_port(), [free_port(), free_port()]);
        let voters = format!("1@127.0.0.1:{},2@127.0.0.1:{}", controller_ports[0], controller_ports[1]);
        let both = [
            ("controller.quorum.voters", voters.as_str()),
            ("controller.quorum.fetch.timeout.ms", "600"),
            ("controller.quorum.election.timeout.ms", "300"),
        ];
        let dirs = [fresh_dir(&format!("{name}-1")), fresh_dir(&format!("{name}-2"))];
        (1..).zip(&dirs).for_each(|(id, dir)| format(dir, id));
        let [dir, controller_dir] = dirs;
        let node_config = config(&dir, port, controller_ports[0], &both);
        let listeners = format!("CONTROLLER://127.0.0.1:{}", controller_ports[1]);
        let own = [("process.roles", "controller"), ("node.id", "2"), ("listeners", &*listeners)];
        let settings: Vec<_> = own.into_iter().chain(both).collect();
        let controller_config = config(&controller_dir, 0, controller_ports[1], &settings);
        let begin_controller =
            move || Self::begin(controller_dir.clone(), controller_config.clone(), 0, controller_ports[1]);
        let (controller, controller_is_ready) = begin_controller();
        let node = Self::run(dir, node_config, port, controller_ports[0]);
        controller_is_ready.recv_timeout(2 * PATIENCE).expect("the controller starts");
        (node, controller, move || {
            let (controller, is_ready) = begin_controller();
            is_ready.recv_timeout(2 * PATIENCE).expect("the controller starts again");
            controller
        })
    }

    fn run(dir: PathBuf, config: BrokerConfig, port: u16, controller_port: u16) -> Self {
        let (node, is_ready) = Self::begin(dir, config, port, controller_port);
        is_ready.recv_timeout(2 * PATIENCE).expect("the node starts");
        node
    }

    fn begin(
        dir: PathBuf,
        config: BrokerConfig,
        port: u16,
        controller_port: u16,
    ) -> (Self, mpsc::Receiver<()>) {
        listen_to_the_log();
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, is_ready) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let stop = async move { drop(stopped.await) };
            klamm_server::run_until(config, stop, move |_| {
                let _ = ready.send(());
            })
        });
        let node = Self { port, controller_port, dir, stop: Some(stop), thread: Some(thread) };
        (node, is_ready)
    }

    /// Where it keeps what it has.
    pub(crate) fn dir(&self) -> PathBuf {
        self.dir.clone()
    }

    /// Stops the node. Returns its directory.
    pub(crate) fn stop(mut self) -> PathBuf {
        self.stop_now();
        std::mem::take(&mut self.dir)
    }

    /// Stops the node. Its directory stays where it is.
    pub(crate) fn stop_keeping(mut self) {
        self.stop_now();
        self.dir = PathBuf::new();
    }

    fn stop_now(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the node does not panic").expect("the node starts and stops");
        }
    }

    /// Opens a connection.
    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.port)
    }

    /// Creates a topic and waits until it is there.
    pub(crate) fn create_topic(&self, name: &str, partitions: i32, configs: &[(&str, &str)]) {
        self.create_replicated_topic(name, partitions, 1, configs);
    }

    /// As [`TestNode::create_topic`], with several replicas.
    pub(crate) fn create_replicated_topic(
        &self,
        name: &str,
        partitions: i32,
        replication_factor: i16,
        configs: &[(&str, &str)],
    ) {
        let configs = configs
            .iter()
            .map(|(name, value)| klamm_protocol::api::create_topics::CreatableTopicConfig {
                name: (*name).into(),
                value: Some((*value).into()),
                ..Default::default()
            })
            .collect();
        let topic = CreatableTopic {
            name: name.into(),
            num_partitions: partitions,
            replication_factor,
            configs,
            ..Default::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 60_000, ..Default::default() };
        let response = self.connect().call(&request, 7);
        assert_eq!(response.topics[0].error_code, 0, "{response:?}");
    }

    /// Deletes a topic.
    pub(crate) fn delete_topic(&self, name: &str) {
        let topics = vec![DeleteTopicState { name: Some(name.into()), ..Default::default() }];
        let request = DeleteTopicsRequest { topics, timeout_ms: 60_000, ..Default::default() };
        let response = self.connect().call(&request, 6);
        assert_eq!(response.responses[0].error_code, 0, "{response:?}");
    }

    /// A client that does nothing wrong, on a connection of its own, is served.
    pub(crate) fn assert_serves_others(&self) {
        self.connect().metadata(None);
    }
}

impl Drop for TestNode {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.stop_now();
        remove(&self.dir);
    }
}

/// Removes a directory, unless `KLAMM_TEST_KEEP` is set.
pub(crate) fn remove(dir: &Path) {
    if std::env::var_os("KLAMM_TEST_KEEP").is_none() {
        let _ = fs::remove_dir_all(dir);
    }
}

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    correlation_id: i32,
}

impl Client {
    pub(crate) fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, correlation_id: 0 }
    }

    /// This end, as the node's log names it.
    pub(crate) fn address(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    /// Sends bytes as they are. A node that has closed the connection is no failure here.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Sends a frame: the size, then the bytes.
    pub(crate) fn send_frame(&mut self, frame: &[u8]) {
        self.send(&framed(frame));
    }

    /// The next frame, without its size; `None` if the connection is closed.
    pub(crate) fn read_frame(&mut self) -> Option<Bytes> {
        let mut size = [0; 4];
        self.read_exact(&mut size)?;
        let mut frame = vec![0; usize::try_from(i32::from_be_bytes(size)).unwrap()];
        self.read_exact(&mut frame)?;
        Some(frame.into())
    }

    fn read_exact(&mut self, into: &mut [u8]) -> Option<()> {
        match self.stream.read_exact(into) {
            Ok(()) => Some(()),
            Err(error) => {
                let is_closed = matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset);
                assert!(is_closed, "neither an answer nor a closed connection: {error}");
                None
            }
        }
    }

    /// Waits until the node has closed the connection; whatever it still sends does not count.
    pub(crate) fn assert_closed(&mut self, what: &str) {
        let until = Instant::now() + PATIENCE;
        let mut rest = [0; 4096];
        loop {
            match self.stream.read(&mut rest) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return,
                Err(error) => panic!("{what}: the connection is still open: {error}"),
            }
            assert!(Instant::now() < until, "{what}: the connection is still open");
        }
    }

    /// Sends a request without waiting.
    pub(crate) fn send_request<R: Request>(&mut self, request: &R, version: i16) {
        self.correlation_id += 1;
        let frame = request_frame(R::KEY, version, self.correlation_id, request);
        self.send_frame(&frame);
    }

    /// Reads the answer to the request sent last.
    pub(crate) fn read_response<R: Request>(&mut self, version: i16) -> R::Response {
        let frame = self.read_frame().expect("an answer, not a closed connection");
        let mut reader = Reader::new(frame);
        let header = ResponseHeader::decode_for(R::KEY, &mut reader, version).unwrap();
        assert_eq!(header.correlation_id, self.correlation_id);
        R::Response::decode(&mut reader, version).unwrap()
    }

    /// Sends a request and reads its answer.
    pub(crate) fn call<R: Request>(&mut self, request: &R, version: i16) -> R::Response {
        self.send_request(request, version);
        self.read_response::<R>(version)
    }

    /// As [`Client::call`], under a client id.
    pub(crate) fn call_as<R: Request>(&mut self, client_id: &str, request: &R, version: i16) -> R::Response {
        self.correlation_id += 1;
        let frame = request_frame_of(client_id, R::KEY, version, self.correlation_id, request);
        self.send_frame(&frame);
        self.read_response::<R>(version)
    }

    /// Asks for topics; `None`: all.
    pub(crate) fn metadata(&mut self, topics: Option<&[&str]>) -> MetadataResponse {
        let named = |name: &&str| MetadataRequestTopic { name: Some((*name).into()), ..Default::default() };
        let topics = topics.map(|names| names.iter().map(named).collect());
        self.call(&MetadataRequest { topics, ..Default::default() }, 12)
    }
}

/// A frame with its size in front.
pub(crate) fn framed(frame: &[u8]) -> Vec<u8> {
    let size = i32::try_from(frame.len()).unwrap();
    [&size.to_be_bytes()[..], frame].concat()
}

/// Header and body of a request.
pub(crate) fn request_frame(key: ApiKey, version: i16, correlation_id: i32, body: &impl Message) -> Vec<u8> {
    request_frame_of("test", key, version, correlation_id, body)
}

fn request_frame_of(
    client_id: &str,
    key: ApiKey,
    version: i16,
    correlation_id: i32,
    body: &impl Message,
) -> Vec<u8> {
    let mut writer = Writer::new();
    let header = RequestHeader::new(key, version, correlation_id, Some(client_id.into()));
    header.encode_for(key, &mut writer).unwrap();
    body.encode(&mut writer, version).unwrap();
    writer.into_bytes().to_vec()
}

/// Header of a request, with `body` as it is behind it.
pub(crate) fn raw_frame(key: ApiKey, version: i16, correlation_id: i32, body: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    let header = RequestHeader::new(key, version, correlation_id, Some("test".into()));
    header.encode_for(key, &mut writer).unwrap();
    [&writer.into_bytes(), body].concat()
}

/// The lines that all nodes of this process have logged.
static LOG: OnceLock<Mutex<Vec<u8>>> = OnceLock::new();

struct LogWriter;

/// Starts the line about a panic on one of the nodes' threads, whether it was caught or not.
pub(crate) const PANIC: &str = "DEFECT";

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if std::env::var_os("KLAMM_TEST_LOG").is_some() {
            std::io::stderr().write_all(bytes)?;
        }
        if let Some(log) = LOG.get() {
            log.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn listen_to_the_log() {
    LOG.get_or_init(|| {
        tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::new("info"))
            .with_ansi(false)
            .with_writer(|| LogWriter)
            .init();
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let thread = std::thread::current();
            if thread.name().is_some_and(|name| name.starts_with("klamm-")) {
                let _ = writeln!(LogWriter, "{PANIC} {panic}");
            }
            print(panic);
        }));
        Mutex::default()
    });
}

/// The lines logged so far that contain `text`.
pub(crate) fn log_lines(text: &str) -> Vec<String> {
    let log = LOG.get().map(|log| log.lock().unwrap_or_else(PoisonError::into_inner).clone());
    let log = String::from_utf8(log.unwrap_or_default()).unwrap();
    log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
}

/// Waits for the lines that name a peer, of which there has to be exactly one.
pub(crate) fn assert_one_line_about(peer: SocketAddr, what: &str) -> String {
    let text = format!("peer={peer} ");
    eventually(what, || !log_lines(&text).is_empty());
    let lines = log_lines(&text);
    assert_eq!(lines.len(), 1, "{what}: {lines:#?}");
    lines[0].clone()
}

/// Waits until something is so.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Bytes of memory that this process has resident, and had at most since [`forget_peak`].
pub(crate) fn resident() -> (u64, u64) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let kib = |key: &str| -> u64 {
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    (kib("VmRSS:") * 1024, kib("VmHWM:") * 1024)
}

/// Lets the peak start again from what is resident now.
pub(crate) fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// Numbers that look random and are the same every time.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap()
    }
}

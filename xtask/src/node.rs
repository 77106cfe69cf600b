//! The server under test: one node of Klamm or of Apache Kafka 4.3.1, as a process of its own.
//!
//! Every acceptance test runs against either, so that what a test expects is first shown on Kafka.

use std::fs::{self, OpenOptions};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::shell::{command, output, root, run, signal, target};
use crate::wire;

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(40);
/// The id of all clusters here.
pub(crate) const CLUSTER_ID: &str = "S2xhbW0tYWNjZXB0YW5jZQ";

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Product {
    Klamm,
    Kafka,
}

impl Product {
    /// Builds or resolves what the product needs to run.
    pub(crate) fn prepare(self) -> Result<()> {
        match self {
            Self::Klamm if given_binary().is_some() => Ok(()),
            Self::Klamm => run(&mut command(
                "cargo",
                &["build", "--quiet", "--profile", "checked", "--package", "klamm"],
            )),
            Self::Kafka => crate::setup::kafka(),
        }
    }

    pub(crate) fn format(self) -> Command {
        match self {
            Self::Klamm => {
                let mut format = Command::new(klamm_binary());
                format.args(["storage", "format"]);
                format
            }
            Self::Kafka => Command::new(kafka_real("format")),
        }
    }

    pub(crate) fn start(self) -> Command {
        match self {
            Self::Klamm => {
                let mut start = Command::new(klamm_binary());
                start.arg("server");
                start
            }
            Self::Kafka => Command::new(kafka_real("start")),
        }
    }
}

static BINARY: OnceLock<PathBuf> = OnceLock::new();

/// The binary under test: that of the environment variable KLAMM_BIN, or the build with checks.
pub(crate) fn klamm_binary() -> PathBuf {
    BINARY.get_or_init(|| given_binary().unwrap_or_else(|| target().join("checked/klamm"))).clone()
}

/// Makes the release build the binary under test, unless KLAMM_BIN names another.
pub(crate) fn use_release_build() -> Result<()> {
    if given_binary().is_none() {
        run(&mut command("cargo", &["build", "--quiet", "--release", "--package", "klamm"]))?;
    }
    BINARY.get_or_init(|| given_binary().unwrap_or_else(|| target().join("release/klamm")));
    Ok(())
}

/// Of the last minute, to be told beside what was measured.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

fn given_binary() -> Option<PathBuf> {
    std::env::var_os("KLAMM_BIN").map(PathBuf::from)
}

/// One of the scripts that run Apache Kafka.
pub(crate) fn kafka_real(script: &str) -> PathBuf {
    root().join("tests/conformance/kafka-real").join(script)
}

/// One node with a folder of its own, killed when dropped.
pub(crate) struct Node {
    pub(crate) product: Product,
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
    environment: Vec<(&'static str, &'static str)>,
    child: Option<Child>,
}

impl Node {
    /// Formats a new node in a fresh folder of that name under the target folder.
    pub(crate) fn create(product: Product, name: &str, settings: &[(&str, &str)]) -> Result<Self> {
        let (port, controller) = (free_port()?, free_port()?);
        Self::create_with(product, name, port, |folder| properties(folder, port, controller, settings))
    }

    /// Formats a new node in a fresh folder of that name, with the properties that it is to have there.
    pub(crate) fn create_with(
        product: Product,
        name: &str,
        port: u16,
        properties: impl FnOnce(&Path) -> String,
    ) -> Result<Self> {
        let folder = target().join("acceptance").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let node = Self { product, folder, port, environment: Vec::new(), child: None };
        fs::write(node.properties(), properties(&node.folder))?;
        let mut format = product.format();
        output(format.args(["-t", CLUSTER_ID, "-c"]).arg(node.properties()).current_dir(&node.folder))?;
        Ok(node)
    }

    fn properties(&self) -> PathBuf {
        self.folder.join("server.properties")
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(crate) fn servers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Sets a variable of the environment that the node is started with.
    pub(crate) fn set_environment(&mut self, name: &'static str, value: &'static str) {
        self.environment.push((name, value));
    }

    /// Starts the node and waits until it serves; how long that took.
    pub(crate) fn start(&mut self) -> Result<Duration> {
        self.start_until(|port| wire::live_brokers(port).is_ok_and(|brokers| brokers > 0))
    }

    /// Starts the node and waits until it is what is asked for of its port; how long that took.
    pub(crate) fn start_until(&mut self, is_ready: impl Fn(u16) -> bool) -> Result<Duration> {
        let started = Instant::now();
        let log = OpenOptions::new().create(true).append(true).open(self.folder.join("server.log"))?;
        let mut start = self.product.start();
        start
            .envs(self.environment.iter().copied())
            .arg(self.properties())
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        self.child =
            Some(start.stdout(log.try_clone()?).stderr(log).spawn().context("cannot start the node")?);
        while started.elapsed() < START_LIMIT {
            if let Some(status) = self.ended()? {
                bail!("{:?} ended with {status} while it started:\n{}", self.product, self.last_log_lines());
            }
            if is_ready(self.port) {
                return Ok(started.elapsed());
            }
            sleep(Duration::from_millis(5));
        }
        bail!("{:?} did not serve within {START_LIMIT:?}:\n{}", self.product, self.last_log_lines())
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.as_mut().map(Child::try_wait).transpose()?.flatten())
    }

    fn last_log_lines(&self) -> String {
        let log = fs::read(self.folder.join("server.log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// Stops the node with SIGTERM; an error if it does not end in time or ends as if it had crashed.
    pub(crate) fn stop(&mut self) -> Result<()> {
        let Some(pid) = self.pid() else { return Ok(()) };
        signal(pid, "TERM");
        let asked = Instant::now();
        while asked.elapsed() < STOP_LIMIT {
            if let Some(status) = self.ended()? {
                self.child = None;
                // A JVM that was stopped by SIGTERM in an orderly way ends with 143.
                if !matches!(status.code(), Some(0 | 143)) {
                    bail!("{:?} ended with {status} after SIGTERM:\n{}", self.product, self.last_log_lines());
                }
                return Ok(());
            }
            sleep(Duration::from_millis(20));
        }
        bail!("{:?} did not end within {STOP_LIMIT:?} of SIGTERM", self.product)
    }

    /// Kills the node with SIGKILL.
    pub(crate) fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            eprintln!("cannot stop the node in {}: {error}", self.folder.display());
        }
    }
}

fn properties(folder: &Path, port: u16, controller: u16, settings: &[(&str, &str)]) -> String {
    let mut text = format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
         controller.listener.names=CONTROLLER\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\n\
         log.dirs={}\n\
         offsets.topic.num.partitions=4\n\
         offsets.topic.replication.factor=1\n\
         transaction.state.log.num.partitions=4\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         share.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\n\
         num.partitions=6\n",
        folder.join("data").display()
    );
    for (key, value) in settings {
        text.push_str(&format!("{key}={value}\n"));
    }
    text
}

/// A port that is free now, out of the range KLAMM_TEST_PORTS (default 29300-29999), never one that was given before.
pub(crate) fn free_port() -> Result<u16> {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let range = std::env::var("KLAMM_TEST_PORTS").unwrap_or_else(|_| "29300-29999".to_owned());
    let (low, high) = range.split_once('-').context("KLAMM_TEST_PORTS is LOW-HIGH")?;
    let (low, high): (u16, u16) = (low.parse()?, high.parse()?);
    loop {
        let port = low + TAKEN.fetch_add(1, Ordering::Relaxed);
        if port > high {
            bail!("no free port in {range}");
        }
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
}

//! What processes hold of the network: listeners and connections.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
    task::Poll,
    time::Duration,
};

use bytes::{Buf as _, Bytes, BytesMut};

use super::{BACKLOG, Listening, close, read, write};
use crate::sim::{Core, Host, Sleep, current, expect_current};

/// What a connecting side waits before it tries again, at first.
const SYN_RETRY: Duration = Duration::from_secs(1);

/// A bound address.
#[derive(Debug)]
pub(crate) struct SimulatedListener {
    id: u64,
    address: SocketAddr,
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct SimulatedStream {
    id: u64,
    local: SocketAddr,
    pub(crate) peer: SocketAddr,
}

impl SimulatedListener {
    pub(crate) fn bind(core: &Core, host: &str, port: u16) -> io::Result<Self> {
        let own = core.host().ok_or(ErrorKind::AddrNotAvailable)?;
        if !host.is_empty() && host.parse::<IpAddr>().ok() != Some(own.address()) {
            return Err(io::Error::new(
                ErrorKind::AddrNotAvailable,
                format!("{host} is not this host's address"),
            ));
        }
        let id = core.next_id();
        let mut network = core.network.borrow_mut();
        let port = if port == 0 { network.ephemeral_port() } else { port };
        let address = SocketAddr::new(own.address(), port);
        if network.listeners.contains_key(&address) {
            return Err(ErrorKind::AddrInUse.into());
        }
        network.listeners.insert(
            address,
            Listening { id, process: core.process(), queue: Default::default(), waiting: None },
        );
        Ok(Self { id, address })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn accept(&self) -> io::Result<SimulatedStream> {
        std::future::poll_fn(|cx| {
            let core = expect_current();
            let mut network = core.network.borrow_mut();
            let Some(listening) =
                network.listeners.get_mut(&self.address).filter(|listening| listening.id == self.id)
            else {
                return Poll::Ready(Err(ErrorKind::NotConnected.into()));
            };
            let Some(id) = listening.queue.pop_front() else {
                listening.waiting = Some(cx.waker().clone());
                return Poll::Pending;
            };
            let (local, peer) = match network.ends.get(&id) {
                Some(end) => (end.local.1, end.remote.1),
                None => return Poll::Ready(Err(ErrorKind::ConnectionAborted.into())),
            };
            Poll::Ready(Ok(SimulatedStream { id, local, peer }))
        })
        .await
    }
}

impl Drop for SimulatedListener {
    fn drop(&mut self) {
        if let Some(core) = current() {
            close_listener(&core, self.address, self.id);
        }
    }
}

/// Closes a listener, and what nobody has accepted from it.
pub(super) fn close_listener(core: &Core, address: SocketAddr, id: u64) {
    let mut network = core.network.borrow_mut();
    if network.listeners.get(&address).is_none_or(|listening| listening.id != id) {
        return;
    }
    let Some(listening) = network.listeners.remove(&address) else { return };
    for id in listening.queue {
        if let Some(end) = network.ends.remove(&id) {
            network.reset(end.peer);
        }
    }
}

impl SimulatedStream {
    pub(crate) async fn connect(host: &str, port: u16, limit: Duration) -> io::Result<Self> {
        let unknown =
            || io::Error::new(ErrorKind::AddrNotAvailable, format!("{host} resolves to no address"));
        let address: IpAddr = host.parse().map_err(|_| unknown())?;
        let to = Host::of(address).ok_or_else(unknown)?;
        let remote = SocketAddr::new(address, port);
        match crate::sim::timeout(limit, Self::attempt(to, remote)).await {
            Some(outcome) => outcome,
            None => Err(io::Error::new(ErrorKind::TimedOut, format!("no answer from {remote}"))),
        }
    }

    async fn attempt(to: Host, remote: SocketAddr) -> io::Result<Self> {
        let mut retry = SYN_RETRY;
        loop {
            on_the_way(to).await;
            let connected = establish(to, remote);
            // The answer's way back. A connection nobody waits for any more is closed.
            on_the_way(to).await;
            match connected {
                // Nothing came back.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                connected => return connected,
            }
            Sleep::until_after(retry).await;
            retry *= 2;
        }
    }

    pub(crate) const fn local(&self) -> SocketAddr {
        self.local
    }

    pub(crate) async fn read(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        std::future::poll_fn(|cx| match read(&expect_current(), self.id, buffer, cx.waker()) {
            Some(done) => Poll::Ready(done),
            None => Poll::Pending,
        })
        .await
    }

    pub(crate) async fn write_all(&self, chunks: &mut [Bytes]) -> io::Result<()> {
        for chunk in chunks {
            while !chunk.is_empty() {
                let step =
                    std::future::poll_fn(|cx| match write(&expect_current(), self.id, chunk, cx.waker()) {
                        Some(done) => Poll::Ready(done),
                        None => Poll::Pending,
                    })
                    .await?;
                chunk.advance(step);
            }
        }
        Ok(())
    }
}

impl Drop for SimulatedStream {
    fn drop(&mut self) {
        if let Some(core) = current() {
            close(&core, self.id);
        }
    }
}

/// Completes when a piece that is sent now is at `to`.
fn on_the_way(to: Host) -> Sleep {
    let core = expect_current();
    let delay = core.host().map(|from| core.network.borrow().link(from, to).delay).unwrap_or_default();
    Sleep::until_after(core.between(delay.0, delay.1))
}

/// Makes the two ends of a connection, if somebody listens. `WouldBlock`: nobody answers.
fn establish(to: Host, remote: SocketAddr) -> io::Result<SimulatedStream> {
    let core = &*expect_current();
    let from = core.host().ok_or(ErrorKind::AddrNotAvailable)?;
    let duplicate_one_in = {
        let network = core.network.borrow();
        if !network.reaches(from, to) || !network.reaches(to, from) {
            return Err(ErrorKind::WouldBlock.into());
        }
        network.link(from, to).duplicate_one_in
    };
    if duplicate_one_in > 0 && core.entropy.below(duplicate_one_in) == 0 {
        // Its connecting side forgets it and says nothing: what the listener accepts stays silent.
        if let Ok(forgotten) = establish_once(core, from, (to, remote)) {
            core.network.borrow_mut().ends.remove(&forgotten.id);
        }
    }
    establish_once(core, from, (to, remote))
}

fn establish_once(core: &Core, from: Host, (to, remote): (Host, SocketAddr)) -> io::Result<SimulatedStream> {
    let (id, peer) = (core.next_id(), core.next_id());
    let mut network = core.network.borrow_mut();
    let local = SocketAddr::new(from.address(), network.ephemeral_port());
    let Some(listening) = network.listeners.get_mut(&remote) else {
        return Err(ErrorKind::ConnectionRefused.into());
    };
    if listening.queue.len() >= BACKLOG {
        return Err(ErrorKind::WouldBlock.into());
    }
    listening.queue.push_back(peer);
    if let Some(waiting) = listening.waiting.take() {
        waiting.wake();
    }
    let process = listening.process;
    network.add_end((id, peer), core.process(), (from, local), (to, remote));
    network.add_end((peer, id), process, (to, remote), (from, local));
    drop(network);
    core.note(id);
    Ok(SimulatedStream { id, local, peer: remote })
}

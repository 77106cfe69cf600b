//! A network of simulated hosts, as TCP makes it look.
//!
//! Bytes of one connection arrive in order, each piece after a delay of its own link; connections do not wait for each
//! other, so that what is sent by two of them may change places. A link that is cut loses nothing that its ends do not
//! notice: pieces are held and arrive some time after the link is whole again, as retransmissions do. A host without
//! power answers nothing; one that is back answers with a reset for connections it knows nothing of.

mod stream;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io::{self, ErrorKind},
    net::SocketAddr,
    task::Waker,
    time::Duration,
};

use bytes::Bytes;
pub(crate) use stream::{SimulatedListener, SimulatedStream};

use super::{Core, Host, Process};

/// What is sent and not yet read, at most; then writing waits.
const WINDOW_BYTES: usize = 256 << 10;
/// What is accepted by the kernel for a process that does not take it.
const BACKLOG: usize = 50;
/// The first port that connecting sides get.
const EPHEMERAL_PORT: u16 = 32_768;
/// After a link is whole again, retransmissions take up to this.
const RETRANSMISSION_MAX: Duration = Duration::from_millis(300);

/// How one direction between two hosts treats what is sent.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// What a piece takes at least and at most.
    pub delay: (Duration, Duration),
    /// Nothing gets through.
    pub is_cut: bool,
    /// Of how many attempts to connect one leaves a second connection behind that nobody uses; 0: none.
    pub duplicate_one_in: u64,
}

impl Default for Link {
    fn default() -> Self {
        let delay = (Duration::from_micros(50), Duration::from_micros(500));
        Self { delay, is_cut: false, duplicate_one_in: 0 }
    }
}

/// The state of the network.
#[derive(Default)]
pub(crate) struct Network {
    links: BTreeMap<(Host, Host), Link>,
    off: BTreeSet<Host>,
    listeners: BTreeMap<SocketAddr, Listening>,
    ends: BTreeMap<u64, End>,
    next_port: u16,
}

struct Listening {
    id: u64,
    process: Option<Process>,
    /// Ends on this side that nobody has accepted yet.
    queue: VecDeque<u64>,
    waiting: Option<Waker>,
}

/// One side of a connection.
struct End {
    peer: u64,
    /// Whose it is; the kernel closes it when the process has ended.
    process: Option<Process>,
    local: Place,
    remote: Place,
    received: VecDeque<Bytes>,
    /// The peer sends no more.
    is_ended: bool,
    is_reset: bool,
    /// The process has closed it; it is still here for what is on its way.
    is_closed: bool,
    /// Bytes that the peer has not read.
    unread_bytes: usize,
    /// What could not leave because the link is cut.
    held: VecDeque<Piece>,
    last_arrival: Duration,
    reading: Option<Waker>,
    writing: Option<Waker>,
}

type Place = (Host, SocketAddr);

enum Piece {
    Bytes(Bytes),
    End,
}

impl Network {
    fn link(&self, from: Host, to: Host) -> Link {
        self.links.get(&(from, to)).copied().unwrap_or_default()
    }

    /// Whether what is sent now `from` one host arrives at the other.
    fn reaches(&self, from: Host, to: Host) -> bool {
        !self.off.contains(&from) && !self.off.contains(&to) && !self.link(from, to).is_cut
    }

    fn add_end(&mut self, (id, peer): (u64, u64), process: Option<Process>, local: Place, remote: Place) {
        let end = End {
            peer,
            process,
            local,
            remote,
            received: VecDeque::new(),
            is_ended: false,
            is_reset: false,
            is_closed: false,
            unread_bytes: 0,
            held: VecDeque::new(),
            last_arrival: Duration::ZERO,
            reading: None,
            writing: None,
        };
        self.ends.insert(id, end);
    }

    fn reset(&mut self, id: u64) {
        let Some(end) = self.ends.get_mut(&id) else { return };
        end.is_reset = true;
        end.received.clear();
        end.held.clear();
        end.wake();
        if end.is_closed {
            self.ends.remove(&id);
        }
    }

    fn ephemeral_port(&mut self) -> u16 {
        let port = self.next_port.max(EPHEMERAL_PORT);
        self.next_port = port.checked_add(1).unwrap_or(EPHEMERAL_PORT);
        port
    }
}

impl End {
    fn wake(&mut self) {
        for waker in [self.reading.take(), self.writing.take()].into_iter().flatten() {
            waker.wake();
        }
    }

    const fn is_over(&self) -> bool {
        self.is_reset || self.is_closed
    }
}

/// Sends a piece of a connection on its way.
fn send(core: &Core, id: u64, piece: Piece) {
    let mut network = core.network.borrow_mut();
    let Some(end) = network.ends.get(&id) else { return };
    let (from, to) = (end.local.0, end.remote.0);
    let is_held = !end.held.is_empty() || !network.reaches(from, to);
    let delay = network.link(from, to).delay;
    let Some(end) = network.ends.get_mut(&id) else { return };
    if is_held {
        end.held.push_back(piece);
        return;
    }
    let at = (core.now() + core.between(delay.0, delay.1)).max(end.last_arrival);
    end.last_arrival = at;
    drop(network);
    core.schedule(at, move |core| arrive(core, id, piece));
}

/// A piece that end `id` has sent is there, if it can be.
fn arrive(core: &Core, id: u64, piece: Piece) {
    let mut network = core.network.borrow_mut();
    let Some(sender) = network.ends.get(&id) else { return };
    let (from, to, peer) = (sender.local.0, sender.remote.0, sender.peer);
    if sender.is_reset {
        return;
    }
    if !network.reaches(from, to) {
        if let Some(sender) = network.ends.get_mut(&id) {
            sender.held.push_back(piece);
        }
        return;
    }
    core.note(id);
    let is_end = matches!(piece, Piece::End);
    let is_answered = network.reaches(to, from);
    match network.ends.get_mut(&peer).filter(|receiver| !receiver.is_over()) {
        Some(receiver) => {
            match piece {
                Piece::Bytes(bytes) => {
                    core.note(bytes.len() as u64);
                    receiver.received.push_back(bytes);
                }
                Piece::End => receiver.is_ended = true,
            }
            if let Some(reading) = receiver.reading.take() {
                reading.wake();
            }
        }
        // Nobody is there who knows of this connection. The answer may itself get lost; the next piece asks again.
        None if is_answered && !is_end => {
            drop(network);
            let delay = core.between(Duration::from_micros(50), Duration::from_micros(500));
            core.schedule(core.now() + delay, move |core| core.network.borrow_mut().reset(id));
            return;
        }
        None => {}
    }
    if is_end && network.ends.get(&id).is_some_and(|sender| sender.is_closed) {
        network.ends.remove(&id);
    }
}

/// Sends on what was held on links that are whole now.
fn release(core: &Core) {
    let network = core.network.borrow();
    let free: Vec<u64> = network
        .ends
        .iter()
        .filter(|(_, end)| !end.held.is_empty() && network.reaches(end.local.0, end.remote.0))
        .map(|(id, _)| *id)
        .collect();
    drop(network);
    for id in free {
        let mut at = core.now() + core.between(Duration::ZERO, RETRANSMISSION_MAX);
        let held = match core.network.borrow_mut().ends.get_mut(&id) {
            Some(end) => {
                at = at.max(end.last_arrival);
                end.last_arrival = at;
                std::mem::take(&mut end.held)
            }
            None => continue,
        };
        for piece in held {
            core.schedule(at, move |core| arrive(core, id, piece));
        }
    }
}

/// The process closes its end.
fn close(core: &Core, id: u64) {
    let mut network = core.network.borrow_mut();
    let Some(end) = network.ends.get_mut(&id) else { return };
    if end.is_reset {
        network.ends.remove(&id);
        return;
    }
    end.is_closed = true;
    end.received.clear();
    drop(network);
    send(core, id, Piece::End);
}

/// Closes what a process that has ended had open.
pub(super) fn close_all_of(core: &Core, process: Process) {
    let network = core.network.borrow();
    let listeners: Vec<(SocketAddr, u64)> = network
        .listeners
        .iter()
        .filter(|(_, listening)| listening.process == Some(process))
        .map(|(address, listening)| (*address, listening.id))
        .collect();
    let ends: Vec<u64> = network
        .ends
        .iter()
        .filter(|(_, end)| end.process == Some(process) && !end.is_closed)
        .map(|(id, _)| *id)
        .collect();
    drop(network);
    for (address, id) in listeners {
        stream::close_listener(core, address, id);
    }
    for id in ends {
        close(core, id);
    }
}

pub(super) fn set_link(core: &Core, from: Host, to: Host, link: Link) {
    core.network.borrow_mut().links.insert((from, to), link);
    release(core);
}

pub(super) fn reset_connections(core: &Core, one: Host, other: Host) {
    let mut network = core.network.borrow_mut();
    let ids: Vec<u64> = network
        .ends
        .iter()
        .filter(|(_, end)| {
            [(one, other), (other, one)].contains(&(end.local.0, end.remote.0)) && !end.is_over()
        })
        .map(|(id, _)| *id)
        .collect();
    for id in ids {
        network.reset(id);
    }
}

pub(super) fn power(core: &Core, host: Host, is_on: bool) {
    let mut network = core.network.borrow_mut();
    if is_on {
        network.off.remove(&host);
        drop(network);
        release(core);
        return;
    }
    network.off.insert(host);
    network.listeners.retain(|address, _| Host::of(address.ip()) != Some(host));
    network.ends.retain(|_, end| end.local.0 != host);
}

/// Reads what has arrived for end `id` into `buffer`, up to its spare capacity.
fn read(core: &Core, id: u64, buffer: &mut bytes::BytesMut, waker: &Waker) -> Option<io::Result<usize>> {
    use bytes::{Buf as _, BufMut as _};
    let mut network = core.network.borrow_mut();
    let Some(end) = network.ends.get_mut(&id) else { return Some(Err(ErrorKind::NotConnected.into())) };
    let mut room = buffer.capacity() - buffer.len();
    let mut count = 0;
    while room > 0
        && let Some(first) = end.received.front_mut()
    {
        let step = room.min(first.len());
        buffer.put_slice(&first[..step]);
        first.advance(step);
        room -= step;
        count += step;
        if first.is_empty() {
            end.received.pop_front();
        }
    }
    if count == 0 {
        if end.is_reset {
            return Some(Err(ErrorKind::ConnectionReset.into()));
        }
        if end.is_ended {
            return Some(Ok(0));
        }
        end.reading = Some(waker.clone());
        return None;
    }
    let peer = end.peer;
    if let Some(peer) = network.ends.get_mut(&peer) {
        peer.unread_bytes = peer.unread_bytes.saturating_sub(count);
        if let Some(writing) = peer.writing.take() {
            writing.wake();
        }
    }
    Some(Ok(count))
}

/// Takes some of `bytes` to be sent by end `id`. Returns how many.
fn write(core: &Core, id: u64, bytes: &Bytes, waker: &Waker) -> Option<io::Result<usize>> {
    let mut network = core.network.borrow_mut();
    let Some(end) = network.ends.get_mut(&id) else { return Some(Err(ErrorKind::NotConnected.into())) };
    if end.is_reset {
        return Some(Err(ErrorKind::ConnectionReset.into()));
    }
    let room = WINDOW_BYTES.saturating_sub(end.unread_bytes);
    if room == 0 {
        end.writing = Some(waker.clone());
        return None;
    }
    // Now and then a piece ends in the middle of a message.
    let largest = if core.entropy.below(8) == 0 { 1 + core.entropy.below(64) } else { 64 << 10 };
    let step = bytes.len().min(room).min(usize::try_from(largest).unwrap_or(1));
    end.unread_bytes += step;
    drop(network);
    send(core, id, Piece::Bytes(bytes.slice(..step)));
    Some(Ok(step))
}

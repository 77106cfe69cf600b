//! TCP: listeners and streams.
//!
//! A [`Stream`] is used through shared references, so that one task can read requests while it writes responses. Reads
//! may be cancelled at any await point; a cancelled write leaves the stream in the middle of a message, so that only
//! closing it remains.

use std::{
    io::{self, ErrorKind, IoSlice},
    net::{SocketAddr, ToSocketAddrs},
    os::fd::AsFd,
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::Interest;

use crate::{
    disk::File,
    sim::{
        self,
        net::{SimulatedListener, SimulatedStream},
    },
};

/// Sizes of a socket's kernel buffers in bytes; `None` leaves the operating system's default (Kafka's -1).
#[derive(Clone, Copy, Debug, Default)]
pub struct SocketOptions {
    /// SO_SNDBUF.
    pub send_buffer_bytes: Option<usize>,
    /// SO_RCVBUF.
    pub receive_buffer_bytes: Option<usize>,
}

/// A bound TCP socket that accepts connections.
#[derive(Debug)]
pub struct Listener(Listening<std::net::TcpListener>);

#[derive(Debug)]
enum Listening<R> {
    Real(R),
    Simulated(SimulatedListener),
}

impl Listener {
    /// Binds to `host`:`port`; an empty host means every address, port 0 one that the system chooses.
    ///
    /// # Errors
    /// If the name does not resolve, the address is taken or not this machine's.
    pub fn bind(host: &str, port: u16, backlog: i32, options: SocketOptions) -> io::Result<Self> {
        if let Some(core) = sim::current() {
            return SimulatedListener::bind(&core, host, port).map(|bound| Self(Listening::Simulated(bound)));
        }
        let mut last = io::Error::new(ErrorKind::AddrNotAvailable, format!("{host} resolves to no address"));
        let targets: Vec<SocketAddr> = if host.is_empty() {
            // One dual-stack socket where the machine has IPv6, as the JVM opens.
            vec![SocketAddr::from(([0u16; 8], port)), SocketAddr::from(([0u8; 4], port))]
        } else {
            let mut resolved: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
            // As the JVM does: `localhost` is 127.0.0.1 where both families are there.
            resolved.sort_by_key(SocketAddr::is_ipv6);
            resolved
        };
        for address in targets {
            match Self::bind_address(address, backlog, options) {
                Ok(listener) => return Ok(listener),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn bind_address(address: SocketAddr, backlog: i32, options: SocketOptions) -> io::Result<Self> {
        let socket = socket2::Socket::new(
            socket2::Domain::for_address(address),
            socket2::Type::STREAM,
            Some(socket2::Protocol::TCP),
        )?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        socket.set_reuse_address(true)?;
        // Buffer sizes of accepted sockets are inherited, and the window scale is settled in the handshake.
        if let Some(bytes) = options.receive_buffer_bytes {
            socket.set_recv_buffer_size(bytes)?;
        }
        if let Some(bytes) = options.send_buffer_bytes {
            socket.set_send_buffer_size(bytes)?;
        }
        socket.bind(&address.into())?;
        socket.listen(backlog)?;
        socket.set_nonblocking(true)?;
        Ok(Self(Listening::Real(socket.into())))
    }

    /// The address it is bound to, with the port that the system chose.
    ///
    /// # Errors
    /// If the socket is no longer valid.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            Listening::Real(listener) => listener.local_addr(),
            Listening::Simulated(listener) => Ok(listener.address()),
        }
    }

    /// Registers the listener with the current thread's runtime.
    ///
    /// # Errors
    /// If the runtime has no room for the descriptor.
    pub fn into_acceptor(self) -> io::Result<Acceptor> {
        Ok(Acceptor(match self.0 {
            Listening::Real(listener) => Listening::Real(tokio::net::TcpListener::from_std(listener)?),
            Listening::Simulated(listener) => Listening::Simulated(listener),
        }))
    }
}

/// A listener that belongs to one thread's runtime.
#[derive(Debug)]
pub struct Acceptor(Listening<tokio::net::TcpListener>);

impl Acceptor {
    /// The runtime's own listener, if this is no simulation.
    pub(crate) fn into_real(self) -> Option<tokio::net::TcpListener> {
        match self.0 {
            Listening::Real(listener) => Some(listener),
            Listening::Simulated(_) => None,
        }
    }

    /// The next connection. It belongs to no thread yet: see [`Accepted::into_stream`].
    ///
    /// # Errors
    /// If the process is out of descriptors, or the peer was gone before it was accepted. Neither ends the listener.
    pub async fn accept(&self) -> io::Result<Accepted> {
        match &self.0 {
            Listening::Real(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok(Accepted { stream: Tcp::Real(stream.into_std()?), peer })
            }
            Listening::Simulated(listener) => {
                let stream = listener.accept().await?;
                Ok(Accepted { peer: stream.peer, stream: Tcp::Simulated(stream) })
            }
        }
    }
}

/// An accepted connection on its way to the thread that will serve it.
#[derive(Debug)]
pub struct Accepted {
    stream: Tcp<std::net::TcpStream>,
    /// The peer's address.
    pub peer: SocketAddr,
}

impl Accepted {
    /// Registers the connection with the current thread's runtime.
    ///
    /// # Errors
    /// If the runtime has no room for the descriptor or the socket is gone.
    pub fn into_stream(self) -> io::Result<Stream> {
        let tcp = match self.stream {
            Tcp::Real(stream) => {
                stream.set_nodelay(true)?;
                // A peer whose machine is gone says nothing; Kafka has the system ask too.
                socket2::SockRef::from(&stream).set_keepalive(true)?;
                Tcp::Real(tokio::net::TcpStream::from_std(stream)?)
            }
            Tcp::Simulated(stream) => Tcp::Simulated(stream),
        };
        Ok(Stream { peer: self.peer, tcp })
    }
}

/// A TCP connection, without delay of small writes.
#[derive(Debug)]
pub struct Stream {
    peer: SocketAddr,
    tcp: Tcp<tokio::net::TcpStream>,
}

#[derive(Debug)]
enum Tcp<R> {
    Real(R),
    Simulated(SimulatedStream),
}

impl Stream {
    /// Connects to `host`:`port`, trying each address that the name resolves to, `limit` for each.
    ///
    /// # Errors
    /// The last address's error, or `TimedOut`.
    pub async fn connect(host: &str, port: u16, limit: Duration) -> io::Result<Self> {
        if sim::current().is_some() {
            let stream = SimulatedStream::connect(host, port, limit).await?;
            return Ok(Self { peer: stream.peer, tcp: Tcp::Simulated(stream) });
        }
        let mut last = io::Error::new(ErrorKind::AddrNotAvailable, format!("{host} resolves to no address"));
        for address in tokio::net::lookup_host((host, port)).await? {
            match tokio::time::timeout(limit, tokio::net::TcpStream::connect(address)).await {
                Ok(Ok(tcp)) => {
                    tcp.set_nodelay(true)?;
                    return Ok(Self { peer: address, tcp: Tcp::Real(tcp) });
                }
                Ok(Err(error)) => last = error,
                Err(_) => last = io::Error::new(ErrorKind::TimedOut, format!("no answer from {address}")),
            }
        }
        Err(last)
    }

    /// The other side's address.
    pub const fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// This side's address.
    ///
    /// # Errors
    /// If the socket is no longer connected.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.tcp {
            Tcp::Real(tcp) => tcp.local_addr(),
            Tcp::Simulated(stream) => Ok(stream.local()),
        }
    }

    /// Appends what has arrived to `buffer`, at most its spare capacity (which must not be zero), waiting for at least
    /// one byte. 0 means that the peer has closed its side. May be cancelled without loss.
    ///
    /// # Errors
    /// What the socket reports.
    pub async fn read(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        debug_assert!(buffer.capacity() > buffer.len(), "a read needs room");
        let tcp = match &self.tcp {
            Tcp::Real(tcp) => tcp,
            Tcp::Simulated(stream) => return stream.read(buffer).await,
        };
        loop {
            tcp.readable().await?;
            match tcp.try_read_buf(&mut limit(buffer)) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }

    /// Writes all chunks in order with as few system calls as the kernel allows.
    ///
    /// # Errors
    /// What the socket reports; some of the bytes may have been sent.
    pub async fn write_all(&self, chunks: &mut [Bytes]) -> io::Result<()> {
        const SLICES_MAX: usize = 64;
        let tcp = match &self.tcp {
            Tcp::Real(tcp) => tcp,
            Tcp::Simulated(stream) => return stream.write_all(chunks).await,
        };
        let mut rest = chunks;
        loop {
            let sent = rest.iter().take_while(|chunk| chunk.is_empty()).count();
            rest = &mut rest[sent..];
            if rest.is_empty() {
                return Ok(());
            }
            let slices: Vec<IoSlice<'_>> =
                rest.iter().take(SLICES_MAX).map(|chunk| IoSlice::new(chunk)).collect();
            let mut written = match tcp.try_write_vectored(&slices) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    tcp.writable().await?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            for chunk in &mut *rest {
                let step = written.min(chunk.len());
                chunk.advance(step);
                written -= step;
                if written == 0 {
                    break;
                }
            }
        }
    }

    /// Sends `len` bytes of `file` from `position`, without copying them through this process where the disk is real.
    ///
    /// # Errors
    /// What the socket or the file reports; `UnexpectedEof` if the file is shorter than `position + len`.
    pub async fn send_file(&self, file: &File, position: u64, len: u64) -> io::Result<()> {
        let (Some(real), Tcp::Real(tcp)) = (file.real(), &self.tcp) else {
            let mut copy = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
            file.read_exact_at(&mut copy, position).map_err(|error| error.source)?;
            return self.write_all(&mut [copy.into()]).await;
        };
        let mut offset = position;
        let end = position + len;
        while offset < end {
            let piece = usize::try_from(end - offset).unwrap_or(usize::MAX).min(1 << 30);
            let sent = tcp
                .async_io(Interest::WRITABLE, || {
                    rustix::fs::sendfile(tcp.as_fd(), real.as_fd(), Some(&mut offset), piece)
                        .map_err(io::Error::from)
                })
                .await?;
            if sent == 0 {
                return Err(io::Error::new(
                    ErrorKind::UnexpectedEof,
                    "the file ends before the range to send",
                ));
            }
        }
        Ok(())
    }
}

/// Keeps a read to the buffer's present capacity: `BytesMut` would otherwise grow by itself.
fn limit(buffer: &mut BytesMut) -> bytes::buf::Limit<&mut BytesMut> {
    use bytes::BufMut;
    let spare = buffer.capacity() - buffer.len();
    buffer.limit(spare)
}

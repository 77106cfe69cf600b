//! A simulated world: several machines in one thread, on one clock, from one seed.
//!
//! While a [`Simulation`] lives, everything that this crate gives to code that runs in it is simulated: tasks and
//! threads are tasks of its executor, sleeps end when its clock says so, connections go through its network. Disks are
//! made by [`disk::SimulatedDisk`] and handed over. What runs when is drawn from the seed, so that a seed tried twice
//! does the same twice; [`Simulation::trace`] is a hash of all that happened, to compare.
//!
//! Model
//! * A *host* is a machine with an address; a *process* runs on it and has threads, which have tasks. A thread does one
//!   thing at a time: what it spends on the disk, its other tasks wait for.
//! * A process that is killed leaves its files as they are, and the kernel closes its connections. A host that loses its
//!   power says nothing to anybody; what its disk had not synced may be gone ([`disk::SimulatedDisk::lose_power`]).
//! * Time moves by a few microseconds with every poll and otherwise jumps to the next thing that is due.
//!
//! Non-obvious
//! * Tasks that are ready form a set from which one is drawn, not a queue: the order in which a channel wakes its
//!   waiters (for some of tokio's, a random one) then has no influence.
//! * `tokio::select!` draws its first branch from a generator that no seed reaches; what runs here says `biased`.

pub mod disk;
mod executor;
pub mod net;
mod task;

use std::{
    any::Any,
    cell::RefCell,
    net::{IpAddr, Ipv4Addr},
    rc::Rc,
    task::Poll,
    time::Duration,
};

pub(crate) use executor::{Core, Sleep};
pub(crate) use task::Join;

use crate::Entropy;

thread_local! {
    static CURRENT: RefCell<Option<Rc<Core>>> = const { RefCell::new(None) };
}

/// The simulation that this thread runs, if it runs one.
pub(crate) fn current() -> Option<Rc<Core>> {
    CURRENT.with_borrow(Clone::clone)
}

/// As [`current`], where there must be one.
pub(crate) fn expect_current() -> Rc<Core> {
    current().expect("simulated things are used in their simulation only")
}

/// Tells whoever runs the simulation what code in it has just done, in words that only the two of them know. Outside of
/// a simulation, or if nobody listens, `what` is not even called.
#[inline]
pub fn tell<T: Any>(what: impl FnOnce() -> T) {
    let Some(core) = current() else { return };
    if let Some(listener) = core.listener()
        && let Some(host) = core.host()
    {
        listener(host, &what());
    }
}

/// On which host the present task runs, and the time since the simulation's start.
pub fn here() -> Option<(Option<Host>, Duration)> {
    let core = current()?;
    Some((core.host(), core.now()))
}

/// The output of `future`, or `None` if `limit` passes first.
pub(crate) async fn timeout<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let mut sleep = std::pin::pin!(Sleep::until_after(limit));
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => sleep.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// A machine of the simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(pub u8);

impl Host {
    /// Its address.
    pub const fn address(self) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 0, 0, self.0))
    }

    pub(crate) const fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(address) => match address.octets() {
                [10, 0, 0, host] => Some(Self(host)),
                _ => None,
            },
            IpAddr::V6(_) => None,
        }
    }
}

/// A process of the simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Process(pub(crate) u32);

/// The world in one thread. Ends when it is dropped.
pub struct Simulation {
    core: Rc<Core>,
}

impl Simulation {
    /// A world without hosts, in which everything follows from `seed`.
    ///
    /// # Panics
    /// If this thread runs another one already.
    pub fn new(seed: u64) -> Self {
        let core = Rc::new(Core::new(Entropy::seeded(seed)));
        CURRENT.with_borrow_mut(|current| {
            assert!(current.is_none(), "a thread runs one simulation at a time");
            *current = Some(Rc::clone(&core));
        });
        Self { core }
    }

    /// Starts a process on `host` with the future that `main` makes. It ends with that future.
    pub fn start<M, F>(&self, host: Host, cores: usize, main: M) -> Process
    where
        M: FnOnce() -> F + 'static,
        F: Future<Output = ()> + 'static,
    {
        self.core.start_process(host, cores, main)
    }

    /// Whether the process has not ended.
    pub fn is_running(&self, process: Process) -> bool {
        self.core.is_running(process)
    }

    /// Runs until `duration` has passed.
    pub fn run_for(&self, duration: Duration) {
        let end = self.core.now() + duration;
        while self.core.step(end) {}
    }

    /// Runs until `done` says so, which is asked every simulated millisecond. Whether it did before `limit` passed.
    pub fn run_until(&self, limit: Duration, mut done: impl FnMut() -> bool) -> bool {
        let end = self.core.now() + limit;
        while self.core.now() < end {
            if done() {
                return true;
            }
            self.run_for(Duration::from_millis(1));
        }
        done()
    }

    /// Time since the simulation's start.
    pub fn now(&self) -> Duration {
        self.core.now()
    }

    /// Ends a process at once. Files stay as they are; peers see its connections end.
    pub fn kill(&self, process: Process) {
        self.core.kill(process);
    }

    /// Ends all that runs on a host, without a word to anybody. What the disk loses is up to
    /// [`disk::SimulatedDisk::lose_power`]. Until [`Simulation::power_on`], nothing answers at its address.
    pub fn power_off(&self, host: Host) {
        net::power(&self.core, host, false);
        for process in self.core.processes_of(host) {
            self.core.kill(process);
        }
    }

    /// Lets processes be started on the host again.
    pub fn power_on(&self, host: Host) {
        net::power(&self.core, host, true);
    }

    /// Stops a process as SIGSTOP does: the kernel still takes what others send it.
    pub fn pause(&self, process: Process) {
        self.core.set_paused(process, true);
    }

    /// Lets a stopped process run again.
    pub fn resume(&self, process: Process) {
        self.core.set_paused(process, false);
    }

    /// Sets by how many milliseconds the wall clock of a host is ahead.
    pub fn set_clock_skew_ms(&self, host: Host, skew_ms: i64) {
        self.core.set_skew_ms(host, skew_ms);
    }

    /// How the network treats what goes `from` one host `to` another.
    pub fn set_link(&self, from: Host, to: Host, link: net::Link) {
        net::set_link(&self.core, from, to, link);
    }

    /// Breaks every connection between two hosts, as a middlebox that forgets them does.
    pub fn reset_connections(&self, one: Host, other: Host) {
        net::reset_connections(&self.core, one, other);
    }

    /// Has `listener` called with all that is told by [`tell`].
    pub fn listen(&self, listener: impl Fn(Host, &dyn Any) + 'static) {
        self.core.set_listener(Rc::new(listener));
    }

    /// What tasks panicked with.
    pub fn panics(&self) -> Vec<String> {
        self.core.panics()
    }

    /// A hash of everything that has happened.
    pub fn trace(&self) -> u64 {
        self.core.trace()
    }

    /// How many times a task was polled.
    pub fn polls(&self) -> u64 {
        self.core.polls()
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        self.core.kill_all();
        CURRENT.with_borrow_mut(Option::take);
    }
}

#[cfg(test)]
mod tests;

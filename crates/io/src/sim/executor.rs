//! Runs the tasks of all processes, one poll at a time, and moves the clock.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    pin::Pin,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use super::{Host, Join, Process, net::Network};
use crate::Entropy;

/// The wall time, in milliseconds since 1970, at which every simulation starts.
const WALL_START_MS: i64 = 1_750_000_000_000;

/// A poll that looks at the clock more often than that waits for a moment by looking: it is helped to come to its end.
const LOOKS_MAX: u64 = 10_000;

type Boxed = Pin<Box<dyn Future<Output = ()>>>;
type Listener = Rc<dyn Fn(Host, &dyn Any)>;
type Ready = Arc<Mutex<BTreeSet<u64>>>;

struct Task {
    /// `None` while it is being polled.
    future: Option<Boxed>,
    waker: Waker,
    process: Process,
    thread: u64,
}

struct Thread {
    process: Process,
    /// The task with which the thread ends.
    main: u64,
    /// Until then it waits for the disk.
    busy_until: Duration,
}

struct ProcessState {
    host: Host,
    cores: usize,
    main_thread: u64,
    is_paused: bool,
    /// Tasks that were ready while it was paused.
    parked: BTreeSet<u64>,
}

enum Timer {
    Wake(Waker),
    Ready(u64),
    Event(Box<dyn FnOnce(&Core)>),
}

#[derive(Clone, Copy)]
struct Running {
    process: Process,
    thread: u64,
}

/// The state of a simulation.
pub(crate) struct Core {
    now: Cell<Duration>,
    pub(super) entropy: Entropy,
    ready: Ready,
    tasks: RefCell<BTreeMap<u64, Task>>,
    threads: RefCell<BTreeMap<u64, Thread>>,
    processes: RefCell<BTreeMap<Process, ProcessState>>,
    timers: RefCell<BTreeMap<(Duration, u64), Timer>>,
    skews: RefCell<BTreeMap<Host, i64>>,
    next_id: Cell<u64>,
    running: Cell<Option<Running>>,
    /// What the present poll has spent on the disk.
    stall: Cell<Duration>,
    /// The present poll has ended its process.
    is_ending: Cell<bool>,
    listener: RefCell<Option<Listener>>,
    /// How often the present poll has looked at the clock.
    looks: Cell<u64>,
    panics: RefCell<Vec<String>>,
    trace: Cell<u64>,
    polls: Cell<u64>,
    pub(super) network: RefCell<Network>,
}

struct ReadyWaker {
    task: u64,
    ready: Ready,
}

impl Wake for ReadyWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).insert(self.task);
    }
}

impl Core {
    pub(super) fn new(entropy: Entropy) -> Self {
        Self {
            now: Cell::default(),
            entropy,
            ready: Ready::default(),
            tasks: RefCell::default(),
            threads: RefCell::default(),
            processes: RefCell::default(),
            timers: RefCell::default(),
            skews: RefCell::default(),
            next_id: Cell::new(1),
            running: Cell::default(),
            stall: Cell::default(),
            is_ending: Cell::default(),
            listener: RefCell::default(),
            looks: Cell::default(),
            panics: RefCell::default(),
            trace: Cell::default(),
            polls: Cell::default(),
            network: RefCell::default(),
        }
    }

    pub(crate) fn now(&self) -> Duration {
        self.now.get()
    }

    /// As [`Self::now`], for code that runs: it takes some time to look at the clock, so that waiting for a later moment by
    /// looking again and again comes to an end.
    pub(crate) fn tick(&self) -> Duration {
        let looks = self.looks.get() + 1;
        self.looks.set(looks);
        let takes = if looks < LOOKS_MAX { Duration::from_nanos(50) } else { Duration::from_micros(100) };
        self.now.set(self.now.get() + takes);
        self.now.get()
    }

    pub(super) fn trace(&self) -> u64 {
        self.trace.get()
    }

    pub(super) fn polls(&self) -> u64 {
        self.polls.get()
    }

    pub(super) fn panics(&self) -> Vec<String> {
        self.panics.borrow().clone()
    }

    pub(super) fn listener(&self) -> Option<Listener> {
        self.listener.borrow().clone()
    }

    pub(super) fn set_listener(&self, listener: Listener) {
        *self.listener.borrow_mut() = Some(listener);
    }

    /// Mixes something that happened into the trace.
    pub(super) fn note(&self, what: u64) {
        // The finaliser of SplitMix64 over the running hash: cheap, and every bit counts.
        let mut mixed = self.trace.get().rotate_left(5) ^ what;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        self.trace.set(mixed ^ (mixed >> 27));
    }

    pub(super) fn next_id(&self) -> u64 {
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        id
    }

    pub(crate) fn fork_entropy(&self) -> Entropy {
        Entropy::seeded(self.entropy.next_u64())
    }

    /// A random time from `low` up to `high`.
    pub(super) fn between(&self, low: Duration, high: Duration) -> Duration {
        let spread = u64::try_from(high.saturating_sub(low).as_nanos()).unwrap_or(u64::MAX);
        low + Duration::from_nanos(self.entropy.below(spread))
    }

    /// The host on which the present task runs; `None` outside of all tasks.
    pub(crate) fn host(&self) -> Option<Host> {
        let process = self.running.get()?.process;
        self.processes.borrow().get(&process).map(|state| state.host)
    }

    pub(crate) fn process(&self) -> Option<Process> {
        self.running.get().map(|running| running.process)
    }

    pub(crate) fn cores(&self) -> usize {
        let process = self.process();
        process.and_then(|process| self.processes.borrow().get(&process).map(|p| p.cores)).unwrap_or(1)
    }

    pub(crate) fn wall_ms(&self, host: Option<Host>) -> i64 {
        let skew = host.and_then(|host| self.skews.borrow().get(&host).copied()).unwrap_or(0);
        let since_start = i64::try_from(self.now().as_millis()).unwrap_or(i64::MAX);
        WALL_START_MS.saturating_add(since_start).saturating_add(skew)
    }

    pub(super) fn set_skew_ms(&self, host: Host, skew_ms: i64) {
        self.skews.borrow_mut().insert(host, skew_ms);
    }

    /// Lets the present thread wait for `duration` after this poll.
    pub(crate) fn spend(&self, duration: Duration) {
        self.stall.set(self.stall.get() + duration);
    }

    /// Does `event` at `at`.
    pub(super) fn schedule(&self, at: Duration, event: impl FnOnce(&Self) + 'static) {
        self.add_timer(at, Timer::Event(Box::new(event)));
    }

    fn add_timer(&self, at: Duration, timer: Timer) -> (Duration, u64) {
        let key = (at, self.next_id());
        self.timers.borrow_mut().insert(key, timer);
        key
    }

    // Processes, threads, tasks

    pub(super) fn start_process<M, F>(&self, host: Host, cores: usize, main: M) -> Process
    where
        M: FnOnce() -> F + 'static,
        F: Future<Output = ()> + 'static,
    {
        let process = Process(u32::try_from(self.next_id()).unwrap_or(u32::MAX));
        let thread = self.next_id();
        let state =
            ProcessState { host, cores, main_thread: thread, is_paused: false, parked: BTreeSet::new() };
        self.processes.borrow_mut().insert(process, state);
        self.note(u64::from(process.0));
        drop(self.start_thread_of(process, thread, main));
        process
    }

    /// Starts a thread of the present process.
    pub(crate) fn start_thread<M, F>(&self, main: M) -> Join<()>
    where
        M: FnOnce() -> F + 'static,
        F: Future<Output = ()> + 'static,
    {
        let process = self.process().expect("threads are started by processes");
        self.start_thread_of(process, self.next_id(), main)
    }

    fn start_thread_of<M, F>(&self, process: Process, thread: u64, main: M) -> Join<()>
    where
        M: FnOnce() -> F + 'static,
        F: Future<Output = ()> + 'static,
    {
        let running = Running { process, thread };
        let join = self.add_task(running, async move { main().await });
        let state = Thread { process, main: join.task, busy_until: Duration::ZERO };
        self.threads.borrow_mut().insert(thread, state);
        join
    }

    /// Starts a task of the present thread.
    pub(crate) fn start_task<F>(&self, future: F) -> Join<F::Output>
    where
        F: Future + 'static,
    {
        self.add_task(self.running.get().expect("tasks are started by tasks"), future)
    }

    fn add_task<F>(&self, running: Running, future: F) -> Join<F::Output>
    where
        F: Future + 'static,
    {
        let task = self.next_id();
        let (join, future) = Join::wrap(task, future);
        let waker = Waker::from(Arc::new(ReadyWaker { task, ready: Arc::clone(&self.ready) }));
        waker.wake_by_ref();
        let Running { process, thread } = running;
        self.tasks.borrow_mut().insert(task, Task { future: Some(future), waker, process, thread });
        join
    }

    /// Runs blocking work on a thread of its own.
    pub(crate) fn blocking<T: 'static>(&self, work: impl FnOnce() -> T + 'static) -> Join<T> {
        let before = self.between(Duration::ZERO, Duration::from_micros(200));
        self.start_thread_with_output(async move {
            Sleep::until_after(before).await;
            // What it spends on the disk keeps this thread from going on, so that the output comes late.
            let output = work();
            crate::spawn::yield_now().await;
            output
        })
    }

    fn start_thread_with_output<F>(&self, future: F) -> Join<F::Output>
    where
        F: Future + 'static,
    {
        let process = self.process().expect("threads are started by processes");
        let thread = self.next_id();
        let join = self.add_task(Running { process, thread }, future);
        let state = Thread { process, main: join.task, busy_until: Duration::ZERO };
        self.threads.borrow_mut().insert(thread, state);
        join
    }

    pub(super) fn abort(&self, task: u64) {
        // One that is being polled has no future here and is forgotten when its poll is over.
        let removed = self.tasks.borrow_mut().remove(&task);
        self.within(removed);
    }

    /// Drops tasks as if their own thread did.
    fn within(&self, tasks: impl IntoIterator<Item = Task>) {
        let before = self.running.get();
        for task in tasks {
            self.running.set(Some(Running { process: task.process, thread: task.thread }));
            drop(task);
        }
        self.running.set(before);
    }

    fn end_thread(&self, thread: u64) {
        let Some(ended) = self.threads.borrow_mut().remove(&thread) else { return };
        let is_main =
            self.processes.borrow().get(&ended.process).is_some_and(|process| process.main_thread == thread);
        if is_main {
            self.kill(ended.process);
            return;
        }
        let tasks: Vec<Task> =
            self.tasks.borrow_mut().extract_if(.., |_, task| task.thread == thread).map(|(_, t)| t).collect();
        self.within(tasks);
    }

    pub(super) fn kill(&self, process: Process) {
        self.note(u64::from(process.0) << 32);
        self.threads.borrow_mut().retain(|_, thread| thread.process != process);
        let tasks: Vec<Task> = self
            .tasks
            .borrow_mut()
            .extract_if(.., |_, task| task.process == process)
            .map(|(_, task)| task)
            .collect();
        self.within(tasks);
        self.processes.borrow_mut().remove(&process);
        // What its tasks have dropped is closed; what hangs in a cycle of references the kernel closes.
        super::net::close_all_of(self, process);
    }

    pub(super) fn kill_all(&self) {
        let all: Vec<Process> = self.processes.borrow().keys().copied().collect();
        for process in all {
            self.kill(process);
        }
        // Events may hold what refers to this core.
        let timers = std::mem::take(&mut *self.timers.borrow_mut());
        drop(timers);
        *self.network.borrow_mut() = Network::default();
    }

    /// Leaves the present poll, after which its process is gone.
    pub(crate) fn end_present_process(&self) -> ! {
        self.is_ending.set(true);
        std::panic::resume_unwind(Box::new("the process ends itself"))
    }

    pub(crate) fn is_running(&self, process: Process) -> bool {
        self.processes.borrow().contains_key(&process)
    }

    pub(super) fn processes_of(&self, host: Host) -> Vec<Process> {
        let processes = self.processes.borrow();
        processes.iter().filter(|(_, state)| state.host == host).map(|(process, _)| *process).collect()
    }

    pub(super) fn set_paused(&self, process: Process, is_paused: bool) {
        if let Some(state) = self.processes.borrow_mut().get_mut(&process) {
            state.is_paused = is_paused;
            if !is_paused {
                self.ready.lock().unwrap_or_else(PoisonError::into_inner).append(&mut state.parked);
            }
        }
    }

    // Steps

    /// Does the next thing that is due before `end`. `false` if there is none: the clock then stands at `end`.
    pub(super) fn step(&self, end: Duration) -> bool {
        self.fire_due();
        if let Some((task, running)) = self.draw() {
            self.poll(task, running);
            return self.now() < end;
        }
        let next = self.timers.borrow().first_key_value().map(|((at, _), _)| *at);
        match next {
            Some(at) if at < end => {
                self.now.set(self.now().max(at));
                true
            }
            _ => {
                self.now.set(self.now().max(end));
                false
            }
        }
    }

    fn fire_due(&self) {
        loop {
            let due = {
                let mut timers = self.timers.borrow_mut();
                match timers.first_entry() {
                    Some(entry) if entry.key().0 <= self.now() => entry.remove(),
                    _ => return,
                }
            };
            match due {
                Timer::Wake(waker) => waker.wake(),
                Timer::Ready(task) => {
                    self.ready.lock().unwrap_or_else(PoisonError::into_inner).insert(task);
                }
                Timer::Event(event) => event(self),
            }
        }
    }

    /// Takes one of the tasks that can go on.
    fn draw(&self) -> Option<(u64, Running)> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        while !ready.is_empty() {
            let count = u64::try_from(ready.len()).unwrap_or(u64::MAX);
            let chosen = usize::try_from(self.entropy.below(count)).unwrap_or(0);
            let id = *ready.iter().nth(chosen)?;
            ready.remove(&id);
            let running = match self.tasks.borrow().get(&id) {
                Some(task) => Running { process: task.process, thread: task.thread },
                None => continue,
            };
            if let Some(process) = self.processes.borrow_mut().get_mut(&running.process)
                && process.is_paused
            {
                process.parked.insert(id);
                continue;
            }
            let busy_until = self.threads.borrow().get(&running.thread).map(|thread| thread.busy_until);
            match busy_until {
                Some(until) if until > self.now() => {
                    self.add_timer(until, Timer::Ready(id));
                }
                Some(_) => return Some((id, running)),
                None => {}
            }
        }
        None
    }

    fn poll(&self, id: u64, running: Running) {
        let (mut future, waker) = {
            let mut tasks = self.tasks.borrow_mut();
            let Some(task) = tasks.get_mut(&id) else { return };
            let Some(future) = task.future.take() else { return };
            (future, task.waker.clone())
        };
        self.now.set(self.now() + Duration::from_micros(1 + self.entropy.below(4)));
        self.polls.set(self.polls.get() + 1);
        self.note(id);
        self.note(u64::try_from(self.now().as_nanos()).unwrap_or(u64::MAX));
        self.running.set(Some(running));
        self.stall.set(Duration::ZERO);
        self.looks.set(0);
        let mut cx = Context::from_waker(&waker);
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut cx)));
        if let Some(thread) = self.threads.borrow_mut().get_mut(&running.thread) {
            thread.busy_until = self.now() + self.stall.take();
        }
        let polled = if self.is_ending.take() { None } else { Some(polled) };
        match polled {
            None => {
                drop(future);
                self.kill(running.process);
            }
            Some(Ok(Poll::Pending)) => {
                // Gone if it was aborted meanwhile: then the future goes here.
                let unwanted = match self.tasks.borrow_mut().get_mut(&id) {
                    Some(task) => {
                        task.future = Some(future);
                        None
                    }
                    None => Some(future),
                };
                drop(unwanted);
            }
            Some(Ok(Poll::Ready(()))) => {
                drop(future);
                self.finished(id, running);
            }
            Some(Err(panic)) => {
                drop(future);
                let text = panic
                    .downcast_ref::<String>()
                    .cloned()
                    .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                self.panics.borrow_mut().push(text.unwrap_or_default());
                self.kill(running.process);
            }
        }
        self.running.set(None);
    }

    fn finished(&self, id: u64, running: Running) {
        let task = self.tasks.borrow_mut().remove(&id);
        drop(task);
        let is_main = self.threads.borrow().get(&running.thread).is_some_and(|thread| thread.main == id);
        if is_main {
            self.end_thread(running.thread);
        }
    }
}

/// A sleep on the simulated clock.
pub(crate) struct Sleep {
    until: Duration,
    timer: Option<(Duration, u64)>,
}

impl Sleep {
    /// Ends when the simulation's clock shows `until`.
    pub(crate) const fn until(until: Duration) -> Self {
        Self { until, timer: None }
    }

    /// Ends after `duration`.
    pub(crate) fn until_after(duration: Duration) -> Self {
        Self::until(super::expect_current().now().saturating_add(duration))
    }

    fn cancel(&mut self) {
        if let Some(key) = self.timer.take()
            && let Some(core) = super::current()
        {
            let removed = core.timers.borrow_mut().remove(&key);
            drop(removed);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let core = super::expect_current();
        if core.now() >= self.until {
            return Poll::Ready(());
        }
        // Polled again, perhaps by another task: the last waker counts.
        self.cancel();
        self.timer = Some(core.add_timer(self.until, Timer::Wake(cx.waker().clone())));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.cancel();
    }
}

//! Threads and tasks.

use std::{
    fmt,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll},
};

use crate::sim;

/// A running thread.
#[derive(Debug)]
pub struct Thread(Running<std::thread::JoinHandle<()>, ()>);

/// A running task. Goes on when this is dropped.
#[derive(Debug)]
pub struct Task<T>(Running<tokio::task::JoinHandle<T>, T>);

enum Running<R, T> {
    Real(R),
    Simulated(sim::Join<T>),
}

impl<R, T> fmt::Debug for Running<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Real(_) => "real",
            Self::Simulated(_) => "simulated",
        })
    }
}

impl Thread {
    /// Waits for the thread's end, keeping this thread from all else. Says whether it ended without a panic.
    pub async fn join(self) -> bool {
        match self.0 {
            Running::Real(thread) => thread.join().is_ok(),
            Running::Simulated(join) => std::future::poll_fn(|cx| join.poll(cx)).await.is_some(),
        }
    }

    /// Whether the thread's work is over.
    pub fn is_finished(&self) -> bool {
        match &self.0 {
            Running::Real(thread) => thread.is_finished(),
            Running::Simulated(join) => join.is_finished(),
        }
    }
}

impl<T> Task<T> {
    /// Whether the task's work is over, be it by a panic.
    pub fn is_finished(&self) -> bool {
        match &self.0 {
            Running::Real(task) => task.is_finished(),
            Running::Simulated(join) => join.is_finished(),
        }
    }

    /// Ends the task where it waits next.
    pub fn abort(&self) {
        match &self.0 {
            Running::Real(task) => task.abort(),
            Running::Simulated(join) => join.abort(),
        }
    }
}

/// The task's output; `None` if it was ended before it had one.
impl<T> Future for Task<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        match &mut self.0 {
            Running::Real(task) => Pin::new(task).poll(cx).map(Result::ok),
            Running::Simulated(join) => join.poll(cx),
        }
    }
}

/// Starts a thread with a single-threaded runtime of its own and runs there the future that `main` makes. Tasks that it
/// starts with [`local`] end with it.
///
/// A panic of that future ends the process: what the thread was there for, nobody else does.
///
/// # Errors
/// If the operating system refuses a thread or the runtime's descriptors.
pub fn thread<M, F>(name: &str, main: M) -> std::io::Result<Thread>
where
    M: FnOnce() -> F + Send + 'static,
    F: Future<Output = ()> + 'static,
{
    if let Some(core) = sim::current() {
        return Ok(Thread(Running::Simulated(core.start_thread(main))));
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(8).build()?;
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            tokio::task::LocalSet::new().block_on(&runtime, Essential(Box::pin(main())));
            // Work handed to `blocking` that has not ended (a flush, say) must not hold up the process.
            runtime.shutdown_background();
        })
        .map(|thread| Thread(Running::Real(thread)))
}

/// How long tasks have run on the caller's runtime, made with [`thread`], since it began; the rest of the time it was idle.
/// `None` in a simulation, where nothing takes any time of its own.
pub fn busy() -> Option<std::time::Duration> {
    let runtime = tokio::runtime::Handle::try_current().ok().filter(|_| sim::current().is_none())?;
    Some(runtime.metrics().worker_total_busy_duration(0))
}

/// Runs a task on the current thread, beside the caller.
pub fn local<F>(future: F) -> Task<F::Output>
where
    F: Future + 'static,
{
    Task(match sim::current() {
        Some(core) => Running::Simulated(core.start_task(future)),
        None => Running::Real(tokio::task::spawn_local(future)),
    })
}

/// Runs a task on the caller's runtime, which may be one of several threads.
pub fn anywhere<F>(future: F) -> Task<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    Task(match sim::current() {
        Some(core) => Running::Simulated(core.start_task(future)),
        None => Running::Real(tokio::spawn(future)),
    })
}

/// As [`local`], for a task that nothing goes well without: a panic in it, which would otherwise go unnoticed, ends the
/// process.
pub fn essential<F>(future: F) -> Task<F::Output>
where
    F: Future + 'static,
{
    if sim::current().is_some() {
        // There a panic of any task ends its process, and is reported.
        return local(future);
    }
    local(Essential(Box::pin(future)))
}

/// A future whose panic ends the process.
struct Essential<F>(Pin<Box<F>>);

impl<F: Future> Future for Essential<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let future = self.0.as_mut();
        std::panic::catch_unwind(AssertUnwindSafe(|| future.poll(cx))).unwrap_or_else(|_| {
            let thread = std::thread::current();
            let thread = thread.name().unwrap_or("main");
            tracing::error!(thread, "a defect in what the process cannot do without: it ends");
            std::process::abort()
        })
    }
}

/// Runs blocking work off the current thread. `None` if it panicked or the runtime is going down.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let task = Task(match sim::current() {
        Some(core) => Running::Simulated(core.blocking(work)),
        None => Running::Real(tokio::task::spawn_blocking(work)),
    });
    task.await
}

/// Lets other tasks of this thread run.
pub async fn yield_now() {
    if sim::current().is_none() {
        return tokio::task::yield_now().await;
    }
    let mut is_first = true;
    std::future::poll_fn(|cx| {
        if std::mem::take(&mut is_first) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}

/// Runs a future on the calling thread, which has no runtime yet, until it completes. Tasks that it starts with [`local`]
/// end with it.
///
/// # Errors
/// If the operating system refuses the runtime's descriptors.
pub fn block_on<F: Future>(main: F) -> std::io::Result<F::Output> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(8).build()?;
    let output = tokio::task::LocalSet::new().block_on(&runtime, main);
    runtime.shutdown_background();
    Ok(output)
}

/// Ends the process at once, as after a defect. In a simulation, the simulated process.
pub fn abort() -> ! {
    if let Some(core) = sim::current() {
        core.end_present_process();
    }
    std::process::abort()
}

/// Ends the process at once with this status. In a simulation, the simulated process.
pub fn exit(status: i32) -> ! {
    if let Some(core) = sim::current() {
        core.end_present_process();
    }
    std::process::exit(status)
}

/// Completes when the process is asked to end: SIGTERM, or SIGINT from a terminal.
///
/// # Errors
/// If the signals cannot be listened for.
pub async fn termination() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    if sim::current().is_some() {
        return std::future::pending().await;
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// The cores that this process may use; at least one.
pub fn cores() -> usize {
    match sim::current() {
        Some(core) => core.cores(),
        None => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_panics_is_finished_and_work_takes_time() {
        let done = thread("test", || async {
            let waits = local(std::future::pending::<()>());
            let panics = local(async { panic!("as meant") });
            let before = busy();
            for _ in 0..3 {
                yield_now().await;
            }
            assert!(panics.is_finished() && !waits.is_finished());
            let clock = crate::Clock::real();
            let until = clock.now() + std::time::Duration::from_millis(20);
            while clock.now() < until {
                std::hint::spin_loop();
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            let worked = busy().zip(before).map(|(after, before)| after.saturating_sub(before).as_millis());
            assert!(worked.is_some_and(|ms| ms >= 19), "{worked:?}");
        });
        // A panic of the thread's own future would have ended the process.
        while !done.as_ref().is_ok_and(Thread::is_finished) {
            std::thread::yield_now();
        }
    }
}

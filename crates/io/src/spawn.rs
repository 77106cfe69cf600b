//! Threads and tasks.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll},
};

/// A running operating-system thread.
#[derive(Debug)]
pub struct Thread(std::thread::JoinHandle<()>);

impl Thread {
    /// Waits for the thread's end. Says whether it ended without a panic.
    pub fn join(self) -> bool {
        self.0.join().is_ok()
    }

    /// Whether the thread's work is over.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

/// A running task of the current thread.
pub type Task<T> = tokio::task::JoinHandle<T>;

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
    F: Future<Output = ()>,
{
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(8).build()?;
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            tokio::task::LocalSet::new().block_on(&runtime, Essential(Box::pin(main())));
            // Work handed to `blocking` that has not ended (a flush, say) must not hold up the process.
            runtime.shutdown_background();
        })
        .map(Thread)
}

/// Runs a task on the current thread, beside the caller.
pub fn local<F>(future: F) -> Task<F::Output>
where
    F: Future + 'static,
{
    tokio::task::spawn_local(future)
}

/// As [`local`], for a task that nothing goes well without: a panic in it, which would otherwise go unnoticed, ends the
/// process.
pub fn essential<F>(future: F) -> Task<F::Output>
where
    F: Future + 'static,
{
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
    tokio::task::spawn_blocking(work).await.ok()
}

/// Lets other tasks of this thread run.
pub async fn yield_now() {
    tokio::task::yield_now().await;
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

/// Completes when the process is asked to end: SIGTERM, or SIGINT from a terminal.
///
/// # Errors
/// If the signals cannot be listened for.
pub async fn termination() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
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
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

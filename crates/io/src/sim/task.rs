//! The end of a simulated task, as whoever started it sees it.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

struct State<T> {
    output: Option<T>,
    ended: bool,
    waiting: Option<Waker>,
}

/// Waits for a task's end.
pub(crate) struct Join<T> {
    state: Arc<Mutex<State<T>>>,
    pub(super) task: u64,
}

/// Tells the [`Join`] of the end, even if the task is dropped halfway.
struct Ending<T>(Arc<Mutex<State<T>>>);

impl<T> Drop for Ending<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.ended = true;
        let waiting = state.waiting.take();
        drop(state);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

impl<T: 'static> Join<T> {
    /// Makes `future` a task that `task` is the number of, and the join that waits for it.
    pub(super) fn wrap<F>(task: u64, future: F) -> (Self, Pin<Box<dyn Future<Output = ()>>>)
    where
        F: Future<Output = T> + 'static,
    {
        let state = Arc::new(Mutex::new(State { output: None, ended: false, waiting: None }));
        let ending = Ending(Arc::clone(&state));
        let wrapped = Box::pin(async move {
            let ending = ending;
            let output = future.await;
            lock(&ending.0).output = Some(output);
        });
        (Self { state, task }, wrapped)
    }
}

impl<T> Join<T> {
    /// Whether the task is over.
    pub(crate) fn is_finished(&self) -> bool {
        lock(&self.state).ended
    }

    /// Ends the task.
    pub(crate) fn abort(&self) {
        if let Some(core) = super::current() {
            core.abort(self.task);
        }
    }

    /// The output, or `None` if the task was ended before it had one.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = lock(&self.state);
        if state.ended {
            return Poll::Ready(state.output.take());
        }
        state.waiting = Some(cx.waker().clone());
        Poll::Pending
    }
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

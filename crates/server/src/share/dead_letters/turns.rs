//! Who may copy when: so many share partitions at a time for each broker that leads queues, so that one that hangs holds up
//! nobody but who goes there.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::target::Target;

/// Share partitions of a shard that copy to one broker at a time. Each may have a batch in memory.
const COPYING_MAX: usize = 4;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Turns {
    of_leader: RefCell<BTreeMap<i32, Arc<Semaphore>>>,
}

/// A turn; it ends when it is dropped.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "held to be dropped")] Option<OwnedSemaphorePermit>);

impl Turns {
    /// Waits for a turn at the leader of a target. Since much may change meanwhile, `find` looks for the target anew.
    ///
    /// # Errors
    /// Those of `find`.
    pub(super) async fn take<E>(
        &self,
        mut target: Target,
        find: impl Fn() -> Result<Target, E>,
    ) -> Result<(Target, Turn), E> {
        loop {
            let turns = Arc::clone(self.of_leader.borrow_mut().entry(target.leader).or_insert_with(turns));
            // They are never closed.
            let turn = Turn(turns.acquire_owned().await.ok());
            let found = find()?;
            if found.leader == target.leader {
                return Ok((found, turn));
            }
            target = found;
        }
    }
}

fn turns() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(COPYING_MAX))
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        future::Future,
        pin::{Pin, pin},
        task::{Context, Poll, Waker},
    };

    use klamm_protocol::Uuid;

    use super::*;
    use crate::shard::requests::TopicPartition;

    fn led_by(leader: i32) -> Target {
        let at = TopicPartition { topic: "dlq.q".into(), index: 0 };
        Target { at, topic_id: Uuid::ZERO, leader, batch_bytes_max: 1000, is_record_copied: true }
    }

    fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_leader_that_hangs_holds_up_nobody_who_goes_elsewhere() {
        let turns = Turns::default();
        let leader = Cell::new(1);
        let find = || Ok::<_, &str>(led_by(leader.get()));
        let take = || poll(pin!(turns.take(led_by(leader.get()), find)));
        let hanging: Vec<_> = (0..COPYING_MAX).map(|_| take().unwrap().unwrap()).collect();
        assert!(take().is_none());
        leader.set(2);
        assert_eq!(take().unwrap().unwrap().0, led_by(2));
        drop(hanging);
        leader.set(1);
        assert_eq!(take().unwrap().unwrap().0, led_by(1));
    }

    #[test]
    fn who_has_waited_goes_where_the_leader_is_by_then() {
        let turns = Turns::default();
        let found = Cell::new(Ok(1));
        let find = || found.get().map(led_by);
        let mut hanging: Vec<_> =
            (0..COPYING_MAX).map(|_| poll(pin!(turns.take(led_by(1), find))).unwrap().unwrap()).collect();
        let mut waiting = pin!(turns.take(led_by(1), find));
        assert!(poll(waiting.as_mut()).is_none());
        found.set(Ok(2));
        hanging.pop();
        let (target, _turn) = poll(waiting.as_mut()).unwrap().unwrap();
        assert_eq!(target, led_by(2));
        // It has not kept the turn at the other.
        found.set(Ok(1));
        assert!(poll(pin!(turns.take(led_by(1), find))).is_some());
        found.set(Err("gone"));
        assert_eq!(poll(pin!(turns.take(led_by(3), find))).unwrap().unwrap_err(), "gone");
    }
}

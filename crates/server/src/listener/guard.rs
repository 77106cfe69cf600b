//! A poison request must not stop the node: a panic in handling one closes its connection and no other.

use std::{
    future::{Future, poll_fn},
    panic::AssertUnwindSafe,
    pin::pin,
    task::{Context, Poll},
};

use tracing::error;

use crate::{
    dispatch::Refused,
    quotas::Meter,
    reply::{Frame, Reply},
};

/// Begins to handle a request.
pub(super) async fn guarded(
    request: impl Future<Output = Result<Reply, Refused>>,
    meter: Option<&Meter>,
) -> Result<Reply, Refused> {
    let mut request = pin!(request);
    let mut step = |cx: &mut Context<'_>| {
        meter.inspect(|meter| meter.start());
        let poll = request.as_mut().poll(cx);
        meter.inspect(|meter| meter.stop());
        poll
    };
    poll_fn(|cx| caught(|| step(cx)).unwrap_or_else(|defect| Poll::Ready(Err(defect)))).await
}

/// The response, once it is there.
pub(super) async fn settled(reply: Reply) -> Result<Frame, Refused> {
    let mut reply = pin!(reply.settle());
    poll_fn(|cx| match caught(|| reply.as_mut().poll(cx)) {
        Ok(poll) => poll.map(Ok),
        Err(defect) => Poll::Ready(Err(defect)),
    })
    .await
}

/// The response if it is there already, as [`Reply::poll_now`] has it.
pub(super) fn settled_now(reply: &mut Reply) -> Result<Option<Frame>, Refused> {
    caught(|| reply.poll_now())
}

fn caught<T>(step: impl FnOnce() -> T) -> Result<T, Refused> {
    std::panic::catch_unwind(AssertUnwindSafe(step)).map_err(|panic| {
        let what = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        error!(panic = what, "a request handler failed");
        Refused::because("a defect of the server in handling the request".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use klamm_io::spawn;

    use super::*;

    fn later(is_defect: bool) -> Reply {
        Reply::Later(Box::pin(async move {
            assert!(!is_defect, "cannot be encoded");
            Frame::default()
        }))
    }

    #[test]
    fn a_defect_in_a_response_that_comes_later_closes_one_connection_only() {
        for is_defect in [false, true] {
            let settled = spawn::block_on(async move { settled(later(is_defect)).await });
            assert_eq!(settled.unwrap().is_err(), is_defect);
            assert_eq!(settled_now(&mut later(is_defect)).is_err(), is_defect);
            let request = async move { Ok(Reply::Now(later(is_defect).settle().await)) };
            let handled = spawn::block_on(async move { guarded(request, None).await.is_err() });
            assert_eq!(handled.unwrap(), is_defect);
        }
    }
}

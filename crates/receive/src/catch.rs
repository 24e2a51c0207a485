//! The wall around a session: a fault of ours in one of them is not the end of the others.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
};

/// The future panicked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Panicked;

/// Runs a future to its end, or to its panic. What it owns is dropped in both cases.
pub(crate) async fn catch<T>(future: impl Future<Output = T>) -> Result<T, Panicked> {
    let mut future = pin!(future);
    // Nothing of a session that panicked is used again, so no broken invariant can be seen.
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(Err(Panicked)),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_value_and_a_result_comes_through() {
        assert_eq!(catch(async { 7 }).await, Ok(7));
        let broken = catch(async {
            tokio::task::yield_now().await;
            assert_eq!("no number".parse::<u8>(), Ok(1), "on purpose");
        });
        assert_eq!(broken.await, Err(Panicked));
    }
}

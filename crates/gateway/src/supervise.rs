//! Who owns every task, and the order in which they stop.
//!
//! Nothing in the product spawns a task that nobody waits for. There are three groups, and they stop one after the
//! other: sessions (listeners close, each session reaches a reply), attempts (nothing new is claimed, each attempt
//! is settled), and the rest (watching the policy, retention, HTTP). Each group has a bound, so that a peer who says
//! nothing cannot keep a gateway from stopping; what is cut off is due again at the next start.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long sessions may take to reach a reply.
const SESSIONS: Duration = Duration::from_secs(10);
/// How long attempts in hand may take to end.
const ATTEMPTS: Duration = Duration::from_secs(12);
/// How long the rest may take.
const REST: Duration = Duration::from_secs(3);

/// Tasks that stop together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub(crate) tracker: TaskTracker,
    pub(crate) stop: CancellationToken,
}

impl Group {
    /// Runs a task until it ends or the group stops, whichever is first.
    pub(crate) fn run(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tracker.spawn(async move { stop.run_until_cancelled(task).await });
    }

    /// Tells the group to stop and waits. `false` if something was still running when the time was over.
    async fn finish(&self, patience: Duration) -> bool {
        self.stop.cancel();
        self.tracker.close();
        tokio::time::timeout(patience, self.tracker.wait()).await.is_ok()
    }
}

/// The groups of a gateway.
#[derive(Clone, Debug, Default)]
pub(crate) struct Supervisor {
    pub(crate) sessions: Group,
    pub(crate) attempts: Group,
    pub(crate) rest: Group,
}

impl Supervisor {
    /// Stops everything, in order, within half a minute.
    pub(crate) async fn stop(&self) {
        if !self.sessions.finish(SESSIONS).await {
            tracing::warn!(
                sessions = self.sessions.tracker.len(),
                "sessions were cut off: they did not reach a reply in time"
            );
        }
        if !self.attempts.finish(ATTEMPTS).await {
            tracing::warn!(
                attempts = self.attempts.tracker.len(),
                "attempts were cut off: they are due again at the next start"
            );
        }
        if !self.rest.finish(REST).await {
            tracing::warn!("background tasks did not end in time");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[tokio::test]
    async fn sessions_stop_before_attempts_and_attempts_before_the_rest() {
        let order = Arc::new(Mutex::new(Vec::new()));
        let supervisor = Supervisor::default();
        for (name, group) in [
            ("rest", &supervisor.rest),
            ("attempts", &supervisor.attempts),
            ("sessions", &supervisor.sessions),
        ] {
            let (order, stop) = (Arc::clone(&order), group.stop.clone());
            group.tracker.spawn(async move {
                stop.cancelled().await;
                order.lock().unwrap().push(name);
            });
        }
        supervisor.stop().await;
        assert_eq!(*order.lock().unwrap(), ["sessions", "attempts", "rest"]);
    }

    #[tokio::test]
    async fn a_task_that_never_ends_is_waited_for_only_so_long() {
        let group = Group::default();
        group.tracker.spawn(std::future::pending::<()>());
        assert!(!group.finish(Duration::from_millis(10)).await);
        assert!(group.stop.is_cancelled());
    }
}

//! `gatepost serve`: the gateway in the foreground, until a signal ends it.

use std::path::Path;
use std::sync::Arc;

use gatepost_store::SystemClock;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Done, Status, Trouble, chain};
use crate::config::{self, Config, Unusable};
use crate::logs;
use crate::serve::{Gateway, Parts, Refused};

pub(crate) async fn run(named: Option<&Path>) -> Done {
    let config = super::load(named, "nothing was started")?;
    logs::start().map_err(Trouble::Input)?;
    let listen = |kind| {
        signal(kind).map_err(|why| Trouble::Failed(format!("signals cannot be heard: {why}")))
    };
    // before anything is accepted, so that no signal finds nobody who listens
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut reload = listen(SignalKind::hangup())?;
    let started = Box::pin(Gateway::start(Parts::new(config, Arc::new(SystemClock::new())))).await;
    let gateway = started.map_err(refused)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        process = std::process::id(),
        "gatepost is up"
    );
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            () = next(&mut reload) => take(&gateway, config::load(named)).await,
        }
    }
    tracing::info!("stopping: what is in hand is finished");
    gateway.stop().await;
    tracing::info!("gatepost is down");
    Ok(Status::Fine)
}

/// The next signal of a kind that does not end the process.
async fn next(signal: &mut Signal) {
    if signal.recv().await.is_none() {
        // the runtime has no more signals to give, and nothing else to wait for
        std::future::pending::<()>().await;
    }
}

/// Takes a configuration that was read again, or says why not.
async fn take(gateway: &Gateway, read: Result<Config, Unusable>) {
    let config = match read {
        Ok(config) => config,
        Err(Unusable::Wrong(found)) => {
            for problem in &found {
                let place = format!("{}:{}:{}", problem.file, problem.line, problem.column);
                tracing::error!(%place, setting = %problem.path, problem = %problem.problem, remedy = %problem.remedy, "configuration refused");
            }
            tracing::error!(
                problems = found.len(),
                "the new configuration is refused; the old one serves on"
            );
            gateway.refused_reload();
            return;
        }
        Err(unreadable @ Unusable::Unreadable { .. }) => {
            tracing::error!(cause = %unreadable, "the new configuration is refused; the old one serves on");
            gateway.refused_reload();
            return;
        }
    };
    match Box::pin(gateway.reload(config)).await {
        Ok(later) => {
            tracing::info!("the new configuration is in effect");
            for setting in later {
                tracing::warn!(setting, "this change takes a restart");
            }
        }
        Err(why) => {
            tracing::error!(cause = %chain(&why), "the new configuration is refused; the old one serves on");
        }
    }
}

fn refused(why: Refused) -> Trouble {
    if let Refused::Policy(found) = why {
        return Trouble::Problems { found, so: "nothing was started" };
    }
    if why.is_input() { Trouble::Input(why.to_string()) } else { Trouble::Failed(why.to_string()) }
}

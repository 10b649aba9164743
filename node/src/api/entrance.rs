//! One door from the start of the node to its end: it is there before the node is, and says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use quancheng_types::Height;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::backend::Backend;
use super::limits::ApiLimits;
use super::state::Commons;
use super::{routes, server};

/// How far a start has come that executes blocks again. Shared by who executes and who tells.
#[derive(Debug, Default)]
pub struct StartProgress {
    executed: AtomicU64,
    newest: AtomicU64,
}

impl StartProgress {
    /// Notes the height whose results are there, and the newest one that has a block.
    pub fn note(&self, executed: Height, newest: Height) {
        self.newest.store(newest.0, Ordering::Relaxed);
        self.executed.store(executed.0, Ordering::Relaxed);
    }

    /// What was noted last: executed, newest.
    #[must_use]
    pub fn read(&self) -> (Height, Height) {
        (Height(self.executed.load(Ordering::Relaxed)), Height(self.newest.load(Ordering::Relaxed)))
    }
}

/// Whose door it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Clients: the whole API.
    Public,
    /// The operator: `/healthz`, `/readyz`, `/metrics` and `/backup`. Keep its listener away from the public.
    Operator,
}

/// A door. Until the node has started it answers 503 STARTING (and the operator that the process lives).
#[derive(Debug)]
pub struct Entrance {
    audience: Audience,
    limits: ApiLimits,
    stop: watch::Receiver<bool>,
    router: watch::Sender<Router>,
}

impl Entrance {
    /// Of a node that is starting. Ends when `stop` turns true, or its sender is gone.
    #[must_use]
    pub fn new(
        audience: Audience,
        limits: ApiLimits,
        stop: watch::Receiver<bool>,
        progress: &Arc<StartProgress>,
    ) -> Self {
        let router = watch::Sender::new(routes::starting(audience, Arc::clone(progress)));
        Self { audience, limits, stop, router }
    }

    /// Answers for the node from now on.
    pub fn enter(&self, backend: Arc<dyn Backend>) {
        let commons = Commons::new(backend, self.limits.clone(), self.stop.clone());
        let router = match self.audience {
            Audience::Public => routes::public(commons),
            Audience::Operator => routes::admin(commons),
        };
        // Connections that are open end with their next answer.
        drop(self.router.send_replace(router));
    }

    /// Serves until the node stops, then lets requests in progress end within [`ApiLimits::shutdown_grace`].
    pub fn serve(&self, listener: TcpListener) -> impl Future<Output = ()> + Send + use<> {
        server::serve(listener, self.router.subscribe(), Arc::new(self.limits.clone()), self.stop.clone())
    }
}

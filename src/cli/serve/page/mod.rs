//! The page of `drillmaster serve`: history, runs, and answers to tasks.

mod guard;
mod live;
mod metrics;
mod views;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Router, middleware};
use tokio::net::TcpListener;

use crate::cli::schedule::Asked;
use crate::cli::wire;
use base::on::On;
use evidence::verify::Trust;
use history::Store;
use history::controls::Claim;
use history::objects::is_part;
use record::journal;
use record::report::Report;

/// The longest form that is read, in bytes.
const LONGEST: usize = 64 * 1024;

/// What the page shows, and to whom.
pub struct Site {
    pub store: Store,
    /// The folder in which runs go on.
    pub runs: PathBuf,
    /// The playbooks whose drills are due.
    pub playbooks: Vec<Asked>,
    /// The clauses that they name.
    pub claims: Vec<Claim>,
    /// Whose evidence is valid.
    pub trust: Trust,
    pub on: On,
    /// Who does not know it sees nothing. `None`: everybody of this machine may look.
    pub token: Option<String>,
    /// The names by which browsers reach the page, with their ports.
    pub hosts: Vec<String>,
    /// In the cookie of those who know the token.
    pub session: String,
    /// In each form of the page.
    pub csrf: String,
    /// The reports that metrics told of last, by their runs and the digests of their journals.
    pub told: Mutex<BTreeMap<String, Arc<Report>>>,
}

type Shared = Arc<Site>;

impl Site {
    /// The folder of a run that lies on this machine.
    fn local(&self, run: &str) -> Option<PathBuf> {
        let folder = self.runs.join(run);
        (is_part(run) && folder.join(journal::FILE_NAME).is_file()).then_some(folder)
    }
}

/// The port at which the page will be. Nobody is answered yet.
pub fn bind(address: SocketAddr) -> Result<std::net::TcpListener, String> {
    let bound = std::net::TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound.map_err(|error| format!("--listen {address}: {error}; choose another port"))
}

/// Serves the page in a thread of its own, as long as the process lives.
pub fn start(listener: std::net::TcpListener, site: Site) -> Result<(), String> {
    let runtime = wire::runtime()?;
    let site = Arc::new(site);
    let serve = move || {
        let served = runtime.block_on(async {
            let listener = TcpListener::from_std(listener)?;
            axum::serve(listener, router(site)).await
        });
        if let Err(error) = served {
            super::told(None, &format!("the page has ended: {error}"));
        }
    };
    let started = std::thread::Builder::new().name("page".into()).spawn(serve);
    started.map(drop).map_err(|error| format!("the page cannot be served: {error}"))
}

fn router(site: Shared) -> Router {
    Router::new()
        .route("/", get(views::overview))
        .route("/controls", get(views::controls))
        .route("/metrics", get(metrics::metrics))
        .route("/runs/{run}", get(views::run))
        .route("/runs/{run}/report", get(views::report))
        .route("/runs/{run}/events", get(live::events))
        .route("/runs/{run}/steps/{step}", post(views::answer))
        .route(guard::LOGIN, get(views::login).post(guard::log_in))
        .route("/style.css", get(views::style))
        .route("/live.js", get(views::script))
        .fallback(views::nothing)
        .layer(DefaultBodyLimit::max(LONGEST))
        .layer(middleware::from_fn_with_state(Arc::clone(&site), guard::guard))
        .with_state(site)
}

/// Runs something that may wait for a disk or for a network.
async fn apart<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(act).await.map_err(|error| error.to_string())
}

/// Runs that have not come to their end, in the folder of runs.
fn unfinished(runs: &Path) -> Vec<(String, PathBuf)> {
    let folders = crate::cli::history::runs_in(runs).unwrap_or_default();
    let named = folders.into_iter().filter_map(|folder| {
        let name = folder.file_name()?.to_str().filter(|name| is_part(name))?.to_owned();
        Some((name, folder))
    });
    named.collect()
}

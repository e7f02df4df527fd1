//! One Envoy with a listener for each row, what stands around it, and the cases that run in it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::application::{Application, Manner};
use crate::bootstrap::{Surroundings, bootstrap};
use crate::delivery::{Way, path};
use crate::ext_proc::Processor;
use crate::judge::{PATIENCE, judge};
use crate::limits::{LIMITS, limit_of, objection};
use crate::outcome::{Delivery, Outcome};
use crate::rows::Row;
use crate::scanner::Scanner;
use crate::support::POLL;
use crate::support::envoy::Envoy;
use crate::table::Entry;
use crate::traffic::Traffic;

/// Rows under way at a time.
const AT_A_TIME: usize = 12;

/// Envoy and what stands around it.
pub struct World {
    /// Envoy.
    pub envoy: Arc<Envoy>,
    /// The ICAP server.
    pub scanner: Scanner,
    /// What Envoy has read.
    pub traffic: Traffic,
    /// The application that has the error pages.
    pub error_page: Application,
    logs: PathBuf,
    _authz: Application,
    _processor: Processor,
}

/// A row's name and its cells.
pub type Line = (String, Vec<Entry>);

impl World {
    /// Starts it all. `rows` are made from the module's path and a directory; one application each, in the same order.
    pub async fn start(
        rows: impl Fn(&Path, &Path) -> Vec<Row>,
        applications: &[SocketAddr],
    ) -> Arc<Self> {
        let scanner = Scanner::start().await;
        let authz = Application::start(Manner::Kept).await;
        let error_page = Application::start(Manner::Plain).await;
        let processor = Processor::start().await;
        let around = Surroundings {
            scanner: scanner.address(),
            authz: authz.address(),
            processor: processor.address(),
            error_page: error_page.address(),
        };
        let mut logs = None;
        let envoy = Envoy::start_with(1, |module, directory| {
            logs = Some(directory.to_owned());
            let rows = rows(module, directory).into_iter();
            let rows: Vec<_> = rows.zip(applications.iter().copied()).collect();
            bootstrap(&rows, around, module, directory)
        })
        .await;
        let envoy = Arc::new(envoy);
        Arc::new(Self {
            traffic: Traffic::follow(envoy.clone()).await,
            logs: logs.unwrap(),
            envoy,
            scanner,
            error_page,
            _authz: authz,
            _processor: processor,
        })
    }

    /// Starts it with one row, and its application.
    pub async fn of(row: Row) -> (Arc<Self>, Application) {
        let application = Application::start(row.manner).await;
        let world = Self::start(|_, _| vec![row.clone()], &[application.address()]).await;
        (world, application)
    }

    /// The way to a row.
    pub fn way<'a>(&'a self, row: &'a Row) -> Way<'a> {
        Way {
            row,
            listener: self.envoy.listener_named(&row.slug()),
            scanner: &self.scanner,
            traffic: &self.traffic,
        }
    }

    /// The cells of a row, one case after the other.
    async fn line(
        &self,
        row: Row,
        application: Application,
        outcomes: &[Outcome],
        deliveries: &[Delivery],
    ) -> Line {
        let way = self.way(&row);
        let mut entries = Vec::new();
        for &outcome in outcomes {
            for &delivery in deliveries {
                let answer = way.send(outcome, delivery).await;
                let case = path(&row, outcome, delivery);
                let action = if row.logs_alone() {
                    outcome.action()
                } else {
                    ""
                };
                let log = self.log(&row, &case, action).await;
                let passes = (!outcome.is_blocked() || row.is_monitored())
                    && answer.as_ref().is_ok_and(|answer| answer.status == 200);
                let copies = if passes { row.copies } else { 0 };
                let (requests, stray) = application.take(copies).await;
                let cell = judge(&row, outcome, &answer, (&requests, &stray), &log);
                let limit = limit_of(LIMITS, &row, outcome);
                entries.push(Entry {
                    case: format!("{}, {}", outcome.name(), delivery.name()),
                    objection: objection(&cell, limit),
                    limit,
                });
            }
        }
        (row.title(), entries)
    }

    /// The access log's line about a case with that action, or else the last one, once it is there.
    pub async fn log(&self, row: &Row, case: &str, action: &str) -> String {
        let file = self.logs.join(row.slug());
        let mut last = "nothing logged".to_owned();
        let look = async {
            loop {
                let text = std::fs::read_to_string(&file).unwrap_or_default();
                let complete = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
                for line in complete.lines() {
                    if line.split(' ').next() == Some(case) {
                        line.clone_into(&mut last);
                        if line.contains(action) {
                            return;
                        }
                    }
                }
                tokio::time::sleep(POLL).await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, look).await;
        last
    }
}

/// Runs the cases of the rows that `wanted` names, several rows at a time. Says also how many error pages were asked for
/// with a body.
pub async fn run(
    rows: impl Fn(&Path, &Path) -> Vec<Row>,
    outcomes: &'static [Outcome],
    deliveries: &'static [Delivery],
) -> (Vec<Line>, usize) {
    // The paths in rows are known once Envoy has a directory; what the rows are called is known before.
    let plan = rows(Path::new(""), Path::new(""));
    let mut applications = Vec::new();
    for row in &plan {
        applications.push(Application::start(row.manner).await);
    }
    let addresses: Vec<_> = applications.iter().map(Application::address).collect();
    let world = World::start(rows, &addresses).await;
    let gate = Arc::new(Semaphore::new(AT_A_TIME));
    let mut tasks = JoinSet::new();
    // The slowest are the last.
    let cases = plan.into_iter().zip(applications).enumerate();
    for (place, (row, application)) in cases.rev() {
        let (world, gate) = (world.clone(), gate.clone());
        tasks.spawn(async move {
            let _turn = gate.acquire().await.unwrap();
            let line = world.line(row, application, outcomes, deliveries).await;
            (place, line)
        });
    }
    let mut lines = tasks.join_all().await;
    lines.sort_by_key(|(place, _)| *place);
    let lines = lines.into_iter().map(|(_, line)| line).collect();
    let (pages, stray) = world.error_page.take(0).await;
    let bodies = pages.iter().filter(|page| !page.body.is_empty()).count();
    (lines, bodies + usize::from(!stray.is_empty()))
}

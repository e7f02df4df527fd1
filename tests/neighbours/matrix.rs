//! Requests beside every neighbour.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::application::{Application, Manner};
use crate::bootstrap::{Surroundings, bootstrap};
use crate::delivery::{Way, path};
use crate::ext_proc::Processor;
use crate::judge::{PATIENCE, judge};
use crate::limits::{limit, objection};
use crate::outcome::{DELIVERIES, Delivery, OUTCOMES, Outcome};
use crate::rows::{Row, rows};
use crate::scanner::Scanner;
use crate::support::envoy::Envoy;
use crate::table::{self, Entry};
use crate::traffic::Traffic;

/// Rows under way at a time.
const AT_A_TIME: usize = 8;

struct World {
    envoy: Arc<Envoy>,
    logs: std::path::PathBuf,
    scanner: Scanner,
    traffic: Traffic,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_neighbour_loses_doubles_or_smuggles_a_byte_of_a_request() {
    let wanted = std::env::var("NEIGHBOUR").unwrap_or_default();
    // The paths in rows are known once Envoy has a directory; what they are called is known before.
    let mut plan = rows(Path::new(""), Path::new(""));
    plan.retain(|row| row.title().contains(&wanted));
    let mut applications = Vec::new();
    for row in &plan {
        applications.push(Application::start(row.manner).await);
    }
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
        let mut all = rows(module, directory);
        all.retain(|row| row.title().contains(&wanted));
        let addresses = applications.iter().map(Application::address);
        let all: Vec<_> = all
            .into_iter()
            .zip(addresses)
            .map(|(row, address)| (row, address, json!({})))
            .collect();
        bootstrap(&all, around, module, directory)
    })
    .await;
    let envoy = Arc::new(envoy);
    let world = Arc::new(World {
        traffic: Traffic::follow(envoy.clone()).await,
        logs: logs.unwrap(),
        envoy,
        scanner,
    });
    let gate = Arc::new(Semaphore::new(AT_A_TIME));
    let mut tasks = JoinSet::new();
    for (place, (row, application)) in plan.into_iter().zip(applications).enumerate() {
        let (world, gate) = (world.clone(), gate.clone());
        tasks.spawn(async move {
            let _turn = gate.acquire().await.unwrap();
            (place, world.row(row, application).await)
        });
    }
    let mut done = tasks.join_all().await;
    done.sort_by_key(|(place, _)| *place);
    let done: Vec<_> = done.into_iter().map(|(_, row)| row).collect();
    let table = table::print(
        "Requests",
        &OUTCOMES.map(Outcome::name),
        &DELIVERIES.map(Delivery::name),
        &done,
    );
    println!("{table}");
    let (pages, stray) = error_page.take(0).await;
    let bodies = pages.iter().filter(|page| !page.body.is_empty()).count();
    assert_eq!(
        bodies, 0,
        "error pages that were asked for with a held body"
    );
    assert!(stray.is_empty(), "bytes at the error page's application");
    assert_eq!(table::wrong(&done), 0, "{table}");
}

impl World {
    async fn row(&self, row: Row, application: Application) -> (String, Vec<Entry>) {
        let way = Way {
            row: &row,
            listener: self.envoy.listener_named(&row.slug()),
            scanner: &self.scanner,
            traffic: &self.traffic,
        };
        let mut entries = Vec::new();
        for outcome in OUTCOMES {
            for delivery in DELIVERIES {
                let answer = way.send(outcome, delivery).await;
                let log = self.log(&row, &path(&row, outcome, delivery)).await;
                let passes = outcome != Outcome::Blocked
                    && answer.as_ref().is_ok_and(|answer| answer.status == 200);
                let copies = if passes { row.copies } else { 0 };
                let (requests, stray) = application.take(copies).await;
                let cell = judge(&row, outcome, &answer, (&requests, &stray), &log);
                let limit = limit(&row, outcome, delivery);
                entries.push(Entry {
                    case: format!("{}, {}", outcome.name(), delivery.name()),
                    objection: objection(&cell, limit),
                    limit,
                });
            }
        }
        (row.title(), entries)
    }

    /// The last line of the access log about that case, once it is there.
    async fn log(&self, row: &Row, case: &str) -> String {
        let file = self.logs.join(row.slug());
        let look = async {
            loop {
                let text = std::fs::read_to_string(&file).unwrap_or_default();
                let complete = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
                let lines = complete.lines().rev();
                let mut lines = lines.filter(|line| line.split(' ').next() == Some(case));
                // A redirect is logged first.
                if let Some(line) = lines.find(|line| !line.contains(" 307 ")) {
                    return line.to_owned();
                }
                tokio::time::sleep(crate::support::POLL).await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, look).await;
        found.unwrap_or_else(|_| "nothing logged".to_owned())
    }
}

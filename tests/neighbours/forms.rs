//! Forms beside every neighbour: a file of one is changed, and the application gets all the rest as it was.

use std::path::Path;

use bytes::Bytes;

use crate::application::Application;
use crate::outcome::{DELIVERIES, Outcome, changed};
use crate::rows::{Effect, Row, rows};
use crate::scanner::{CHANGED_FILE, FORM};
use crate::support::form::FormBody;
use crate::support::payload::pattern;
use crate::world::World;

/// The form with that file.
fn form(file: &[u8]) -> FormBody {
    FormBody::new()
        .field("title", "a title")
        .file("f", CHANGED_FILE, file)
        .file("f", "kept.bin", pattern(1_500))
}

/// The rows of the matrix that leave bodies alone, sending forms.
fn form_rows(module: &Path, directory: &Path) -> Vec<Row> {
    let mut rows = rows(module, directory);
    rows.retain(|row| row.effect == Effect::Nothing && row.name != "grpc_web");
    for row in &mut rows {
        row.fields.retain(|(name, _)| *name != "content-type");
        row.fields.push(("content-type", form(b"").content_type()));
        // No file is shown before it is complete.
        row.holds = true;
    }
    rows
}

/// What is wrong with what came of the form, if anything is.
async fn wrong(world: &World, row: &Row, application: &Application) -> Vec<String> {
    let bytes = Bytes::from(form(&pattern(30_000)).bytes());
    let parts = [
        bytes.slice(..20_000),
        bytes.slice(20_000..31_000),
        bytes.slice(31_000..),
    ];
    let expected = match row.is_monitored() {
        true => bytes.to_vec(),
        false => form(&changed()).bytes(),
    };
    let way = world.way(row);
    let mut wrong = Vec::new();
    for delivery in DELIVERIES {
        let path = format!("/{}/{FORM}/{delivery:?}", row.slug());
        let answer = way
            .send_parts(&path, &parts, Outcome::Changed, delivery)
            .await;
        let status = answer.as_ref().map(|answer| answer.status);
        let (requests, stray) = application.take(row.copies).await;
        let same = |body: &[u8]| body == expected;
        let right = status == Ok(200)
            && stray.is_empty()
            && requests.len() == row.copies
            && requests
                .iter()
                .all(|request| request.complete && same(&request.body));
        if !right {
            let lengths: Vec<usize> = requests.iter().map(|request| request.body.len()).collect();
            wrong.push(format!(
                "{}, {}: {status:?}, bodies of {lengths:?} bytes instead of {}",
                row.title(),
                delivery.name(),
                expected.len()
            ));
        }
        if row.logs_alone() {
            let log = world.log(row, &path, "ICAP_MODIFIED").await;
            if !log.contains("\"ICAP_MODIFIED\"") {
                wrong.push(format!("{}, {}: {log}", row.title(), delivery.name()));
            }
        }
    }
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_with_a_changed_file_arrives_whole_beside_every_neighbour() {
    let plan = form_rows(Path::new(""), Path::new(""));
    let mut applications = Vec::new();
    for row in &plan {
        applications.push(Application::start(row.manner).await);
    }
    let addresses: Vec<_> = applications.iter().map(Application::address).collect();
    let world = World::start(form_rows, &addresses).await;
    let mut failures = Vec::new();
    for (row, application) in plan.iter().zip(&applications) {
        failures.extend(wrong(&world, row, application).await);
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

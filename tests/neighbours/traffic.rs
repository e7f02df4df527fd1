//! How many bytes Envoy has read, connection by connection: the event after which the next part of a body is sent.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::support::envoy::Envoy;

/// How often Envoy is asked.
const PACE: Duration = Duration::from_millis(4);

/// Envoy's counters of bytes read, as they go.
pub struct Traffic {
    counters: watch::Receiver<HashMap<String, u64>>,
    _task: JoinSet<()>,
}

impl Traffic {
    /// Follows the counters of this Envoy.
    pub async fn follow(envoy: Arc<Envoy>) -> Self {
        let (sender, counters) = watch::channel(read(&envoy).await);
        let mut task = JoinSet::new();
        task.spawn(async move {
            loop {
                sender.send_replace(read(&envoy).await);
                tokio::time::sleep(PACE).await;
            }
        });
        Self {
            counters,
            _task: task,
        }
    }

    /// The counter now, at least as it was when this was called.
    pub async fn now(&self, name: &str) -> u64 {
        let mut counters = self.counters.clone();
        // The one under way may have begun before.
        for _ in 0..2 {
            counters.mark_unchanged();
            counters.changed().await.unwrap();
        }
        value(&counters.borrow(), name)
    }

    /// Waits until the counter is there.
    pub async fn until(&self, name: &str, least: u64) {
        let mut counters = self.counters.clone();
        let _ = counters.wait_for(|all| value(all, name) >= least).await;
    }
}

/// What a listener's clients have sent.
pub fn of_clients(slug: &str) -> String {
    format!("http.{slug}.downstream_cx_rx_bytes_total")
}

fn value(counters: &HashMap<String, u64>, name: &str) -> u64 {
    counters.get(name).copied().unwrap_or_default()
}

async fn read(envoy: &Envoy) -> HashMap<String, u64> {
    let page = envoy.admin("/stats").await;
    page.lines()
        .filter_map(|line| line.split_once(": "))
        .filter_map(|(name, value)| Some((name.to_owned(), value.trim().parse().ok()?)))
        .collect()
}

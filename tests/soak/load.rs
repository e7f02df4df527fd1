//! The clients, and the watch at the application.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::support::application::Application;
use crate::support::client::{Client, Version};
use crate::support::token::{Ending, Tagged, WISHES};

/// Lengths of bodies: within the preview, a little and much beyond it.
const LENGTHS: [usize; 5] = [0, 1000, 6000, 20_000, 150_000];
/// How long a client waits before it calls a request hung.
const HANG: Duration = Duration::from_secs(15);

/// What the requests came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Ended as wished.
    pub right: u64,
    /// Ended without a verdict.
    pub failed: u64,
    /// Ended otherwise, or never.
    pub wrong: u64,
    /// What the longest of them took.
    pub longest: Duration,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} right, {} failed, {} wrong, the longest took {} ms",
            self.right,
            self.failed,
            self.wrong,
            self.longest.as_millis()
        )
    }
}

/// Clients at work.
pub struct Load {
    counts: Arc<Mutex<Counts>>,
    stop: Arc<AtomicBool>,
    clients: JoinSet<()>,
}

impl Load {
    /// Starts so many.
    pub fn start(envoy: SocketAddr, clients: usize) -> Self {
        let counts = Arc::<Mutex<Counts>>::default();
        let stop = Arc::<AtomicBool>::default();
        let mut tasks = JoinSet::new();
        for number in 0..clients {
            tasks.spawn(client(envoy, number, counts.clone(), stop.clone()));
        }
        Self {
            counts,
            stop,
            clients: tasks,
        }
    }

    /// What came of the requests so far.
    pub fn counts(&self) -> Counts {
        *self.counts.lock().unwrap()
    }

    /// Lets every client finish its request.
    pub async fn stop(self) -> Counts {
        self.stop.store(true, Ordering::SeqCst);
        self.clients.join_all().await;
        *self.counts.lock().unwrap()
    }
}

async fn client(
    envoy: SocketAddr,
    number: usize,
    counts: Arc<Mutex<Counts>>,
    stop: Arc<AtomicBool>,
) {
    let version = [Version::Http1, Version::Http2][number % 2];
    let mut connection = Client::connect(envoy, version).await;
    for n in number.. {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let wish = WISHES[n % WISHES.len()];
        let length = LENGTHS[(n / WISHES.len()) % LENGTHS.len()];
        let tagged = Tagged::new(wish, format!("{number}-{n}"), length);
        let begun = Instant::now();
        let answer = tokio::time::timeout(HANG, connection.try_send(tagged.request())).await;
        let took = begun.elapsed();
        let ending = match &answer {
            Ok(Ok(answer)) => tagged.judge(answer),
            // Envoy closes the connection after some of its own answers; the next request needs a new one.
            Ok(Err(_)) | Err(_) => Ending::Wrong,
        };
        if ending == Ending::Wrong {
            println!("{tagged:?} after {took:?}: {answer:?}");
        }
        if !matches!(&answer, Ok(Ok(answer)) if ending == Ending::Right && answer.header("connection").is_none())
        {
            connection = Client::connect(envoy, version).await;
        }
        let mut counts = counts.lock().unwrap();
        match ending {
            Ending::Right => counts.right += 1,
            Ending::Failed => counts.failed += 1,
            Ending::Wrong => counts.wrong += 1,
        }
        counts.longest = counts.longest.max(took);
    }
}

/// Looks at every request that reaches the application.
pub struct Watch(Arc<AtomicU64>);

impl Watch {
    /// Requests that were to be blocked.
    pub fn crossed(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Watches until the program ends.
pub fn watch(application: Application) -> Watch {
    let crossed = Arc::<AtomicU64>::default();
    let count = crossed.clone();
    tokio::spawn(async move {
        while let Some(received) = application.next_or_none().await {
            if received.body.starts_with(b"Block") {
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    Watch(crossed)
}

//! A real ICAP server that decides as those of the simulation do.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::parties::decision::{Decision, Stage, decide};
use crate::parties::icap_request::{Came, IcapHead, Reader};
use crate::parties::scanner::answer_options;
use crate::parties::transaction::{Subject, Transaction};
use crate::plan::{Plan, ServerPlan};
use crate::world::End;

/// The server.
pub struct Server {
    pub address: SocketAddr,
    _tasks: JoinSet<()>,
}

/// What has been asked so far, which tells how often the same was.
type Asked = Arc<Mutex<Vec<Subject>>>;

impl Server {
    /// Starts that server of the plan.
    pub async fn start(plan: Arc<Plan>, server: ServerPlan) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Asked::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (plan, asked) = (Arc::clone(&plan), Arc::clone(&asked));
                connections.spawn(async move {
                    // A connection may end at any time.
                    let _ = serve(stream, &plan, &server, &asked).await;
                });
            }
        });
        Self {
            address,
            _tasks: tasks,
        }
    }
}

async fn serve(
    mut stream: TcpStream,
    plan: &Plan,
    server: &ServerPlan,
    asked: &Asked,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = Reader::default();
    let mut current: Option<Transaction> = None;
    let mut buffer = vec![0; 65536];
    loop {
        let len = stream.read(&mut buffer).await?;
        if len == 0 {
            return Ok(());
        }
        reader.push(&buffer[..len]);
        while let Some(came) = reader.next().expect("readable ICAP") {
            let stage = match (came, &mut current) {
                (Came::Head(head), current) => {
                    let has_body = head.has_body;
                    *current = Some(begin(head, plan, asked));
                    if has_body {
                        continue;
                    }
                    Stage::Whole
                }
                (Came::Body(bytes), Some(it)) => {
                    it.body.extend_from_slice(&bytes);
                    continue;
                }
                (Came::Preview, _) => Stage::Preview,
                (Came::Whole(trailers), Some(it)) => {
                    it.trailers = trailers;
                    Stage::Whole
                }
                (Came::Body(_) | Came::Whole(_), None) => panic!("a body without a request"),
            };
            let Some(it) = current.as_mut().filter(|it| !it.decided) else {
                continue;
            };
            match answer(plan, server, stage, it) {
                Decision::Wait => {}
                Decision::GoOn => {
                    it.continued = true;
                    reader.go_on();
                    stream.write_all(b"ICAP/1.0 100 Continue\r\n\r\n").await?;
                }
                Decision::IcapResponse {
                    answer, sent, end, ..
                } => {
                    it.decided = true;
                    reader.answered();
                    stream.write_all(&answer.bytes[..sent]).await?;
                    if end != End::No {
                        return stream.shutdown().await;
                    }
                }
            }
        }
    }
}

fn begin(head: IcapHead, plan: &Plan, asked: &Asked) -> Transaction {
    let subject = Subject::of(&head, plan).expect("something that a client has sent");
    let mut asked = asked.lock().unwrap();
    let attempt = asked.iter().filter(|it| **it == subject).count() as u64;
    asked.push(subject);
    Transaction::new(0, subject, attempt, head)
}

fn answer(plan: &Plan, server: &ServerPlan, stage: Stage, it: &Transaction) -> Decision {
    if it.subject == Subject::Options {
        let answer = answer_options(plan, server, 0);
        return Decision::IcapResponse {
            said: crate::parties::transaction::Said::Nothing,
            sent: answer.bytes.len(),
            statement: answer.bytes.len(),
            answer,
            delay_us: 0,
            end: End::No,
        };
    }
    decide(plan, server, stage, it)
}

//! Child processes that never outlive the test process.

use std::ffi::OsStr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, channel};

/// A running child. Dropping it kills it.
#[derive(Debug)]
pub struct Process(Child);

type Order = (Command, Sender<std::io::Result<Child>>);

/// The kernel sends the parent-death signal when the *thread* that forked ends, and a test's thread ends with the test:
/// so one thread that lives as long as the process starts them all.
static STARTER: LazyLock<Sender<Order>> = LazyLock::new(|| {
    let (orders, inbox) = channel::<Order>();
    std::thread::spawn(move || {
        for (mut command, reply) in inbox {
            // The test that ordered it may be gone.
            let _ = reply.send(command.spawn());
        }
    });
    orders
});

impl Process {
    /// Starts `program`; `prepare` adds arguments and redirects its output. It is terminated when the test process ends,
    /// however that happens.
    pub fn start(program: impl AsRef<OsStr>, prepare: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "--"]).arg(&program);
        command.stdin(Stdio::null());
        prepare(&mut command);
        let (reply, child) = channel();
        STARTER.send((command, reply)).unwrap();
        match child.recv().unwrap() {
            Ok(child) => Self(child),
            Err(error) => panic!("setpriv for {:?}: {error}", program.as_ref()),
        }
    }

    /// Its process identifier.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends it a signal, by name.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.0.id().to_string()])
            .status();
        assert!(status.unwrap().success(), "kill -s {name}");
    }

    /// The exit status, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

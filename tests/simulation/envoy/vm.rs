//! The virtual machines of the module: their contexts, the callbacks that run in them, and what a callback puts off.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use icap_filter::icap::Direction;
use icap_filter::instance::Instance;

use super::Fields;
use super::host::SimHost;
use crate::world::{Event, Sim};

/// The root context of each VM.
pub const ROOT: u32 = 1;
/// The root context of the gate, in the filter's VM.
pub const GATE_ROOT: u32 = 2;

/// A virtual machine on a worker.
#[derive(Debug)]
pub struct Vm {
    pub role: Role,
    /// The worker that it is on; Envoy's main thread comes after the last.
    pub worker: usize,
    next_context: u32,
    contexts: BTreeMap<u32, Target>,
    /// Contexts that were deleted within the callback that is running: calls about them succeed and mean nothing.
    ghosts: Vec<u32>,
    /// What callbacks have put off until they end.
    put_off: VecDeque<PutOff>,
    tick_ms: u32,
    tick_generation: u64,
    next_token: u32,
}

/// What the module is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The HTTP filter.
    Filter,
    /// The upstream filter of the ICAP clusters.
    Transport,
}

/// What a context is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Root,
    Message(usize),
    Connection(usize),
    GateRoot,
    Gate(usize),
}

/// A callback that is running.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub vm: usize,
    context: u32,
    effective: Option<u32>,
    pub about: About,
}

/// What a callback is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// Something of the root context.
    Root,
    /// A message's headers, body or trailers.
    Message(usize, Direction),
    /// What the gate of a request gets first.
    Gate(usize),
    /// The end of a message: its log, done, delete.
    End(usize),
    /// That connection is established.
    Established(usize),
    /// Bytes of that connection.
    Bytes(usize),
    /// A connection's transport.
    Transport(usize),
}

/// What is done when the callback that asked for it has returned.
#[derive(Debug)]
pub enum PutOff {
    Resume(usize, Direction),
    OpenGate(usize),
    Reply(usize, Reply),
    /// The transport role ends that connection.
    EndConnection(usize),
    /// The close of a stream that the filter is to be told of.
    ReportClose {
        vm: usize,
        token: u32,
    },
}

/// A local reply.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub details: String,
    pub fields: Fields,
    pub body: Vec<u8>,
}

impl Vm {
    fn new(role: Role, worker: usize) -> Self {
        Self {
            role,
            worker,
            next_context: GATE_ROOT + 1,
            contexts: BTreeMap::from([(ROOT, Target::Root), (GATE_ROOT, Target::GateRoot)]),
            ghosts: Vec::new(),
            put_off: VecDeque::new(),
            tick_ms: 0,
            tick_generation: 0,
            next_token: 0,
        }
    }

    /// The next token of a stream: they are odd, as Envoy's are.
    pub fn next_token(&mut self) -> u32 {
        self.next_token += 4;
        self.next_token | 1
    }

    /// What is done when the callback ends.
    pub fn put_off(&mut self, what: PutOff) {
        self.put_off.push_back(what);
    }
}

impl Sim {
    /// Makes the virtual machines and configures them: the main thread's first.
    pub fn start_proxy(self: &Rc<Self>) {
        let workers = self.plan.envoy.workers;
        let main = (workers > 1).then_some(workers);
        for worker in main.into_iter().chain(0..workers) {
            for role in [Role::Filter, Role::Transport] {
                let index = self.vms.borrow().len();
                self.vms.borrow_mut().push(Vm::new(role, worker));
                let host = SimHost::new(self, index);
                let instance = Rc::new(Instance::new(host));
                self.instances.borrow_mut().push(instance);
                self.callback(index, ROOT, About::Root, |it| it.on_create(ROOT, 0));
                if !self.callback(index, ROOT, About::Root, |it| it.on_configure(ROOT)) {
                    self.fail(format!(
                        "the configuration is not accepted: {}",
                        self.plan.profile.json()
                    ));
                }
                if role == Role::Filter && self.plan.envoy.gate {
                    self.callback(index, GATE_ROOT, About::Root, |it| {
                        it.on_create(GATE_ROOT, 0);
                        it.on_configure(GATE_ROOT)
                    });
                }
            }
        }
    }

    /// The filter's VM on a worker.
    pub fn filter_of(&self, worker: usize) -> usize {
        self.vm_of(worker, Role::Filter)
    }

    /// The transport's VM on the worker of that VM.
    pub fn transport_beside(&self, vm: usize) -> usize {
        let worker = self.vms.borrow()[vm].worker;
        self.vm_of(worker, Role::Transport)
    }

    fn vm_of(&self, worker: usize, role: Role) -> usize {
        let vms = self.vms.borrow();
        vms.iter()
            .position(|vm| vm.worker == worker && vm.role == role)
            .unwrap()
    }

    /// Calls the module, and does what that has put off.
    pub fn callback<T>(
        self: &Rc<Self>,
        vm: usize,
        context: u32,
        about: About,
        act: impl FnOnce(&Instance<SimHost>) -> T,
    ) -> T {
        let instance = Rc::clone(&self.instances.borrow()[vm]);
        self.frames.borrow_mut().push(Frame {
            vm,
            context,
            effective: None,
            about,
        });
        let result = act(&instance);
        self.frames.borrow_mut().pop();
        self.do_what_was_put_off(vm);
        result
    }

    fn do_what_was_put_off(self: &Rc<Self>, vm: usize) {
        loop {
            if self.has_failed() {
                return;
            }
            let next = self.vms.borrow_mut()[vm].put_off.pop_front();
            match next {
                None => return,
                Some(PutOff::Resume(message, direction)) => self.resume_now(message, direction),
                Some(PutOff::OpenGate(message)) => self.gate_opens(message),
                Some(PutOff::Reply(message, reply)) => self.reply_now(message, reply),
                Some(PutOff::EndConnection(connection)) => self.transport_ended(connection),
                Some(PutOff::ReportClose { vm, token }) => {
                    if !self.frames.borrow().is_empty() {
                        // It would be put off again, and this would go on for ever.
                        return self.fail(
                            "the worker spins: a close was put off, and another callback ended within the one that did so",
                        );
                    }
                    self.report_close(vm, token);
                }
            }
        }
    }

    /// Makes a context.
    pub fn create_context(self: &Rc<Self>, vm: usize, target: Target) -> u32 {
        self.create_below(vm, target, ROOT)
    }

    /// Makes the context of a gate.
    pub fn create_gate_context(self: &Rc<Self>, vm: usize, message: usize) -> u32 {
        self.create_below(vm, Target::Gate(message), GATE_ROOT)
    }

    fn create_below(self: &Rc<Self>, vm: usize, target: Target, root: u32) -> u32 {
        let id = {
            let vm = &mut self.vms.borrow_mut()[vm];
            let id = vm.next_context;
            vm.next_context += 1;
            vm.contexts.insert(id, target);
            id
        };
        let about = match target {
            Target::Connection(connection) => About::Transport(connection),
            _ => About::Root,
        };
        self.callback(vm, id, about, |it| it.on_create(id, root));
        id
    }

    /// A context is done with, and deleted.
    pub fn delete_context(self: &Rc<Self>, vm: usize, id: u32, about: About) {
        self.callback(vm, id, about, |it| it.on_done(id));
        self.callback(vm, id, about, |it| it.on_delete(id));
        let within = !self.frames.borrow().is_empty();
        let vm = &mut self.vms.borrow_mut()[vm];
        if within {
            vm.ghosts.push(id);
        } else {
            vm.contexts.remove(&id);
        }
    }

    /// The callback is over: what was deleted within it is gone.
    pub fn forget_ghosts(&self) {
        for vm in self.vms.borrow_mut().iter_mut() {
            while let Some(id) = vm.ghosts.pop() {
                vm.contexts.remove(&id);
            }
        }
    }

    /// Makes that context the one that calls act on. False where it is gone: then they act on the running callback's again.
    pub fn enter(&self, vm: usize, context: u32) -> bool {
        let known = self.vms.borrow()[vm].contexts.contains_key(&context);
        if let Some(frame) = self.frames.borrow_mut().last_mut() {
            frame.effective = known.then_some(context);
        }
        known
    }

    /// What calls act on now, and whether it is still there.
    pub fn effective(&self, vm: usize) -> (Target, bool) {
        let frames = self.frames.borrow();
        let Some(frame) = frames.last() else {
            return (Target::Root, true);
        };
        let vms = self.vms.borrow();
        let context = frame.effective.unwrap_or(frame.context);
        let target = vms[vm].contexts.get(&context).copied();
        let ghost = vms[vm].ghosts.contains(&context);
        (target.unwrap_or(Target::Root), !ghost)
    }

    /// What the running callback is about.
    pub fn running(&self) -> Option<Frame> {
        self.frames.borrow().last().copied()
    }

    /// Sets the clock of a root context.
    pub fn set_tick(&self, vm: usize, milliseconds: u32) {
        let generation = {
            let vm = &mut self.vms.borrow_mut()[vm];
            vm.tick_ms = milliseconds;
            vm.tick_generation += 1;
            vm.tick_generation
        };
        if milliseconds > 0 {
            self.schedule_tick(vm, milliseconds, generation);
        }
    }

    fn schedule_tick(&self, vm: usize, milliseconds: u32, generation: u64) {
        let late = match self.dice.one_in(self.plan.faults.late_tick) {
            true => self.dice.below(20_000),
            false => 0,
        };
        let delay_us = u64::from(milliseconds) * 1000 + late;
        self.after(delay_us, Event::Tick(vm, generation));
    }

    /// Wakes a root context, if its clock still says so.
    pub fn tick(self: &Rc<Self>, vm: usize, generation: u64) {
        if self.vms.borrow()[vm].tick_generation != generation {
            return;
        }
        self.trace(|| format!("tick of vm {vm}"));
        self.callback(vm, ROOT, About::Root, |it| it.on_tick(ROOT));
        let (period, now) = {
            let vm = &self.vms.borrow()[vm];
            (vm.tick_ms, vm.tick_generation)
        };
        if now == generation && period > 0 {
            self.schedule_tick(vm, period, generation);
        }
    }

    /// An entry of its queue wakes a root context.
    pub fn queue_is_ready(self: &Rc<Self>, vm: usize) {
        self.trace(|| format!("queue of vm {vm}"));
        self.callback(vm, ROOT, About::Root, |it| it.on_queue_ready(ROOT));
    }

    /// The root contexts are about to go.
    pub fn stop_proxy(self: &Rc<Self>) {
        let all = self.vms.borrow().len();
        for vm in 0..all {
            self.callback(vm, ROOT, About::Root, |it| it.on_done(ROOT));
        }
        self.instances.borrow_mut().clear();
    }
}

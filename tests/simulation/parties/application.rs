//! The application: it answers when it has the request, or sooner.

use std::rc::Rc;

use icap_filter::icap::Direction;

use super::client::Part;
use crate::world::{Event, Sim};

impl Sim {
    /// A request comes to the application, or its end does.
    pub fn application_gets(self: &Rc<Self>, message: usize, begins: bool, ends: bool) {
        let plan = &self.plan.messages[message];
        let answers = if plan.early_response { begins } else { ends };
        if answers {
            let first = self.message(message, |it| {
                let first = it.application_step == 0;
                it.application_step = 1;
                first
            });
            if first {
                self.after(plan.think_us, Event::Application(message));
            }
        }
    }

    /// The application does what is next.
    pub fn application_acts(self: &Rc<Self>, message: usize) {
        let plan = &self.plan.messages[message];
        let (open, step) = self.message(message, |it| {
            it.application_step += 1;
            (it.is_open() && !it.replied, it.application_step - 2)
        });
        if !open {
            return;
        }
        if step == 0 {
            let ended = plan.response.ends_with_headers();
            if !ended {
                self.after(plan.response.pace_us, Event::Application(message));
            }
            let fields = plan.response_fields();
            self.message(message, |it| it.details = "via_upstream".to_owned());
            return self.headers_come(message, Direction::Response, fields, ended);
        }
        match plan.response.part(self.plan.seed, step - 1) {
            Part::Bytes(bytes, last) => {
                if !last {
                    self.after(plan.response.pace_us, Event::Application(message));
                }
                self.body_comes(message, Direction::Response, bytes, last);
            }
            Part::Trailers(fields) => self.trailers_come(message, Direction::Response, fields),
            Part::Nothing => {}
        }
    }
}

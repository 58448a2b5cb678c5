//! What stands before a route: rates, then who is let in, then the rates that need to know who, then how many at once.

use crate::auth::{Checked, Coming, Principal};
use crate::exchange::Found;
use crate::limits::{Asker, Inside, Told};
use crate::plan::Plan;
use crate::{Head, Problem, Response};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

/// What the gate has found out of one request.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    principal: RefCell<Option<Rc<Principal>>>,
    told: RefCell<Told>,
    inside: RefCell<Option<Inside>>,
}

impl Passed {
    /// Who it comes from.
    pub(crate) fn principal(&self) -> Option<Rc<Principal>> {
        self.principal.borrow().clone()
    }

    /// What the answer says of limits.
    pub(crate) fn mark(&self, response: &mut Response) {
        self.told.borrow().mark(response);
    }

    /// Whether the request may go on to its route.
    pub(crate) fn pass(&self, plan: &Plan, head: &Head<'_>, peer: Option<SocketAddr>) -> Found {
        match self.try_pass(plan, head, peer) {
            Ok(None) => Found::Route,
            Ok(Some(coming)) => Found::Waits(coming),
            Err(problem) => Found::Answered(Err(problem)),
        }
    }

    fn try_pass(
        &self,
        plan: &Plan,
        head: &Head<'_>,
        peer: Option<SocketAddr>,
    ) -> Result<Option<Coming>, Problem> {
        self.count(plan, head, peer, None)?;
        let checked = match &plan.guard {
            None => Checked::In(None),
            Some(guard) => guard.check(head, true),
        };
        match checked {
            Checked::In(principal) => self.enter(plan, head, peer, principal).map(|()| None),
            Checked::Out(problem) => Err(problem),
            Checked::Later(coming) => Ok(Some(coming)),
        }
    }

    /// The rest of the way after the wait: the guard's last word.
    pub(crate) fn pass_after_wait(
        &self,
        plan: &Plan,
        head: &Head<'_>,
        peer: Option<SocketAddr>,
    ) -> Result<(), Problem> {
        match plan.guard.as_ref().map(|guard| guard.check(head, false)) {
            None => self.enter(plan, head, peer, None),
            Some(Checked::In(principal)) => self.enter(plan, head, peer, principal),
            Some(Checked::Out(problem)) => Err(problem),
            Some(Checked::Later(_)) => Err(Problem::internal("").because("a guard waits twice")),
        }
    }

    fn enter(
        &self,
        plan: &Plan,
        head: &Head<'_>,
        peer: Option<SocketAddr>,
        principal: Option<Rc<Principal>>,
    ) -> Result<(), Problem> {
        self.count(plan, head, peer, Some(principal.as_deref()))?;
        self.principal.replace(principal);
        if let Some(crowd) = &plan.crowd {
            self.inside.replace(Some(crowd.enter()?));
        }
        Ok(())
    }

    fn count(
        &self,
        plan: &Plan,
        head: &Head<'_>,
        peer: Option<SocketAddr>,
        principal: Option<Option<&Principal>>,
    ) -> Result<(), Problem> {
        let Some(rates) = &plan.rates else {
            return Ok(());
        };
        let asker = Asker {
            head,
            peer,
            principal,
        };
        rates.count(&asker, &mut self.told.borrow_mut())
    }
}

//! The way of a request past the hooks of its app: in the order of their registration, the app's first, then those of the
//! groups, then the route's. Only apps that have hooks pay for it. Knows no language and no codec.

use crate::exchange::{Exchange, Found, Opened};
use crate::params::Arguments;
use crate::pipeline::{check, perform, shield};
use crate::plan::Plan;
use crate::spec::{HookSpec, Moment};
use crate::{Flow, Frozen, Head, Passage, Problem, Reply, Request, Response};
use crate::{leave, stream};
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

/// What a hook says: nothing, and the request goes on its way, or an answer.
///
/// The answer of a hook before the handler ends the inbound way. [`Moment::OnError`]: a response takes the place of the
/// problem, a problem that of the one before, which the next hook sees. [`Moment::OnResponse`]: it takes the place of the
/// response, and the next hook sees it.
///
/// ```
/// use spikard::{IntoVerdict, Problem, Response, Verdict};
///
/// let goes_on: Verdict = ().into_verdict();
/// assert!(goes_on.is_none());
/// assert!(matches!(Response::empty(204).into_verdict(), Some(Ok(_))));
/// assert!(matches!(Err::<(), _>(Problem::forbidden("not here")).into_verdict(), Some(Err(_))));
/// ```
pub type Verdict = Option<Reply>;

/// What a hook comes to.
///
/// ```
/// use spikard::{Endpoint, Flow, Passage, Problem, Request, Verdicting};
/// use std::rc::Rc;
/// use std::task::Context;
///
/// /// A hook of a host language: it serves no route.
/// struct Closed;
///
/// impl Endpoint for Closed {
///     fn call(&self, _: Request<'_>, _: &mut Context<'_>) -> Flow {
///         Flow::Done(Err(Problem::internal("")))
///     }
///
///     fn hook<'h>(&'h self, _: &Rc<Passage>) -> Verdicting<'h> {
///         Box::pin(async { Some(Err(Problem::forbidden("closed"))) })
///     }
/// }
/// ```
pub type Verdicting<'h> = Pin<Box<dyn Future<Output = Verdict> + 'h>>;

/// The endpoints of hooks by their moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hooks([Vec<usize>; 5]);

impl Hooks {
    pub(crate) fn of(specs: &[HookSpec]) -> Self {
        let mut hooks = Self::default();
        for spec in specs {
            hooks.0[spec.at as usize].push(spec.handler);
        }
        hooks
    }

    pub(crate) fn at(&self, moment: Moment) -> &[usize] {
        &self.0[moment as usize]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(Vec::is_empty)
    }
}

/// What is left to do before a reply may be finished.
pub(crate) enum Concluded {
    Now(Reply),
    /// Hooks look at it first.
    Later(Pin<Box<dyn Future<Output = Reply>>>),
}

impl Frozen {
    /// The head was looked at (`found`): the way past the hooks begins. Media types are chosen after them.
    #[cold]
    pub(crate) fn depart(
        self: &Rc<Self>,
        mut exchange: Exchange,
        found: Found,
        head: &Head<'_>,
        has_body: bool,
        peer: Option<SocketAddr>,
    ) -> Opened {
        let hooks = self.hooks_of(exchange.route);
        let waits = matches!(found, Found::Waits(_));
        let passed = exchange
            .extra
            .as_ref()
            .and_then(|extra| extra.passed.clone());
        let passage = (waits || !hooks.is_empty()).then(|| {
            let id = exchange.request_id.clone();
            Rc::new(Passage::of(head, id, peer, passed.clone()))
        });
        if passage.is_some() {
            exchange.extra().passage = passage.clone();
        }
        let coming = match found {
            Found::Answered(reply) => return Opened::Refused(exchange, reply),
            Found::Route => None,
            Found::Waits(coming) => Some(coming),
        };
        let asks = waits || !hooks.at(Moment::OnRequest).is_empty();
        let Some(passage) = passage.filter(|_| asks) else {
            return self.admit(exchange, head, has_body);
        };
        let (app, route) = (Rc::clone(self), exchange.route);
        let verdict = async move {
            if let Some(coming) = coming {
                coming.wait().await;
                if let (Some(route), Some(passed)) = (route, passed) {
                    let plan = &app.plans[route];
                    let again = passage.look(|head| passed.pass_after_wait(plan, head, peer));
                    if let Err(problem) = again {
                        return Some(Err(problem));
                    }
                }
            }
            let hooks = app.hooks_of(route).at(Moment::OnRequest);
            app.ask(hooks, Moment::OnRequest, &passage).await
        };
        Opened::Held(exchange, Box::pin(verdict))
    }

    /// The hooks that a request was held for have spoken.
    pub(crate) fn go_on(&self, exchange: Exchange, verdict: Verdict, has_body: bool) -> Opened {
        if let Some(reply) = verdict {
            return Opened::Refused(exchange, reply);
        }
        match exchange.passage().cloned() {
            Some(passage) => passage.look(|head| self.admit(exchange, head, has_body)),
            None => Opened::Accepted(exchange),
        }
    }

    /// What [`Frozen::call`] does, past the hooks that come before and after validation.
    pub(crate) async fn call_past_hooks(
        self: Rc<Self>,
        passage: Rc<Passage>,
        route: usize,
        media: Option<usize>,
    ) -> Reply {
        let reply = self.way_in(&passage, route, media).await;
        stream::started(reply.unwrap_or_else(|answer| answer)).await
    }

    /// `Err` is the answer of a hook, or of a check.
    async fn way_in(
        &self,
        passage: &Rc<Passage>,
        route: usize,
        media: Option<usize>,
    ) -> Result<Reply, Reply> {
        let plan = &self.plans[route];
        let late = crate::defects::defect("pre-validation-late");
        if !late {
            self.pass(plan, Moment::PreValidation, passage).await?;
        }
        let (lines, body) = (passage.lines(), passage.body());
        let fields = lines.fields();
        let head = lines.head(&fields);
        let mut arguments = Arguments::new();
        let unvalidated = check(plan, media, &head, &body, &mut arguments).map_err(Err)?;
        if late {
            self.pass(plan, Moment::PreValidation, passage).await?;
        }
        self.pass(plan, Moment::PreHandler, passage).await?;
        // Edits of the hooks in between are the handler's to see; what was validated stays.
        let lines = passage.lines();
        let fields = lines.fields();
        let head = lines.head(&fields);
        let principal = passage.principal();
        let trailers = passage.trailers();
        let request = Request {
            head: &head,
            trailers: trailers.as_deref(),
            principal: principal.as_ref(),
            arguments: &arguments,
            body: &body,
            request_id: passage.request_id(),
            peer: passage.peer(),
            unvalidated,
            passage: Some(passage),
        };
        let endpoint = &*self.endpoints[plan.endpoint];
        let flow = poll_fn(|context| Poll::Ready(perform(endpoint, plan, media, request, context)));
        Ok(match flow.await {
            Flow::Done(reply) => reply,
            Flow::Pending(answer) => shielded(answer).await.unwrap_or_else(Err),
            Flow::Refused => Err(Problem::internal("").because("the endpoint refused twice")),
        })
    }

    /// The one place that every reply passes, whoever gives it, before it is finished: `on_error`, `on_response`.
    pub(crate) fn conclude(self: &Rc<Self>, exchange: &mut Exchange, reply: Reply) -> Concluded {
        if exchange.extra.as_ref().is_some_and(|extra| extra.concluded) {
            return Concluded::Now(reply);
        }
        let hooks = self.hooks_of(exchange.route);
        let looks = [Moment::OnError, Moment::OnResponse]
            .into_iter()
            .any(|moment| !hooks.at(moment).is_empty());
        let Some(passage) = exchange.passage().cloned().filter(|_| looks) else {
            return Concluded::Now(reply);
        };
        exchange.extra().concluded = true;
        let (app, route) = (Rc::clone(self), exchange.route);
        Concluded::Later(Box::pin(async move {
            Ok(app.see_off(route, &passage, reply).await)
        }))
    }

    async fn see_off(&self, route: Option<usize>, passage: &Rc<Passage>, reply: Reply) -> Response {
        let plan = route.and_then(|route| self.plans.get(route));
        let hooks = self.hooks_of(route);
        let id = passage.id();
        let checked =
            reply.and_then(|mut response| leave::check(plan, id, &mut response).map(|()| response));
        let mut response = match checked {
            Ok(response) => response,
            Err(problem) => match self.mend(hooks, plan, passage, problem).await {
                Ok(response) => response,
                Err(problem) => passage.look(|head| self.show(plan, id, Some(head), problem)),
            },
        };
        for &hook in hooks.at(Moment::OnResponse) {
            passage.put_response(Some(response));
            let verdict = self.run(hook, Moment::OnResponse, passage).await;
            let edited = passage.put_response(None);
            let edited = edited.expect("invariant: nobody else takes it away");
            response = match verdict {
                Some(Ok(other)) => other,
                Some(Err(problem)) => {
                    passage.look(|head| self.render(plan, id, Some(head), problem))
                }
                None => edited,
            };
        }
        match leave::sendable(&mut response) {
            Ok(()) => response,
            Err(problem) => passage.look(|head| self.render(plan, id, Some(head), problem)),
        }
    }

    /// What the hooks for errors make of a problem. A cause is told before it can be lost.
    async fn mend(
        &self,
        hooks: &Hooks,
        plan: Option<&Plan>,
        passage: &Rc<Passage>,
        mut problem: Problem,
    ) -> Reply {
        self.tell(plan, passage.id(), &problem);
        for &hook in hooks.at(Moment::OnError) {
            passage.put_problem(Some(problem));
            let verdict = self.run(hook, Moment::OnError, passage).await;
            let before = passage.put_problem(None);
            problem = match verdict {
                Some(Ok(response)) => return Ok(response),
                Some(Err(other)) => {
                    self.tell(plan, passage.id(), &other);
                    other
                }
                None => before.expect("invariant: nobody else takes it away"),
            };
        }
        Err(problem)
    }

    /// Hooks that may end the inbound way.
    async fn pass(&self, plan: &Plan, moment: Moment, passage: &Rc<Passage>) -> Result<(), Reply> {
        match self.ask(plan.hooks.at(moment), moment, passage).await {
            None => Ok(()),
            Some(reply) => Err(reply),
        }
    }

    async fn ask(&self, hooks: &[usize], moment: Moment, passage: &Rc<Passage>) -> Verdict {
        for &hook in hooks {
            let verdict = self.run(hook, moment, passage).await;
            if verdict.is_some() {
                return verdict;
            }
        }
        None
    }

    async fn run(&self, hook: usize, moment: Moment, passage: &Rc<Passage>) -> Verdict {
        passage.come_to(Some(moment));
        let verdict = match shield(|| self.endpoints[hook].hook(passage)) {
            Ok(verdict) => shielded(verdict)
                .await
                .unwrap_or_else(|problem| Some(Err(problem))),
            Err(problem) => Some(Err(problem)),
        };
        passage.come_to(None);
        verdict
    }

    /// Where no route is, the app's own.
    fn hooks_of(&self, route: Option<usize>) -> &Hooks {
        let plan = route.and_then(|route| self.plans.get(route));
        plan.map_or(&self.app_hooks, |plan| &plan.hooks)
    }
}

/// A future whose panic is a problem.
async fn shielded<T>(mut future: Pin<Box<dyn Future<Output = T> + '_>>) -> Result<T, Problem> {
    poll_fn(|context| match shield(|| future.as_mut().poll(context)) {
        Ok(polled) => polled.map(Ok),
        Err(problem) => Poll::Ready(Err(problem)),
    })
    .await
}

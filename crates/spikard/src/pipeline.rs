//! The order of one request, as one list. Serves any codec: head in, response out.

use crate::defects::defect;
use crate::exchange::{BodyPlan, Exchange, Extra, Found, Opened};
use crate::media::Kind;
use crate::observe::{self, Leaving};
use crate::params::{self, Arguments};
use crate::plan::Plan;
use crate::request_id::RequestId;
use crate::router::Matched;
use crate::status::{self, Counted};
use crate::stream::Told;
use crate::{Body, Endpoint, Flow, Frozen, Head, Problem, Reply, Request, Response};
use crate::{body, leave, log, render, stream};
use spikard_contract::{Schema, Violations};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::Context;

impl Frozen {
    /// Head complete, before any byte of the body is looked at: request id, route, media type, limits.
    pub(crate) fn open(
        self: &Rc<Self>,
        head: &Head<'_>,
        has_body: bool,
        peer: Option<SocketAddr>,
    ) -> Opened {
        let id = RequestId::of(head.headers.get("x-request-id"));
        let mut exchange = self.exchange(id, Some(head));
        if let Some(seen) = self
            .proxies
            .as_ref()
            .and_then(|proxies| proxies.see(head, peer))
        {
            exchange.extra().seen = Some(Rc::new(seen));
        }
        let Some(extra) = &exchange.extra else {
            return self.begin(exchange, head, has_body, peer);
        };
        let (seen, trace) = (extra.seen.clone(), extra.observed.trace());
        observe::present(seen.as_deref(), trace.as_deref(), head, |head| {
            let client = seen.as_ref().and_then(|seen| seen.client);
            self.begin(exchange, head, has_body, client.or(peer))
        })
    }

    #[inline(always)]
    fn begin(
        self: &Rc<Self>,
        mut exchange: Exchange,
        head: &Head<'_>,
        has_body: bool,
        peer: Option<SocketAddr>,
    ) -> Opened {
        let found = self.find(&mut exchange, head, peer);
        if let Some(extra) = &mut exchange.extra {
            extra.observed.found(peer, exchange.route);
        }
        if self.has_hooks || matches!(found, Found::Waits(_)) {
            return self.depart(exchange, found, head, has_body, peer);
        }
        match found {
            Found::Answered(reply) => Opened::Refused(exchange, reply),
            _ => self.admit(exchange, head, has_body),
        }
    }

    /// Whether the request is for this app, and the route that it is for.
    #[inline(always)]
    fn find(&self, exchange: &mut Exchange, head: &Head<'_>, peer: Option<SocketAddr>) -> Found {
        if let Some(problem) = self.hosts.as_ref().and_then(|hosts| hosts.refuse(head)) {
            return Found::Answered(Err(problem));
        }
        let matched = self.router.find(head.method, head.path());
        if let Some(cors) = &self.cors
            && let Some(reply) = cors.answer(head, || self.router.allowed(head.path()))
        {
            return Found::Answered(reply);
        }
        let plan = match matched {
            Matched::Route(route) => {
                exchange.route = Some(route);
                &self.plans[route]
            }
            other => return Found::Answered(unrouted(other, head)),
        };
        exchange.timeout_ms = plan.timeout_ms;
        exchange.body.limit = if defect("limit-ignored") {
            u64::MAX
        } else {
            plan.body_limit
        };
        if plan.gated {
            let passed = exchange.extra().passed.insert(Rc::default());
            return passed.pass(plan, head, peer);
        }
        Found::Route
    }

    /// Whether the route takes a body of this media type.
    #[inline(always)]
    pub(crate) fn admit(&self, mut exchange: Exchange, head: &Head<'_>, has_body: bool) -> Opened {
        let plan = exchange.route.and_then(|route| self.plans.get(route));
        if has_body && let Some(body) = plan.and_then(|plan| plan.body.as_ref()) {
            match body::choose(body, head) {
                Ok(media) => exchange.media = Some(media),
                Err(problem) => return Opened::Refused(exchange, Err(problem)),
            }
        }
        Opened::Accepted(exchange)
    }

    /// A head that cannot be used (400, 408, 414, 431 ... by the codec): an exchange to pass to `finish` with a problem.
    pub(crate) fn unusable(&self) -> Exchange {
        self.exchange(RequestId::generate(), None)
    }

    #[inline(always)]
    fn exchange(&self, request_id: RequestId, head: Option<&Head<'_>>) -> Exchange {
        Exchange {
            body: BodyPlan {
                limit: self.spec.config.body_limit,
            },
            timeout_ms: None,
            request_id,
            route: None,
            media: None,
            extra: self.observer.as_ref().map(|observer| {
                Box::new(Extra {
                    observed: observer.observe(head),
                    ..Extra::default()
                })
            }),
            _counted: Counted::open(),
        }
    }

    /// Body complete: parameters, decode, validate, call. The flow's response has not passed `conclude` and `finish`.
    pub(crate) fn call(
        self: &Rc<Self>,
        exchange: &Exchange,
        head: &Head<'_>,
        content: &[u8],
        peer: Option<SocketAddr>,
        context: &mut Context<'_>,
    ) -> Flow {
        let Some(extra) = &exchange.extra else {
            return self.go(exchange, None, head, content, peer, context);
        };
        let (seen, trace) = (&extra.seen, extra.observed.trace());
        observe::present(seen.as_deref(), trace.as_deref(), head, |head| {
            let client = seen.as_ref().and_then(|seen| seen.client);
            self.go(
                exchange,
                Some(extra),
                head,
                content,
                client.or(peer),
                context,
            )
        })
    }

    #[inline(always)]
    fn go(
        self: &Rc<Self>,
        exchange: &Exchange,
        extra: Option<&Extra>,
        head: &Head<'_>,
        content: &[u8],
        peer: Option<SocketAddr>,
        context: &mut Context<'_>,
    ) -> Flow {
        let Some(route) = exchange.route else {
            return fail(Problem::not_found(""));
        };
        if let Some(extra) = extra {
            extra.observed.called(content.len());
        }
        if let Some(extra) = extra
            && let Some(passage) = &extra.passage
        {
            passage.put_body(content.to_vec());
            passage.put_trailers(extra.trailers.clone());
            let (app, passage) = (Rc::clone(self), Rc::clone(passage));
            return Flow::Pending(Box::pin(app.call_past_hooks(
                passage,
                route,
                exchange.media,
            )));
        }
        let plan = &self.plans[route];
        let mut arguments = Arguments::new();
        let unvalidated = match check(plan, exchange.media, head, content, &mut arguments) {
            Ok(unvalidated) => unvalidated,
            Err(problem) => return Flow::Done(Err(problem)),
        };
        #[cfg(feature = "defects")]
        let first_wins = (defect("json-duplicate-first-wins") && exchange.media.is_some())
            .then(|| body::first_wins(content));
        #[cfg(feature = "defects")]
        let content = first_wins.as_deref().unwrap_or(content);
        let principal = extra
            .and_then(|extra| extra.passed.as_ref())
            .and_then(|passed| passed.principal());
        let request = Request {
            head,
            arguments: &arguments,
            body: content,
            trailers: extra.and_then(|extra| extra.trailers.as_deref()),
            request_id: exchange.request_id.as_str(),
            peer,
            unvalidated,
            principal: principal.as_ref(),
            passage: None,
        };
        let endpoint = &*self.endpoints[plan.endpoint];
        perform(endpoint, plan, exchange.media, request, context)
    }

    /// Handler done or exchange refused, hooks passed: egress check, problem rendered, header fields checked, logs. `head`
    /// is `None` when it could not be read. What comes is complete but for the codec's own fields.
    pub(crate) fn finish(
        &self,
        exchange: &Exchange,
        head: Option<&Head<'_>>,
        reply: Reply,
    ) -> Response {
        let Some(extra) = &exchange.extra else {
            return self.complete(exchange, None, head, reply);
        };
        match (&extra.passage, &extra.seen, head) {
            (None, Some(seen), Some(head)) => seen.present(head, |head| {
                self.complete(exchange, Some(extra), Some(head), reply)
            }),
            (None, ..) => self.complete(exchange, Some(extra), head, reply),
            (Some(passage), ..) => {
                passage.look(|head| self.complete(exchange, Some(extra), Some(head), reply))
            }
        }
    }

    #[inline(always)]
    fn complete(
        &self,
        exchange: &Exchange,
        extra: Option<&Extra>,
        head: Option<&Head<'_>>,
        reply: Reply,
    ) -> Response {
        let plan = exchange.route.and_then(|route| self.plans.get(route));
        let id = &exchange.request_id;
        let mut response = match reply {
            Ok(response) if extra.is_some_and(|extra| extra.concluded) => response,
            Ok(mut response) => match leave::check(plan, id, &mut response) {
                Ok(()) => response,
                Err(problem) => self.render(plan, id, head, problem),
            },
            Err(problem) => self.render(plan, id, head, problem),
        };
        if let Some(passed) = extra.and_then(|extra| extra.passed.as_ref()) {
            passed.mark(&mut response);
        }
        if self.spec.config.security_headers {
            let seen = extra.and_then(|extra| extra.seen.as_ref()?.secure);
            let own = !self.spec.config.tls_cert.is_empty();
            leave::secure(seen.unwrap_or(own), &mut response);
        }
        if let Some(head) = head {
            if let Some(cors) = &self.cors {
                cors.mark(head, &mut response);
            }
            if let Some(compression) = &self.compression {
                compression.apply(head, &mut response);
            }
        }
        if let Body::Stream(source) = response.body {
            response.body = Body::Stream(Box::new(Told {
                source,
                operation: plan.map(|plan| plan.operation.clone()),
                request_id: exchange.request_id.clone(),
                sent: extra.and_then(|extra| extra.observed.stream(head)),
            }));
        }
        status::answered(response.status);
        if let Some(extra) = extra {
            extra.observed.leaving(&Leaving {
                head,
                plan,
                response: &response,
                id,
            });
        }
        response
    }

    /// The response of a problem, whose cause is told.
    #[cold]
    pub(crate) fn render(
        &self,
        plan: Option<&Plan>,
        id: &RequestId,
        head: Option<&Head<'_>>,
        problem: Problem,
    ) -> Response {
        self.tell(plan, id, &problem);
        self.show(plan, id, head, problem)
    }

    /// Why it went wrong, for the log.
    pub(crate) fn tell(&self, plan: Option<&Plan>, id: &RequestId, problem: &Problem) {
        if let Some(cause) = &problem.cause {
            let operation = plan.map(|plan| plan.operation.as_str());
            log::failure(
                log::Level::Error,
                &problem.code,
                operation,
                id.as_str(),
                cause,
            );
        }
    }

    /// The response of a problem whose cause was told.
    pub(crate) fn show(
        &self,
        plan: Option<&Plan>,
        id: &RequestId,
        head: Option<&Head<'_>>,
        problem: Problem,
    ) -> Response {
        let (config, path) = (&self.spec.config, head.map_or("", Head::path));
        let response = render::problem(problem, config, path, id.as_str());
        match leave::unsendable(&response) {
            None => response,
            Some(wrong) => {
                let problem = Problem::internal("").because(wrong);
                self.tell(plan, id, &problem);
                render::problem(problem, config, path, id.as_str())
            }
        }
    }
}

fn fail(problem: Problem) -> Flow {
    Flow::Done(Err(problem))
}

/// The answer where no route is.
#[cold]
fn unrouted(matched: Matched, head: &Head<'_>) -> Reply {
    let allowed = |problem: Problem, allow: String| {
        if defect("allow-missing") {
            problem
        } else {
            problem.header("allow", allow)
        }
    };
    Err(match matched {
        Matched::Options(allow) => {
            let mut response = Response::empty(204);
            if !defect("allow-missing") {
                response.headers.push(("allow".into(), allow.into()));
            }
            return Ok(response);
        }
        Matched::Redirect(path) => {
            let location = match head.query() {
                "" => path,
                query => format!("{path}?{query}"),
            };
            let mut response = Response::empty(308);
            response.headers.push(("location".into(), location.into()));
            return Ok(response);
        }
        Matched::NotAllowed(allow) => {
            let detail = format!("{} is not allowed here; use one of: {allow}", head.method);
            allowed(Problem::method_not_allowed(detail), allow)
        }
        Matched::UnknownMethod => {
            Problem::not_implemented("the method is not known to this server")
        }
        Matched::NotUtf8 => Problem::malformed_request("the path is not UTF-8"),
        Matched::NotFound | Matched::Route(_) => Problem::not_found("no route matches the path"),
    })
}

/// Calls the endpoint; what its decoder refuses the core checks.
#[inline(always)]
pub(crate) fn perform(
    endpoint: &dyn Endpoint,
    plan: &Plan,
    media: Option<usize>,
    request: Request<'_>,
    context: &mut Context<'_>,
) -> Flow {
    let first = shield(|| endpoint.call(request, context)).unwrap_or_else(failed);
    if !matches!(first, Flow::Refused) {
        return stream::begin(first);
    }
    // The language's decoder refused the body: the core says why, or finds nothing and asks again.
    if let Some(answer) = refused(plan, media, request.body) {
        return answer;
    }
    let validated = Request {
        unvalidated: None,
        ..request
    };
    match shield(|| endpoint.call(validated, context)).unwrap_or_else(failed) {
        Flow::Refused => fail(invalid(Violations {
            list: vec![body::refused()],
            truncated: false,
        })),
        flow => stream::begin(flow),
    }
}

/// Parameters and body together: all violations in one problem, before any user code runs. Gives the schema of a body that
/// is left to the endpoint's decoder.
pub(crate) fn check<'r>(
    plan: &'r Plan,
    media: Option<usize>,
    head: &'r Head<'r>,
    content: &[u8],
    arguments: &mut Arguments<'r>,
) -> Result<Option<&'r Schema>, Problem> {
    let mut violations = Violations::default();
    let mut unvalidated = None;
    params::read(plan, head, arguments, &mut violations)?;
    if defect("validation-off") {
        violations.list.clear();
    }
    if let Some(body) = &plan.body {
        if content.is_empty() {
            if body.required {
                violations.push(body::missing());
            }
        } else if let Some(media) = media.and_then(|media| body.content.get(media)) {
            let decoder =
                plan.decoder_validates && media.kind == Kind::Json && !defect("validation-off");
            match &media.schema {
                Some(schema) if decoder && violations.is_empty() => unvalidated = Some(schema),
                _ => body::check(media, content, &mut violations)?,
            }
        }
    }
    if violations.is_empty() {
        Ok(unvalidated)
    } else {
        Err(invalid(violations))
    }
}

#[cold]
pub(crate) fn invalid(violations: Violations) -> Problem {
    let count = violations.list.len();
    let detail = match count {
        1 => "1 value is not valid".to_owned(),
        _ => format!("{count} values are not valid"),
    };
    let mut problem = Problem::invalid_request(detail);
    problem.violations = violations;
    problem
}

/// The answer to a body that the core refuses as well.
#[cold]
fn refused(plan: &Plan, media: Option<usize>, content: &[u8]) -> Option<Flow> {
    let mut violations = Violations::default();
    let body = plan.body.as_ref()?;
    let media = body.content.get(media?)?;
    match body::check(media, content, &mut violations) {
        Err(problem) => Some(Flow::Done(Err(problem))),
        Ok(()) if violations.is_empty() => None,
        Ok(()) => Some(Flow::Done(Err(invalid(violations)))),
    }
}

fn failed(problem: Problem) -> Flow {
    Flow::Done(Err(problem))
}

/// Runs `handler`; a panic becomes 500.
pub(crate) fn shield<T>(handler: impl FnOnce() -> T) -> Result<T, Problem> {
    catch_unwind(AssertUnwindSafe(handler)).map_err(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a value that is no text".to_owned());
        Problem::internal("").because(format!("panicked: {text}"))
    })
}

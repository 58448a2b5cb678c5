//! The order of one request, as one list. Serves any codec: head in, response out.

use crate::auth::Coming;
use crate::compression::Compression;
use crate::cors::Cors;
use crate::defects::defect;
use crate::flatten;
use crate::freeze::{self, Compiled};
use crate::gate::Passed;
use crate::hooks::{Hooks, Verdict};
use crate::hosts::Hosts;
use crate::listing::RouteLine;
use crate::media::Kind;
use crate::observe::{self, Leaving, Observed, Observer, Target};
use crate::params::{self, Arguments};
use crate::plan::Plan;
use crate::proxies::{Proxies, Seen};
use crate::request_id::RequestId;
use crate::router::{Matched, Router};
use crate::spec::AppSpec;
use crate::status::{self, Counted};
use crate::stream::Told;
use crate::{
    Body, Config, DefinitionError, Endpoint, Flow, Head, Mistake, Passage, Problem, Reply, Request,
    Response, Trailers,
};
use crate::{body, builtin, document, leave, log, render, settings, stream, template};
use spikard_contract::{Schema, Violations};
use std::cell::Cell;
use std::future::Future;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;

/// An app after everything was checked: routes compiled to plans, documents made. Immutable; one per worker.
///
/// ```
/// use spikard::{App, Frozen};
///
/// let app: Frozen = App::new("Shop", "1.0.0").get("/items", || async { "bolts" }).freeze()?;
/// assert_eq!((app.routes().len(), app.config().body_limit), (1, 10 << 20));
/// for document in [app.openapi(), &app.asyncapi()] {
///     assert!(document.starts_with(b"{"));
/// }
/// let (spec, ..) = App::new("Shop", "1.0.0").get("/items", || async { "bolts" }).into_parts();
/// assert_eq!(Frozen::without_handlers(spec)?.openapi(), app.openapi());
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
pub struct Frozen {
    spec: AppSpec,
    pub(crate) plans: Vec<Plan>,
    router: Router,
    pub(crate) endpoints: Vec<Box<dyn Endpoint>>,
    openapi: Vec<u8>,
    listing: Vec<RouteLine>,
    proxies: Option<Proxies>,
    hosts: Option<Hosts>,
    cors: Option<Cors>,
    compression: Option<Compression>,
    /// `None` where nobody looks.
    observer: Option<Rc<Observer>>,
    ready: Rc<Cell<bool>>,
    /// Of requests that no route takes.
    pub(crate) app_hooks: Hooks,
    /// There are hooks anywhere.
    has_hooks: bool,
}

/// A request whose head was accepted: it waits for its body. Owns nothing borrowed.
pub(crate) struct Exchange {
    /// What to do with the body.
    pub(crate) body: BodyPlan,
    /// The handler must answer within this many milliseconds from now on (504).
    pub(crate) timeout_ms: Option<u64>,
    /// Identity of the exchange. The codec writes it as `x-request-id`: it is not among the response's fields, so that
    /// it costs no allocation.
    pub(crate) request_id: RequestId,
    /// The plan; `None` when nothing matched.
    pub(crate) route: Option<usize>,
    /// The declared media type that the body's is.
    pub(crate) media: Option<usize>,
    /// `None` for most requests: behind one pointer, as each request moves its exchange about.
    pub(crate) extra: Option<Box<Extra>>,
    /// Open as long as this exists.
    pub(crate) _counted: Counted,
}

/// What only some requests have.
#[derive(Default)]
pub(crate) struct Extra {
    /// What a proxy says of it.
    pub(crate) seen: Option<Rc<Seen>>,
    /// Fields that came behind its body.
    pub(crate) trailers: Option<Rc<Trailers>>,
    /// What is noted of it for operators.
    pub(crate) observed: Observed,
    /// What the gate of its route found out; `None` where there is none.
    pub(crate) passed: Option<Rc<Passed>>,
    /// What hooks see of it; `None` where no hook looks.
    pub(crate) passage: Option<Rc<Passage>>,
    /// Its reply has passed the hooks.
    pub(crate) concluded: bool,
}

impl Exchange {
    pub(crate) fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    pub(crate) fn passage(&self) -> Option<&Rc<Passage>> {
        self.extra.as_ref()?.passage.as_ref()
    }

    /// Fields came behind its body, or none did.
    pub(crate) fn take_trailers(&mut self, trailers: Option<Rc<Trailers>>) {
        if trailers.is_some() {
            self.extra().trailers = trailers;
        }
    }
}

/// How the codec treats a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BodyPlan {
    /// Bytes accepted; more is 413 (before reading when Content-Length says so).
    pub(crate) limit: u64,
}

/// What the head comes to, before any hook.
pub(crate) enum Found {
    /// The exchange has its route.
    Route,
    Answered(Reply),
    /// The route's guard waits for keys.
    Waits(Coming),
}

/// After the head.
pub(crate) enum Opened {
    /// Answered without the body (404, 405, 415, draining ...): not yet passed through `finish`.
    Refused(Exchange, Reply),
    /// Go on with the body.
    Accepted(Exchange),
    /// Hooks decide: with their verdict, `Frozen::go_on` says one of the other two.
    Held(Exchange, Pin<Box<dyn Future<Output = Verdict>>>),
}

impl Frozen {
    /// Checks `spec` and compiles it; `endpoints` are found by the routes' `handler`. Every mistake is reported.
    /// What the operator sets in the environment wins over `spec.config` ([`crate::settings`]).
    pub fn new(
        mut spec: AppSpec,
        mut endpoints: Vec<Box<dyn Endpoint>>,
    ) -> Result<Self, DefinitionError> {
        let handlers = endpoints.len();
        let mut mistakes = settings::obey(&mut spec.config, |name| std::env::var(name).ok());
        let mut right =
            |wrong: Vec<String>| mistakes.extend(wrong.into_iter().map(Mistake::of_app));
        let proxies = Proxies::new(&spec.config).unwrap_or_else(|wrong| {
            right(wrong);
            None
        });
        let hosts = Hosts::new(&spec.config).unwrap_or_else(|wrong| {
            right(wrong);
            None
        });
        let cors = Cors::new(&spec.config).unwrap_or_else(|wrong| {
            right(wrong);
            None
        });
        let target = Target::of(&spec.config, &spec.title, &spec.version, |name| {
            std::env::var(name).ok()
        });
        let target = target.unwrap_or_else(|wrong| {
            right(vec![wrong]);
            None
        });
        // An app's own route takes the place of a built-in one, in whichever group it stands.
        let own = flatten::operations(&spec);
        let files = flatten::files(&spec);
        let files_from = handlers;
        for mounted in &files {
            match mounted.endpoint(&spec.config) {
                Ok(endpoint) => endpoints.push(endpoint),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        let built_in = builtin::routes(&spec.config, handlers + files.len());
        let first = spec.routes.len();
        spec.routes.extend(
            built_in
                .into_iter()
                .filter(|route| !own.contains(&(route.method.clone(), route.path.clone()))),
        );
        let built_in = first..spec.routes.len();
        let compiled = match freeze::compile(spec, handlers, built_in, files_from) {
            Ok(compiled) if mistakes.is_empty() => compiled,
            compiled => {
                mistakes.extend(compiled.err().unwrap_or_default());
                return Err(DefinitionError { mistakes });
            }
        };
        let Compiled {
            spec,
            routes,
            plans,
            router,
            openapi,
            of_files,
        } = compiled;
        let compression = Compression::new(&spec.config);
        let app_hooks = Hooks::of(&spec.hooks);
        let has_hooks = !plans.iter().all(|plan| plan.hooks.is_empty()) || !app_hooks.is_empty();
        let ready = Rc::new(Cell::new(true));
        let templates = routes.iter().map(|route| template::shown(&route.path));
        let observer = Observer::new(&spec.config, templates.collect(), target);
        let metrics = observer.as_ref().and_then(|observer| observer.metrics());
        endpoints.extend(builtin::endpoints(&spec.config, &openapi, &ready, metrics));
        let listing = routes
            .into_iter()
            .enumerate()
            .filter(|(at, route)| route.handler < handlers || of_files.contains(at))
            .map(|(_, route)| RouteLine::new(route, &spec.config))
            .collect();
        Ok(Self {
            spec,
            plans,
            router,
            endpoints,
            openapi,
            listing,
            proxies,
            hosts,
            cors,
            compression,
            observer,
            ready,
            app_hooks,
            has_hooks,
        })
    }

    /// Checks an app whose callables live elsewhere: for its document and its routes, not for serving.
    pub fn without_handlers(spec: AppSpec) -> Result<Self, DefinitionError> {
        let handlers = spec.handlers();
        Self::new(
            spec,
            (0..handlers)
                .map(|_| Box::new(Elsewhere) as Box<dyn Endpoint>)
                .collect(),
        )
    }

    /// The OpenAPI document, compact JSON.
    pub fn openapi(&self) -> &[u8] {
        &self.openapi
    }

    /// The AsyncAPI document, compact JSON, made when it is asked for.
    pub fn asyncapi(&self) -> Vec<u8> {
        document::make_asyncapi(&self.spec)
    }

    /// The app's routes, flattened, in the order declared.
    pub fn routes(&self) -> &[RouteLine] {
        &self.listing
    }

    /// Options of the app.
    pub fn config(&self) -> &Config {
        &self.spec.config
    }

    /// What `/health/ready` says; the server's drain sets it to `false`.
    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.set(ready);
    }

    /// The worker ends: what was seen is handed to whoever collects it.
    pub(crate) fn flush(&self) {
        if let Some(observer) = &self.observer {
            observer.flush();
        }
    }

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
            log::failure("error", &problem.code, operation, id.as_str(), cause);
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

impl std::fmt::Debug for Frozen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frozen")
            .field("routes", &self.listing)
            .finish_non_exhaustive()
    }
}

/// Stands for a callable of another process.
struct Elsewhere;

impl Endpoint for Elsewhere {
    fn call(&self, _: Request<'_>, _: &mut Context<'_>) -> Flow {
        fail(Problem::unavailable("this process only describes the app"))
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

//! Who is let in: the ways that a route accepts, tried in order, before any hook and any byte of the body. Knows no route.

mod der;
mod jwks;
mod keys;
mod principal;
mod secrets;
mod spec;
#[cfg(test)]
mod tests;
mod token;

pub use crate::native::{Caller, Claims};
pub use principal::Principal;
pub use spec::{
    Algorithm, ApiKeySpec, AuthSpec, BasicSpec, BearerSpec, KeyPlace, KeySpec, Secret, UserSpec,
};

use crate::defects::defect;
use crate::{Head, Problem};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
pub(crate) use jwks::Coming;
use secrets::Secrets;
use serde_json::{Map, Value, json};
use std::rc::Rc;
use token::{Refused, Tokens};

/// The ways of one route.
#[derive(Clone)]
pub(crate) struct Guard(Rc<[Way]>);

struct Way {
    scheme: Rc<Scheme>,
    scopes: Vec<String>,
}

/// One way, whatever its scopes.
struct Scheme {
    check: Check,
    /// What a 401 says of it (RFC 9110 section 11.6.1), without an error.
    challenge: String,
}

enum Check {
    Token(Box<Tokens>),
    Key(ApiKeySpec, Secrets),
    User(Secrets),
    Anyone,
}

/// What a guard says.
pub(crate) enum Checked {
    /// `None`: a request without credentials, where that will do.
    In(Option<Rc<Principal>>),
    Out(Problem),
    /// It depends on keys that may come: ask again then, and take what is said as the last word.
    Later(Coming),
}

/// What a request has for one way.
enum Shown {
    Nothing,
    Good(Option<Rc<Principal>>),
    Wrong(&'static str),
    Unknown,
}

impl Guard {
    /// `waits`: newer keys may be waited for.
    pub(crate) fn check(&self, head: &Head<'_>, waits: bool) -> Checked {
        if defect("auth-skipped") {
            return Checked::In(None);
        }
        let mut missing: Option<&Way> = None;
        let mut wrong: Option<(&Way, &'static str)> = None;
        let mut nobody = false;
        for way in self.0.iter() {
            match way.scheme.shown(head) {
                Shown::Nothing => {}
                Shown::Good(None) => nobody = true,
                Shown::Good(Some(principal)) => {
                    if principal.may(&way.scopes) || defect("scopes-ignored") {
                        return Checked::In(Some(principal));
                    }
                    missing = Some(way);
                }
                Shown::Wrong(why) => wrong = wrong.or(Some((way, why))),
                Shown::Unknown => {
                    if let Check::Token(tokens) = &way.scheme.check {
                        if waits && let Some(coming) = tokens.keys().coming() {
                            return Checked::Later(coming);
                        }
                        if tokens.keys().is_empty() {
                            return Checked::Out(no_keys());
                        }
                    }
                    wrong = wrong.or(Some((way, "the token names a key that is not known")));
                }
            }
        }
        match (missing, wrong) {
            (Some(way), _) => Checked::Out(way.forbid()),
            (None, None) if nobody => Checked::In(None),
            (None, wrong) => Checked::Out(self.refuse(wrong)),
        }
    }

    #[cold]
    fn refuse(&self, wrong: Option<(&Way, &'static str)>) -> Problem {
        let detail = wrong.map_or("send credentials", |(_, why)| why);
        let mut problem = Problem::unauthenticated(detail);
        for way in self.0.iter() {
            let mut challenge = way.scheme.challenge.clone();
            if let (Check::Token(_), Some((of, why))) = (&way.scheme.check, wrong)
                && std::ptr::eq(of, way)
            {
                // RFC 6750 section 3.1.
                challenge += &format!(", error=\"invalid_token\", error_description=\"{why}\"");
            }
            if !challenge.is_empty() {
                problem = problem.header("www-authenticate", challenge);
            }
        }
        problem
    }
}

#[cold]
fn no_keys() -> Problem {
    Problem::unavailable("the keys that verify tokens are not here yet").header("retry-after", "5")
}

impl Way {
    #[cold]
    fn forbid(&self) -> Problem {
        let scopes = self.scopes.join(" ");
        let problem = Problem::forbidden(format!("the scope that is needed: {scopes}"));
        match &self.scheme.check {
            Check::Token(_) => {
                let challenge = &self.scheme.challenge;
                let error =
                    format!("{challenge}, error=\"insufficient_scope\", scope=\"{scopes}\"");
                problem.header("www-authenticate", error)
            }
            _ => problem,
        }
    }
}

impl Scheme {
    fn shown(&self, head: &Head<'_>) -> Shown {
        match &self.check {
            Check::Token(tokens) => match authorization(head, "bearer") {
                None => Shown::Nothing,
                Some(Err(why)) => Shown::Wrong(why),
                Some(Ok(token)) => match tokens.verify(token) {
                    Ok(principal) => Shown::Good(Some(principal)),
                    Err(Refused::Because(why)) => Shown::Wrong(why),
                    Err(Refused::UnknownKey) => Shown::Unknown,
                },
            },
            Check::User(users) => match authorization(head, "basic") {
                None => Shown::Nothing,
                Some(Err(why)) => Shown::Wrong(why),
                Some(Ok(pair)) => match BASE64_STANDARD.decode(pair) {
                    Err(_) => Shown::Wrong("the credentials are not base64"),
                    Ok(pair) => whose(users, &pair, "the name or the password is wrong"),
                },
            },
            Check::Key(spec, keys) => match secrets::sent_keys(spec, head).as_slice() {
                [] => Shown::Nothing,
                [key] => whose(keys, key, "the key is not known"),
                _ => Shown::Wrong("the key is sent more than once"),
            },
            Check::Anyone => Shown::Good(None),
        }
    }
}

fn whose(secrets: &Secrets, secret: &[u8], wrong: &'static str) -> Shown {
    match secrets.find(secret) {
        Some(principal) => Shown::Good(Some(principal)),
        None => Shown::Wrong(wrong),
    }
}

/// What follows the name of the scheme in `Authorization` (RFC 9110 section 11.6.2); `None` where another scheme is used.
fn authorization<'h>(head: &Head<'h>, scheme: &str) -> Option<Result<&'h str, &'static str>> {
    let mut fields = head.headers.all("authorization");
    let field = fields.next()?;
    let (name, rest) = field.split_at_checked(scheme.len())?;
    if !name.eq_ignore_ascii_case(scheme.as_bytes())
        || rest.first().is_some_and(|byte| *byte != b' ')
    {
        return None;
    }
    if fields.next().is_some() {
        return Some(Err("the credentials are sent more than once"));
    }
    let rest = std::str::from_utf8(rest).map(|rest| rest.trim_matches(' '));
    Some(match rest {
        Ok(rest) if !rest.is_empty() => Ok(rest),
        _ => Err("the credentials are malformed"),
    })
}

/// The ways of a whole app: each is made once, however many routes have it.
#[derive(Default)]
pub(crate) struct Schemes {
    /// Without scopes; `None` where it is wrong, which was told.
    made: Vec<(AuthSpec, Option<Rc<Scheme>>)>,
    names: Vec<Option<String>>,
    guards: Vec<(Vec<AuthSpec>, Option<Guard>)>,
}

impl Schemes {
    /// The guard for these ways; `None` for none. What is wrong goes to `wrong`, once.
    pub(crate) fn guard(
        &mut self,
        ways: &[AuthSpec],
        title: &str,
        wrong: &mut Vec<String>,
    ) -> Option<Guard> {
        if ways.is_empty() {
            return None;
        }
        if let Some((_, guard)) = self.guards.iter().find(|(own, _)| own == ways) {
            return guard.clone();
        }
        let mut list = Vec::new();
        for spec in ways {
            if spec.kind().is_none() && !spec.scopes.is_empty() {
                wrong.push("auth: nobody in particular has scopes; leave them out".to_owned());
            }
            let at = self.place(spec, title, wrong);
            list.extend(self.made[at].1.as_ref().map(|scheme| Way {
                scheme: Rc::clone(scheme),
                scopes: spec.scopes.clone(),
            }));
        }
        // With a way that is wrong the app does not start.
        let guard = (!list.is_empty()).then(|| Guard(list.into()));
        self.guards.push((ways.to_vec(), guard.clone()));
        guard
    }

    fn place(&mut self, spec: &AuthSpec, title: &str, wrong: &mut Vec<String>) -> usize {
        let bare = spec.without_scopes();
        if let Some(at) = self.made.iter().position(|(own, _)| *own == bare) {
            return at;
        }
        let scheme = match make(&bare, title) {
            Ok(scheme) => Some(Rc::new(scheme)),
            Err(message) => {
                wrong.push(format!("auth: {message}"));
                None
            }
        };
        let name = self.name(&bare);
        self.made.push((bare, scheme));
        self.names.push(name);
        self.made.len() - 1
    }

    fn name(&self, spec: &AuthSpec) -> Option<String> {
        let base = spec
            .kind()
            .map(|kind| spec.name.as_deref().unwrap_or(kind))?;
        let taken = |name: &str| self.names.iter().flatten().any(|own| own == name);
        let numbered = (2..).map(|number| format!("{base}{number}"));
        std::iter::once(base.to_owned())
            .chain(numbered)
            .find(|name| !taken(name))
    }

    /// `security` of an operation (OpenAPI 3.1, "Security Requirement Object").
    pub(crate) fn requirements(&self, ways: &[AuthSpec]) -> Vec<Value> {
        let requirement = |spec: &AuthSpec| {
            let bare = spec.without_scopes();
            let at = self.made.iter().position(|(own, _)| *own == bare);
            match at.and_then(|at| self.names[at].as_ref()) {
                Some(name) => json!({name: spec.scopes}),
                None => json!({}),
            }
        };
        ways.iter().map(requirement).collect()
    }

    /// `components.securitySchemes` (OpenAPI 3.1, "Security Scheme Object").
    pub(crate) fn described(&self) -> Map<String, Value> {
        let mut described = Map::new();
        for ((spec, _), name) in self.made.iter().zip(&self.names) {
            let Some(name) = name else { continue };
            let mut scheme = match (&spec.bearer, &spec.api_key) {
                (Some(_), _) => {
                    json!({"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
                }
                (_, Some(key)) => json!({"type": "apiKey", "in": key.place, "name": key.field}),
                _ => json!({"type": "http", "scheme": "basic"}),
            };
            if let Some(text) = &spec.description {
                scheme["description"] = text.as_str().into();
            }
            described.insert(name.clone(), scheme);
        }
        described
    }
}

fn make(spec: &AuthSpec, title: &str) -> Result<Scheme, String> {
    let quoted = |text: &str| {
        text.replace(['"', '\\'], "'")
            .replace(|c: char| !(' '..='~').contains(&c), "?")
    };
    let realm = |own: Option<&String>| quoted(own.map_or(title, String::as_str));
    let (check, challenge) = match (&spec.bearer, &spec.api_key, &spec.basic) {
        (Some(bearer), None, None) => (
            Check::Token(Box::new(Tokens::new(bearer)?)),
            format!("Bearer realm=\"{}\"", realm(None)),
        ),
        (None, Some(key), None) => (
            Check::Key(key.clone(), Secrets::keys(spec, key)?),
            format!("ApiKey realm=\"{}\", name=\"{}\"", realm(None), key.field),
        ),
        (None, None, Some(basic)) => (
            Check::User(Secrets::users(spec, basic)?),
            format!(
                "Basic realm=\"{}\", charset=\"UTF-8\"",
                realm(basic.realm.as_ref())
            ),
        ),
        (None, None, None) => (Check::Anyone, String::new()),
        _ => {
            return Err(
                "one way is one of bearer, api_key and basic; write the others as further ways"
                    .to_owned(),
            );
        }
    };
    Ok(Scheme { check, challenge })
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ways = self
            .0
            .iter()
            .map(|way| (&way.scheme.challenge, &way.scopes));
        out.debug_list().entries(ways).finish()
    }
}

//! A request on its way past the hooks of an app: what they see of it and what they may edit. Runs nothing.

use crate::auth::Principal;
use crate::gate::Passed;
use crate::head::{Field, is_token};
use crate::request_id::RequestId;
use crate::spec::Moment;
use crate::{Head, Headers, Problem, Response, Trailers};
use std::any::Any;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;

/// One request and its response as hooks see them. What a hook edits is seen by all that follows: later hooks, validation,
/// the handler, the pipeline.
///
/// Nothing of it stays borrowed: a hook may wait and look again. The request is edited while a hook runs, and only then.
///
/// ```
/// use spikard::{App, Moment, Passage, Problem, TestClient};
/// use std::rc::Rc;
///
/// #[derive(Clone)]
/// struct Began(String);
///
/// async fn first(passage: Rc<Passage>) -> Result<(), Problem> {
///     assert_eq!((passage.moment(), passage.method().as_str()), (Some(Moment::OnRequest), "POST"));
///     assert_eq!((passage.target().as_str(), passage.peer()), ("/items?a=1", None));
///     passage.keep(Began(passage.request_id().to_owned()));
///     passage.set_query("b=2").map_err(Problem::internal)?;
///     passage.set_header("x-mark", b"1").map_err(Problem::internal)?;
///     passage.add_header("x-mark", b"2").map_err(Problem::internal)?;
///     passage.remove_header("cookie").map_err(Problem::internal)
/// }
///
/// async fn second(passage: Rc<Passage>) -> Result<(), Problem> {
///     assert!(passage.principal().is_none(), "the route lets everybody in");
///     assert_eq!(passage.look(|head| head.headers.all("x-mark").count()), 2);
///     let mut body = passage.body().to_vec();
///     body.reverse();
///     passage.set_body(body).map_err(Problem::internal)
/// }
///
/// async fn last(passage: Rc<Passage>) {
///     assert_eq!((passage.header("cookie"), passage.header("x-mark")), (None, Some(b"1".to_vec())));
///     let status = passage.response(|response| response.status);
///     assert_eq!(status, Some(404));
///     let began = passage.kept::<Began>().map(|kept| kept.0.clone()).unwrap_or_default();
///     passage.set_response_head(410, vec![("x-began".into(), began.into())], None);
/// }
///
/// async fn failed(passage: Rc<Passage>) {
///     assert_eq!(passage.problem(|problem| problem.detail.to_string()).as_deref(), Some("?b=2 cba"));
/// }
///
/// let app = App::new("Shop", "1.0.0")
///     .hook(Moment::OnRequest, first)
///     .hook(Moment::PreValidation, second)
///     .hook(Moment::OnError, failed)
///     .hook(Moment::OnResponse, last)
///     .post("/items", |spikard::Text(text): spikard::Text| async move { Err::<(), _>(Problem::not_found(format!("?b=2 {text}"))) });
/// let answer = TestClient::new(app)?.post("/items?a=1").header("cookie", "a=1").header("x-request-id", "t-1").body("text/plain", "abc").wait();
/// assert_eq!((answer.status, answer.header("x-began")), (410, Some("t-1")));
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[derive(Debug)]
pub struct Passage {
    moment: Cell<Option<Moment>>,
    lines: RefCell<Rc<Lines>>,
    body: RefCell<Rc<Vec<u8>>>,
    trailers: RefCell<Option<Rc<Trailers>>>,
    request_id: RequestId,
    peer: Option<SocketAddr>,
    passed: Option<Rc<Passed>>,
    response: RefCell<Option<Response>>,
    problem: RefCell<Option<Problem>>,
    kept: RefCell<Vec<Rc<dyn Any>>>,
}

/// What is wrong with an edit of a request while no hook runs, and where none ever does.
///
/// ```
/// use spikard::{App, Moment, ONLY_HOOKS, Passage, TestClient};
/// use std::rc::Rc;
///
/// let app = App::new("Late", "1.0.0").hook(Moment::PreHandler, |passage: Rc<Passage>| async move {
///     passage.keep(Rc::downgrade(&passage));
/// }).get("/", |spikard::Kept(passage): spikard::Kept<std::rc::Weak<Passage>>| async move {
///     passage.upgrade().and_then(|passage| passage.set_query("a").err()).unwrap_or_default()
/// });
/// assert_eq!(TestClient::new(app)?.get("/").wait().text(), ONLY_HOOKS);
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
pub const ONLY_HOOKS: &str = "only hooks edit a request";

/// The head of a request, owned.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    method: String,
    target: String,
    /// The names are tokens.
    fields: Vec<OwnedField>,
}

/// Name and value.
type OwnedField = (Box<[u8]>, Box<[u8]>);

impl Lines {
    /// The fields as [`Lines::head`] borrows them.
    pub(crate) fn fields(&self) -> Vec<Field<'_>> {
        self.fields
            .iter()
            .map(|(name, value)| Field { name, value })
            .collect()
    }

    pub(crate) fn head<'l>(&'l self, fields: &'l [Field<'l>]) -> Head<'l> {
        Head {
            method: &self.method,
            target: &self.target,
            headers: Headers(fields),
        }
    }
}

impl Passage {
    pub(crate) fn of(
        head: &Head<'_>,
        request_id: RequestId,
        peer: Option<SocketAddr>,
        passed: Option<Rc<Passed>>,
    ) -> Self {
        let fields = head.headers.0.iter();
        Self {
            moment: Cell::new(None),
            lines: RefCell::new(Rc::new(Lines {
                method: head.method.to_owned(),
                target: head.target.to_owned(),
                fields: fields
                    .map(|field| (field.name.into(), field.value.into()))
                    .collect(),
            })),
            body: RefCell::default(),
            trailers: RefCell::default(),
            request_id,
            peer,
            passed,
            response: RefCell::default(),
            problem: RefCell::default(),
            kept: RefCell::default(),
        }
    }

    /// Where it is; `None` while no hook runs.
    pub fn moment(&self) -> Option<Moment> {
        self.moment.get()
    }

    /// As sent.
    pub fn method(&self) -> String {
        self.lines.borrow().method.clone()
    }

    /// Path and query.
    pub fn target(&self) -> String {
        self.lines.borrow().target.clone()
    }

    /// Identity of the exchange.
    pub fn request_id(&self) -> &str {
        self.request_id.as_str()
    }

    /// Address of the peer, `None` in process.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Who it comes from; `None` where the route lets everybody in, or anybody did.
    pub fn principal(&self) -> Option<Rc<Principal>> {
        self.passed.as_ref()?.principal()
    }

    /// The first value of the header field `name`; names compare without case.
    pub fn header(&self, name: &str) -> Option<Vec<u8>> {
        self.look(|head| head.headers.get(name).map(<[u8]>::to_vec))
    }

    /// Looks at the head as it is now.
    pub fn look<R>(&self, look: impl FnOnce(&Head<'_>) -> R) -> R {
        let lines = self.lines();
        look(&lines.head(&lines.fields()))
    }

    /// Replaces every value of the header field `name` by one.
    ///
    /// # Errors
    /// What is wrong with the name or the value (RFC 9110 section 5); or that no hook runs.
    pub fn set_header(&self, name: &str, value: &[u8]) -> Result<(), String> {
        check(name, value)?;
        self.remove_header(name)?;
        self.add_header(name, value)
    }

    /// Adds a value of the header field `name` to those that are there.
    ///
    /// # Errors
    /// As [`Passage::set_header`].
    pub fn add_header(&self, name: &str, value: &[u8]) -> Result<(), String> {
        check(name, value)?;
        self.edit(|lines| lines.fields.push((name.as_bytes().into(), value.into())))
    }

    /// Removes every value of the header field `name`.
    ///
    /// # Errors
    /// While no hook runs.
    pub fn remove_header(&self, name: &str) -> Result<(), String> {
        let other = |field: &OwnedField| !field.0.eq_ignore_ascii_case(name.as_bytes());
        self.edit(|lines| lines.fields.retain(other))
    }

    /// Replaces the query string, without `?`; empty for none. The path stays: the route is chosen already.
    ///
    /// # Errors
    /// While no hook runs, and when it holds what no target may: a space, `#`, a control character, a letter beyond ASCII (RFC 3986 section 3.4).
    pub fn set_query(&self, query: &str) -> Result<(), String> {
        if let Some(wrong) = query.chars().find(|c| !c.is_ascii_graphic() || *c == '#') {
            return Err(format!(
                "{wrong:?} cannot stand in a query string; percent-encode it"
            ));
        }
        self.edit(|lines| {
            let path = lines.target.find('?').unwrap_or(lines.target.len());
            lines.target.truncate(path);
            if !query.is_empty() {
                lines.target.push('?');
                lines.target.push_str(query);
            }
        })
    }

    /// The whole body; empty before [`Moment::PreValidation`].
    pub fn body(&self) -> Rc<Vec<u8>> {
        Rc::clone(&self.body.borrow())
    }

    /// Replaces the body. What is set before it was read is replaced by it.
    ///
    /// # Errors
    /// While no hook runs.
    pub fn set_body(&self, body: Vec<u8>) -> Result<(), String> {
        self.check_moment()?;
        self.put_body(body);
        Ok(())
    }

    /// The response at [`Moment::OnResponse`], to be looked at and edited; `None` before. A status or a field that cannot be
    /// sent becomes a 500 later.
    pub fn response<R>(&self, edit: impl FnOnce(&mut Response) -> R) -> Option<R> {
        self.response.borrow_mut().as_mut().map(edit)
    }

    /// Replaces all of the response but its content.
    pub fn set_response_head(
        &self,
        status: u16,
        headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
        content_type: Option<String>,
    ) {
        self.response(|response| {
            response.status = status;
            response.headers = headers;
            response.content_type = content_type.map(Cow::Owned);
        });
    }

    /// The problem at [`Moment::OnError`]; `None` before.
    pub fn problem<R>(&self, look: impl FnOnce(&Problem) -> R) -> Option<R> {
        self.problem.borrow().as_ref().map(look)
    }

    /// What [`Passage::keep`] was given last of this type.
    pub fn kept<T: 'static>(&self) -> Option<Rc<T>> {
        let kept = self.kept.borrow();
        kept.iter()
            .find_map(|value| Rc::clone(value).downcast().ok())
    }

    /// Keeps a value, one of each type, for those who come later.
    pub fn keep<T: 'static>(&self, value: T) {
        let value: Rc<dyn Any> = Rc::new(value);
        let same = |other: &Rc<dyn Any>| other.is::<T>();
        let mut kept = self.kept.borrow_mut();
        let before = match kept.iter().position(same) {
            Some(at) => Some(std::mem::replace(&mut kept[at], value)),
            None => {
                kept.push(value);
                None
            }
        };
        drop(kept);
        // After the borrow: dropping may run a host's code.
        drop(before);
    }

    pub(crate) fn lines(&self) -> Rc<Lines> {
        Rc::clone(&self.lines.borrow())
    }

    pub(crate) fn id(&self) -> &RequestId {
        &self.request_id
    }

    pub(crate) fn come_to(&self, moment: Option<Moment>) {
        self.moment.set(moment);
    }

    pub(crate) fn trailers(&self) -> Option<Rc<Trailers>> {
        self.trailers.borrow().clone()
    }

    pub(crate) fn put_trailers(&self, trailers: Option<Rc<Trailers>>) {
        self.trailers.replace(trailers);
    }

    pub(crate) fn put_response(&self, response: Option<Response>) -> Option<Response> {
        self.response.replace(response)
    }

    pub(crate) fn put_problem(&self, problem: Option<Problem>) -> Option<Problem> {
        self.problem.replace(problem)
    }

    pub(crate) fn put_body(&self, body: Vec<u8>) {
        self.body.replace(Rc::new(body));
    }

    fn edit(&self, edit: impl FnOnce(&mut Lines)) -> Result<(), String> {
        self.check_moment()?;
        edit(Rc::make_mut(&mut self.lines.borrow_mut()));
        Ok(())
    }

    fn check_moment(&self) -> Result<(), String> {
        match self.moment.get() {
            Some(_) => Ok(()),
            None => Err(ONLY_HOOKS.to_owned()),
        }
    }
}

fn check(name: &str, value: &[u8]) -> Result<(), String> {
    if !is_token(name) {
        return Err(format!(
            "header name {name:?} is not a token (RFC 9110 section 5.1)"
        ));
    }
    match value
        .iter()
        .any(|byte| byte.is_ascii_control() && *byte != b'\t')
    {
        true => Err(format!("header {name} holds a control character")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage() -> Passage {
        let fields = [
            Field {
                name: b"Accept",
                value: b"a/b",
            },
            Field {
                name: b"X-Tag",
                value: b"1",
            },
            Field {
                name: b"x-tag",
                value: b"2",
            },
        ];
        let head = Head {
            method: "GET",
            target: "/items?a=1",
            headers: Headers(&fields),
        };
        let passage = Passage::of(&head, RequestId::generate(), None, None);
        passage.come_to(Some(Moment::OnRequest));
        passage
    }

    #[test]
    fn a_request_is_edited_while_a_hook_runs_alone() {
        let passage = passage();
        passage.come_to(None);
        let refused = Err(ONLY_HOOKS.to_owned());
        assert_eq!(passage.set_header("accept", b"c/d"), refused);
        assert_eq!(passage.add_header("accept", b"c/d"), refused);
        assert_eq!(passage.remove_header("accept"), refused);
        assert_eq!(passage.set_query("b=2"), refused);
        assert_eq!(passage.set_body(b"body".to_vec()), refused);
        assert_eq!(passage.header("accept"), Some(b"a/b".to_vec()));
        assert_eq!(
            (passage.target().as_str(), passage.body().len()),
            ("/items?a=1", 0)
        );
    }

    #[test]
    fn fields_are_replaced_and_removed_whatever_their_case() {
        let passage = passage();
        passage.set_header("x-TAG", b"3").expect("a field");
        assert_eq!(passage.look(|head| head.headers.all("x-tag").count()), 1);
        assert_eq!(passage.header("X-Tag"), Some(b"3".to_vec()));
        passage.add_header("x-tag", b"4").expect("a field");
        assert_eq!(passage.look(|head| head.headers.all("x-tag").count()), 2);
        passage.remove_header("ACCEPT").expect("a hook runs");
        assert_eq!(passage.header("accept"), None);
        assert!(passage.set_header("x y", b"").is_err());
        assert!(passage.set_header("x", b"1\r\n").is_err());
    }

    #[test]
    fn the_query_is_replaced_and_the_path_stays() {
        let passage = passage();
        for (query, target) in [("b=2&c", "/items?b=2&c"), ("", "/items"), ("?", "/items??")] {
            passage.set_query(query).expect("a query");
            assert_eq!(passage.target(), target);
        }
        for wrong in ["a b", "a#b", "a\nb", "é"] {
            assert!(passage.set_query(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_looked_at_is_not_changed_by_an_edit_meanwhile() {
        let passage = passage();
        passage.look(|head| {
            passage.set_header("accept", b"c/d").expect("a field");
            assert_eq!(head.headers.get("accept"), Some(&b"a/b"[..]));
        });
        assert_eq!(passage.header("accept"), Some(b"c/d".to_vec()));
    }

    #[test]
    fn one_value_of_each_type_is_kept() {
        let passage = passage();
        assert!(passage.kept::<u8>().is_none());
        passage.keep(1_u8);
        passage.keep("text");
        passage.keep(2_u8);
        assert_eq!(passage.kept::<u8>().as_deref(), Some(&2));
        assert_eq!(passage.kept::<&str>().as_deref(), Some(&"text"));
    }
}

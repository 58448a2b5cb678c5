//! Method and path to a route. Static before parameter before rest; segments are compared after one percent-decoding.
//! Knows nothing of plans: a route is a number.

use crate::config::TrailingSlash;
use crate::head::{find, is_same};
use crate::template::Segment;
use spikard_contract::urlencoded::percent_decode;

/// Methods that are known without being registered: RFC 9110 section 9, PATCH (RFC 5789), QUERY.
const KNOWN: &[&str] = &[
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "QUERY", "OPTIONS", "TRACE", "CONNECT",
];

/// As the method of a route: every method, those included that nobody knows. Such a route takes the place below its path as
/// well: its rest may be empty.
pub(crate) const ANY: &str = "*";

/// Where a request goes.
#[derive(Debug, PartialEq)]
pub(crate) enum Matched {
    /// To this route.
    Route(usize),
    /// OPTIONS that no route declares: 204 with this `allow`.
    Options(String),
    /// 405 with this `allow`.
    NotAllowed(String),
    /// 404.
    NotFound,
    /// 501.
    UnknownMethod,
    /// 400: percent-decoding gives no UTF-8.
    NotUtf8,
    /// 308 to this path.
    Redirect(String),
}

/// A tree of segments; each node is at one depth, so a search visits it at most once.
#[derive(Debug, Default)]
pub(crate) struct Router {
    nodes: Vec<Node>,
    /// Nodes whose way has static segments alone, by the length of their path: found without a walk.
    fixed: Vec<Vec<(Box<str>, usize)>>,
    custom: Vec<String>,
    trailing_slash: Option<TrailingSlash>,
}

#[derive(Debug, Default)]
struct Node {
    /// Sorted by text.
    statics: Vec<(Box<str>, usize)>,
    parameter: Option<usize>,
    /// Routes that end here.
    routes: Vec<(Box<str>, usize)>,
    /// Routes that take the rest from here on.
    rests: Vec<(Box<str>, usize)>,
}

impl Router {
    pub(crate) fn new(trailing_slash: TrailingSlash) -> Self {
        Self {
            nodes: vec![Node::default()],
            fixed: Vec::new(),
            custom: Vec::new(),
            trailing_slash: Some(trailing_slash),
        }
    }

    /// Adds a route; the one that cannot be told apart from it, if there is one, is returned and kept.
    pub(crate) fn add(
        &mut self,
        method: &str,
        segments: &[Segment],
        route: usize,
    ) -> Result<(), usize> {
        let mut at = 0;
        let mut rest = false;
        for segment in segments {
            match segment {
                Segment::Static(text) => at = self.static_child(at, text),
                Segment::Parameter(_) => {
                    at = match self.nodes[at].parameter {
                        Some(child) => child,
                        None => {
                            let child = self.grow();
                            self.nodes[at].parameter = Some(child);
                            child
                        }
                    }
                }
                Segment::Rest(_) => rest = true,
            }
        }
        let node = &mut self.nodes[at];
        let list = if rest {
            &mut node.rests
        } else {
            &mut node.routes
        };
        if let Some((_, other)) = list.iter().find(|(known, _)| **known == *method) {
            return Err(*other);
        }
        list.push((method.into(), route));
        self.fix(segments, at);
        let known = method == ANY || KNOWN.contains(&method);
        if !known && !self.custom.iter().any(|known| known == method) {
            self.custom.push(method.to_owned());
        }
        Ok(())
    }

    /// Notes the path of the node `at`, where there is but one.
    fn fix(&mut self, segments: &[Segment], at: usize) {
        let mut path = String::new();
        for segment in segments {
            match segment {
                Segment::Static(text) => path.extend(["/", text]),
                _ => return,
            }
        }
        if self.fixed.len() <= path.len() {
            self.fixed.resize_with(path.len() + 1, Vec::new);
        }
        let known = &mut self.fixed[path.len()];
        if !known.iter().any(|(other, _)| **other == *path) {
            known.push((path.into(), at));
        }
    }

    fn grow(&mut self) -> usize {
        self.nodes.push(Node::default());
        self.nodes.len() - 1
    }

    fn static_child(&mut self, at: usize, text: &str) -> usize {
        match self.nodes[at]
            .statics
            .binary_search_by(|(known, _)| (**known).cmp(text))
        {
            Ok(found) => self.nodes[at].statics[found].1,
            Err(place) => {
                let child = self.grow();
                self.nodes[at].statics.insert(place, (text.into(), child));
                child
            }
        }
    }

    /// Where `method path` goes; `path` is raw.
    pub(crate) fn find(&self, method: &str, path: &str) -> Matched {
        if let Some(route) = self.find_fixed(method, path) {
            return Matched::Route(route);
        }
        let encoded = find(b'%', path).is_some();
        if encoded && percent_decode(path).is_err() {
            return Matched::NotUtf8;
        }
        if let Some(route) = self.route(method, path, encoded) {
            return Matched::Route(route);
        }
        self.elsewhere(method, path, encoded)
    }

    /// What a walk would find first. One for HEAD looks at every node before it turns to GET.
    fn find_fixed(&self, method: &str, path: &str) -> Option<usize> {
        let known = self.fixed.get(path.len())?.iter();
        let (_, node) = known.into_iter().find(|(known, _)| is_same(known, path))?;
        let routes = &self.nodes[*node].routes;
        (method != "HEAD").then(|| pick_or_any(routes, method))?
    }

    fn route(&self, method: &str, path: &str, encoded: bool) -> Option<usize> {
        let rest = path.strip_prefix('/')?;
        if method == "HEAD" {
            let own = self.walk(0, rest, encoded, &mut |routes| pick(routes, method));
            return own
                .or_else(|| self.walk(0, rest, encoded, &mut |routes| pick_or_any(routes, "GET")));
        }
        self.walk(0, rest, encoded, &mut |routes| pick_or_any(routes, method))
    }

    #[cold]
    fn elsewhere(&self, method: &str, path: &str, encoded: bool) -> Matched {
        if !KNOWN.contains(&method) && !self.custom.iter().any(|known| known == method) {
            return Matched::UnknownMethod;
        }
        let methods = self.methods(path, encoded);
        if !methods.is_empty() {
            let allow = allow(methods);
            return if method == "OPTIONS" {
                Matched::Options(allow)
            } else {
                Matched::NotAllowed(allow)
            };
        }
        let other = match path.strip_suffix('/') {
            Some(shorter) if !shorter.is_empty() => shorter.to_owned(),
            _ => format!("{path}/"),
        };
        match self.trailing_slash {
            Some(TrailingSlash::Ignore) => {
                if let Some(route) = self.route(method, &other, encoded) {
                    return Matched::Route(route);
                }
                match self.methods(&other, encoded) {
                    methods if methods.is_empty() => Matched::NotFound,
                    methods if method == "OPTIONS" => Matched::Options(allow(methods)),
                    methods => Matched::NotAllowed(allow(methods)),
                }
            }
            // `//host` would lead to another host.
            Some(TrailingSlash::Redirect)
                if !other.starts_with("//") && !self.methods(&other, encoded).is_empty() =>
            {
                Matched::Redirect(other)
            }
            _ => Matched::NotFound,
        }
    }

    /// The methods of `path` as a list, `None` where no route is.
    pub(crate) fn allowed(&self, path: &str) -> Option<String> {
        let methods = self.methods(path, path.contains('%'));
        (!methods.is_empty()).then(|| allow(methods))
    }

    /// Methods of every route that matches `path`; of the whole app for `*` (RFC 9110 section 9.3.7).
    fn methods(&self, path: &str, encoded: bool) -> Vec<&str> {
        let mut methods = Vec::new();
        if path == "*" {
            methods.extend(
                self.nodes
                    .iter()
                    .flat_map(|node| node.routes.iter().chain(&node.rests))
                    .map(|(method, _)| &**method),
            );
        } else if let Some(rest) = path.strip_prefix('/') {
            self.walk::<()>(0, rest, encoded, &mut |routes| {
                methods.extend(routes.iter().map(|(method, _)| &**method));
                None
            });
        }
        methods
    }

    /// Offers the routes of each matching node, best first, until `take` takes one.
    fn walk<'s, T>(
        &'s self,
        at: usize,
        rest: &str,
        encoded: bool,
        take: &mut impl FnMut(&'s [(Box<str>, usize)]) -> Option<T>,
    ) -> Option<T> {
        let node = &self.nodes[at];
        // Segments are short: looking at each byte costs less than a search.
        let (raw, after) = match rest.bytes().position(|byte| byte == b'/') {
            Some(end) => (&rest[..end], Some(&rest[end + 1..])),
            None => (rest, None),
        };
        let go = |child: usize, take: &mut _| match after {
            Some(after) => self.walk(child, after, encoded, take),
            None => self.end(child, take),
        };
        let found = if encoded && raw.contains('%') {
            let decoded = percent_decode(raw).ok()?;
            node.child(&decoded)
        } else {
            node.child(raw)
        };
        if let Some(child) = found
            && let Some(taken) = go(child, take)
        {
            return Some(taken);
        }
        if !raw.is_empty()
            && let Some(child) = node.parameter
            && let Some(taken) = go(child, take)
        {
            return Some(taken);
        }
        match (node.rests.as_slice(), rest) {
            ([], _) => None,
            (rests, "") => {
                let at = rests.iter().position(|(method, _)| **method == *ANY)?;
                take(&rests[at..=at])
            }
            (rests, _) => take(rests),
        }
    }

    fn end<'s, T>(
        &'s self,
        at: usize,
        take: &mut impl FnMut(&'s [(Box<str>, usize)]) -> Option<T>,
    ) -> Option<T> {
        let routes = &self.nodes[at].routes;
        if routes.is_empty() {
            None
        } else {
            take(routes)
        }
    }
}

impl Node {
    fn child(&self, text: &str) -> Option<usize> {
        /// Up to here a comparison of lengths passes over most.
        const FEW: usize = 12;
        let found = if self.statics.len() <= FEW {
            self.statics
                .iter()
                .position(|(known, _)| is_same(known, text))
        } else {
            self.statics
                .binary_search_by(|(known, _)| (**known).cmp(text))
                .ok()
        }?;
        Some(self.statics[found].1)
    }
}

fn pick(routes: &[(Box<str>, usize)], method: &str) -> Option<usize> {
    routes
        .iter()
        .find(|(known, _)| is_same(known, method))
        .map(|(_, route)| *route)
}

fn pick_or_any(routes: &[(Box<str>, usize)], method: &str) -> Option<usize> {
    pick(routes, method).or_else(|| pick(routes, ANY))
}

/// The value of `allow`: in the order of [`KNOWN`], HEAD where GET is, OPTIONS always.
fn allow(methods: Vec<&str>) -> String {
    let any = methods.contains(&ANY);
    let implied = |known: &str| match known {
        "OPTIONS" => true,
        "HEAD" if methods.contains(&"GET") => true,
        "TRACE" | "CONNECT" => false,
        _ => any,
    };
    let mut listed: Vec<&str> = KNOWN
        .iter()
        .copied()
        .filter(|known| methods.contains(known) || implied(known))
        .collect();
    for method in &methods {
        if *method != ANY && !listed.contains(method) {
            listed.push(method);
        }
    }
    listed.join(", ")
}

#[cfg(test)]
mod tests {
    use super::{Matched, Router};
    use crate::config::TrailingSlash;
    use crate::template::Template;

    fn router(trailing_slash: TrailingSlash, routes: &[(&str, &str)]) -> Router {
        let mut router = Router::new(trailing_slash);
        for (index, (method, path)) in routes.iter().enumerate() {
            let template = Template::read(path).unwrap();
            router.add(method, &template.segments, index).unwrap();
        }
        router
    }

    const ROUTES: &[(&str, &str)] = &[
        ("GET", "/"),
        ("GET", "/items/{id}"),
        ("POST", "/items/search"),
        ("GET", "/items/new"),
        ("GET", "/files/{*path}"),
        ("GET", "/files/{name}/meta"),
        ("GET", "/caf\u{e9}"),
        ("PURGE", "/cache"),
        ("GET", "/slash/"),
    ];

    #[test]
    fn static_before_parameter_before_rest() {
        let router = router(TrailingSlash::Strict, ROUTES);
        for (method, path, expected) in [
            ("GET", "/", Matched::Route(0)),
            ("GET", "/items/7", Matched::Route(1)),
            ("HEAD", "/items/7", Matched::Route(1)),
            ("GET", "/items/search", Matched::Route(1)),
            ("POST", "/items/search", Matched::Route(2)),
            ("GET", "/items/new", Matched::Route(3)),
            ("GET", "/items/%6eew", Matched::Route(3)),
            ("GET", "/items/a%2Fb", Matched::Route(1)),
            ("GET", "/files/a/b/c", Matched::Route(4)),
            ("GET", "/files/a/meta", Matched::Route(5)),
            ("GET", "/files/a/meta/x", Matched::Route(4)),
            ("GET", "/files/", Matched::NotFound),
            ("GET", "/files", Matched::NotFound),
            ("GET", "/items/", Matched::NotFound),
            ("GET", "/items/7/", Matched::NotFound),
            ("GET", "//items/7", Matched::NotFound),
            ("GET", "/caf%C3%A9", Matched::Route(6)),
            ("GET", "/caf%E9", Matched::NotUtf8),
            ("PURGE", "/cache", Matched::Route(7)),
            (
                "PURGE",
                "/items/7",
                Matched::NotAllowed("GET, HEAD, OPTIONS".into()),
            ),
            ("BREW", "/items/7", Matched::UnknownMethod),
            ("get", "/items/7", Matched::UnknownMethod),
            (
                "PUT",
                "/items/search",
                Matched::NotAllowed("GET, HEAD, POST, OPTIONS".into()),
            ),
            (
                "OPTIONS",
                "/items/new",
                Matched::Options("GET, HEAD, OPTIONS".into()),
            ),
            ("DELETE", "/nowhere", Matched::NotFound),
        ] {
            assert_eq!(router.find(method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn a_route_of_any_method_takes_what_no_other_of_its_place_does() {
        let router = router(
            TrailingSlash::Strict,
            &[
                ("*", "/old"),
                ("*", "/old/{*path}"),
                ("GET", "/old/own"),
                ("GET", "/{*path}"),
                ("POST", "/old/{*path}"),
            ],
        );
        for (method, path, expected) in [
            ("GET", "/old", Matched::Route(0)),
            ("GET", "/old/", Matched::Route(1)),
            ("GET", "/old/a/b", Matched::Route(1)),
            ("OPTIONS", "/old/a", Matched::Route(1)),
            ("BREW", "/old/a", Matched::Route(1)),
            ("HEAD", "/old/a", Matched::Route(1)),
            ("POST", "/old/a", Matched::Route(4)),
            ("GET", "/old/own", Matched::Route(2)),
            ("HEAD", "/old/own", Matched::Route(2)),
            ("PUT", "/old/own", Matched::Route(1)),
            ("GET", "/new", Matched::Route(3)),
            ("GET", "/", Matched::NotFound),
            ("BREW", "/new", Matched::UnknownMethod),
            ("GET", "/old/%FF", Matched::NotUtf8),
        ] {
            assert_eq!(router.find(method, path), expected, "{method} {path}");
        }
        let all = "GET, HEAD, POST, PUT, PATCH, DELETE, QUERY, OPTIONS";
        assert_eq!(router.allowed("/old").as_deref(), Some(all));
        assert_eq!(
            router.allowed("/new").as_deref(),
            Some("GET, HEAD, OPTIONS")
        );
    }

    #[test]
    fn what_is_found_without_a_walk_is_what_a_walk_finds() {
        let more = [
            ("*", "/items/{id}/tags"),
            ("GET", "/items/new/tags"),
            ("HEAD", "/items/{id}"),
        ];
        let routes: Vec<_> = ROUTES.iter().copied().chain(more).collect();
        let router = router(TrailingSlash::Strict, &routes);
        let mut fixed = 0;
        for method in ["GET", "HEAD", "POST", "PURGE", "BREW"] {
            for (_, path) in &routes {
                if let Some(found) = router.find_fixed(method, path) {
                    assert_eq!(
                        router.route(method, path, false),
                        Some(found),
                        "{method} {path}"
                    );
                    fixed += 1;
                }
            }
        }
        assert_eq!(fixed, 7, "each that has no parameter, by its own method");
        assert_eq!(router.find("HEAD", "/items/new"), Matched::Route(11));
    }

    #[test]
    fn trailing_slashes_as_configured() {
        let redirect = router(TrailingSlash::Redirect, ROUTES);
        assert_eq!(
            redirect.find("GET", "/items/7/"),
            Matched::Redirect("/items/7".into())
        );
        assert_eq!(
            redirect.find("GET", "/slash"),
            Matched::Redirect("/slash/".into())
        );
        assert_eq!(redirect.find("GET", "/nowhere/"), Matched::NotFound);
        let ignore = router(TrailingSlash::Ignore, ROUTES);
        assert_eq!(ignore.find("GET", "/items/7/"), Matched::Route(1));
        assert_eq!(ignore.find("GET", "/slash"), Matched::Route(8));
        assert_eq!(
            ignore.find("PUT", "/slash"),
            Matched::NotAllowed("GET, HEAD, OPTIONS".into())
        );
    }

    #[test]
    fn what_cannot_be_told_apart_is_refused() {
        let mut router = router(TrailingSlash::Strict, ROUTES);
        let other = Template::read("/items/{name}").unwrap();
        assert_eq!(router.add("GET", &other.segments, 99), Err(1));
        assert_eq!(router.add("PUT", &other.segments, 99), Ok(()));
    }
}

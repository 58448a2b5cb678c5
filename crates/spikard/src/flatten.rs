//! Groups to a flat list of routes: prefixes, tags, policies and hooks of what is around each. Compiles nothing.

use crate::Mistake;
use crate::files::{self, Mounted};
use crate::freeze::at;
use crate::limits::{Crowd, Rates};
use crate::spec::{AppSpec, FilesSpec, GroupSpec, HookSpec, Policy, RouteSpec};
use std::ops::Range;
use std::rc::Rc;

/// What is counted for a route: the same thing for all routes that inherit it from one place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits {
    pub(crate) rates: Option<Rc<Rates>>,
    pub(crate) crowd: Option<Crowd>,
}

impl Limits {
    /// As `policy` says, where it does, else those around; what is wrong is told.
    fn of(policy: &Policy, around: &Self, wrong: &mut Vec<String>) -> Self {
        let rates = match policy.rate_limit.as_deref() {
            None => around.rates.clone(),
            Some([]) => None,
            Some(specs) => match Rates::new(specs) {
                Ok(rates) => Some(Rc::new(rates)),
                Err(messages) => {
                    wrong.extend(messages);
                    None
                }
            },
        };
        let crowd = match policy.concurrency {
            None => around.crowd.clone(),
            Some(limit) => (limit > 0).then(|| Crowd::new(limit)),
        };
        Self { rates, crowd }
    }
}

/// Method and whole path of every route.
pub(crate) fn operations(spec: &AppSpec) -> Vec<(String, String)> {
    flatten(spec, 0, &mut Vec::new())
        .0
        .into_iter()
        .map(|route| (route.method, route.path))
        .collect()
}

/// Files of the app and of its groups, and where they are mounted.
pub(crate) fn files(spec: &AppSpec) -> Vec<Mounted> {
    let flat = Flat::of(spec, &mut Vec::new());
    flat.files.into_iter().map(|(files, _, _)| files).collect()
}

/// Routes with the prefixes, tags and policies of their groups, and their limits in the same order. Behind all others stand
/// those of files, whose endpoints begin at `files_from`.
pub(crate) fn flatten(
    spec: &AppSpec,
    files_from: usize,
    mistakes: &mut Vec<Mistake>,
) -> (Vec<RouteSpec>, Vec<Limits>, Range<usize>) {
    let mut flat = Flat::of(spec, mistakes);
    let of_files = flat.add_files(files_from);
    (flat.routes, flat.limits, of_files)
}

#[derive(Default)]
struct Flat {
    routes: Vec<RouteSpec>,
    limits: Vec<Limits>,
    /// Each with what its routes have from around.
    files: Vec<(Mounted, RouteSpec, Limits)>,
}

impl Flat {
    fn of(spec: &AppSpec, mistakes: &mut Vec<Mistake>) -> Self {
        let mut wrong = Vec::new();
        let around = Around {
            hooks: spec.hooks.clone(),
            policy: spec.policy.clone(),
            limits: Limits::of(&spec.policy, &Limits::default(), &mut wrong),
            ..Around::default()
        };
        mistakes.extend(wrong.into_iter().map(Mistake::of_app));
        let mut flat = Self::default();
        for route in &spec.routes {
            flat.add(route, &around, mistakes);
        }
        flat.mount(&spec.files, &around);
        for group in &spec.groups {
            flat.add_group(group, &around, mistakes);
        }
        flat
    }

    fn add(&mut self, route: &RouteSpec, around: &Around, mistakes: &mut Vec<Mistake>) {
        let mut route = route.clone();
        let mut wrong = Vec::new();
        let limits = Limits::of(&route.policy, &around.limits, &mut wrong);
        route.path = joined_path(&around.prefix, &route.path);
        route.tags = joined(&around.tags, &route.tags);
        route.policy = inherit(&route.policy, &around.policy);
        route.hooks = [&around.hooks[..], &route.hooks].concat();
        mistakes.extend(wrong.into_iter().map(|message| at(&route, message)));
        self.routes.push(route);
        self.limits.push(limits);
    }

    fn add_group(&mut self, group: &GroupSpec, outer: &Around, mistakes: &mut Vec<Mistake>) {
        let mut wrong = Vec::from_iter(wrong_prefix(&group.prefix));
        let around = Around {
            prefix: format!("{}{}", outer.prefix, group.prefix),
            tags: joined(&outer.tags, &group.tags),
            policy: inherit(&group.policy, &outer.policy),
            hooks: [&outer.hooks[..], &group.hooks].concat(),
            limits: Limits::of(&group.policy, &outer.limits, &mut wrong),
        };
        mistakes.extend(wrong.into_iter().map(Mistake::of_app));
        for route in &group.routes {
            self.add(route, &around, mistakes);
        }
        self.mount(&group.files, &around);
        for inner in &group.groups {
            self.add_group(inner, &around, mistakes);
        }
    }

    fn mount(&mut self, files: &[FilesSpec], around: &Around) {
        for spec in files {
            let mounted = Mounted {
                spec: spec.clone(),
                path: joined_path(&around.prefix, &spec.path),
            };
            let template = files::template(
                around.tags.clone(),
                around.policy.clone(),
                around.hooks.clone(),
            );
            self.files.push((mounted, template, around.limits.clone()));
        }
    }

    /// A route of the app takes the place of a directory's own page.
    fn add_files(&mut self, from: usize) -> Range<usize> {
        let first = self.routes.len();
        for (index, (mounted, template, limits)) in
            std::mem::take(&mut self.files).into_iter().enumerate()
        {
            let mut own = files::routes(&mounted, from + index, &template).into_iter();
            let mut found = Vec::from_iter(own.next());
            found.extend(own.filter(|entry| {
                !self.routes[..first]
                    .iter()
                    .any(|route| route.method == "GET" && route.path == entry.path)
            }));
            for route in found {
                self.routes.push(route);
                self.limits.push(limits.clone());
            }
        }
        first..self.routes.len()
    }
}

/// What a group takes over from what is around it.
#[derive(Default)]
struct Around {
    prefix: String,
    tags: Vec<String>,
    policy: Policy,
    hooks: Vec<HookSpec>,
    limits: Limits,
}

/// `/` below a prefix is the prefix itself.
pub(crate) fn joined_path(prefix: &str, path: &str) -> String {
    match path {
        "" | "/" if !prefix.is_empty() => prefix.to_owned(),
        path => format!("{prefix}{path}"),
    }
}

fn wrong_prefix(prefix: &str) -> Option<String> {
    let right = format!("/{}", prefix.trim_matches('/'));
    if prefix.is_empty() {
        None
    } else if prefix == "/" {
        Some("group prefix \"/\" adds nothing; leave it out or write \"/items\"".to_owned())
    } else if !prefix.starts_with('/') {
        Some(format!(
            "group prefix \"{prefix}\" must start with `/`; write \"{right}\""
        ))
    } else if prefix.ends_with('/') {
        Some(format!(
            "group prefix \"{prefix}\" must not end with `/`; write \"{right}\""
        ))
    } else {
        None
    }
}

fn joined(outer: &[String], inner: &[String]) -> Vec<String> {
    let mut tags = outer.to_vec();
    tags.extend(inner.iter().filter(|tag| !outer.contains(tag)).cloned());
    tags
}

pub(crate) fn inherit(own: &Policy, outer: &Policy) -> Policy {
    Policy {
        body_limit: own.body_limit.or(outer.body_limit),
        handler_timeout_ms: own.handler_timeout_ms.or(outer.handler_timeout_ms),
        egress: own.egress.or(outer.egress),
        additional_query: own.additional_query.or(outer.additional_query),
        auth: own.auth.as_ref().or(outer.auth.as_ref()).cloned(),
        rate_limit: own
            .rate_limit
            .as_ref()
            .or(outer.rate_limit.as_ref())
            .cloned(),
        concurrency: own.concurrency.or(outer.concurrency),
    }
}

//! Raw text to a route's arguments, by its plan. What the plan does not ask for is not looked at.

use crate::defects::defect;
use crate::plan::{Found, ParameterPlan, Plan};
use crate::{Head, Problem};
use smallvec::SmallVec;
use spikard_contract::urlencoded::{pairs, percent_decode};
use spikard_contract::{Argument, Source, Violation, Violations};
use std::borrow::Cow;

/// Values of a route's parameters, on the stack for up to eight.
pub(crate) type Arguments<'r> = SmallVec<[Argument<'r>; 8]>;

type Pairs<'r> = SmallVec<[(Cow<'r, str>, Cow<'r, str>); 8]>;
type Values<'r> = SmallVec<[Cow<'r, str>; 2]>;

/// One argument per parameter of the plan; broken rules go to `violations`, broken syntax is a problem (400).
pub(crate) fn read<'r>(
    plan: &'r Plan,
    head: &'r Head<'r>,
    violations: &mut Violations,
) -> Result<Arguments<'r>, Box<Problem>> {
    let mut arguments = Arguments::new();
    if plan.parameters.is_empty() && !plan.reads_query {
        return Ok(arguments);
    }
    let mut query = if plan.reads_query {
        query_pairs(head)?
    } else {
        Pairs::new()
    };
    let cookies = if plan.reads_cookies {
        cookie_pairs(head)?
    } else {
        Pairs::new()
    };
    if plan.rejects_query {
        refuse_unknown(plan, &query, violations);
    }
    for parameter in &plan.parameters {
        let name = parameter.parameter.spec.name.as_str();
        let found: Values<'r> = match parameter.found {
            Found::Segment(index) => SmallVec::from_iter([segment(head.path(), index)?]),
            Found::Rest(index) => SmallVec::from_iter([rest(head.path(), index)?]),
            // A name belongs to one parameter, so its values can be taken.
            Found::Query => query
                .iter_mut()
                .filter(|(key, _)| key == name)
                .map(|(_, value)| std::mem::take(value))
                .collect(),
            Found::Header => header_values(head, name)?,
            Found::Cookie => cookies
                .iter()
                .filter(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
                .collect(),
        };
        arguments.push(value(parameter, found, violations));
    }
    Ok(arguments)
}

fn value<'r>(
    plan: &'r ParameterPlan,
    mut found: Values<'r>,
    violations: &mut Violations,
) -> Argument<'r> {
    if defect("header-repeats-dropped") && plan.found == Found::Header {
        found.truncate(1);
    }
    if defect("coercion-on") && plan.parameter.spec.schema.get("type") == Some(&"integer".into()) {
        for text in &mut found {
            if let Ok(number) = text.parse::<f64>() {
                *text = Cow::Owned((number as i64).to_string());
            }
        }
    }
    plan.parameter.read(&found, violations)
}

/// Segment `index` of the raw path, percent-decoded once.
fn segment(path: &str, index: usize) -> Result<Cow<'_, str>, Box<Problem>> {
    decode(
        after(path, index).split('/').next().unwrap_or_default(),
        "path",
    )
}

/// The path from segment `index` on, percent-decoded once.
fn rest(path: &str, index: usize) -> Result<Cow<'_, str>, Box<Problem>> {
    decode(after(path, index), "path")
}

fn after(path: &str, index: usize) -> &str {
    let mut rest = path.strip_prefix('/').unwrap_or(path);
    for _ in 0..index {
        rest = match memchr::memchr(b'/', rest.as_bytes()) {
            Some(end) => &rest[end + 1..],
            None => return "",
        };
    }
    rest
}

fn decode<'r>(text: &'r str, place: &str) -> Result<Cow<'r, str>, Box<Problem>> {
    if memchr::memchr(b'%', text.as_bytes()).is_none() {
        return Ok(Cow::Borrowed(text));
    }
    percent_decode(text).map_err(|_| not_utf8(place))
}

fn query_pairs<'r>(head: &'r Head<'r>) -> Result<Pairs<'r>, Box<Problem>> {
    let query = head.query();
    if query.is_empty() {
        return Ok(Pairs::new());
    }
    pairs(query)
        .collect::<Result<_, _>>()
        .map_err(|_| not_utf8("query string"))
}

fn header_values<'r>(head: &'r Head<'r>, name: &str) -> Result<Values<'r>, Box<Problem>> {
    let text = |value| std::str::from_utf8(value).map(Cow::Borrowed);
    head.headers
        .all(name)
        .map(text)
        .collect::<Result<_, _>>()
        .map_err(|_| not_utf8("header field"))
}

/// Pairs of every `cookie` field (RFC 6265 section 4.2.1): split at `;`, spaces around trimmed, nothing decoded; quotes
/// belong to the value.
fn cookie_pairs<'r>(head: &'r Head<'r>) -> Result<Pairs<'r>, Box<Problem>> {
    let mut list = Pairs::new();
    for field in head.headers.all("cookie") {
        let field = std::str::from_utf8(field).map_err(|_| not_utf8("cookie"))?;
        for pair in field.split(';') {
            if let Some((name, value)) = pair.split_once('=') {
                let trim = |text: &'r str| Cow::Borrowed(text.trim_matches([' ', '\t']));
                list.push((trim(name), trim(value)));
            }
        }
    }
    Ok(list)
}

#[cold]
fn not_utf8(place: &str) -> Box<Problem> {
    Box::new(Problem::malformed_request(format!(
        "the {place} is not UTF-8"
    )))
}

fn refuse_unknown(plan: &Plan, query: &Pairs<'_>, violations: &mut Violations) {
    let known = || {
        plan.parameters
            .iter()
            .filter(|parameter| parameter.found == Found::Query)
    };
    for (index, (name, text)) in query.iter().enumerate() {
        let declared = known().any(|parameter| parameter.parameter.spec.name == *name);
        let seen = query[..index].iter().any(|(other, _)| other == name);
        if !declared && !seen && violations.list.len() < Violations::MAX {
            let near = crate::mistake::did_you_mean(
                name,
                known().map(|parameter| parameter.parameter.spec.name.as_str()),
            );
            violations.push(Violation {
                source: Source::Query,
                pointer: format!("/{}", name.replace('~', "~0").replace('/', "~1")),
                keyword: "additionalProperties".to_owned(),
                message: format!("is not a parameter of this operation{near}"),
                params: serde_json::Map::from_iter([(
                    "additionalProperties".to_owned(),
                    false.into(),
                )]),
                value: Some(text.as_ref().into()),
            });
        } else if !declared && !seen {
            violations.truncated = true;
            return;
        }
    }
}

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

/// One argument per parameter of the plan; broken rules go to `violations`, broken syntax is a problem (400). Everything
/// is filled in place: these stacks of values are too large to be moved about.
pub(crate) fn read<'r>(
    plan: &'r Plan,
    head: &'r Head<'r>,
    arguments: &mut Arguments<'r>,
    violations: &mut Violations,
) -> Result<(), Problem> {
    if plan.parameters.is_empty() && !plan.reads_query {
        return Ok(());
    }
    let mut query = Pairs::new();
    if plan.reads_query {
        query_pairs(head, &mut query)?;
    }
    let mut cookies = Pairs::new();
    if plan.reads_cookies {
        cookie_pairs(head, &mut cookies)?;
    }
    if plan.rejects_query {
        refuse_unknown(plan, &query, violations);
    }
    let path = head.path();
    for parameter in &plan.parameters {
        let name = parameter.parameter.spec.name.as_str();
        let mut found = Values::new();
        match parameter.found {
            Found::Segment(index) => found.push(segment(path, index)?),
            Found::Rest(index) => found.push(rest(path, index)?),
            // A name belongs to one parameter, so its values can be taken.
            Found::Query => take(&mut query, name, &mut found),
            Found::Header => header_values(head, name, &mut found)?,
            Found::Cookie => take(&mut cookies, name, &mut found),
        }
        arguments.push(value(parameter, found, violations));
    }
    Ok(())
}

fn take<'r>(pairs: &mut Pairs<'r>, name: &str, found: &mut Values<'r>) {
    for (key, value) in pairs {
        if key == name {
            found.push(std::mem::take(value));
        }
    }
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
fn segment(path: &str, index: usize) -> Result<Cow<'_, str>, Problem> {
    let rest = after(path, index);
    let end = rest.bytes().position(|byte| byte == b'/');
    decode(&rest[..end.unwrap_or(rest.len())], "path")
}

/// The path from segment `index` on, percent-decoded once.
fn rest(path: &str, index: usize) -> Result<Cow<'_, str>, Problem> {
    decode(after(path, index), "path")
}

/// Segments are short: looking at each byte costs less than a search.
fn after(path: &str, index: usize) -> &str {
    let mut rest = path.strip_prefix('/').unwrap_or(path);
    for _ in 0..index {
        rest = match rest.bytes().position(|byte| byte == b'/') {
            Some(end) => &rest[end + 1..],
            None => return "",
        };
    }
    rest
}

fn decode<'r>(text: &'r str, place: &str) -> Result<Cow<'r, str>, Problem> {
    percent_decode(text).map_err(|_| not_utf8(place))
}

fn query_pairs<'r>(head: &'r Head<'r>, list: &mut Pairs<'r>) -> Result<(), Problem> {
    let query = head.query();
    if query.is_empty() {
        return Ok(());
    }
    for pair in pairs(query) {
        list.push(pair.map_err(|_| not_utf8("query string"))?);
    }
    Ok(())
}

fn header_values<'r>(
    head: &'r Head<'r>,
    name: &str,
    found: &mut Values<'r>,
) -> Result<(), Problem> {
    for field in head.headers.all(name) {
        let text = std::str::from_utf8(field).map_err(|_| not_utf8("header field"))?;
        found.push(Cow::Borrowed(text));
    }
    Ok(())
}

/// Pairs of every `cookie` field (RFC 6265 section 4.2.1): split at `;`, spaces around trimmed, nothing decoded; quotes
/// belong to the value.
fn cookie_pairs<'r>(head: &'r Head<'r>, list: &mut Pairs<'r>) -> Result<(), Problem> {
    for field in head.headers.all("cookie") {
        let field = std::str::from_utf8(field).map_err(|_| not_utf8("cookie"))?;
        for pair in field.split(';') {
            if let Some((name, value)) = pair.split_once('=') {
                let trim = |text: &'r str| Cow::Borrowed(text.trim_matches([' ', '\t']));
                list.push((trim(name), trim(value)));
            }
        }
    }
    Ok(())
}

#[cold]
fn not_utf8(place: &str) -> Problem {
    Problem::malformed_request(format!("the {place} is not UTF-8"))
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

//! What may leave: a response that can be written as a message, and whose body is what its route declares. Changes nothing
//! but where the content type stands.

use crate::config::Egress;
use crate::head::{is_same, is_token};
use crate::media::{self, Kind};
use crate::plan::Plan;
use crate::request_id::RequestId;
use crate::{Body, Problem, Response};
use crate::{body, log};
use spikard_contract::{Source, Violations};

/// Whether what a handler returned may leave.
pub(crate) fn check(
    plan: Option<&Plan>,
    id: &RequestId,
    response: &mut Response,
) -> Result<(), Problem> {
    sendable(response)?;
    let Some(plan) = plan else {
        return Ok(());
    };
    if plan.egress == Egress::Off || plan.responses.is_empty() {
        return Ok(());
    }
    match egress(plan, response) {
        None => Ok(()),
        Some(wrong) if plan.egress == Egress::Warn => {
            let id = id.as_str();
            log::failure(
                log::Level::Warning,
                "response-invalid",
                Some(&plan.operation),
                id,
                &wrong,
            );
            Ok(())
        }
        Some(wrong) => Err(Problem::response_invalid("").because(wrong)),
    }
}

/// Whether a response can be written as a message.
pub(crate) fn sendable(response: &mut Response) -> Result<(), Problem> {
    lift_content_type(response);
    match unsendable(response) {
        None => Ok(()),
        Some(wrong) => Err(Problem::internal("").because(wrong)),
    }
}

/// A content type among the fields is the response's own: there is one (RFC 9110 section 8.3).
fn lift_content_type(response: &mut Response) {
    while let Some(at) = response
        .headers
        .iter()
        .position(|(name, _)| name.eq_ignore_ascii_case("content-type"))
    {
        response.content_type = Some(response.headers.remove(at).1);
    }
}

/// Why a response must not be written: its status, or a field that would break the message (RFC 9110 section 5.5).
pub(crate) fn unsendable(response: &Response) -> Option<String> {
    let changes = response.status == 101 && matches!(response.body, Body::Upgrade(_));
    if !(200..=599).contains(&response.status) && !changes {
        return Some(format!(
            "{} is no status of a response; use one from 200 to 599",
            response.status
        ));
    }
    let breaks = |text: &str| {
        text.bytes()
            .any(|byte| byte.is_ascii_control() && byte != b'\t')
    };
    // Nearly every answer has this one, so that comparing is cheaper than looking.
    let usual = |text: &str| is_same(text, "application/json");
    if response
        .content_type
        .as_deref()
        .is_some_and(|text| !usual(text) && breaks(text))
    {
        return Some("content-type holds a control character".to_owned());
    }
    for (name, value) in &response.headers {
        if !is_token(name) {
            return Some(format!(
                "header name {name:?} is not a token (RFC 9110 section 5.1)"
            ));
        }
        if breaks(value) {
            return Some(format!("header {name} holds a control character"));
        }
    }
    None
}

/// Says what browsers should not do with a response, where it does not say so itself.
/// `over_tls`: the client has come by TLS, to us or to a proxy of ours.
pub(crate) fn secure(over_tls: bool, response: &mut Response) {
    const ALWAYS: [(&str, &str); 3] = [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
    ];
    // RFC 6797: two years, as the lists that browsers carry want it.
    const OVER_TLS: (&str, &str) = ("strict-transport-security", "max-age=63072000");
    let over_tls = over_tls.then_some(OVER_TLS);
    for (name, value) in ALWAYS.into_iter().chain(over_tls) {
        let mut names = response.headers.iter().map(|(name, _)| name);
        if !names.any(|own| own.eq_ignore_ascii_case(name)) {
            response.headers.push((name.into(), value.into()));
        }
    }
}

/// How a response breaks the schema that is declared for its status, as text for the log.
fn egress(plan: &Plan, response: &Response) -> Option<String> {
    let declared = plan.response(response.status)?;
    let content: &[u8] = match &response.body {
        Body::Empty => b"",
        Body::Static(bytes) => bytes,
        Body::Full(bytes) => bytes,
        Body::Stream(_) | Body::Upgrade(_) => return None,
    };
    let sent = response.content_type.as_deref().unwrap_or_default();
    let media = match declared.content.first() {
        // Nearly always it is the first, letter by letter.
        Some(first) if is_same(&first.essence, sent) => first,
        _ => {
            let essence = media::essence(sent);
            declared
                .content
                .iter()
                .find(|media| media::takes(&media.essence, essence))?
        }
    };
    let schema = media.schema.as_ref()?;
    let mut violations = Violations::default();
    match media.kind {
        Kind::Json if schema.accepts(content) => return None,
        Kind::Json => {
            if let Err(problem) = body::explain(schema, content, Source::Response, &mut violations)
            {
                return Some(format!("the body is not JSON: {}", problem.detail));
            }
        }
        Kind::Text => {
            let text = serde_json::Value::from(String::from_utf8_lossy(content));
            schema.validate(&text, Source::Response, "", &mut violations);
        }
        Kind::Bytes => return None,
    }
    if violations.is_empty() {
        return None;
    }
    let lines = violations.list.iter().map(|violation| {
        format!(
            "{} {} ({})",
            violation.pointer, violation.message, violation.keyword
        )
    });
    Some(format!(
        "status {}: {}",
        response.status,
        lines.collect::<Vec<_>>().join("; ")
    ))
}

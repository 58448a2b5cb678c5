//! What hooks of JavaScript are given, what becomes of their response, and what all calls of one request share. Calls no hook.

use crate::interpreter::{Env, Reference, Value};
use crate::value::{Streamed, content, headers, of_headers};
use spikard::{Body, Moment, Passage};
use spikard_bridge::Facts;

/// The object that the hooks and the handler of one request share (`Passing` of `hooks.ts`).
struct Shared(Reference);

pub(crate) fn shared(env: Env, passage: &Passage) -> Value {
    match passage.kept::<Shared>() {
        Some(shared) => env.value(&shared.0),
        None => env.undefined(),
    }
}

pub(crate) fn share(env: Env, passage: &Passage, object: Value) {
    passage.keep(Shared(env.reference(object)));
}

/// What a hook is called with: its call's number, what is shared, and the parts of the response or of the problem.
pub(crate) fn append(
    env: Env,
    values: &mut Vec<Value>,
    id: f64,
    moment: Moment,
    passage: &Passage,
) {
    values.extend([env.number(id), shared(env, passage)]);
    let text = |text: &str| env.string(text.as_bytes());
    match moment {
        Moment::OnResponse => {
            passage.response(|response| {
                let content = match &response.body {
                    Body::Empty => env.undefined(),
                    Body::Static(bytes) => env.buffer(bytes),
                    Body::Full(bytes) => env.buffer(bytes),
                    Body::Stream(_) | Body::Upgrade(_) => env.boolean(true),
                };
                values.extend([
                    env.integer(response.status.into()),
                    of_headers(env, &response.headers),
                    match &response.content_type {
                        Some(media) => text(media),
                        None => env.undefined(),
                    },
                    content,
                ]);
            });
        }
        Moment::OnError => {
            passage.problem(|problem| {
                let extensions = serde_json::to_string(&problem.extensions);
                values.extend([
                    text(&problem.code),
                    env.integer(problem.status.into()),
                    text(&problem.title),
                    text(&problem.detail),
                    of_headers(env, &problem.headers),
                    text(&extensions.unwrap_or_else(|_| "{}".to_owned())),
                ]);
            });
        }
        _ => {}
    }
}

/// `[kind, status, headers, media type]`, and where the content is another one its kind and value: the response as its hook
/// has left it.
pub(crate) fn edited(
    env: Env,
    facts: &Facts,
    passage: &Passage,
    parts: Value,
    stream: Streamed<'_>,
) {
    let part = |index| env.element(parts, index);
    let (status, fields) = (env.to_number(part(1)) as u16, headers(env, part(2)));
    let media = env.text(part(3)).map(|_| env.to_string(part(3)));
    if env.length(parts) > 4 {
        let content = content(env, part(4), part(5), stream);
        let other = facts.respond(status, fields, media, content);
        let before = passage.response(|response| std::mem::replace(response, other));
        drop(before); // it may run code of JavaScript
        return;
    }
    passage.set_response_head(status, fields, media);
}

//! Values across the border: a parameter's value to PHP, a handler's answer to a response. Calls no handler.

use crate::brought::Value;
use crate::error::{internal, problem, refusals};
use crate::zval::{Zval, lossy};
use spikard::contract::Argument;
use spikard::response::ChunkSource;
use spikard::{Problem, Reply};
use spikard_bridge::{Content, Facts};
use std::borrow::Cow;

/// A value of the core for PHP, with what is in it.
pub(crate) fn of_argument(argument: &Argument<'_>, values: &mut Vec<Value>) {
    values.push(match argument {
        Argument::Absent => Value::ABSENT,
        Argument::Null => Value::NULL,
        Argument::Bool(value) => Value::boolean(*value),
        Argument::Integer(value) => Value::integer(*value),
        Argument::BigInteger(digits) => Value::big(digits),
        Argument::Number(value) => Value::number(*value),
        Argument::String(text) => Value::text(text.as_bytes()),
        Argument::List(items) => {
            values.push(Value::list(items.len()));
            items.iter().for_each(|item| of_argument(item, values));
            return;
        }
    });
}

/// Makes a body of the functions of a stream: the one that gives the next chunk, the one that ends it.
pub(crate) type Streamed<'s> =
    &'s dyn Fn(Option<&Zval>, Option<&Zval>) -> Result<Box<dyn ChunkSource>, Problem>;

/// What `Answer.php` made of a handler's result: a string is JSON text, an array starts with its kind. `printed` is the
/// body of a handler that returns nothing.
pub(crate) fn answer(facts: &Facts, value: &Zval, printed: &[u8], stream: Streamed<'_>) -> Reply {
    if value.is_string() {
        return Ok(facts.returns.json(value.bytes().to_vec()));
    }
    if is_nothing(value) {
        return Ok(match printed {
            [] => facts.returns.nothing(),
            printed => facts.returns.text(lossy(printed)),
        });
    }
    let text = |index| value.item(index).map(Zval::text).unwrap_or_default();
    let bytes = |index| {
        value
            .item(index)
            .map(Zval::bytes)
            .unwrap_or_default()
            .to_vec()
    };
    match text(0).as_str() {
        "text" => Ok(facts.returns.text(text(1))),
        "bytes" => Ok(facts.returns.bytes(bytes(1))),
        "stream" => Ok(facts.returns.stream(stream(value.item(1), value.item(2))?)),
        "response" => Ok(facts.respond(
            value.item(1).map_or(0, Zval::integer) as u16,
            headers(value.item(2)),
            value.item(3).filter(|own| own.is_string()).map(Zval::text),
            match text(4).as_str() {
                "text" => Content::Text(bytes(5)),
                "bytes" => Content::Bytes(bytes(5)),
                "json" => Content::Json(bytes(5)),
                "stream" => Content::Stream(stream(value.item(5), value.item(6))?),
                _ => Content::Nothing,
            },
        )),
        "problem" => Err(problem(value)),
        "refused" => Err(refusals(value)),
        "failed" => Err(internal(text(1))),
        other => Err(internal(format!(
            "the library answered with a {other:?}; it and its extension are of different versions"
        ))),
    }
}

/// The handler returned nothing: what it printed is its answer.
pub(crate) fn is_nothing(value: &Zval) -> bool {
    value.is_null()
}

/// Name and value of header fields, one after the other in one list.
pub(crate) fn headers(list: Option<&Zval>) -> Vec<(Cow<'static, str>, Cow<'static, str>)> {
    let text = |index| {
        let item = list.and_then(|list| list.item(index));
        Cow::Owned(item.map(Zval::text).unwrap_or_default())
    };
    let pairs = (0..list.map_or(0, Zval::count)).step_by(2);
    pairs.map(|index| (text(index), text(index + 1))).collect()
}

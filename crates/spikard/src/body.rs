//! A request body against its plan: media type before it is read, content after. Bytes stay bytes; nothing is converted.

use crate::defects::defect;
use crate::media::{self, Kind};
use crate::plan::{Media, RequestBody};
use crate::{Head, Problem};
use serde_json::Value;
use spikard_contract::{Schema, Source, Violation, Violations, json};

/// Which declared media type the request's is; 415 when none takes it.
pub(crate) fn choose(body: &RequestBody, head: &Head<'_>) -> Result<usize, Problem> {
    let refuse = |detail: String| {
        Err(Problem::unsupported_media_type(detail).header("accept", body.accept.clone()))
    };
    let Some(field) = head.headers.get("content-type") else {
        return refuse(format!(
            "the body has no content-type; send one of: {}",
            body.accept
        ));
    };
    // Nearly always it is the first one declared, letter by letter.
    if body
        .content
        .first()
        .is_some_and(|first| first.essence.as_bytes() == field)
    {
        return Ok(0);
    }
    let text = std::str::from_utf8(field).unwrap_or_default();
    let sent = media::essence(text);
    let Some(index) = body
        .content
        .iter()
        .position(|declared| media::takes(&declared.essence, sent))
    else {
        return refuse(format!(
            "this operation does not take the media type sent; send one of: {}",
            body.accept
        ));
    };
    if text.len() > sent.len() && media::kind(sent) != Kind::Bytes && !media::is_utf8(text) {
        return refuse("the charset must be UTF-8".to_owned());
    }
    Ok(index)
}

/// Is `content` what `media` declares? Reasons go to `violations`; what cannot be read at all is a problem (400).
pub(crate) fn check(
    media: &Media,
    content: &[u8],
    violations: &mut Violations,
) -> Result<(), Problem> {
    if defect("validation-off") {
        return Ok(());
    }
    match media.kind {
        Kind::Json => match &media.schema {
            Some(schema) if schema.accepts(content) => Ok(()),
            Some(schema) => explain(schema, content, Source::Body, violations),
            None => Ok(()),
        },
        Kind::Text => {
            let text = std::str::from_utf8(content)
                .map_err(|_| Problem::malformed_request("the body is not UTF-8"))?;
            if let Some(schema) = &media.schema {
                schema.validate(&Value::from(text), Source::Body, "", violations);
            }
            Ok(())
        }
        Kind::Bytes => Ok(()),
    }
}

/// The slow way, for the reasons.
#[cold]
pub(crate) fn explain(
    schema: &Schema,
    content: &[u8],
    source: Source,
    violations: &mut Violations,
) -> Result<(), Problem> {
    let value = json::parse(content).map_err(|error| {
        let place = match error.pointer.as_str() {
            "" => String::new(),
            pointer => format!(" in {pointer}"),
        };
        Problem::malformed_json(format!(
            "line {}, column {}{place}: {}",
            error.line, error.column, error.message
        ))
    })?;
    schema.validate(&value, source, "", violations);
    Ok(())
}

/// An empty body where one is required.
#[cold]
pub(crate) fn missing() -> Violation {
    generic("required", "is required")
}

/// The language's decoder refused what the core accepts.
#[cold]
pub(crate) fn refused() -> Violation {
    generic("type", "does not have the expected shape")
}

fn generic(keyword: &str, message: &str) -> Violation {
    Violation {
        source: Source::Body,
        pointer: String::new(),
        keyword: keyword.to_owned(),
        message: message.to_owned(),
        params: serde_json::Map::new(),
        value: None,
    }
}

/// The seeded defect `json-duplicate-first-wins`: the body as a reader would see it that keeps the first of duplicates.
#[cfg(feature = "defects")]
pub(crate) fn first_wins(content: &[u8]) -> Vec<u8> {
    struct First(Value);
    impl<'de> serde::Deserialize<'de> for First {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(Visitor).map(First)
        }
    }
    struct Visitor;
    impl<'de> serde::de::Visitor<'de> for Visitor {
        type Value = Value;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("JSON")
        }
        fn visit_unit<E>(self) -> Result<Value, E> {
            Ok(Value::Null)
        }
        fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
            Ok(value.into())
        }
        fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
            Ok(value.into())
        }
        fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
            Ok(value.into())
        }
        fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
            Ok(value.into())
        }
        fn visit_str<E>(self, value: &str) -> Result<Value, E> {
            Ok(value.into())
        }
        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
            let mut list = Vec::new();
            while let Some(First(item)) = items.next_element()? {
                list.push(item);
            }
            Ok(list.into())
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(
            self,
            mut entries: A,
        ) -> Result<Value, A::Error> {
            let mut map = serde_json::Map::new();
            while let Some((key, First(value))) = entries.next_entry::<String, First>()? {
                map.entry(key).or_insert(value);
            }
            Ok(map.into())
        }
    }
    match serde_json::from_slice::<First>(content) {
        Ok(First(value)) => value.to_string().into_bytes(),
        Err(_) => content.to_vec(),
    }
}

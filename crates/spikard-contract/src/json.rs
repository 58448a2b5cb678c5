//! JSON text to value by RFC 8259, strictly: no byte order mark, no lone surrogates, no overflow, depth at most 128.

pub(crate) mod reader;

pub use reader::{Digits, Text};
pub(crate) use reader::{Key, Reader, What};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// Nesting that is still accepted.
pub const MAX_DEPTH: usize = 128;

/// Why a text is not JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// What was expected and what came; lower case, no full stop.
    pub message: String,
    /// JSON Pointer (RFC 6901) of the value being read.
    pub pointer: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
}

impl fmt::Display for JsonError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} at line {}, column {}",
            self.message, self.line, self.column
        )?;
        if !self.pointer.is_empty() {
            write!(out, ", in {}", self.pointer)?;
        }
        Ok(())
    }
}

impl std::error::Error for JsonError {}

/// Reads one JSON text. The last of duplicate keys wins. Whole numbers keep every digit from -2^63 to 2^64-1, others
/// become the nearest `f64`.
///
/// ```
/// let value = spikard_contract::json::parse(br#"{"a": 1, "a": 2}"#).unwrap();
/// assert_eq!(value, serde_json::json!({"a": 2}));
/// let error = spikard_contract::json::parse(b"{\"a\": [1,]}").unwrap_err();
/// assert_eq!((error.pointer.as_str(), error.line, error.column), ("/a/1", 1, 10));
/// ```
pub fn parse(text: &[u8]) -> Result<Value, JsonError> {
    if text.starts_with(b"\xEF\xBB\xBF") {
        return Err(error_at(
            text,
            0,
            "the text starts with a byte order mark, which JSON does not allow; leave it out",
            &[],
        ));
    }
    let (valid, broken) = match std::str::from_utf8(text) {
        Ok(valid) => (valid, false),
        Err(error) => (
            std::str::from_utf8(&text[..error.valid_up_to()])
                .expect("invariant: checked up to here"),
            true,
        ),
    };
    let mut reader = Reader::new(valid.as_bytes());
    let mut path = Vec::new();
    let read = value(&mut reader, 0, &mut path).and_then(|value| reader.end().map(|()| value));
    match read {
        Ok(value) if !broken => Ok(value),
        Ok(_) => Err(error_at(text, valid.len(), NOT_UTF8, &path)),
        Err(_) if broken && reader.at() == valid.len() => {
            Err(error_at(text, valid.len(), NOT_UTF8, &path))
        }
        Err(What(what)) => Err(error_at(text, reader.at(), what, &path)),
    }
}

const NOT_UTF8: &str = "the text is not UTF-8; JSON is sent as UTF-8";

enum Step<'t> {
    Key(Cow<'t, str>),
    Index(usize),
}

/// On an error `path` is left where it happened.
fn value<'t>(
    reader: &mut Reader<'t>,
    depth: usize,
    path: &mut Vec<Step<'t>>,
) -> Result<Value, What> {
    Ok(match reader.peek()? {
        b'{' => {
            reader.enter(depth)?;
            let mut map = Map::new();
            while let Some(key) = reader.member()? {
                let key = key.decode();
                path.push(Step::Key(key.clone()));
                let member = value(reader, depth + 1, path)?;
                path.pop();
                map.insert(key.into_owned(), member);
            }
            Value::Object(map)
        }
        b'[' => {
            reader.enter(depth)?;
            let mut list = Vec::new();
            path.push(Step::Index(0));
            while reader.element()? {
                list.push(value(reader, depth + 1, path)?);
                if let Some(Step::Index(index)) = path.last_mut() {
                    *index += 1;
                }
            }
            path.pop();
            Value::Array(list)
        }
        b'"' => Value::String(reader.string()?.decode().into_owned()),
        b't' => reader.literal("true").map(|()| Value::Bool(true))?,
        b'f' => reader.literal("false").map(|()| Value::Bool(false))?,
        b'n' => reader.literal("null").map(|()| Value::Null)?,
        _ => Value::Number(reader.number()?.value()?.into()),
    })
}

fn error_at(text: &[u8], at: usize, what: &str, path: &[Step<'_>]) -> JsonError {
    let before = &text[..at.min(text.len())];
    let start_of_line = before
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |newline| newline + 1);
    let mut pointer = String::new();
    for step in path {
        match step {
            Step::Key(key) => push_token(&mut pointer, key),
            Step::Index(index) => {
                let _ = write!(pointer, "/{index}");
            }
        }
    }
    JsonError {
        message: what.to_owned(),
        pointer,
        line: before.iter().filter(|&&byte| byte == b'\n').count() + 1,
        column: before.len() - start_of_line + 1,
    }
}

/// Appends `/` and `token` escaped by RFC 6901 section 3.
pub(crate) fn push_token(pointer: &mut String, token: &str) {
    pointer.push('/');
    for character in token.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            _ => pointer.push(character),
        }
    }
}

#[cfg(test)]
mod tests;

//! One text becomes one scalar by the types that a schema allows; knows nothing of lists and of where the text was.

use super::Argument;
use crate::json::reader::Reader;
use crate::number::Num;
use crate::schema::node::{Id, Node, Types, behind};
use serde_json::{Number, Value};
use std::borrow::Cow;

/// A type that text can be read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Number,
    Boolean,
    String,
}

/// How one text is read.
#[derive(Debug)]
pub(super) struct Scalar {
    /// In the order tried; text that may stay text comes last.
    pub(super) kinds: Vec<Kind>,
    /// The node whose own rules are all there is to check.
    simple: Option<Id>,
}

impl Kind {
    pub(super) fn type_bit(self) -> u8 {
        match self {
            Self::Integer => Types::INTEGER,
            Self::Number => Types::NUMBER,
            Self::Boolean => Types::BOOLEAN,
            Self::String => Types::STRING,
        }
    }

    /// `None` when the text is none of this type.
    fn read<'t>(self, text: &Cow<'t, str>) -> Option<Argument<'t>> {
        Some(match self {
            Self::Integer => match integer(text)? {
                Some(whole) => Argument::Integer(whole),
                None => Argument::BigInteger(text.clone()),
            },
            Self::Number => match number(text)? {
                Num::Int(whole) => Argument::Number(whole as f64),
                Num::Uint(whole) => Argument::Number(whole as f64),
                Num::Float(number) => Argument::Number(number),
            },
            Self::Boolean => Argument::Bool(match &**text {
                "true" | "1" => true,
                "false" | "0" => false,
                _ => return None,
            }),
            Self::String => Argument::String(text.clone()),
        })
    }
}

/// `-?(0|[1-9][0-9]*)`; inside, `None` when it does not fit 64 bits.
#[allow(
    clippy::option_option,
    reason = "not an integer, and too big for 64 bits, are two answers"
)]
fn integer(text: &str) -> Option<Option<i64>> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let fits = match digits {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    fits.then(|| text.parse().ok())
}

/// JSON number grammar.
fn number(text: &str) -> Option<Num> {
    if !text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return None;
    }
    let mut reader = Reader::new(text.as_bytes());
    let digits = reader.number().ok()?;
    (reader.at() == text.len())
        .then(|| digits.value().ok())
        .flatten()
}

impl Scalar {
    /// Text stays text.
    pub(super) fn text() -> Self {
        Self {
            kinds: vec![Kind::String],
            simple: None,
        }
    }

    /// How text is read by the node `id`; `Err` holds the name of a type that text cannot be.
    pub(super) fn of(nodes: &[Node], id: Id) -> Result<Self, &'static str> {
        let mut kinds = Vec::new();
        collect(nodes, id, &mut kinds)?;
        if kinds.is_empty() {
            kinds.push(Kind::String);
        }
        // Stable: only text moves behind the others.
        kinds.sort_by_key(|kind| *kind == Kind::String);
        let id = behind(nodes, id);
        let node = &nodes[id];
        let simple = kinds.len() == 1
            && !node.never
            && node.dynamic.is_none()
            && node.enumeration.is_none()
            && node.constant.is_none()
            && node.in_place().next().is_none();
        Ok(Self {
            kinds,
            simple: simple.then_some(id),
        })
    }

    /// The usual case: one type, and no rules but its own. No value is built.
    #[inline]
    pub(super) fn quick<'t>(&self, nodes: &[Node], text: &Cow<'t, str>) -> Option<Argument<'t>> {
        let node = &nodes[self.simple?];
        let argument = self.kinds[0].read(text)?;
        let fits = match &argument {
            Argument::Integer(whole) => node.number.accepts(Num::Int(*whole)),
            Argument::Number(number) => node.number.accepts(Num::Float(*number)),
            Argument::String(text) => node.string.accepts(text),
            Argument::Bool(_) => true,
            // Its digits must be compared as a whole.
            _ => false,
        };
        fits.then_some(argument)
    }

    /// What the text may mean, in the order tried.
    pub(super) fn readings<'t>(
        &self,
        text: &Cow<'t, str>,
    ) -> impl Iterator<Item = (Argument<'t>, Value)> {
        self.kinds.iter().filter_map(move |kind| {
            let argument = kind.read(text)?;
            let value = value(&argument, text);
            Some((argument, value))
        })
    }

    /// The types tried.
    pub(super) fn types(&self) -> Types {
        Types(self.kinds.iter().fold(0, |all, kind| all | kind.type_bit()))
    }
}

fn collect(nodes: &[Node], id: Id, kinds: &mut Vec<Kind>) -> Result<(), &'static str> {
    let node = &nodes[behind(nodes, id)];
    let mut add = |bit: u8| {
        for kind in [Kind::Integer, Kind::Number, Kind::Boolean, Kind::String] {
            if kind.type_bit() == bit && !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        match bit {
            Types::OBJECT => Err("object"),
            Types::ARRAY => Err("array"),
            _ => Ok(()),
        }
    };
    if let Some(types) = node.types {
        let bits = [
            Types::INTEGER,
            Types::NUMBER,
            Types::BOOLEAN,
            Types::STRING,
            Types::ARRAY,
            Types::OBJECT,
        ];
        return bits
            .into_iter()
            .filter(|bit| types.has(*bit))
            .try_for_each(add);
    }
    let values = node.enumeration.iter().flatten().chain(&node.constant);
    for value in values {
        add(match value {
            Value::Null => continue,
            Value::Bool(_) => Types::BOOLEAN,
            Value::Number(number) if Num::from(number).is_integer() => Types::INTEGER,
            Value::Number(_) => Types::NUMBER,
            Value::String(_) => Types::STRING,
            Value::Array(_) => Types::ARRAY,
            Value::Object(_) => Types::OBJECT,
        })?;
    }
    let inner = node.reference.into_iter().chain(
        node.all_of
            .iter()
            .chain(&node.any_of)
            .chain(&node.one_of)
            .copied(),
    );
    for id in inner {
        collect(nodes, id, kinds)?;
    }
    Ok(())
}

/// As a value, for rules beyond the quick ones.
fn value(argument: &Argument<'_>, text: &str) -> Value {
    match argument {
        Argument::Bool(truth) => Value::Bool(*truth),
        Argument::Integer(whole) => Value::from(*whole),
        Argument::BigInteger(_) | Argument::Number(_) => {
            // Beyond `f64` an integer is checked as the largest one.
            let largest = if text.starts_with('-') {
                f64::MIN
            } else {
                f64::MAX
            };
            Value::Number(Number::from(number(text).unwrap_or(Num::Float(largest))))
        }
        Argument::String(text) => Value::String(text.clone().into_owned()),
        Argument::Absent | Argument::Null | Argument::List(_) => Value::Null,
    }
}

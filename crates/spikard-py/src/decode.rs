//! JSON that the core has checked, as values of Python: without the second check and the copy that a decoder of bytes
//! needs. Knows plain kinds only; whatever else a text holds is left to the decoder of the type.

use crate::interpreter::{Arguments, Obj, ascii};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use spikard::contract::json::{Key, Reader, Text, What};
use std::sync::Arc;

/// What a value is built as.
#[derive(Clone)]
pub(crate) struct Shape {
    kind: Kind,
    nullable: bool,
}

#[derive(Clone)]
enum Kind {
    Boolean,
    Integer,
    Number,
    Text,
    List(Arc<Shape>),
    Map(Arc<Shape>),
    /// One of a dict's values, by its key.
    Choice(Arc<Py<PyDict>>),
    Object(Arc<Object>),
}

struct Object {
    class: Obj,
    members: Vec<Member>,
    /// Names of the last members, which `class` takes by name.
    keywords: Option<Py<PyTuple>>,
}

struct Member {
    name: Box<[u8]>,
    key: Key,
    shape: Shape,
}

/// The text holds what is not plain.
struct Unknown;

impl From<What> for Unknown {
    fn from(_: What) -> Self {
        Self
    }
}

impl From<PyErr> for Unknown {
    /// The decoder that reads the text next raises its own.
    fn from(_: PyErr) -> Self {
        Self
    }
}

impl Shape {
    /// From `(kind, nullable, ...)`; see `_native.pyi`.
    pub(crate) fn of(told: &Bound<'_, PyAny>) -> PyResult<Self> {
        let kind: String = told.get_item(0)?.extract()?;
        Ok(Self {
            nullable: told.get_item(1)?.extract()?,
            kind: match kind.as_str() {
                "boolean" => Kind::Boolean,
                "integer" => Kind::Integer,
                "number" => Kind::Number,
                "text" => Kind::Text,
                "list" => Kind::List(Arc::new(Self::of(&told.get_item(2)?)?)),
                "map" => Kind::Map(Arc::new(Self::of(&told.get_item(2)?)?)),
                "choice" => Kind::Choice(Arc::new(told.get_item(2)?.cast_into()?.unbind())),
                "object" => Kind::Object(Arc::new(Object::of(told)?)),
                other => {
                    return Err(PyValueError::new_err(format!(
                        "{other:?} is no kind of value"
                    )));
                }
            },
        })
    }

    /// The value of `text`; `None` when the type's own decoder must read it.
    pub(crate) fn build(&self, py: Python<'_>, text: &[u8]) -> Option<Obj> {
        let mut reader = Reader::new(text);
        let value = self.value(py, &mut reader, 0).ok()?;
        reader.end().ok()?;
        Some(value)
    }

    fn value(&self, py: Python<'_>, reader: &mut Reader<'_>, depth: usize) -> Result<Obj, Unknown> {
        match (reader.peek()?, &self.kind) {
            (b'"', Kind::Text) => text(py, reader.string()?),
            (b'"', Kind::Choice(choices)) => choose(py, choices, &text(py, reader.string()?)?),
            (b'-' | b'0'..=b'9', Kind::Integer) => integer(py, reader),
            (b'-' | b'0'..=b'9', Kind::Choice(choices)) => {
                choose(py, choices, &integer(py, reader)?)
            }
            (b'-' | b'0'..=b'9', Kind::Number) => {
                let digits = reader.number()?;
                let number = digits.exact().ok_or(Unknown)?;
                // Written without a fraction it is an integer to msgspec, which has no negative zero.
                let number = if digits.small() == Some(0) {
                    0.0
                } else {
                    number
                };
                Ok(PyFloat::new(py, number).into_any().unbind())
            }
            (b't', Kind::Boolean) => {
                reader.literal("true")?;
                Ok(PyBool::new(py, true).to_owned().into_any().unbind())
            }
            (b'f', Kind::Boolean) => {
                reader.literal("false")?;
                Ok(PyBool::new(py, false).to_owned().into_any().unbind())
            }
            (b'[', Kind::List(items)) => {
                reader.enter(depth)?;
                let list = PyList::empty(py);
                while reader.element()? {
                    list.append(items.value(py, reader, depth + 1)?)?;
                }
                Ok(list.into_any().unbind())
            }
            (b'{', Kind::Map(values)) => {
                reader.enter(depth)?;
                let map = PyDict::new(py);
                while let Some(name) = reader.member()? {
                    map.set_item(text(py, name)?, values.value(py, reader, depth + 1)?)?;
                }
                Ok(map.into_any().unbind())
            }
            (b'{', Kind::Object(object)) => object.value(py, reader, depth),
            (b'n', _) if self.nullable => {
                reader.literal("null")?;
                Ok(py.None())
            }
            _ => Err(Unknown),
        }
    }
}

impl Object {
    fn of(told: &Bound<'_, PyAny>) -> PyResult<Self> {
        let members: Vec<(String, Bound<'_, PyAny>)> = told.get_item(3)?.extract()?;
        let member = |(name, shape): (String, Bound<'_, PyAny>)| {
            let key = Key::new(&name)
                .ok_or_else(|| PyValueError::new_err(format!("{name:?} needs escapes")))?;
            Ok(Member {
                key,
                name: name.into_bytes().into(),
                shape: Shape::of(&shape)?,
            })
        };
        let keywords = told.get_item(4)?.cast_into::<PyTuple>()?;
        Ok(Self {
            class: told.get_item(2)?.unbind(),
            members: members.into_iter().map(member).collect::<PyResult<_>>()?,
            keywords: (!keywords.is_empty()).then(|| keywords.unbind()),
        })
    }

    fn value(&self, py: Python<'_>, reader: &mut Reader<'_>, depth: usize) -> Result<Obj, Unknown> {
        reader.enter(depth)?;
        let mut values = Arguments::unset(self.members.len());
        let mut next = 0;
        loop {
            // Members in the order of the class, written compactly, are known by one comparison.
            let index = match self.members.get(next) {
                Some(member) if reader.takes(&member.key) => Some(next),
                _ => match reader.member()? {
                    None => break,
                    Some(name) => self.find(name),
                },
            };
            match index {
                None => reader.skip(depth + 1)?,
                Some(index) => {
                    values.set(
                        index,
                        self.members[index].shape.value(py, reader, depth + 1)?,
                    );
                    next = index + 1;
                }
            }
        }
        // Those at the end that were not sent have defaults; a gap before others is too rare to be worth names.
        if !values.close_up() || self.keywords.is_some() && values.len() < self.members.len() {
            return Err(Unknown);
        }
        Ok(values.call(py, &self.class, self.keywords.as_ref())?)
    }

    fn find(&self, name: Text<'_>) -> Option<usize> {
        let name = match name.plain() {
            Some(name) => std::borrow::Cow::Borrowed(name),
            None => std::borrow::Cow::Owned(name.decode().into_owned().into_bytes()),
        };
        self.members.iter().position(|member| *member.name == *name)
    }
}

fn text(py: Python<'_>, text: Text<'_>) -> Result<Obj, Unknown> {
    Ok(match text.plain() {
        Some(plain) if plain.is_ascii() => ascii(py, plain)?,
        _ => PyString::new(py, &text.decode()).into_any().unbind(),
    })
}

fn integer(py: Python<'_>, reader: &mut Reader<'_>) -> Result<Obj, Unknown> {
    let whole = reader.number()?.small().ok_or(Unknown)?;
    Ok(PyInt::new(py, whole).into_any().unbind())
}

fn choose(py: Python<'_>, choices: &Py<PyDict>, value: &Obj) -> Result<Obj, Unknown> {
    let chosen = choices.bind(py).get_item(value)?;
    Ok(chosen.ok_or(Unknown)?.unbind())
}

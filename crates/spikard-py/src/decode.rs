//! JSON as values of Python, built while its schema is checked: no second pass, and no copy that a decoder of bytes needs.
//! Knows plain kinds only; whatever else a text holds is left to the core's check and then to the decoder of the type.

use crate::interpreter::{Arguments, Obj, ascii};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use spikard::contract::json::{Digits, Text};
use spikard::contract::{Build, Schema};
use std::marker::PhantomData;
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
    shape: Shape,
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

    /// The value of `text`, checked by `schema` in the same pass; `None` when the core has to tell what is wrong, or the
    /// type's own decoder must read it.
    pub(crate) fn build(&self, py: Python<'_>, schema: &Schema, text: &[u8]) -> Option<Obj> {
        schema.build(text, &mut Builder(py, PhantomData), Some(self))?
    }
}

impl Object {
    fn of(told: &Bound<'_, PyAny>) -> PyResult<Self> {
        let members: Vec<(String, Bound<'_, PyAny>)> = told.get_item(3)?.extract()?;
        let member = |(name, shape): (String, Bound<'_, PyAny>)| {
            Ok(Member {
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
}

/// Makes the values of Python. A place is a shape; none is that of a member that the class does not have.
struct Builder<'s, 'py>(Python<'py>, PhantomData<&'s Shape>);

/// An object of JSON whose members are being read.
enum Opened<'s, 'py> {
    Struct {
        object: &'s Object,
        values: Arguments,
        /// The member that was named, if the class has it.
        at: Option<usize>,
        next: usize,
    },
    Map {
        map: Bound<'py, PyDict>,
        values: &'s Shape,
        key: Obj,
    },
    Left,
}

impl<'s, 'py> Build for Builder<'s, 'py> {
    type Place = Option<&'s Shape>;
    type Value = Option<Obj>;
    type Array = Option<Bound<'py, PyList>>;
    type Object = Opened<'s, 'py>;

    fn null(&mut self, place: Option<&'s Shape>) -> Option<Option<Obj>> {
        match place {
            Some(shape) => shape.nullable.then(|| Some(self.0.None())),
            None => Some(None),
        }
    }

    fn boolean(&mut self, place: Option<&'s Shape>, value: bool) -> Option<Option<Obj>> {
        match place.map(|shape| &shape.kind) {
            None => Some(None),
            Some(Kind::Boolean) => Some(Some(
                PyBool::new(self.0, value).to_owned().into_any().unbind(),
            )),
            Some(_) => None,
        }
    }

    fn number(&mut self, place: Option<&'s Shape>, digits: Digits<'_>) -> Option<Option<Obj>> {
        let py = self.0;
        Some(Some(match place.map(|shape| &shape.kind) {
            None => return Some(None),
            Some(Kind::Integer) => integer(py, digits)?,
            Some(Kind::Number) => {
                // Written without a fraction it is an integer to msgspec, which has no negative zero.
                let number = match digits.small() {
                    Some(0) => 0.0,
                    _ => digits.exact()?,
                };
                PyFloat::new(py, number).into_any().unbind()
            }
            Some(Kind::Choice(choices)) => choose(py, choices, &integer(py, digits)?)?,
            Some(_) => return None,
        }))
    }

    fn string(&mut self, place: Option<&'s Shape>, text: Text<'_>) -> Option<Option<Obj>> {
        let py = self.0;
        Some(Some(match place.map(|shape| &shape.kind) {
            None => return Some(None),
            Some(Kind::Text) => string(py, text)?,
            Some(Kind::Choice(choices)) => choose(py, choices, &string(py, text)?)?,
            Some(_) => return None,
        }))
    }

    fn skipped(&mut self, place: Option<&'s Shape>) -> Option<Option<Obj>> {
        place.is_none().then_some(None)
    }

    fn array(&mut self, place: Option<&'s Shape>) -> Option<(Self::Array, Self::Place)> {
        match place.map(|shape| &shape.kind) {
            None => Some((None, None)),
            Some(Kind::List(items)) => Some((Some(PyList::empty(self.0)), Some(items))),
            Some(_) => None,
        }
    }

    fn element(&mut self, array: &mut Self::Array, value: Option<Obj>) -> Option<()> {
        match (array, value) {
            (Some(list), Some(value)) => quiet(list.append(value)),
            _ => Some(()),
        }
    }

    fn close_array(&mut self, array: Self::Array) -> Option<Option<Obj>> {
        Some(array.map(|list| list.into_any().unbind()))
    }

    fn object(&mut self, place: Option<&'s Shape>) -> Option<Opened<'s, 'py>> {
        Some(match place.map(|shape| &shape.kind) {
            None => Opened::Left,
            Some(Kind::Object(object)) => Opened::Struct {
                object,
                values: Arguments::unset(object.members.len()),
                at: None,
                next: 0,
            },
            Some(Kind::Map(values)) => Opened::Map {
                map: PyDict::new(self.0),
                values,
                key: self.0.None(),
            },
            Some(_) => return None,
        })
    }

    fn name(&mut self, opened: &mut Opened<'s, 'py>, name: Text<'_>) -> Option<Self::Place> {
        Some(match opened {
            Opened::Struct {
                object, at, next, ..
            } => {
                *at = name.position(&object.members, *next, |member| &member.name);
                at.map(|index| {
                    *next = index + 1;
                    &object.members[index].shape
                })
            }
            Opened::Map { values, key, .. } => {
                *key = string(self.0, name)?;
                Some(values)
            }
            Opened::Left => None,
        })
    }

    fn member(&mut self, opened: &mut Opened<'s, 'py>, value: Option<Obj>) -> Option<()> {
        match (opened, value) {
            (
                Opened::Struct {
                    values,
                    at: Some(index),
                    ..
                },
                Some(value),
            ) => values.set(*index, value),
            (Opened::Map { map, key, .. }, Some(value)) => {
                return quiet(map.set_item(&*key, value));
            }
            _ => {}
        }
        Some(())
    }

    fn close_object(&mut self, opened: Opened<'s, 'py>) -> Option<Option<Obj>> {
        match opened {
            Opened::Struct {
                object, mut values, ..
            } => {
                // Those at the end that were not sent have defaults; a gap before others is too rare to be worth names.
                let whole = values.close_up()
                    && (object.keywords.is_none() || values.len() == object.members.len());
                if !whole {
                    return None;
                }
                quiet(values.call(self.0, &object.class, object.keywords.as_ref())).map(Some)
            }
            Opened::Map { map, .. } => Some(Some(map.into_any().unbind())),
            Opened::Left => Some(None),
        }
    }
}

/// An error is left to the decoder that reads the text next: it raises its own.
fn quiet<T>(made: PyResult<T>) -> Option<T> {
    made.ok()
}

fn string(py: Python<'_>, text: Text<'_>) -> Option<Obj> {
    match text.plain_ascii() {
        Some(plain) => quiet(ascii(py, plain)),
        None => Some(PyString::new(py, &text.decode()).into_any().unbind()),
    }
}

fn integer(py: Python<'_>, digits: Digits<'_>) -> Option<Obj> {
    Some(PyInt::new(py, digits.small()?).into_any().unbind())
}

fn choose(py: Python<'_>, choices: &Py<PyDict>, value: &Obj) -> Option<Obj> {
    quiet(choices.bind(py).get_item(value))?.map(Bound::unbind)
}

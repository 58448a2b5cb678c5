//! JSON as values for PHP, read while its schema is checked: no second pass. Makes nothing of PHP's; `values.c` does, in the
//! step of the call. Knows plain kinds only: the package reads whatever else a text holds, once the core has checked it.

use crate::brought::{Class, Value};
use crate::zval::Told;
use spikard::contract::json::{Digits, Text};
use spikard::contract::{Build, Schema};

/// What a value is read as.
pub(crate) struct Shape {
    kind: Kind,
    nullable: bool,
}

enum Kind {
    Boolean,
    Integer,
    Number,
    Text,
    List(Box<Shape>),
    Map(Box<Shape>),
    /// One of an array's values, by its key.
    Choice(Told),
    Object(Object),
}

struct Object {
    class: Class,
    members: Vec<Member>,
}

struct Member {
    name: Box<[u8]>,
    shape: Shape,
}

/// A body: values in postfix order, and the texts that they point to where JSON writes them otherwise.
#[derive(Default)]
pub(crate) struct Built {
    pub(crate) values: Vec<Value>,
    texts: Vec<String>,
}

impl Shape {
    /// From `[kind, nullable, ...]`; see `Shape.php`. None for what this does not know.
    pub(crate) fn of(told: Told) -> Option<Self> {
        let inner = || told.inner(2).and_then(Self::of).map(Box::new);
        Some(Self {
            nullable: told.item(1)?.is_true(),
            kind: match told.item(0)?.bytes() {
                b"boolean" => Kind::Boolean,
                b"integer" => Kind::Integer,
                b"number" => Kind::Number,
                b"text" => Kind::Text,
                b"list" => Kind::List(inner()?),
                b"map" => Kind::Map(inner()?),
                b"choice" => Kind::Choice(told.inner(2)?),
                b"object" => Kind::Object(Object::of(told)?),
                _ => return None,
            },
        })
    }

    /// The value of `text`, checked by `schema` in the same pass; `None` when the core has to tell what is wrong, or the
    /// package must read it.
    pub(crate) fn read(&self, schema: &Schema, text: &[u8], into: &mut Built) -> Option<()> {
        into.clear();
        schema
            .build(text, &mut Reading(into), Some(self))?
            .then_some(())
    }
}

impl Object {
    fn of(told: Told) -> Option<Self> {
        let list = told.inner(3)?;
        let member = |index| {
            let told = list.inner(index)?;
            Some(Member {
                name: told.item(0)?.bytes().into(),
                shape: Shape::of(told.inner(1)?)?,
            })
        };
        Some(Self {
            class: Class::of(told)?,
            members: (0..u16::try_from(list.count()).ok()?)
                .map(|index| member(index.into()))
                .collect::<Option<_>>()?,
        })
    }
}

impl Built {
    fn clear(&mut self) {
        self.values.clear();
        self.texts.clear();
    }

    fn push(&mut self, value: Value) -> Option<bool> {
        self.values.push(value);
        Some(true)
    }

    fn text(&mut self, text: Text<'_>) -> Value {
        if let Some(plain) = text.plain() {
            return Value::text(plain);
        }
        let text = text.decode().into_owned();
        let value = Value::text(text.as_bytes());
        self.texts.push(text);
        value
    }
}

/// An object of JSON whose members are being read.
enum Opened<'s> {
    Members {
        object: &'s Object,
        count: usize,
        /// The member that was named, if the class has it.
        at: Option<usize>,
        next: usize,
    },
    Pairs {
        values: &'s Shape,
        count: usize,
    },
    Left,
}

/// Reads a body into what it holds.
struct Reading<'s>(&'s mut Built);

/// A place is a shape; none is that of a member that the class does not have, of which nothing is kept. A value is whether
/// something was.
impl<'s> Build for Reading<'s> {
    type Place = Option<&'s Shape>;
    type Value = bool;
    /// How many elements came; none are kept where there is no place.
    type Array = Option<usize>;
    type Object = Opened<'s>;

    fn null(&mut self, place: Option<&'s Shape>) -> Option<bool> {
        match place {
            Some(shape) if shape.nullable => self.0.push(Value::NULL),
            Some(_) => None,
            None => Some(false),
        }
    }

    fn boolean(&mut self, place: Option<&'s Shape>, value: bool) -> Option<bool> {
        match place.map(|shape| &shape.kind) {
            None => Some(false),
            Some(Kind::Boolean) => self.0.push(Value::boolean(value)),
            Some(_) => None,
        }
    }

    fn number(&mut self, place: Option<&'s Shape>, digits: Digits<'_>) -> Option<bool> {
        match place.map(|shape| &shape.kind) {
            None => Some(false),
            Some(Kind::Integer) => self.0.push(Value::integer(digits.small()?)),
            Some(Kind::Number) => self.0.push(Value::number(digits.exact()?)),
            Some(Kind::Choice(choices)) => {
                self.0.push(Value::choice(*choices));
                self.0.push(Value::integer(digits.small()?))
            }
            Some(_) => None,
        }
    }

    fn string(&mut self, place: Option<&'s Shape>, text: Text<'_>) -> Option<bool> {
        match place.map(|shape| &shape.kind) {
            None => return Some(false),
            Some(Kind::Text) => {}
            Some(Kind::Choice(choices)) => {
                self.0.push(Value::choice(*choices));
            }
            Some(_) => return None,
        }
        let value = self.0.text(text);
        self.0.push(value)
    }

    fn skipped(&mut self, place: Option<&'s Shape>) -> Option<bool> {
        place.is_none().then_some(false)
    }

    fn array(&mut self, place: Option<&'s Shape>) -> Option<(Option<usize>, Option<&'s Shape>)> {
        match place.map(|shape| &shape.kind) {
            None => Some((None, None)),
            Some(Kind::List(items)) => Some((Some(0), Some(items))),
            Some(_) => None,
        }
    }

    fn element(&mut self, array: &mut Option<usize>, _: bool) -> Option<()> {
        if let Some(count) = array {
            *count += 1;
        }
        Some(())
    }

    fn close_array(&mut self, array: Option<usize>) -> Option<bool> {
        array.map_or(Some(false), |count| self.0.push(Value::list(count)))
    }

    fn object(&mut self, place: Option<&'s Shape>) -> Option<Opened<'s>> {
        Some(match place.map(|shape| &shape.kind) {
            None => Opened::Left,
            Some(Kind::Object(object)) => Opened::Members {
                object,
                count: 0,
                at: None,
                next: 0,
            },
            Some(Kind::Map(values)) => Opened::Pairs { values, count: 0 },
            Some(_) => return None,
        })
    }

    fn name(&mut self, opened: &mut Opened<'s>, name: Text<'_>) -> Option<Option<&'s Shape>> {
        Some(match opened {
            Opened::Members {
                object, at, next, ..
            } => {
                *at = name.position(&object.members, *next, |member| &member.name);
                at.map(|index| {
                    *next = index + 1;
                    &object.members[index].shape
                })
            }
            Opened::Pairs { values, .. } => {
                let key = self.0.text(name);
                self.0.push(key);
                Some(values)
            }
            Opened::Left => None,
        })
    }

    fn member(&mut self, opened: &mut Opened<'s>, kept: bool) -> Option<()> {
        match opened {
            Opened::Members {
                count,
                at: Some(index),
                ..
            } if kept => {
                *count += 1;
                let slot = u16::try_from(*index).expect("invariant: `Object::of` counted them");
                self.0.values.last_mut()?.set_slot(slot);
            }
            Opened::Pairs { count, .. } => *count += 1,
            _ => {}
        }
        Some(())
    }

    fn close_object(&mut self, opened: Opened<'s>) -> Option<bool> {
        match opened {
            Opened::Members { object, count, .. } => {
                self.0.push(Value::object(&object.class, count))
            }
            Opened::Pairs { count, .. } => self.0.push(Value::map(count)),
            Opened::Left => Some(false),
        }
    }
}

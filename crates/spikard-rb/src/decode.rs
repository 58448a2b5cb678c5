//! JSON as values of Ruby, built while its schema is checked: no second pass. What it does not know (a member that came
//! twice, an object without a place) is left to the core's check and then to the package's own reader.
//!
//! All of a value that is being built is on the stack, where the collector looks. Only when there is no memory left does
//! Ruby jump over the frames of the pass; what such a jump leaks is the copy of a string that was written with escapes.

use crate::interpreter::{NIL, element, fixnum, id, is_array, length, protect, send, string, text};
use crate::reactor::Reactor;
use crate::roots::Kept;
use rb_sys::{
    FIXNUM_P, ID, Qfalse, Qtrue, VALUE, rb_ary_new, rb_ary_push, rb_enc_interned_str, rb_float_new,
    rb_hash_aset, rb_hash_new, rb_ivar_set, rb_obj_alloc, rb_obj_dup, rb_obj_freeze,
    rb_str_to_inum, rb_struct_aset, rb_sym2str, rb_utf8_encoding,
};
use spikard::contract::json::{Digits, Text};
use spikard::contract::{Build, Schema};
use std::ffi::c_long;

/// What a text is built as; see `layout.rb`.
pub(crate) struct Layout {
    root: Shape,
    objects: Vec<Object>,
    call: ID,
}

enum Shape {
    /// As JSON has it.
    Plain,
    List(Box<Self>),
    /// What a Proc makes of the plain value.
    Made(Kept),
    /// One of the layout's objects.
    Object(usize),
}

static PLAIN: Shape = Shape::Plain;

struct Object {
    class: Kept,
    is_struct: bool,
    fields: Vec<Field>,
}

struct Field {
    name: Box<[u8]>,
    place: Place,
    shape: Shape,
    default: Option<Kept>,
}

#[derive(Clone, Copy)]
enum Place {
    Variable(ID),
    /// Of a Struct's members.
    Member(usize),
}

impl Layout {
    /// From what `Layout.of` gives; none for nil. Called with Ruby's lock.
    pub(crate) fn of(told: VALUE) -> Option<Self> {
        if !is_array(told) {
            return None;
        }
        let objects = element(told, 1);
        Some(Self {
            root: Shape::of(element(told, 0)),
            objects: (0..length(objects))
                .map(|index| Object::of(element(objects, index)))
                .collect(),
            call: id("call"),
        })
    }

    /// The value of `text`, checked by `schema` in the same pass.
    pub(crate) fn build(&self, schema: &Schema, text: &[u8]) -> Option<VALUE> {
        let built = protect(|| schema.build(text, &mut Builder(self), Some(&self.root)));
        built.unwrap_or_else(|raised| {
            if raised.leaves()
                && let Some(reactor) = Reactor::current()
            {
                reactor.leave(raised);
            }
            None
        })
    }
}

impl Shape {
    fn of(told: VALUE) -> Self {
        match told {
            NIL => Self::Plain,
            _ if FIXNUM_P(told) => Self::Object(number(told)),
            _ if is_array(told) => Self::List(Box::new(Self::of(element(told, 1)))),
            _ => Self::Made(Kept::new(told)),
        }
    }
}

impl Object {
    fn of(told: VALUE) -> Self {
        let fields = element(told, 2);
        Self {
            class: Kept::new(element(told, 0)),
            is_struct: element(told, 1) == Qtrue as VALUE,
            fields: (0..length(fields))
                .map(|index| Field::of(element(fields, index)))
                .collect(),
        }
    }
}

impl Field {
    fn of(told: VALUE) -> Self {
        let place = element(told, 1);
        let place = match FIXNUM_P(place) {
            true => Place::Member(number(place)),
            // SAFETY: `layout.rb` gives a small Integer or a Symbol.
            false => Place::Variable(id(&text(unsafe { rb_sym2str(place) }))),
        };
        Self {
            name: text(element(told, 0)).into_bytes().into(),
            place,
            shape: Shape::of(element(told, 2)),
            default: (element(told, 3) == Qtrue as VALUE).then(|| Kept::new(element(told, 4))),
        }
    }
}

fn number(fixnum: VALUE) -> usize {
    fixnum as usize >> 1
}

impl Place {
    /// May raise (no memory).
    fn set(self, object: VALUE, value: VALUE) {
        // SAFETY: inside `protect`, with Ruby's lock; the object was just made and is not frozen.
        unsafe {
            match self {
                Self::Variable(name) => rb_ivar_set(object, name, value),
                Self::Member(index) => rb_struct_aset(object, fixnum(index), value),
            };
        }
    }
}

/// Makes the values. A place is a shape; none is that of a member that its class does not have.
struct Builder<'l>(&'l Layout);

/// An object of JSON whose members are being read.
enum Opened<'l> {
    Fields {
        object: &'l Object,
        value: VALUE,
        /// The field that was named, if the class has it.
        at: Option<usize>,
        next: usize,
        /// One bit for each field.
        seen: u64,
    },
    Map {
        map: VALUE,
        key: VALUE,
    },
    Left,
}

impl<'l> Build for Builder<'l> {
    const WHOLE: bool = true;
    type Place = Option<&'l Shape>;
    type Value = VALUE;
    /// nil where it is left out.
    type Array = VALUE;
    type Object = Opened<'l>;

    fn null(&mut self, _: Self::Place) -> Option<VALUE> {
        Some(NIL)
    }

    fn boolean(&mut self, place: Self::Place, value: bool) -> Option<VALUE> {
        let value = if value {
            Qtrue as VALUE
        } else {
            Qfalse as VALUE
        };
        self.scalar(place, || Some(value))
    }

    fn number(&mut self, place: Self::Place, digits: Digits<'_>) -> Option<VALUE> {
        self.scalar(place, || {
            if let Some(small) = digits.small() {
                return Some((small as VALUE) << 1 | 1);
            }
            // SAFETY: inside `protect`, with Ruby's lock.
            unsafe {
                if digits.is_whole() {
                    return Some(rb_str_to_inum(string(digits.text().as_bytes()), 10, 0));
                }
                let exact = digits.exact().or_else(|| digits.text().parse().ok());
                Some(rb_float_new(exact?))
            }
        })
    }

    fn string(&mut self, place: Self::Place, text: Text<'_>) -> Option<VALUE> {
        self.scalar(place, || {
            Some(match text.plain() {
                Some(plain) => string(plain),
                None => string(text.decode().as_bytes()),
            })
        })
    }

    fn skipped(&mut self, place: Self::Place) -> Option<VALUE> {
        place.is_none().then_some(NIL)
    }

    fn array(&mut self, place: Self::Place) -> Option<(VALUE, Self::Place)> {
        let inside = match place {
            None => return Some((NIL, None)),
            Some(Shape::Plain) => &PLAIN,
            Some(Shape::List(inside)) => inside,
            Some(Shape::Made(_) | Shape::Object(_)) => return None,
        };
        // SAFETY: inside `protect`, with Ruby's lock.
        Some((unsafe { rb_ary_new() }, Some(inside)))
    }

    fn element(&mut self, array: &mut VALUE, value: VALUE) -> Option<()> {
        if *array != NIL {
            // SAFETY: as above.
            unsafe { rb_ary_push(*array, value) };
        }
        Some(())
    }

    fn close_array(&mut self, array: VALUE) -> Option<VALUE> {
        Some(array)
    }

    fn object(&mut self, place: Self::Place) -> Option<Opened<'l>> {
        Some(match place {
            None => Opened::Left,
            Some(Shape::Plain) => Opened::Map {
                // SAFETY: as above.
                map: unsafe { rb_hash_new() },
                key: NIL,
            },
            Some(Shape::Object(index)) => {
                let object = self.0.objects.get(*index)?;
                Opened::Fields {
                    object,
                    // SAFETY: as above; the class has Ruby's own way of making objects.
                    value: unsafe { rb_obj_alloc(object.class.get()) },
                    at: None,
                    next: 0,
                    seen: 0,
                }
            }
            Some(Shape::List(_) | Shape::Made(_)) => return None,
        })
    }

    fn name(&mut self, opened: &mut Opened<'l>, name: Text<'_>) -> Option<Self::Place> {
        Some(match opened {
            Opened::Fields {
                object, at, next, ..
            } => {
                *at = name.position(&object.fields, *next, |field| &field.name);
                if at.is_none() && object.is_struct {
                    return None; // it takes no others: the reader says so
                }
                at.map(|index| {
                    *next = index + 1;
                    &object.fields[index].shape
                })
            }
            Opened::Map { key, .. } => {
                *key = match name.plain() {
                    Some(plain) => interned(plain),
                    None => interned(name.decode().as_bytes()),
                };
                Some(&PLAIN)
            }
            Opened::Left => None,
        })
    }

    fn member(&mut self, opened: &mut Opened<'l>, value: VALUE) -> Option<()> {
        match opened {
            Opened::Fields {
                object,
                value: made,
                at: Some(index),
                seen,
                ..
            } => {
                *seen |= 1 << *index;
                object.fields[*index].place.set(*made, value);
            }
            // SAFETY: inside `protect`, with Ruby's lock.
            Opened::Map { map, key } => drop(unsafe { rb_hash_aset(*map, *key, value) }),
            Opened::Fields { .. } | Opened::Left => {}
        }
        Some(())
    }

    fn close_object(&mut self, opened: Opened<'l>) -> Option<VALUE> {
        match opened {
            Opened::Fields {
                object,
                value,
                seen,
                ..
            } => {
                for (index, field) in object.fields.iter().enumerate() {
                    if seen >> index & 1 == 0 {
                        let default = field.default.as_ref();
                        // SAFETY: as above.
                        let default = default.map(|default| unsafe { rb_obj_dup(default.get()) });
                        field.place.set(value, default.unwrap_or(NIL));
                    }
                }
                if !object.is_struct {
                    // SAFETY: as above.
                    unsafe { rb_obj_freeze(value) };
                }
                Some(value)
            }
            Opened::Map { map, .. } => Some(map),
            Opened::Left => Some(NIL),
        }
    }
}

impl Builder<'_> {
    /// A value that is no container, as its place wants it. What a Proc refuses, its reader refuses with reasons.
    fn scalar(&self, place: Option<&Shape>, make: impl FnOnce() -> Option<VALUE>) -> Option<VALUE> {
        match place {
            None => Some(NIL),
            Some(Shape::Plain) => make(),
            Some(Shape::Made(reader)) => {
                let (value, reader, call) = (make()?, reader.get(), self.0.call);
                let read = protect(|| send(reader, call, &[value]));
                read.map_err(|raised| {
                    if raised.leaves()
                        && let Some(reactor) = Reactor::current()
                    {
                        reactor.leave(raised);
                    }
                })
                .ok()
            }
            Some(Shape::List(_) | Shape::Object(_)) => None,
        }
    }
}

/// A String that is there once, frozen, as Ruby keeps the keys of a Hash; may raise (no memory).
fn interned(name: &[u8]) -> VALUE {
    // SAFETY: inside `protect`, with Ruby's lock; Ruby copies the bytes.
    unsafe {
        rb_enc_interned_str(
            name.as_ptr().cast(),
            name.len() as c_long,
            rb_utf8_encoding(),
        )
    }
}

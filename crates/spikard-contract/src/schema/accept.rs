//! The streaming check: one pass over a JSON text against the shapes of a schema, no tree, no allocation for ordinary
//! schemas, and whatever a builder makes on the way. Gives no reasons.

use super::build::Build;
use super::node::{Id, Node};
use super::shape::{
    ANYTHING, ArrayShape, Kinds, NumberShape, ObjectShape, Plan, Seen, Shape, StringShape,
};
use super::validate::fits;
use crate::json::{Digits, Reader, Text};
use crate::number::Num;

/// The text is JSON and valid, and this is what `build` made of it. `None`: it is not, or a member came twice, of which the
/// last counts, so that only the whole value tells; or `build` does not know what came.
pub(crate) fn accept<B: Build>(
    nodes: &[Node],
    plan: &Plan,
    reader: Reader<'_>,
    build: &mut B,
    place: B::Place,
) -> Option<B::Value> {
    let mut pass = Pass {
        nodes,
        shapes: &plan.shapes,
        reader,
        build,
    };
    let value = pass.value(plan.start, 0, place)?;
    pass.reader.end().ok()?;
    Some(value)
}

struct Pass<'s, 't, B> {
    nodes: &'s [Node],
    shapes: &'s [Shape],
    reader: Reader<'t>,
    build: &'s mut B,
}

#[inline]
fn unless(broken: bool) -> Option<()> {
    (!broken).then_some(())
}

impl<B: Build> Pass<'_, '_, B> {
    /// Inlined where containers ask for what is inside: most of that is texts and numbers.
    #[inline(always)]
    fn value(&mut self, id: Id, depth: usize, place: B::Place) -> Option<B::Value> {
        let shapes = self.shapes;
        let Some(Shape::Kinds(kinds)) = shapes.get(id) else {
            return self.odd(id, depth, place);
        };
        match self.reader.space() {
            b'"' => {
                let shape = kinds.string.as_ref()?;
                let text = self.reader.string().ok()?;
                string(self.nodes, shape, text)?;
                self.build.string(place, text)
            }
            byte @ (b'{' | b'[' | b't' | b'f' | b'n') => self.other(byte, kinds, depth, place),
            // Or what begins no value, which is no number either.
            _ => {
                let shape = kinds.number.as_ref()?;
                let digits = self.reader.number().ok()?;
                number(self.nodes, shape, digits)?;
                self.build.number(place, digits)
            }
        }
    }

    #[inline(never)]
    fn other(
        &mut self,
        byte: u8,
        kinds: &Kinds,
        depth: usize,
        place: B::Place,
    ) -> Option<B::Value> {
        match byte {
            b'{' => {
                let shape = kinds.object.as_ref()?;
                self.object(shape, depth, place)
            }
            b'[' => {
                let shape = kinds.array.as_ref()?;
                self.array(shape, depth, place)
            }
            b't' => self.boolean(kinds.yes, true, place),
            b'f' => self.boolean(kinds.no, false, place),
            _ => self.null(kinds, place),
        }
    }

    fn boolean(&mut self, allowed: bool, value: bool, place: B::Place) -> Option<B::Value> {
        self.reader
            .literal(if value { "true" } else { "false" })
            .ok()?;
        unless(!allowed)?;
        self.build.boolean(place, value)
    }

    fn null(&mut self, kinds: &Kinds, place: B::Place) -> Option<B::Value> {
        self.reader.literal("null").ok()?;
        unless(!kinds.null)?;
        self.build.null(place)
    }

    /// A value that nothing, everything, or only the whole of it decides.
    #[inline(never)]
    fn odd(&mut self, id: Id, depth: usize, place: B::Place) -> Option<B::Value> {
        match self.shapes.get(id) {
            Some(Shape::Never) => return None,
            Some(Shape::Tree) => {
                self.reader.peek().ok()?;
                let from = self.reader.at();
                self.reader.skip(depth).ok()?;
                let text = self.reader.since(from);
                let value = crate::json::parse(text).ok()?;
                unless(!fits(self.nodes, id, &value))?;
                if B::WHOLE {
                    self.reader.back(from);
                    return self.anything(depth, place);
                }
            }
            // Also `ANYTHING`.
            _ if B::WHOLE => return self.anything(depth, place),
            _ => self.reader.skip(depth).ok()?,
        }
        self.build.skipped(place)
    }

    /// A value that is built and of which nothing is asked, or all was.
    fn anything(&mut self, depth: usize, place: B::Place) -> Option<B::Value> {
        match self.reader.peek().ok()? {
            b'"' => {
                let text = self.reader.string().ok()?;
                self.build.string(place, text)
            }
            b'{' => {
                self.reader.enter(depth).ok()?;
                let mut object = self.build.object(place)?;
                while let Some(name) = self.reader.member().ok()? {
                    let inside = self.build.name(&mut object, name)?;
                    let value = self.anything(depth + 1, inside)?;
                    self.build.member(&mut object, value)?;
                }
                self.build.close_object(object)
            }
            b'[' => {
                self.reader.enter(depth).ok()?;
                let (mut array, inside) = self.build.array(place)?;
                while self.reader.element().ok()? {
                    let value = self.anything(depth + 1, inside)?;
                    self.build.element(&mut array, value)?;
                }
                self.build.close_array(array)
            }
            b't' => self.boolean(true, true, place),
            b'f' => self.boolean(true, false, place),
            b'n' => {
                self.reader.literal("null").ok()?;
                self.build.null(place)
            }
            _ => {
                let digits = self.reader.number().ok()?;
                if !digits.surely_finite() {
                    digits.value().ok()?;
                }
                self.build.number(place, digits)
            }
        }
    }

    #[inline]
    fn array(&mut self, shape: &ArrayShape, depth: usize, place: B::Place) -> Option<B::Value> {
        self.reader.enter(depth).ok()?;
        let (mut array, inside) = self.build.array(place)?;
        let id = shape.items.unwrap_or(ANYTHING);
        let mut count = 0;
        while self.reader.element().ok()? {
            let value = self.value(id, depth + 1, inside)?;
            self.build.element(&mut array, value)?;
            count += 1;
        }
        unless(count < shape.least || count > shape.most)?;
        self.build.close_array(array)
    }

    fn object(&mut self, shape: &ObjectShape, depth: usize, place: B::Place) -> Option<B::Value> {
        self.reader.enter(depth).ok()?;
        let mut object = self.build.object(place)?;
        let mut seen = Seen::default();
        let (mut declared, mut other) = (0, 0);
        let mut next = 0;
        loop {
            // Members in the order of the schema, written compactly, are known by one comparison.
            let (name, found) = match shape.expected(next) {
                Some((key, id)) if self.reader.takes(key) => (key.name(), Some((next, id))),
                _ => {
                    let Some(name) = self.reader.member().ok()? else {
                        break;
                    };
                    let found = match name.plain() {
                        Some(name) => shape.find(name, next),
                        None => shape.find(name.decode().as_bytes(), next),
                    };
                    (name, found)
                }
            };
            let id = match found {
                Some((index, id)) => {
                    next = index + 1;
                    unless(!seen.add(index))?;
                    declared += 1;
                    id
                }
                None => {
                    other += 1;
                    shape.additional.unwrap_or(ANYTHING)
                }
            };
            let inside = self.build.name(&mut object, name)?;
            let value = self.value(id, depth + 1, inside)?;
            self.build.member(&mut object, value)?;
        }
        // Unknown names may hide duplicates: they prove no minimum.
        unless(
            !seen.has_all(&shape.required)
                || declared < shape.least
                || declared + other > shape.most,
        )?;
        self.build.close_object(object)
    }
}

#[inline(always)]
fn number(nodes: &[Node], shape: &NumberShape, digits: Digits<'_>) -> Option<()> {
    let surely = match shape.sure {
        _ if shape.integer && !digits.is_whole() => false,
        None => digits.surely_finite(),
        Some((least, most)) => digits
            .floor()
            .is_some_and(|floor| least <= floor && floor <= most),
    };
    if surely {
        return Some(());
    }
    number_by_value(nodes, shape, digits)
}

#[inline(never)]
fn number_by_value(nodes: &[Node], shape: &NumberShape, digits: Digits<'_>) -> Option<()> {
    let number = digits.value().ok()?;
    let fits = (!shape.integer || number.is_integer())
        && shape
            .rules
            .is_none_or(|id| nodes[id].number.accepts(number))
        && shape
            .allowed
            .as_ref()
            .is_none_or(|allowed| allowed.iter().any(|one: &Num| one.compare(number).is_eq()));
    unless(!fits)
}

#[inline(always)]
fn string(nodes: &[Node], shape: &StringShape, text: Text<'_>) -> Option<()> {
    match (shape.rules, &shape.allowed, text.plain()) {
        (None, None, _) => Some(()),
        (Some(id), None, Some(plain)) if nodes[id].string.surely_accepts(plain) => Some(()),
        _ => string_by_value(nodes, shape, text),
    }
}

#[inline(never)]
fn string_by_value(nodes: &[Node], shape: &StringShape, text: Text<'_>) -> Option<()> {
    let text = text.decode();
    let fits = shape.rules.is_none_or(|id| nodes[id].string.accepts(&text))
        && shape
            .allowed
            .as_ref()
            .is_none_or(|allowed| allowed.iter().any(|one| **one == *text));
    unless(!fits)
}

//! The streaming check: one pass over a JSON text against the shapes of a schema, no tree, no allocation for ordinary
//! schemas. Gives no reasons.

use super::node::{Id, Node};
use super::shape::{
    ANYTHING, ArrayShape, NumberShape, ObjectShape, Plan, Seen, Shape, StringShape,
};
use super::validate::fits;
use crate::json::{Digits, Reader, Text, What};
use crate::number::Num;

/// Why the pass ended early.
pub(crate) enum Stop {
    /// Not JSON.
    Syntax,
    /// A rule is broken, or a member came twice; since the last of duplicates counts, only the whole value tells.
    Unsure,
}

impl From<What> for Stop {
    fn from(_: What) -> Self {
        Self::Syntax
    }
}

/// `Ok`: `text`, which is UTF-8, is JSON and valid.
pub(crate) fn accept(nodes: &[Node], plan: &Plan, text: &[u8]) -> Result<(), Stop> {
    let mut pass = Pass {
        nodes,
        shapes: &plan.shapes,
        reader: Reader::new(text),
    };
    pass.value(plan.start, 0)?;
    Ok(pass.reader.end()?)
}

struct Pass<'s, 't> {
    nodes: &'s [Node],
    shapes: &'s [Shape],
    reader: Reader<'t>,
}

fn unless(broken: bool) -> Result<(), Stop> {
    if broken { Err(Stop::Unsure) } else { Ok(()) }
}

impl Pass<'_, '_> {
    fn value(&mut self, id: Id, depth: usize) -> Result<(), Stop> {
        let shapes = self.shapes;
        let Some(Shape::Kinds(kinds)) = shapes.get(id) else {
            return self.odd(id, depth);
        };
        let allowed = match self.reader.space() {
            b'"' => match &kinds.string {
                Some(StringShape {
                    rules: None,
                    allowed: None,
                }) => return Ok(self.reader.string().map(drop)?),
                Some(shape) => return self.string(shape),
                None => false,
            },
            b'{' => match &kinds.object {
                Some(shape) => return self.object(shape, depth),
                None => false,
            },
            b'[' => match &kinds.array {
                Some(shape) => return self.array(shape, depth),
                None => false,
            },
            b't' => self.reader.literal("true").map(|()| kinds.yes)?,
            b'f' => self.reader.literal("false").map(|()| kinds.no)?,
            b'n' => self.reader.literal("null").map(|()| kinds.null)?,
            // Or what begins no value, which is no number either.
            _ => match &kinds.number {
                Some(shape) => return self.number(shape),
                None => false,
            },
        };
        unless(!allowed)
    }

    /// A value that nothing, everything, or only the whole of it decides.
    #[inline(never)]
    fn odd(&mut self, id: Id, depth: usize) -> Result<(), Stop> {
        match self.shapes.get(id) {
            Some(Shape::Never) => Err(Stop::Unsure),
            Some(Shape::Tree) => {
                self.reader.peek()?;
                let from = self.reader.at();
                self.reader.skip(depth)?;
                let text = self.reader.since(from);
                let value = crate::json::parse(text).map_err(|_| Stop::Syntax)?;
                unless(!fits(self.nodes, id, &value))
            }
            // Also `ANYTHING`.
            _ => Ok(self.reader.skip(depth)?),
        }
    }

    #[inline]
    fn number(&mut self, shape: &NumberShape) -> Result<(), Stop> {
        let digits = self.reader.number()?;
        let surely = match shape.sure {
            _ if shape.integer && !digits.is_whole() => false,
            None => digits.surely_finite(),
            Some((least, most)) => digits
                .floor()
                .is_some_and(|floor| least <= floor && floor <= most),
        };
        if surely {
            return Ok(());
        }
        self.number_by_value(shape, digits)
    }

    #[inline(never)]
    fn number_by_value(&self, shape: &NumberShape, digits: Digits<'_>) -> Result<(), Stop> {
        let number = digits.value()?;
        let fits = (!shape.integer || number.is_integer())
            && shape
                .rules
                .is_none_or(|id| self.nodes[id].number.accepts(number))
            && shape
                .allowed
                .as_ref()
                .is_none_or(|allowed| allowed.iter().any(|one: &Num| one.compare(number).is_eq()));
        unless(!fits)
    }

    #[inline]
    fn string(&mut self, shape: &StringShape) -> Result<(), Stop> {
        let text = self.reader.string()?;
        if let (Some(id), None, Some(plain)) = (shape.rules, &shape.allowed, text.plain())
            && self.nodes[id].string.surely_accepts(plain)
        {
            return Ok(());
        }
        self.string_by_value(shape, text)
    }

    #[inline(never)]
    fn string_by_value(&self, shape: &StringShape, text: Text<'_>) -> Result<(), Stop> {
        let text = text.decode();
        let fits = shape
            .rules
            .is_none_or(|id| self.nodes[id].string.accepts(&text))
            && shape
                .allowed
                .as_ref()
                .is_none_or(|allowed| allowed.iter().any(|one| **one == *text));
        unless(!fits)
    }

    fn array(&mut self, shape: &ArrayShape, depth: usize) -> Result<(), Stop> {
        self.reader.enter(depth)?;
        let id = shape.items.unwrap_or(ANYTHING);
        let mut count = 0;
        while self.reader.element()? {
            self.value(id, depth + 1)?;
            count += 1;
        }
        unless(count < shape.least || count > shape.most)
    }

    fn object(&mut self, shape: &ObjectShape, depth: usize) -> Result<(), Stop> {
        self.reader.enter(depth)?;
        let mut seen = Seen::default();
        let (mut known, mut unknown) = (0, 0);
        let mut next = 0;
        loop {
            // Members in the order of the schema, written compactly, are known by one comparison.
            if let Some((key, id)) = shape.expected(next)
                && self.reader.takes(key)
            {
                unless(!seen.add(next))?;
                known += 1;
                next += 1;
                self.value(id, depth + 1)?;
                continue;
            }
            let Some(name) = self.reader.member()? else {
                break;
            };
            let found = match name.plain() {
                Some(name) => shape.find(name, next),
                None => shape.find(name.decode().as_bytes(), next),
            };
            let id = match found {
                Some((index, id)) => {
                    next = index + 1;
                    unless(!seen.add(index))?;
                    known += 1;
                    id
                }
                None => {
                    unknown += 1;
                    shape.additional.unwrap_or(ANYTHING)
                }
            };
            self.value(id, depth + 1)?;
        }
        // Unknown names may hide duplicates: they prove no minimum.
        unless(
            !seen.has_all(&shape.required) || known < shape.least || known + unknown > shape.most,
        )
    }
}

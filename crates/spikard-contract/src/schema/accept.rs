//! The streaming check: one pass over a JSON text against the shapes of a schema, no tree, no allocation for ordinary
//! schemas. Gives no reasons.

use super::node::{Id, Node};
use super::shape::{
    ANYTHING, ArrayShape, Kinds, NumberShape, ObjectShape, Plan, Seen, Shape, StringShape,
};
use super::validate::fits;
use crate::json::reader::{Reader, What};
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
        match shapes.get(id) {
            Some(Shape::Kinds(kinds)) => self.kinds(kinds, depth),
            Some(Shape::Tree) => self.tree(id, depth),
            Some(Shape::Never) => Err(Stop::Unsure),
            // Also `ANYTHING`.
            Some(Shape::Any) | None => Ok(self.reader.skip(depth)?),
        }
    }

    fn tree(&mut self, id: Id, depth: usize) -> Result<(), Stop> {
        self.reader.peek()?;
        let from = self.reader.at();
        self.reader.skip(depth)?;
        let value = crate::json::parse(self.reader.since(from)).map_err(|_| Stop::Syntax)?;
        unless(!fits(self.nodes, id, &value))
    }

    #[inline]
    fn kinds(&mut self, kinds: &Kinds, depth: usize) -> Result<(), Stop> {
        let byte = self.reader.peek()?;
        let allowed = match byte {
            b'{' => match &kinds.object {
                Some(shape) => return self.object(shape, depth),
                None => false,
            },
            b'"' => match &kinds.string {
                Some(shape) => return self.string(shape),
                None => false,
            },
            b'[' => match &kinds.array {
                Some(shape) => return self.array(shape, depth),
                None => false,
            },
            b't' => self.reader.literal("true").map(|()| kinds.yes)?,
            b'f' => self.reader.literal("false").map(|()| kinds.no)?,
            b'n' => self.reader.literal("null").map(|()| kinds.null)?,
            _ => match &kinds.number {
                Some(shape) => return self.number(shape),
                None => false,
            },
        };
        unless(!allowed)
    }

    fn number(&mut self, shape: &NumberShape) -> Result<(), Stop> {
        let digits = self.reader.number()?;
        let plain = shape.rules.is_none()
            && shape.allowed.is_none()
            && (!shape.integer || digits.is_whole());
        if plain && digits.surely_finite() {
            return Ok(());
        }
        if let (Some(id), None, Some(floor)) = (shape.rules, &shape.allowed, digits.floor())
            && (!shape.integer || digits.is_whole())
            && self.nodes[id].number.surely_accepts(floor)
        {
            return Ok(());
        }
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

    fn string(&mut self, shape: &StringShape) -> Result<(), Stop> {
        let text = self.reader.string()?;
        if shape.rules.is_none() && shape.allowed.is_none() {
            return Ok(());
        }
        if let (Some(id), None, Some(plain)) = (shape.rules, &shape.allowed, text.plain())
            && self.nodes[id].string.surely_accepts(plain)
        {
            return Ok(());
        }
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
        let mut unknown = 0;
        let mut next = 0;
        loop {
            // Members in the order of the schema, written compactly, are known by one comparison.
            if let Some((text, id)) = shape.expected(next)
                && self.reader.takes_member(text)
            {
                unless(!seen.add(next))?;
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
        let known = seen.count();
        unless(
            !seen.has_all(&shape.required) || known < shape.least || known + unknown > shape.most,
        )
    }
}

//! Checks a value against compiled nodes: every rule it breaks is reported, or, when only asked yes or no, the first
//! ends the check.

mod applicator;
mod container;

use super::equal::equal;
use super::message::message;
use super::node::{Id, Node, Types};
use crate::json::push_token;
use crate::number::Num;
use crate::{Source, Violation, Violations};
use serde_json::{Map, Number, Value, json};
use std::fmt::Write as _;

/// Whether `value` fits, without reasons.
pub(crate) fn fits(nodes: &[Node], start: Id, value: &Value) -> bool {
    let mut unused = Violations::default();
    Check::new(nodes, 1, Source::Body, "", &mut unused).node(start, value, None, "")
}

/// Reports what is wrong with `value`.
pub(crate) fn report(
    nodes: &[Node],
    start: Id,
    value: &Value,
    source: Source,
    prefix: &str,
    out: &mut Violations,
) {
    Check::new(nodes, 0, source, prefix, out).node(start, value, None, "");
}

enum Step<'v> {
    Key(&'v str),
    Index(usize),
}

/// Which properties or items were looked at, by position.
type Marks<'m> = Option<&'m mut [bool]>;

struct Check<'v, 'n, 'o> {
    nodes: &'n [Node],
    /// Resources entered, outermost first (dynamic scope).
    scope: Vec<usize>,
    path: Vec<Step<'v>>,
    /// Dynamic references being followed: node and address of the value.
    jumps: Vec<(Id, usize)>,
    /// Above zero inside a question whose answer is not yet a violation.
    quiet: usize,
    source: Source,
    prefix: &'o str,
    out: &'o mut Violations,
}

fn mark(marks: &mut Marks<'_>, at: usize) {
    if let Some(mark) = marks.as_mut().and_then(|marks| marks.get_mut(at)) {
        *mark = true;
    }
}

impl<'v, 'n, 'o> Check<'v, 'n, 'o> {
    fn new(
        nodes: &'n [Node],
        quiet: usize,
        source: Source,
        prefix: &'o str,
        out: &'o mut Violations,
    ) -> Self {
        Self {
            nodes,
            scope: Vec::new(),
            path: Vec::new(),
            jumps: Vec::new(),
            quiet,
            source,
            prefix,
            out,
        }
    }

    /// Nothing more is to be learned once the answer is no.
    fn in_haste(&self) -> bool {
        self.quiet > 0 || self.out.truncated
    }

    fn refuse(&mut self, value: &'v Value, keyword: &str, operand: impl FnOnce() -> Value) -> bool {
        if !self.in_haste() {
            let operand = operand();
            let message = message(keyword, &operand);
            self.push(value, keyword, operand, message);
        }
        false
    }

    #[cold]
    fn push(&mut self, value: &Value, keyword: &str, operand: Value, message: String) {
        let mut pointer = self.prefix.to_owned();
        for step in &self.path {
            match step {
                Step::Key(key) => push_token(&mut pointer, key),
                Step::Index(index) => {
                    let _ = write!(pointer, "/{index}");
                }
            }
        }
        let mut params = Map::new();
        if !operand.is_null() || keyword == "const" {
            params.insert(keyword.to_owned(), operand);
        }
        // Debug output shows values, but no client makes it copy large ones.
        let small = match value {
            Value::String(text) => text.len() <= 1024,
            Value::Array(_) | Value::Object(_) => false,
            _ => true,
        };
        let value = small.then(|| value.clone());
        self.out.push(Violation {
            source: self.source,
            pointer,
            keyword: keyword.to_owned(),
            message,
            params,
            value,
        });
    }

    fn quietly<T>(&mut self, ask: impl FnOnce(&mut Self) -> T) -> T {
        self.quiet += 1;
        let answer = ask(self);
        self.quiet -= 1;
        answer
    }

    fn below(&mut self, step: Step<'v>, id: Id, value: &'v Value, keyword: &'static str) -> bool {
        self.path.push(step);
        let fits = self.node(id, value, None, keyword);
        self.path.pop();
        fits
    }

    /// `keyword` is the one that led here, for a schema that is `false`.
    fn node(&mut self, id: Id, value: &'v Value, marks: Marks<'_>, keyword: &'static str) -> bool {
        let nodes = self.nodes;
        let node = &nodes[id];
        if node.never {
            return self.refuse(
                value,
                if keyword.is_empty() { "not" } else { keyword },
                || json!(false),
            );
        }
        let entered = self.scope.last() != Some(&node.resource);
        if entered {
            self.scope.push(node.resource);
        }
        let fits = if node.tracks() {
            let mut own = vec![false; size(value)];
            let fits = self.rules(node, value, Some(&mut own)) & self.rest(node, value, &mut own);
            if let Some(marks) = marks {
                marks
                    .iter_mut()
                    .zip(own)
                    .for_each(|(mark, own)| *mark |= own);
            }
            fits
        } else {
            self.rules(node, value, marks)
        };
        if entered {
            self.scope.pop();
        }
        fits
    }

    /// The list of what is checked, in order.
    fn rules(&mut self, node: &Node, value: &'v Value, mut marks: Marks<'_>) -> bool {
        let mut fits = true;
        for rule in [Self::kind, Self::scalar, Self::container, Self::applicators] {
            fits &= rule(self, node, value, marks.as_deref_mut());
            if !fits && self.in_haste() {
                return false;
            }
        }
        fits
    }

    fn kind(&mut self, node: &Node, value: &'v Value, _: Marks<'_>) -> bool {
        let mut fits = true;
        if let Some(types) = node.types.filter(|types| !types.accepts(value)) {
            fits = self.refuse(value, "type", || type_operand(types));
        }
        if let Some(allowed) = node
            .enumeration
            .as_ref()
            .filter(|allowed| !allowed.iter().any(|one| equal(one, value)))
        {
            fits = self.refuse(value, "enum", || Value::Array(allowed.clone()));
        }
        if let Some(only) = node.constant.as_ref().filter(|only| !equal(only, value)) {
            fits = self.refuse(value, "const", || only.clone());
        }
        fits
    }

    fn scalar(&mut self, node: &Node, value: &'v Value, _: Marks<'_>) -> bool {
        let mut fits = true;
        match value {
            Value::Number(number) => {
                for (keyword, limit) in node.number.broken(Num::from(number)) {
                    fits = self.refuse(value, keyword, || Value::Number(Number::from(limit)));
                }
            }
            Value::String(text) => {
                for (keyword, operand) in node.string.broken(text) {
                    fits = self.refuse(value, keyword, || operand.into());
                }
            }
            _ => {}
        }
        fits
    }

    /// `unevaluatedItems` and `unevaluatedProperties`.
    fn rest(&mut self, node: &Node, value: &'v Value, marks: &mut [bool]) -> bool {
        let mut fits = true;
        match value {
            Value::Array(items) => {
                let Some(id) = node.array.unevaluated else {
                    return true;
                };
                for (index, item) in items.iter().enumerate().filter(|(index, _)| !marks[*index]) {
                    fits &= self.below(Step::Index(index), id, item, "unevaluatedItems");
                }
                marks.fill(true);
            }
            Value::Object(map) => {
                let Some(id) = node.object.unevaluated else {
                    return true;
                };
                for (_, (name, member)) in
                    map.iter().enumerate().filter(|(index, _)| !marks[*index])
                {
                    fits &= self.below(Step::Key(name), id, member, "unevaluatedProperties");
                }
                marks.fill(true);
            }
            _ => {}
        }
        fits
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.len(),
        Value::Object(map) => map.len(),
        _ => 0,
    }
}

fn type_of(value: &Value) -> u8 {
    match value {
        Value::Null => Types::NULL,
        Value::Bool(_) => Types::BOOLEAN,
        Value::Number(_) => Types::NUMBER,
        Value::String(_) => Types::STRING,
        Value::Array(_) => Types::ARRAY,
        Value::Object(_) => Types::OBJECT,
    }
}

fn type_operand(types: Types) -> Value {
    let names: Vec<_> = types.names().collect();
    match names[..] {
        [only] => json!(only),
        _ => json!(names),
    }
}

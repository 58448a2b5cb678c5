//! A compiled schema as data: nodes that refer to each other by index. Says nothing about how they are checked.

use super::format::Format;
use super::pattern::Pattern;
use crate::number::Num;
use indexmap::IndexMap;
use serde_json::Value;

/// Index of a node.
pub(crate) type Id = usize;

/// Set of JSON types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Types(pub(crate) u8);

/// Bit and name of each type, in the order of messages.
pub(crate) const TYPE_NAMES: &[(u8, &str)] = &[
    (Types::OBJECT, "object"),
    (Types::ARRAY, "array"),
    (Types::STRING, "string"),
    (Types::NUMBER, "number"),
    (Types::INTEGER, "integer"),
    (Types::BOOLEAN, "boolean"),
    (Types::NULL, "null"),
];

impl Types {
    pub(crate) const NULL: u8 = 1;
    pub(crate) const BOOLEAN: u8 = 2;
    pub(crate) const INTEGER: u8 = 4;
    /// Includes integers when asked with [`Types::accepts`].
    pub(crate) const NUMBER: u8 = 8;
    pub(crate) const STRING: u8 = 16;
    pub(crate) const ARRAY: u8 = 32;
    pub(crate) const OBJECT: u8 = 64;

    pub(crate) fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    pub(crate) fn accepts(self, value: &Value) -> bool {
        self.has(match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            Value::Number(number) if self.has(Self::INTEGER) && Num::from(number).is_integer() => {
                Self::INTEGER
            }
            Value::Number(_) => Self::NUMBER,
            Value::String(_) => Self::STRING,
            Value::Array(_) => Self::ARRAY,
            Value::Object(_) => Self::OBJECT,
        })
    }

    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        TYPE_NAMES
            .iter()
            .filter(move |(bit, _)| self.has(*bit))
            .map(|&(_, name)| name)
    }
}

/// One schema object or boolean.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// The schema `false`.
    pub(crate) never: bool,
    pub(crate) types: Option<Types>,
    pub(crate) enumeration: Option<Vec<Value>>,
    pub(crate) constant: Option<Value>,
    pub(crate) number: NumberRules,
    pub(crate) string: StringRules,
    pub(crate) array: ArrayRules,
    pub(crate) object: ObjectRules,
    pub(crate) reference: Option<Id>,
    pub(crate) dynamic: Option<Dynamic>,
    pub(crate) all_of: Vec<Id>,
    pub(crate) any_of: Vec<Id>,
    pub(crate) one_of: Vec<Id>,
    pub(crate) not: Option<Id>,
    pub(crate) condition: Option<Condition>,
    /// The schema resource that it stands in: its place in the dynamic scope.
    pub(crate) resource: usize,
    /// Annotation, for parameters.
    pub(crate) default: Option<Value>,
}

#[derive(Debug, Default)]
pub(crate) struct NumberRules {
    pub(crate) minimum: Option<Num>,
    pub(crate) exclusive_minimum: Option<Num>,
    pub(crate) maximum: Option<Num>,
    pub(crate) exclusive_maximum: Option<Num>,
    pub(crate) multiple_of: Option<Num>,
}

#[derive(Debug, Default)]
pub(crate) struct StringRules {
    /// In code points.
    pub(crate) min_length: Option<u64>,
    pub(crate) max_length: Option<u64>,
    pub(crate) pattern: Option<Pattern>,
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Default)]
pub(crate) struct ArrayRules {
    pub(crate) prefix: Vec<Id>,
    pub(crate) items: Option<Id>,
    pub(crate) min_items: Option<u64>,
    pub(crate) max_items: Option<u64>,
    pub(crate) unique: bool,
    pub(crate) contains: Option<Id>,
    pub(crate) min_contains: Option<u64>,
    pub(crate) max_contains: Option<u64>,
    pub(crate) unevaluated: Option<Id>,
}

#[derive(Debug, Default)]
pub(crate) struct ObjectRules {
    pub(crate) properties: IndexMap<String, Id>,
    pub(crate) patterns: Vec<(Pattern, Id)>,
    pub(crate) additional: Option<Id>,
    pub(crate) required: Vec<String>,
    pub(crate) min_properties: Option<u64>,
    pub(crate) max_properties: Option<u64>,
    pub(crate) names: Option<Id>,
    pub(crate) dependent_required: Vec<(String, Vec<String>)>,
    pub(crate) dependent_schemas: Vec<(String, Id)>,
    pub(crate) unevaluated: Option<Id>,
}

/// `if`, `then`, `else`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Condition {
    pub(crate) test: Id,
    pub(crate) then: Option<Id>,
    pub(crate) otherwise: Option<Id>,
}

/// `$dynamicRef` that met a `$dynamicAnchor`.
#[derive(Debug)]
pub(crate) struct Dynamic {
    /// Where it leads when no outer resource has the anchor.
    pub(crate) initial: Id,
    /// Of the anchor.
    pub(crate) name: String,
    /// Resource and node of every anchor of the name.
    pub(crate) targets: Vec<(usize, Id)>,
}

impl ArrayRules {
    pub(crate) fn is_empty(&self) -> bool {
        self.prefix.is_empty()
            && self.items.is_none()
            && self.contains.is_none()
            && !self.counts_or_compares()
    }

    /// Says something about the array as a whole.
    pub(crate) fn counts_or_compares(&self) -> bool {
        self.min_items.is_some() || self.max_items.is_some() || self.unique
    }
}

impl ObjectRules {
    pub(crate) fn is_empty(&self) -> bool {
        self.properties.is_empty()
            && self.patterns.is_empty()
            && self.additional.is_none()
            && self.required.is_empty()
            && self.min_properties.is_none()
            && self.max_properties.is_none()
            && self.names.is_none()
            && self.dependent_required.is_empty()
    }
}

/// The node that says something, behind those that only pass on.
pub(crate) fn behind(nodes: &[Node], mut id: Id) -> Id {
    while let Some(next) = nodes[id].passes_on() {
        id = next;
    }
    id
}

impl Node {
    /// Nodes that look at the same value, as far as is known before the check: where a `$dynamicRef` leads is not.
    pub(crate) fn in_place(&self) -> impl Iterator<Item = Id> {
        let condition = self
            .condition
            .iter()
            .flat_map(|c| [Some(c.test), c.then, c.otherwise])
            .flatten();
        (self.reference.into_iter())
            .chain(
                self.all_of
                    .iter()
                    .chain(&self.any_of)
                    .chain(&self.one_of)
                    .copied(),
            )
            .chain(self.not)
            .chain(condition)
            .chain(self.object.dependent_schemas.iter().map(|&(_, id)| id))
    }

    /// The one other node that it means, when it says nothing itself.
    pub(crate) fn passes_on(&self) -> Option<Id> {
        let mut inner = self.in_place();
        let only = inner.next().filter(|_| inner.next().is_none());
        let plain = self.reference.is_some()
            || self.all_of.len() + self.any_of.len() + self.one_of.len() == 1;
        only.filter(|_| plain && !self.has_own_rules())
    }

    /// Something besides the schemas that it applies to the same value.
    pub(crate) fn has_own_rules(&self) -> bool {
        self.never
            || self.types.is_some()
            || self.enumeration.is_some()
            || self.constant.is_some()
            || self.dynamic.is_some()
            || self.tracks()
            || !self.number.is_empty()
            || !self.string.is_empty()
            || !self.array.is_empty()
            || !self.object.is_empty()
    }

    /// Needs to know which properties and items others have looked at.
    pub(crate) fn tracks(&self) -> bool {
        self.array.unevaluated.is_some() || self.object.unevaluated.is_some()
    }
}

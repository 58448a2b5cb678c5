//! What the streaming check needs of a schema: for each node, what it asks of each kind of JSON value, or that it asks
//! for something that needs the whole value.

use super::node::{Id, Node, Types, behind};
use crate::json::Key;
use crate::number::Num;
use serde_json::Value;

/// How a node is checked while its text is read.
#[derive(Debug)]
pub(crate) enum Shape {
    Any,
    Never,
    Kinds(Box<Kinds>),
    /// Needs the value as a tree.
    Tree,
}

/// One answer per kind of value; `None` or `false` refuses it.
#[derive(Debug, Default)]
pub(crate) struct Kinds {
    pub(crate) null: bool,
    pub(crate) no: bool,
    pub(crate) yes: bool,
    pub(crate) number: Option<NumberShape>,
    pub(crate) string: Option<StringShape>,
    pub(crate) array: Option<ArrayShape>,
    pub(crate) object: Option<ObjectShape>,
}

#[derive(Debug)]
pub(crate) struct NumberShape {
    pub(crate) integer: bool,
    /// Whose rules are asked, if it has some.
    pub(crate) rules: Option<Id>,
    pub(crate) allowed: Option<Vec<Num>>,
    /// A number is surely right when what stands before its point lies between these; `None`: whatever stands there.
    pub(crate) sure: Option<(i64, i64)>,
}

#[derive(Debug)]
pub(crate) struct StringShape {
    pub(crate) rules: Option<Id>,
    pub(crate) allowed: Option<Vec<String>>,
}

#[derive(Debug)]
pub(crate) struct ArrayShape {
    /// `None`: anything.
    pub(crate) items: Option<Id>,
    pub(crate) least: u64,
    pub(crate) most: u64,
}

#[derive(Debug)]
pub(crate) struct ObjectShape {
    /// In the order of the schema, which most clients keep.
    properties: Vec<(Box<str>, Id)>,
    keys: Vec<Option<Key>>,
    /// Open addressing by hash of the name; above [`SMALL`] properties.
    table: Vec<u16>,
    pub(crate) required: Seen,
    /// `None`: anything.
    pub(crate) additional: Option<Id>,
    pub(crate) least: u64,
    pub(crate) most: u64,
}

/// Which of at most 256 properties were met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen([u64; 4]);

impl Seen {
    const MOST: usize = 256;

    /// Notes one; `false` when it was met before.
    #[inline]
    pub(crate) fn add(&mut self, index: usize) -> bool {
        let (word, bit) = (&mut self.0[index / 64 % 4], 1 << (index % 64));
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    #[inline]
    pub(crate) fn has_all(&self, other: &Self) -> bool {
        self.0
            .iter()
            .zip(other.0)
            .all(|(own, other)| own & other == other)
    }
}

/// Up to here names are compared one by one.
const SMALL: usize = 8;
const EMPTY: u16 = u16::MAX;

impl ObjectShape {
    /// Key and node of the property that comes next in the order of the schema.
    #[inline]
    pub(crate) fn expected(&self, next: usize) -> Option<(&Key, Id)> {
        let key = self.keys.get(next)?.as_ref()?;
        Some((key, self.properties[next].1))
    }

    /// Index and node of a property; `next` is where it is expected.
    #[inline]
    pub(crate) fn find(&self, name: &[u8], next: usize) -> Option<(usize, Id)> {
        if let Some((expected, id)) = self.properties.get(next)
            && expected.as_bytes() == name
        {
            return Some((next, *id));
        }
        self.search(name)
    }

    fn search(&self, name: &[u8]) -> Option<(usize, Id)> {
        if self.table.is_empty() {
            let index = self
                .properties
                .iter()
                .position(|(other, _)| other.as_bytes() == name)?;
            return Some((index, self.properties[index].1));
        }
        let mask = self.table.len() - 1;
        let mut at = hash(name) & mask;
        while self.table[at] != EMPTY {
            let index = usize::from(self.table[at]);
            let (other, id) = &self.properties[index];
            if other.as_bytes() == name {
                return Some((index, *id));
            }
            at = (at + 1) & mask;
        }
        None
    }
}

/// FNV-1a; the table is built from the schema, so clients cannot fill it with collisions.
fn hash(name: &[u8]) -> usize {
    name.iter()
        .fold(0xCBF2_9CE4_8422_2325_usize, |hash, &byte| {
            (hash ^ usize::from(byte)).wrapping_mul(0x0100_0000_01B3)
        })
}

/// The shapes of a schema.
#[derive(Debug)]
pub(crate) struct Plan {
    /// One per node.
    pub(crate) shapes: Vec<Shape>,
    /// Where the check starts: behind what only passes on.
    pub(crate) start: Id,
}

impl Plan {
    pub(crate) fn new(nodes: &[Node], start: Id) -> Self {
        // Where a `$dynamicRef` leads depends on all that was passed on the way, which only the whole check knows.
        if nodes.iter().any(|node| node.dynamic.is_some()) {
            return Self {
                shapes: nodes.iter().map(|_| Shape::Tree).collect(),
                start,
            };
        }
        // Those that only pass on are never asked: references lead behind them.
        let of = |id: Id| match nodes[id].passes_on() {
            Some(_) => Shape::Tree,
            None => shape(nodes, id),
        };
        Self {
            shapes: (0..nodes.len()).map(of).collect(),
            start: behind(nodes, start),
        }
    }
}

fn shape(nodes: &[Node], id: Id) -> Shape {
    let id = behind(nodes, id);
    let node = &nodes[id];
    if node.never {
        return Shape::Never;
    }
    let applies = node.in_place().next().is_some() || node.dynamic.is_some();
    if !applies && !node.has_own_rules() {
        return Shape::Any;
    }
    let kinds = if applies {
        union(nodes, node)
    } else {
        own(nodes, id)
    };
    kinds.map_or(Shape::Tree, |kinds| Shape::Kinds(Box::new(kinds)))
}

/// `anyOf` or `oneOf` of schemas for different kinds: the kind decides.
fn union(nodes: &[Node], node: &Node) -> Option<Kinds> {
    let branches = match (&node.any_of[..], &node.one_of[..]) {
        (branches, []) | ([], branches) => branches,
        _ => return None,
    };
    if node.has_own_rules() || branches.len() != node.in_place().count() {
        return None;
    }
    let mut all = Kinds::default();
    for &branch in branches {
        let kinds = match shape(nodes, branch) {
            Shape::Kinds(kinds) => *kinds,
            Shape::Never => continue,
            Shape::Any | Shape::Tree => return None,
        };
        let clash = all.null && kinds.null
            || all.no && kinds.no
            || all.yes && kinds.yes
            || all.number.is_some() && kinds.number.is_some()
            || all.string.is_some() && kinds.string.is_some()
            || all.array.is_some() && kinds.array.is_some()
            || all.object.is_some() && kinds.object.is_some();
        if clash {
            return None;
        }
        all = Kinds {
            null: all.null || kinds.null,
            no: all.no || kinds.no,
            yes: all.yes || kinds.yes,
            number: all.number.or(kinds.number),
            string: all.string.or(kinds.string),
            array: all.array.or(kinds.array),
            object: all.object.or(kinds.object),
        };
    }
    Some(all)
}

fn own(nodes: &[Node], id: Id) -> Option<Kinds> {
    let node = &nodes[id];
    let types = node.types.unwrap_or(Types(u8::MAX));
    let allowed: Option<Vec<&Value>> = match (&node.enumeration, &node.constant) {
        (Some(list), None) => Some(list.iter().collect()),
        (None, Some(only)) => Some(vec![only]),
        (None, None) => None,
        (Some(_), Some(_)) => return None,
    };
    let allows = |value: &Value| allowed.as_ref().is_none_or(|list| list.contains(&value));
    let mut kinds = Kinds {
        null: types.has(Types::NULL) && allows(&Value::Null),
        no: types.has(Types::BOOLEAN) && allows(&Value::Bool(false)),
        yes: types.has(Types::BOOLEAN) && allows(&Value::Bool(true)),
        ..Kinds::default()
    };
    if types.has(Types::NUMBER | Types::INTEGER) {
        let numbers = |list: &Vec<&Value>| {
            list.iter()
                .filter_map(|value| Some(Num::from(value.as_number()?)))
                .collect()
        };
        let rules = (!node.number.is_empty()).then_some(id);
        kinds.number = Some(NumberShape {
            integer: !types.has(Types::NUMBER),
            rules,
            sure: match &allowed {
                None => rules.map(|id| nodes[id].number.sure()),
                Some(_) => Some((1, 0)),
            },
            allowed: allowed.as_ref().map(numbers),
        });
    }
    if types.has(Types::STRING) {
        let strings = |list: &Vec<&Value>| {
            list.iter()
                .filter_map(|value| value.as_str().map(str::to_owned))
                .collect()
        };
        kinds.string = Some(StringShape {
            rules: (!node.string.is_empty()).then_some(id),
            allowed: allowed.as_ref().map(strings),
        });
    }
    if let Some(list) = &allowed {
        let container = |value: &&Value| value.is_array() || value.is_object();
        return (!list.iter().any(container)).then_some(kinds);
    }
    if types.has(Types::ARRAY) {
        kinds.array = Some(array(nodes, node)?);
    }
    if types.has(Types::OBJECT) {
        kinds.object = Some(object(nodes, node)?);
    }
    Some(kinds)
}

/// The node to ask, or `None` when it accepts anything.
fn asked(nodes: &[Node], id: Id) -> Option<Id> {
    let id = behind(nodes, id);
    let node = &nodes[id];
    (node.has_own_rules() || node.in_place().next().is_some()).then_some(id)
}

fn array(nodes: &[Node], node: &Node) -> Option<ArrayShape> {
    let rules = &node.array;
    if !rules.prefix.is_empty()
        || rules.contains.is_some()
        || rules.unique
        || rules.unevaluated.is_some()
    {
        return None;
    }
    Some(ArrayShape {
        items: rules.items.and_then(|id| asked(nodes, id)),
        least: rules.min_items.unwrap_or(0),
        most: rules.max_items.unwrap_or(u64::MAX),
    })
}

fn object(nodes: &[Node], node: &Node) -> Option<ObjectShape> {
    let rules = &node.object;
    let whole = !rules.patterns.is_empty()
        || rules.names.is_some()
        || !rules.dependent_required.is_empty()
        || !rules.dependent_schemas.is_empty()
        || rules.unevaluated.is_some();
    let undeclared = || {
        rules
            .required
            .iter()
            .filter(|name| !rules.properties.contains_key(*name))
    };
    // A name that is required but not declared falls under `additionalProperties`.
    if whole
        || rules.properties.len() > Seen::MOST
        || undeclared().next().is_some() && rules.additional.is_some()
    {
        return None;
    }
    let anything = undeclared().map(|name| (name.clone().into_boxed_str(), None));
    let declared = rules
        .properties
        .iter()
        .map(|(name, &id)| (name.clone().into_boxed_str(), asked(nodes, id)));
    let properties: Vec<(Box<str>, Option<Id>)> = declared.chain(anything).collect();
    let mut required = Seen::default();
    for name in &rules.required {
        required.add(properties.iter().position(|(other, _)| **other == **name)?);
    }
    if properties.len() > Seen::MOST {
        return None;
    }
    let mut table = Vec::new();
    if properties.len() > SMALL {
        table.resize((properties.len() * 2).next_power_of_two(), EMPTY);
        for (index, (name, _)) in (0_u16..).zip(&properties) {
            let mut at = hash(name.as_bytes()) & (table.len() - 1);
            while table[at] != EMPTY {
                at = (at + 1) & (table.len() - 1);
            }
            table[at] = index;
        }
    }
    Some(ObjectShape {
        keys: properties.iter().map(|(name, _)| Key::new(name)).collect(),
        properties: properties
            .into_iter()
            .map(|(name, id)| (name, id.unwrap_or(ANYTHING)))
            .collect(),
        table,
        required,
        additional: rules.additional.and_then(|id| asked(nodes, id)),
        least: rules.min_properties.unwrap_or(0),
        most: rules.max_properties.unwrap_or(u64::MAX),
    })
}

/// Stands for a node that accepts every value.
pub(crate) const ANYTHING: Id = Id::MAX;

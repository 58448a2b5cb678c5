//! Schemas that apply to the same value: references, `allOf`, `anyOf`, `oneOf`, `not`, `if`. Which alternative a value was
//! meant for decides what is reported.

use super::{Check, Marks, type_of};
use crate::schema::equal::equal;
use crate::schema::message::spoken_types;
use crate::schema::node::{Id, Node, Types, behind};
use serde_json::Value;

impl<'v> Check<'v, '_, '_> {
    pub(super) fn applicators(
        &mut self,
        node: &Node,
        value: &'v Value,
        mut marks: Marks<'_>,
    ) -> bool {
        let mut fits = true;
        let dynamic = node.dynamic.as_ref().map(|dynamic| {
            // The outermost resource that has the anchor.
            let target = self.scope.iter().find_map(|scope| {
                dynamic
                    .targets
                    .iter()
                    .find(|(resource, _)| resource == scope)
            });
            target.map_or(dynamic.initial, |&(_, id)| id)
        });
        if let Some(id) = dynamic {
            fits &= self.dynamically(id, value, marks.as_deref_mut());
        }
        for id in node
            .reference
            .into_iter()
            .chain(node.all_of.iter().copied())
        {
            fits &= self.node(id, value, marks.as_deref_mut(), "allOf");
            if !fits && self.in_haste() {
                return false;
            }
        }
        if !node.any_of.is_empty() {
            fits &= self.alternatives("anyOf", &node.any_of, value, marks.as_deref_mut());
        }
        if !node.one_of.is_empty() {
            fits &= self.alternatives("oneOf", &node.one_of, value, marks.as_deref_mut());
        }
        if let Some(id) = node.not
            && self.quietly(|check| check.node(id, value, None, "not"))
        {
            fits = self.refuse(value, "not", || Value::Null);
        }
        if let Some(condition) = node.condition {
            let holds = self.tentative(condition.test, value, marks.as_deref_mut());
            let (branch, keyword) = if holds {
                (condition.then, "then")
            } else {
                (condition.otherwise, "else")
            };
            if let Some(id) = branch {
                fits &= self.node(id, value, marks.as_deref_mut(), keyword);
            }
        }
        if let Value::Object(map) = value {
            for (name, id) in &node.object.dependent_schemas {
                if map.contains_key(name) {
                    fits &= self.node(*id, value, marks.as_deref_mut(), "dependentSchemas");
                }
            }
        }
        fits
    }

    /// A schema that leads to itself for the same value fits nothing; plain references of that kind are refused when
    /// they are compiled, but where a dynamic one leads is seen only now.
    fn dynamically(&mut self, id: Id, value: &'v Value, marks: Marks<'_>) -> bool {
        let jump = (id, std::ptr::from_ref(value).addr());
        if self.jumps.contains(&jump) {
            return self.refuse(value, "$dynamicRef", || Value::Null);
        }
        self.jumps.push(jump);
        let fits = self.node(id, value, marks, "$dynamicRef");
        self.jumps.pop();
        fits
    }

    /// Whether the node fits; what it looked at counts only then.
    fn tentative(&mut self, id: Id, value: &'v Value, marks: Marks<'_>) -> bool {
        let Some(marks) = marks else {
            return self.quietly(|check| check.node(id, value, None, "if"));
        };
        let mut seen = vec![false; marks.len()];
        let fits = self.quietly(|check| check.node(id, value, Some(&mut seen), "if"));
        if fits {
            marks
                .iter_mut()
                .zip(seen)
                .for_each(|(mark, seen)| *mark |= seen);
        }
        fits
    }

    fn alternatives(
        &mut self,
        keyword: &'static str,
        branches: &[Id],
        value: &'v Value,
        mut marks: Marks<'_>,
    ) -> bool {
        let exactly_one = keyword == "oneOf";
        let mut fitting = 0;
        for &id in branches {
            if self.tentative(id, value, marks.as_deref_mut()) {
                fitting += 1;
                if fitting > 1 && exactly_one || !exactly_one && marks.is_none() {
                    break;
                }
            }
        }
        if fitting == 1 || fitting > 1 && !exactly_one {
            return true;
        }
        if self.in_haste() {
            return false;
        }
        if fitting == 0 {
            if let Some(meant) = self.meant(branches, value) {
                return self.node(meant, value, None, keyword);
            }
            let union = branches
                .iter()
                .try_fold(0, |all, &id| Some(all | self.types_of(id)?.0));
            if let Some(types) = union.map(Types).filter(|types| !types.accepts(value)) {
                self.push(
                    value,
                    keyword,
                    Value::Null,
                    format!("must be {}", spoken_types(types)),
                );
                return false;
            }
        }
        self.refuse(value, keyword, || Value::Null)
    }

    /// The one alternative that a value was meant for: the only one of its type, or the only one whose tag it bears.
    fn meant(&self, branches: &[Id], value: &Value) -> Option<Id> {
        let typed = branches
            .iter()
            .copied()
            .filter(|&id| self.types_of(id).is_none_or(|types| types.accepts(value)));
        let typed: Vec<Id> = typed.collect();
        if let [only] = typed[..] {
            return Some(only);
        }
        let mut tagged = typed.into_iter().filter(|&id| self.bears_tag(id, value));
        tagged.next().filter(|_| tagged.next().is_none())
    }

    fn behind(&self, id: Id) -> &Node {
        &self.nodes[behind(self.nodes, id)]
    }

    fn types_of(&self, id: Id) -> Option<Types> {
        let node = self.behind(id);
        let of_values =
            |values: &[Value]| Types(values.iter().fold(0, |all, value| all | type_of(value)));
        (node.types)
            .or_else(|| {
                node.constant
                    .as_ref()
                    .map(|only| of_values(std::slice::from_ref(only)))
            })
            .or_else(|| node.enumeration.as_deref().map(of_values))
    }

    fn bears_tag(&self, id: Id, value: &Value) -> bool {
        let properties = &self.behind(id).object.properties;
        let mut tags = properties.iter().filter_map(|(name, &id)| {
            let node = self.behind(id);
            let single = node
                .enumeration
                .as_deref()
                .and_then(|list| if let [only] = list { Some(only) } else { None });
            Some((name, node.constant.as_ref().or(single)?))
        });
        tags.any(|(name, tag)| value.get(name).is_some_and(|value| equal(value, tag)))
    }
}

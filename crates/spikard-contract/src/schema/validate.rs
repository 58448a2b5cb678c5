//! Checks a value against compiled nodes: every rule it breaks is reported, or, when only asked yes or no, the first
//! ends the check.

use super::equal::{equal, has_twins};
use super::message::{list, message, spoken_types};
use super::node::{ArrayRules, Id, Node, ObjectRules, Types, behind};
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

    fn container(&mut self, node: &Node, value: &'v Value, marks: Marks<'_>) -> bool {
        match value {
            Value::Array(items) => self.array(&node.array, value, items, marks),
            Value::Object(map) => self.object(&node.object, value, map, marks),
            _ => true,
        }
    }

    fn array(
        &mut self,
        rules: &ArrayRules,
        value: &'v Value,
        items: &'v [Value],
        mut marks: Marks<'_>,
    ) -> bool {
        let mut fits = true;
        let length = items.len() as u64;
        if let Some(least) = rules.min_items.filter(|least| length < *least) {
            fits = self.refuse(value, "minItems", || json!(least));
        }
        if let Some(most) = rules.max_items.filter(|most| length > *most) {
            fits = self.refuse(value, "maxItems", || json!(most));
        }
        if !fits && self.in_haste() {
            return false;
        }
        for (index, item) in items.iter().enumerate() {
            let (id, keyword) = match rules.prefix.get(index) {
                Some(&id) => (id, "prefixItems"),
                None => match rules.items {
                    Some(id) => (id, "items"),
                    None => break,
                },
            };
            mark(&mut marks, index);
            fits &= self.below(Step::Index(index), id, item, keyword);
            if !fits && self.in_haste() {
                return false;
            }
        }
        if rules.unique && has_twins(items) {
            fits = self.refuse(value, "uniqueItems", || json!(true));
        }
        if let Some(id) = rules.contains {
            fits &= self.contains(rules, id, value, items, marks);
        }
        fits
    }

    fn contains(
        &mut self,
        rules: &ArrayRules,
        id: Id,
        value: &'v Value,
        items: &'v [Value],
        mut marks: Marks<'_>,
    ) -> bool {
        let mut found = 0_u64;
        for (index, item) in items.iter().enumerate() {
            if self.quietly(|check| check.node(id, item, None, "contains")) {
                found += 1;
                mark(&mut marks, index);
            }
        }
        if let Some(most) = rules.max_contains.filter(|most| found > *most) {
            return self.refuse(value, "maxContains", || json!(most));
        }
        match rules.min_contains {
            Some(least) if found < least => self.refuse(value, "minContains", || json!(least)),
            None if found < 1 => self.refuse(value, "contains", || Value::Null),
            _ => true,
        }
    }

    fn object(
        &mut self,
        rules: &ObjectRules,
        value: &'v Value,
        map: &'v Map<String, Value>,
        mut marks: Marks<'_>,
    ) -> bool {
        let mut fits = self.presence(rules, value, map);
        if !fits && self.in_haste() {
            return false;
        }
        for (index, (name, member)) in map.iter().enumerate() {
            let mut known = false;
            if let Some(&id) = rules.properties.get(name) {
                known = true;
                fits &= self.below(Step::Key(name), id, member, "properties");
            }
            for (pattern, id) in &rules.patterns {
                if pattern.accepts(name) {
                    known = true;
                    fits &= self.below(Step::Key(name), *id, member, "patternProperties");
                }
            }
            if let Some(id) = rules.additional.filter(|_| !known) {
                known = true;
                fits &= if self.nodes[id].never {
                    self.refuse_unknown(rules, name, member)
                } else {
                    self.below(Step::Key(name), id, member, "additionalProperties")
                };
            }
            if known {
                mark(&mut marks, index);
            }
            if let Some(id) = rules.names {
                let text = Value::String(name.clone());
                if !super::validate::fits(self.nodes, id, &text) {
                    self.path.push(Step::Key(name));
                    fits = self.refuse(member, "propertyNames", || Value::Null);
                    self.path.pop();
                }
            }
            if !fits && self.in_haste() {
                return false;
            }
        }
        fits
    }

    fn presence(
        &mut self,
        rules: &ObjectRules,
        value: &'v Value,
        map: &'v Map<String, Value>,
    ) -> bool {
        let mut fits = true;
        let size = map.len() as u64;
        if let Some(least) = rules.min_properties.filter(|least| size < *least) {
            fits = self.refuse(value, "minProperties", || json!(least));
        }
        if let Some(most) = rules.max_properties.filter(|most| size > *most) {
            fits = self.refuse(value, "maxProperties", || json!(most));
        }
        for name in &rules.required {
            if !map.contains_key(name) {
                fits = false;
                self.missing(
                    value,
                    name,
                    "required",
                    json!(rules.required),
                    message("required", &Value::Null),
                );
            }
        }
        for (trigger, names) in &rules.dependent_required {
            for name in names
                .iter()
                .filter(|name| map.contains_key(trigger) && !map.contains_key(*name))
            {
                fits = false;
                let message = format!("is required when {} is present", json!(trigger));
                self.missing(
                    value,
                    name,
                    "dependentRequired",
                    json!({trigger: names}),
                    message,
                );
            }
        }
        fits
    }

    /// Reported where the property should be.
    fn missing(
        &mut self,
        value: &Value,
        name: &str,
        keyword: &str,
        operand: Value,
        message: String,
    ) {
        if !self.in_haste() {
            self.push(value, keyword, operand, message);
            if let Some(violation) = self.out.list.last_mut().filter(|_| !self.out.truncated) {
                push_token(&mut violation.pointer, name);
            }
        }
    }

    fn refuse_unknown(&mut self, rules: &ObjectRules, name: &'v str, member: &Value) -> bool {
        if !self.in_haste() {
            let known = rules.properties.keys().map(|name| json!(name)).collect();
            let message = format!(
                "is not a known property; known are {}",
                list(&Value::Array(known), " and ")
            );
            self.path.push(Step::Key(name));
            self.push(member, "additionalProperties", json!(false), message);
            self.path.pop();
        }
        false
    }

    fn applicators(&mut self, node: &Node, value: &'v Value, mut marks: Marks<'_>) -> bool {
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

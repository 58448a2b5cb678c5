//! What arrays and objects ask for. Knows nothing of the schemas that apply to the same value.

use super::{Check, Marks, Step, mark};
use crate::json::push_token;
use crate::schema::equal::has_twins;
use crate::schema::message::{list, message};
use crate::schema::node::{ArrayRules, Id, Node, ObjectRules};
use serde_json::{Map, Value, json};

impl<'v> Check<'v, '_, '_> {
    pub(super) fn container(&mut self, node: &Node, value: &'v Value, marks: Marks<'_>) -> bool {
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
                if !super::fits(self.nodes, id, &text) {
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
}

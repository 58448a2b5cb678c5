//! JSON Schema as text becomes nodes: keywords are read, references resolved, older shapes brought to 2020-12, and
//! every mistake reported with its place.

use super::SchemaError;
use super::format::Format;
use super::node::{Condition, Dynamic, Id, Node, TYPE_NAMES, Types};
use super::pattern::Pattern;
use super::resolve::{Library, ROOT, SCHEMA, address};
use crate::json::push_token;
use crate::number::Num;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// Nodes and the one to start from.
pub(crate) struct Compiled {
    pub(crate) nodes: Vec<Node>,
    pub(crate) start: Id,
}

struct Compiler<'v> {
    library: Library<'v>,
    nodes: Vec<Node>,
    /// Where each node stands, for messages.
    pointers: Vec<String>,
    ids: HashMap<usize, Id>,
    waiting: Vec<(Id, &'v Value)>,
    mistakes: Vec<SchemaError>,
}

/// Compiles `schema`; references are resolved in it, in `root` and in `documents` (absolute URI and schema).
pub(crate) fn compile(
    schema: &Value,
    root: &Value,
    documents: &[(&str, &Value)],
    default_old: bool,
) -> Result<Compiled, Vec<SchemaError>> {
    let mut library = Library::default();
    library.default_old = default_old;
    for (uri, document) in documents {
        library.add(document, uri);
    }
    let home = library.add(schema, SCHEMA);
    if std::ptr::eq(schema, root) {
        library.add(root, SCHEMA);
    } else {
        library.add(root, ROOT);
    }
    let mut compiler = Compiler {
        library,
        nodes: Vec::new(),
        pointers: Vec::new(),
        ids: HashMap::new(),
        waiting: Vec::new(),
        mistakes: Vec::new(),
    };
    let start = compiler.node(schema, home, String::new());
    compiler.fill_all();
    compiler.refuse_endless();
    if compiler.mistakes.is_empty() {
        Ok(Compiled {
            nodes: compiler.nodes,
            start,
        })
    } else {
        compiler.mistakes.sort_by(|a, b| a.pointer.cmp(&b.pointer));
        Err(compiler.mistakes)
    }
}

fn below(pointer: &str, token: &str) -> String {
    let mut below = pointer.to_owned();
    push_token(&mut below, token);
    below
}

impl<'v> Compiler<'v> {
    fn mistake(&mut self, pointer: &str, message: impl Into<String>) {
        self.mistakes.push(SchemaError {
            pointer: pointer.to_owned(),
            message: message.into(),
        });
    }

    /// The node of a schema, made now and filled later, so that schemas may refer to each other.
    fn node(&mut self, value: &'v Value, parent: usize, pointer: String) -> Id {
        if let Some(&id) = self.ids.get(&address(value)) {
            return id;
        }
        let id = self.nodes.len();
        self.ids.insert(address(value), id);
        let resource = self.library.home(value).unwrap_or(parent);
        self.nodes.push(Node {
            resource,
            ..Node::default()
        });
        self.pointers.push(pointer);
        self.waiting.push((id, value));
        id
    }

    /// Fills the nodes that wait, and the anchors that a dynamic reference may lead to from the resources reached.
    fn fill_all(&mut self) {
        loop {
            while let Some((id, value)) = self.waiting.pop() {
                self.fill(id, value);
            }
            let reached: HashSet<usize> = self.nodes.iter().map(|node| node.resource).collect();
            let names: HashSet<&str> = self
                .nodes
                .iter()
                .filter_map(|node| Some(node.dynamic.as_ref()?.name.as_str()))
                .collect();
            let wanted = self.library.dynamic.iter().filter(|(resource, name, _)| {
                reached.contains(resource) && names.contains(name.as_str())
            });
            let anchors: Vec<_> = wanted.cloned().collect();
            let targets: Vec<(usize, String, Id)> = anchors
                .into_iter()
                .map(|(resource, name, value)| {
                    (
                        resource,
                        name.clone(),
                        self.node(value, resource, format!("#{name}")),
                    )
                })
                .collect();
            if self.waiting.is_empty() {
                for dynamic in self
                    .nodes
                    .iter_mut()
                    .filter_map(|node| node.dynamic.as_mut())
                {
                    let own = targets.iter().filter(|(_, name, _)| *name == dynamic.name);
                    dynamic.targets = own.map(|&(resource, _, id)| (resource, id)).collect();
                }
                return;
            }
        }
    }

    fn fill(&mut self, id: Id, value: &'v Value) {
        let pointer = self.pointers[id].clone();
        let mut node = Node {
            resource: self.nodes[id].resource,
            ..Node::default()
        };
        match value {
            Value::Bool(true) => {}
            Value::Bool(false) => node.never = true,
            Value::Object(object) => self.keywords(&mut node, object, &pointer),
            _ => self.mistake(&pointer, "expected a schema: an object, true or false"),
        }
        self.nodes[id] = node;
    }

    fn keywords(&mut self, node: &mut Node, object: &'v Map<String, Value>, pointer: &str) {
        let old = self.library.resources[node.resource].old;
        if let Some(reference) = object.get("$ref").filter(|_| old) {
            node.reference = self
                .reference(node.resource, reference, &below(pointer, "$ref"))
                .map(|(id, _)| id);
            return;
        }
        for (key, value) in object {
            let at = below(pointer, key);
            self.keyword(node, object, key, value, &at);
        }
        if let Some(test) = object.get("if") {
            let test = self.node(test, node.resource, below(pointer, "if"));
            let mut branch =
                |key: &str| Some(self.node(object.get(key)?, node.resource, below(pointer, key)));
            node.condition = Some(Condition {
                test,
                then: branch("then"),
                otherwise: branch("else"),
            });
        }
        // OpenAPI 3.0.
        if let (Some(types), Some(Value::Bool(true))) = (&mut node.types, object.get("nullable")) {
            types.0 |= Types::NULL;
        }
    }

    fn keyword(
        &mut self,
        node: &mut Node,
        object: &'v Map<String, Value>,
        key: &str,
        value: &'v Value,
        at: &str,
    ) {
        let home = node.resource;
        let old = self.library.resources[home].old;
        match key {
            "type" => node.types = self.types(value, at),
            "enum" => match value {
                Value::Array(list) => node.enumeration = Some(list.clone()),
                _ => self.mistake(
                    at,
                    "expected an array of values, for example [\"a\", \"b\"]",
                ),
            },
            "default" => node.default = Some(value.clone()),
            "const" => node.constant = Some(value.clone()),

            "minimum" if object.get("exclusiveMinimum") == Some(&Value::Bool(true)) => {
                node.number.exclusive_minimum = self.number(value, at);
            }
            "maximum" if object.get("exclusiveMaximum") == Some(&Value::Bool(true)) => {
                node.number.exclusive_maximum = self.number(value, at);
            }
            "exclusiveMinimum" | "exclusiveMaximum" if value.is_boolean() => {}
            "minimum" => node.number.minimum = self.number(value, at),
            "maximum" => node.number.maximum = self.number(value, at),
            "exclusiveMinimum" => node.number.exclusive_minimum = self.number(value, at),
            "exclusiveMaximum" => node.number.exclusive_maximum = self.number(value, at),
            "multipleOf" => {
                node.number.multiple_of = self.number(value, at);
                if node
                    .number
                    .multiple_of
                    .is_some_and(|by| by.compare(Num::Int(0)).is_le())
                {
                    self.mistake(at, "expected a number above 0");
                }
            }

            "minLength" => node.string.min_length = self.count(value, at),
            "maxLength" => node.string.max_length = self.count(value, at),
            "pattern" => match value.as_str() {
                Some(source) => node.string.pattern = self.pattern(source, at),
                None => self.mistake(
                    at,
                    "expected a string holding an ECMA-262 regular expression",
                ),
            },
            "format" => match value.as_str() {
                Some(name) => node.string.format = Format::named(name),
                None => self.mistake(
                    at,
                    "expected the name of a format, for example \"date-time\"",
                ),
            },

            "prefixItems" if !old => node.array.prefix = self.list(home, value, at),
            "items" if value.is_array() => node.array.prefix = self.list(home, value, at),
            "additionalItems" if object.get("items").is_some_and(Value::is_array) => {
                node.array.items = Some(self.node(value, home, at.to_owned()));
            }
            "items" => node.array.items = Some(self.node(value, home, at.to_owned())),
            "minItems" => node.array.min_items = self.count(value, at),
            "maxItems" => node.array.max_items = self.count(value, at),
            "uniqueItems" => match value {
                Value::Bool(unique) => node.array.unique = *unique,
                _ => self.mistake(at, "expected true or false"),
            },
            "contains" => node.array.contains = Some(self.node(value, home, at.to_owned())),
            "minContains" if !old => node.array.min_contains = self.count(value, at),
            "maxContains" if !old => node.array.max_contains = self.count(value, at),
            "unevaluatedItems" if !old => {
                node.array.unevaluated = Some(self.node(value, home, at.to_owned()))
            }

            "properties" => {
                node.object.properties = self.map(home, value, at).into_iter().collect()
            }
            "patternProperties" => {
                for (source, id) in self.map(home, value, at) {
                    if let Some(pattern) = self.pattern(&source, &below(at, &source)) {
                        node.object.patterns.push((pattern, id));
                    }
                }
            }
            "additionalProperties" => {
                node.object.additional = Some(self.node(value, home, at.to_owned()))
            }
            // Draft 4 and OpenAPI documents write `required: true` beside a property: of no use there.
            "required" if value.is_boolean() => {}
            "required" => node.object.required = self.names(value, at),
            "minProperties" => node.object.min_properties = self.count(value, at),
            "maxProperties" => node.object.max_properties = self.count(value, at),
            "propertyNames" => node.object.names = Some(self.node(value, home, at.to_owned())),
            "dependentRequired" if !old => match value {
                Value::Object(map) => {
                    for (name, names) in map {
                        let names = self.names(names, &below(at, name));
                        node.object.dependent_required.push((name.clone(), names));
                    }
                }
                _ => self.mistake(at, "expected an object of arrays of names"),
            },
            "dependentSchemas" if !old => node
                .object
                .dependent_schemas
                .extend(self.map(home, value, at)),
            "dependencies" => self.dependencies(node, value, at),
            "unevaluatedProperties" if !old => {
                node.object.unevaluated = Some(self.node(value, home, at.to_owned()))
            }

            "allOf" => node.all_of = self.list(home, value, at),
            "anyOf" => node.any_of = self.list(home, value, at),
            "oneOf" => node.one_of = self.list(home, value, at),
            "not" => node.not = Some(self.node(value, home, at.to_owned())),
            "$ref" => node.reference = self.reference(home, value, at).map(|(id, _)| id),
            "$dynamicRef" if !old => match self.reference(home, value, at) {
                // Its targets are known once it is known which resources are reached.
                Some((initial, Some(name))) => {
                    node.dynamic = Some(Dynamic {
                        initial,
                        name,
                        targets: Vec::new(),
                    })
                }
                // Without a dynamic anchor it is a plain reference; `$ref` beside it keeps its own place.
                Some((initial, None)) => node.all_of.push(initial),
                None => {}
            },
            // Annotations, identifiers (already indexed) and what is not known mean nothing here.
            _ => {}
        }
    }

    fn types(&mut self, value: &Value, at: &str) -> Option<Types> {
        let list = match value {
            Value::Array(list) => list.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut types = Types(0);
        for name in list {
            match TYPE_NAMES
                .iter()
                .find(|(_, known)| name.as_str() == Some(known))
            {
                Some((bit, _)) => types.0 |= bit,
                None => {
                    self.mistake(at, "expected one or more of \"object\", \"array\", \"string\", \"number\", \"integer\", \"boolean\", \"null\"");
                    return None;
                }
            }
        }
        Some(types)
    }

    fn number(&mut self, value: &Value, at: &str) -> Option<Num> {
        if let Value::Number(number) = value {
            return Some(Num::from(number));
        }
        self.mistake(at, "expected a number");
        None
    }

    fn count(&mut self, value: &Value, at: &str) -> Option<u64> {
        let count = match value.as_u64() {
            Some(count) => Some(count),
            None => value
                .as_f64()
                .filter(|count| *count >= 0.0 && count.fract() == 0.0)
                .map(|count| count as u64),
        };
        if count.is_none() {
            self.mistake(at, "expected a whole number, 0 or more");
        }
        count
    }

    fn pattern(&mut self, source: &str, at: &str) -> Option<Pattern> {
        Pattern::compile(source)
            .map_err(|why| {
                self.mistake(
                    at,
                    format!("expected an ECMA-262 regular expression: {why}"),
                )
            })
            .ok()
    }

    fn names(&mut self, value: &Value, at: &str) -> Vec<String> {
        let names = value.as_array().and_then(|list| {
            list.iter()
                .map(|name| name.as_str().map(str::to_owned))
                .collect()
        });
        names.unwrap_or_else(|| {
            self.mistake(
                at,
                "expected an array of property names, for example [\"id\"]",
            );
            Vec::new()
        })
    }

    fn list(&mut self, home: usize, value: &'v Value, at: &str) -> Vec<Id> {
        match value {
            Value::Array(list) => list
                .iter()
                .enumerate()
                .map(|(index, schema)| self.node(schema, home, format!("{at}/{index}")))
                .collect(),
            _ => {
                self.mistake(at, "expected an array of schemas");
                Vec::new()
            }
        }
    }

    fn map(&mut self, home: usize, value: &'v Value, at: &str) -> Vec<(String, Id)> {
        match value {
            Value::Object(map) => map
                .iter()
                .map(|(name, schema)| (name.clone(), self.node(schema, home, below(at, name))))
                .collect(),
            _ => {
                self.mistake(at, "expected an object of schemas by name");
                Vec::new()
            }
        }
    }

    /// Draft 7: names or a schema.
    fn dependencies(&mut self, node: &mut Node, value: &'v Value, at: &str) {
        let Value::Object(map) = value else {
            return self.mistake(at, "expected an object of schemas or arrays of names");
        };
        for (name, dependency) in map {
            let at = below(at, name);
            if dependency.is_array() {
                let names = self.names(dependency, &at);
                node.object.dependent_required.push((name.clone(), names));
            } else {
                let id = self.node(dependency, node.resource, at);
                node.object.dependent_schemas.push((name.clone(), id));
            }
        }
    }

    /// The node meant, and the name when a `$dynamicAnchor` is meant.
    fn reference(&mut self, home: usize, value: &Value, at: &str) -> Option<(Id, Option<String>)> {
        let Some(reference) = value.as_str() else {
            self.mistake(
                at,
                "expected a reference, for example \"#/components/schemas/Item\"",
            );
            return None;
        };
        match self.library.find(home, reference) {
            Some(found) => Some((
                self.node(found.value, found.resource, found.pointer),
                found.dynamic,
            )),
            None => {
                let known = self.library.neighbours(reference);
                let hint = match known.as_slice() {
                    [] => "write a reference into this document, for example \"#/components/schemas/Item\"".to_owned(),
                    known => format!("known are {}", known.join(", ")),
                };
                self.mistake(at, format!("nothing is found at {reference}; {hint}"));
                None
            }
        }
    }

    /// A schema that leads to itself without stepping into a property or an item would be checked for ever.
    fn refuse_endless(&mut self) {
        const NEW: u8 = 0;
        const OPEN: u8 = 1;
        const DONE: u8 = 2;
        let mut state = vec![NEW; self.nodes.len()];
        let mut endless = Vec::new();
        for start in 0..self.nodes.len() {
            if state[start] != NEW {
                continue;
            }
            state[start] = OPEN;
            let mut stack = vec![(start, self.nodes[start].in_place().collect::<Vec<_>>())];
            while let Some((id, next)) = stack.last_mut() {
                let id = *id;
                match next.pop() {
                    Some(child) if state[child] == NEW => {
                        state[child] = OPEN;
                        stack.push((child, self.nodes[child].in_place().collect()));
                    }
                    Some(child) => {
                        if state[child] == OPEN {
                            endless.push(child);
                        }
                    }
                    None => {
                        state[id] = DONE;
                        stack.pop();
                    }
                }
            }
        }
        for id in endless {
            let pointer = self.pointers[id].clone();
            self.mistake(&pointer, "this schema refers to itself for the same value, which never ends; refer from inside `properties` or `items`");
        }
    }
}

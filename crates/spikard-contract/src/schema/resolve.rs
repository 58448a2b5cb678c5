//! Finds the schema that a reference means: resources by `$id`, anchors, and JSON pointers, in the documents given.
//! Fetches nothing.

use super::uri;
use crate::urlencoded::percent_decode;
use serde_json::Value;
use std::collections::HashMap;

/// Base of a schema that has no `$id`.
pub(crate) const SCHEMA: &str = "spikard:/schema";
/// Base of the document that `#/...` falls back to.
pub(crate) const ROOT: &str = "spikard:/root";

/// A schema resource: what an `$id` starts.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) uri: String,
    /// Draft 7 or older: `$ref` hides its siblings.
    pub(crate) old: bool,
}

/// Every resource and anchor of the documents.
#[derive(Debug, Default)]
pub(crate) struct Library<'v> {
    pub(crate) resources: Vec<Resource>,
    documents: HashMap<String, &'v Value>,
    anchors: HashMap<(String, String), &'v Value>,
    /// Resource, name, value of each `$dynamicAnchor`.
    pub(crate) dynamic: Vec<(usize, String, &'v Value)>,
    /// Resource of each schema seen, by address.
    homes: HashMap<usize, usize>,
    /// What `$schema` is taken to say when it is absent: draft 7.
    pub(crate) default_old: bool,
}

/// Where a reference leads.
#[derive(Debug, Clone)]
pub(crate) struct Found<'v> {
    pub(crate) value: &'v Value,
    pub(crate) resource: usize,
    /// The fragment named a `$dynamicAnchor`.
    pub(crate) dynamic: Option<String>,
    /// For messages.
    pub(crate) pointer: String,
}

const ONE: &[&str] = &[
    "additionalItems",
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
const LIST: &[&str] = &["allOf", "anyOf", "items", "oneOf", "prefixItems"];
const MAP: &[&str] = &[
    "$defs",
    "definitions",
    "dependencies",
    "dependentSchemas",
    "patternProperties",
    "properties",
];

pub(crate) fn address(value: &Value) -> usize {
    std::ptr::from_ref(value).addr()
}

impl<'v> Library<'v> {
    /// Adds a document; `base` counts when it has no `$id`.
    pub(crate) fn add(&mut self, document: &'v Value, base: &str) -> usize {
        let old = self.default_old;
        let home = self.resource(base, old);
        self.documents.entry(base.to_owned()).or_insert(document);
        self.index(document, home);
        if let Some(Value::Object(shared)) = document.pointer("/components/schemas") {
            for schema in shared.values() {
                self.index(schema, home);
            }
        }
        self.home(document).unwrap_or(home)
    }

    fn resource(&mut self, uri: &str, old: bool) -> usize {
        if let Some(at) = self
            .resources
            .iter()
            .position(|resource| resource.uri == uri)
        {
            return at;
        }
        self.resources.push(Resource {
            uri: uri.to_owned(),
            old,
        });
        self.resources.len() - 1
    }

    /// The resource of a schema that was seen.
    pub(crate) fn home(&self, value: &Value) -> Option<usize> {
        self.homes.get(&address(value)).copied()
    }

    /// Notes the resources and anchors in `value` and below.
    fn index(&mut self, value: &'v Value, parent: usize) {
        if self.homes.contains_key(&address(value)) {
            return;
        }
        let Value::Object(object) = value else {
            self.homes.insert(address(value), parent);
            return;
        };
        let text = |key: &str| object.get(key).and_then(Value::as_str);
        let old = text("$schema").map_or(self.resources[parent].old, is_old);
        let mut home = parent;
        if let Some(id) = text("$id").filter(|_| !(old && object.contains_key("$ref"))) {
            if let Some(anchor) = id.strip_prefix('#').filter(|anchor| !anchor.is_empty()) {
                self.anchors
                    .entry((self.resources[parent].uri.clone(), anchor.to_owned()))
                    .or_insert(value);
            } else {
                let absolute = uri::resolve(&self.resources[parent].uri, id);
                let (uri, anchor) = absolute.split_once('#').unwrap_or((&absolute, ""));
                home = self.resource(uri, old);
                self.documents.entry(uri.to_owned()).or_insert(value);
                if !anchor.is_empty() {
                    self.anchors
                        .entry((uri.to_owned(), anchor.to_owned()))
                        .or_insert(value);
                }
            }
        }
        if text("$schema").is_some() {
            self.resources[home].old = old;
        }
        self.homes.insert(address(value), home);
        for key in ["$anchor", "$dynamicAnchor"] {
            if let Some(name) = text(key).filter(|_| !old) {
                self.anchors
                    .entry((self.resources[home].uri.clone(), name.to_owned()))
                    .or_insert(value);
                if key == "$dynamicAnchor" {
                    self.dynamic.push((home, name.to_owned(), value));
                }
            }
        }
        for (key, member) in object {
            match member {
                Value::Object(_) | Value::Bool(_) if ONE.contains(&key.as_str()) => {
                    self.index(member, home)
                }
                Value::Array(list) if LIST.contains(&key.as_str()) => {
                    list.iter().for_each(|schema| self.index(schema, home));
                }
                Value::Object(map) if MAP.contains(&key.as_str()) => {
                    map.values().for_each(|schema| self.index(schema, home));
                }
                _ => {}
            }
        }
    }

    /// What `reference` means inside `resource`.
    pub(crate) fn find(&mut self, resource: usize, reference: &str) -> Option<Found<'v>> {
        let absolute = uri::resolve(&self.resources[resource].uri, reference);
        let (document, fragment) = absolute.split_once('#').unwrap_or((&absolute, ""));
        let fragment = percent_decode(fragment).ok()?;
        let found = self
            .documents
            .get(document)
            .copied()
            .and_then(|value| self.at(document, value, &fragment));
        if found.is_some() || !reference.starts_with("#/") {
            return found;
        }
        let root = self.documents.get(ROOT).copied()?;
        self.at(ROOT, root, &fragment)
    }

    fn at(&mut self, document: &str, value: &'v Value, fragment: &str) -> Option<Found<'v>> {
        if !fragment.is_empty() && !fragment.starts_with('/') {
            let value = *self
                .anchors
                .get(&(document.to_owned(), fragment.to_owned()))?;
            let resource = self.home(value)?;
            let dynamic = self
                .dynamic
                .iter()
                .any(|(at, name, _)| *at == resource && name == fragment);
            let pointer = format!("#{fragment}");
            return Some(Found {
                value,
                resource,
                dynamic: dynamic.then(|| fragment.to_owned()),
                pointer,
            });
        }
        let mut resource = match self.home(value) {
            Some(home) => home,
            None => self
                .resources
                .iter()
                .position(|resource| resource.uri == document)?,
        };
        let mut here = value;
        for token in fragment.split('/').skip(1) {
            let token = token.replace("~1", "/").replace("~0", "~");
            here = match here {
                Value::Object(object) => object.get(&token)?,
                Value::Array(list) => list.get(token.parse::<usize>().ok()?)?,
                _ => return None,
            };
            resource = self.home(here).unwrap_or(resource);
        }
        if self.home(here).is_none() {
            self.index(here, resource);
        }
        Some(Found {
            value: here,
            resource: self.home(here)?,
            dynamic: None,
            pointer: fragment.to_owned(),
        })
    }

    /// What a mistyped local reference may have meant: the names beside the missing one.
    pub(crate) fn neighbours(&self, reference: &str) -> Vec<String> {
        let Some((parent, _)) = reference
            .strip_prefix('#')
            .and_then(|pointer| pointer.rsplit_once('/'))
        else {
            return Vec::new();
        };
        let names = [SCHEMA, ROOT]
            .iter()
            .filter_map(|base| self.documents.get(*base)?.pointer(parent)?.as_object());
        names
            .flat_map(|object| object.keys())
            .take(10)
            .map(|name| format!("#{parent}/{name}"))
            .collect()
    }
}

fn is_old(dialect: &str) -> bool {
    ["draft-07", "draft-06", "draft-04"]
        .iter()
        .any(|draft| dialect.contains(draft))
}

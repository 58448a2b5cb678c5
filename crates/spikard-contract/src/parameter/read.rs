//! A compiled parameter: what was found on the wire becomes an argument, or violations. Finds nothing itself.

use super::scalar::Scalar;
use super::{Argument, ParameterSpec, Place, Style};
use crate::json::push_token;
use crate::schema::message::message;
use crate::schema::node::{Id, Node, Types, behind};
use crate::{Schema, SchemaError, Source, Violation, Violations};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// A compiled parameter.
#[derive(Debug)]
pub struct Parameter {
    /// As declared.
    pub spec: ParameterSpec,
    schema: Schema,
    shape: Shape,
    default: Option<Value>,
    /// `/name`, escaped.
    pointer: String,
}

#[derive(Debug)]
enum Shape {
    Scalar(Scalar),
    List {
        item: Scalar,
        /// `None`: one value per item.
        separator: Option<char>,
        /// White space around an item means nothing (header fields).
        trim: bool,
        /// No rule but those of the items and their number.
        simple: bool,
        node: Id,
    },
}

impl From<Place> for Source {
    fn from(place: Place) -> Self {
        match place {
            Place::Path => Self::Path,
            Place::Query => Self::Query,
            Place::Header => Self::Header,
            Place::Cookie => Self::Cookie,
        }
    }
}

impl Parameter {
    /// Compiles `spec`; `#/...` references resolve against `root`.
    ///
    /// ```
    /// use spikard_contract::{Argument, Parameter, Violations};
    /// let spec = serde_json::from_str(r#"{"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100}}"#);
    /// let limit = Parameter::compile(&spec.unwrap(), &serde_json::Value::Null).unwrap();
    /// let mut violations = Violations::default();
    /// assert_eq!(limit.read(&["20".into()], &mut violations), Argument::Integer(20));
    /// limit.read(&["200".into()], &mut violations);
    /// assert_eq!(violations.list[0].message, "must be at most 100");
    /// ```
    pub fn compile(spec: &ParameterSpec, root: &Value) -> Result<Self, Vec<SchemaError>> {
        let mut schema = Schema::compile(&spec.schema, root)?;
        let start = behind(&schema.nodes, schema.start);
        let refuse = |message: String| {
            vec![SchemaError {
                pointer: String::new(),
                message,
            }]
        };
        let scalar = |id: Id| {
            Scalar::of(&schema.nodes, id).map_err(|kind| {
                refuse(format!("a parameter's text cannot be read as {kind}; use a scalar type or an array of scalars"))
            })
        };
        let shape = match list_node(&schema.nodes, start) {
            None => Shape::Scalar(scalar(start)?),
            Some(node) => {
                let rules = &schema.nodes[node].array;
                let item = match rules.items {
                    Some(id) => scalar(id)?,
                    None => Scalar::text(),
                };
                let simple = node == start
                    && schema.nodes[node].in_place().next().is_none()
                    && schema.nodes[node].enumeration.is_none()
                    && schema.nodes[node].constant.is_none()
                    && !schema.nodes[node].tracks()
                    && rules.prefix.is_empty()
                    && rules.contains.is_none()
                    && !rules.unique;
                let (separator, trim) = separator(spec);
                Shape::List {
                    item,
                    separator,
                    trim,
                    simple,
                    node,
                }
            }
        };
        let default = default(&schema.nodes, schema.start);
        if let Some(default) = default.as_ref().filter(|default| !default.is_null()) {
            let mut violations = Violations::default();
            schema.validate(default, spec.place.into(), "", &mut violations);
            if let Some(violation) = violations.list.first() {
                let message = format!(
                    "the default does not fit its own schema: {}",
                    violation.message
                );
                return Err(vec![SchemaError {
                    pointer: "/default".to_owned(),
                    message,
                }]);
            }
        }
        let mut pointer = String::new();
        push_token(&mut pointer, &spec.name);
        schema.nodes.shrink_to_fit();
        Ok(Self {
            spec: spec.clone(),
            schema,
            shape,
            default,
            pointer,
        })
    }

    /// From the raw values found for this parameter, in order: path: one percent-decoded segment; query: decoded values
    /// of the pairs with this name; header: field values; cookie: values. None found: default, `Absent`, or a
    /// violation with keyword `required`. What is refused is reported and comes back as `Absent`.
    #[inline]
    pub fn read<'r>(&'r self, found: &[Cow<'r, str>], violations: &mut Violations) -> Argument<'r> {
        if let (Shape::Scalar(scalar), [text]) = (&self.shape, found)
            && let Some(argument) = scalar.quick(&self.schema.nodes, text)
        {
            return argument;
        }
        self.read_slowly(found, violations)
    }

    fn read_slowly<'r>(
        &'r self,
        found: &[Cow<'r, str>],
        violations: &mut Violations,
    ) -> Argument<'r> {
        match (&self.shape, found) {
            (_, []) => self.missing(violations),
            (Shape::Scalar(scalar), [text]) => self.scalar(scalar, text, violations),
            (Shape::Scalar(scalar), _) => {
                let keyword = "type";
                let message = format!("must be given once, but is given {} times", found.len());
                self.refuse(
                    violations,
                    "",
                    keyword,
                    type_names(scalar.types()),
                    message,
                    None,
                );
                Argument::Absent
            }
            (
                Shape::List {
                    item,
                    separator,
                    trim,
                    simple,
                    node,
                },
                _,
            ) => {
                let split = separator.map(|separator| split(found, separator, *trim));
                let items = split.as_deref().unwrap_or(found);
                if *simple && let Some(list) = self.quick_list(item, *node, items) {
                    return list;
                }
                self.list(item, items, violations)
            }
        }
    }

    fn missing<'r>(&'r self, violations: &mut Violations) -> Argument<'r> {
        match &self.default {
            Some(default) => argument(default),
            None if self.spec.required || self.spec.place == Place::Path => {
                let message = message("required", &Value::Null);
                self.refuse(violations, "", "required", json!(true), message, None);
                Argument::Absent
            }
            None => Argument::Absent,
        }
    }

    fn scalar<'r>(
        &'r self,
        scalar: &Scalar,
        text: &Cow<'r, str>,
        violations: &mut Violations,
    ) -> Argument<'r> {
        let mut first = None;
        for (argument, value) in scalar.readings(text) {
            if self.schema.fits(&value) {
                return argument;
            }
            first.get_or_insert(value);
        }
        match first {
            Some(value) => {
                self.schema
                    .validate(&value, self.spec.place.into(), &self.pointer, violations)
            }
            None => self.refuse_type(scalar, "", text, violations),
        }
        Argument::Absent
    }

    fn quick_list<'r>(
        &'r self,
        item: &Scalar,
        node: Id,
        items: &[Cow<'r, str>],
    ) -> Option<Argument<'r>> {
        let rules = &self.schema.nodes[node].array;
        let count = items.len() as u64;
        let fits = rules.min_items.is_none_or(|least| count >= least)
            && rules.max_items.is_none_or(|most| count <= most);
        let list = items
            .iter()
            .map(|text| item.quick(&self.schema.nodes, text))
            .collect::<Option<_>>()?;
        fits.then_some(Argument::List(list))
    }

    /// Each item as its first reading that fits alone; then the list as a whole.
    fn list<'r>(
        &'r self,
        item: &Scalar,
        items: &[Cow<'r, str>],
        violations: &mut Violations,
    ) -> Argument<'r> {
        let (mut arguments, mut values) = (
            Vec::with_capacity(items.len()),
            Vec::with_capacity(items.len()),
        );
        let mut refused = false;
        for (index, text) in items.iter().enumerate() {
            let mut readings: Vec<_> = item.readings(text).collect();
            let chosen = readings
                .iter()
                .position(|(_, value)| self.item_fits(value))
                .unwrap_or(0);
            if readings.is_empty() {
                refused = true;
                self.refuse_type(item, &format!("/{index}"), text, violations);
                if violations.truncated {
                    break;
                }
            } else {
                let (argument, value) = readings.swap_remove(chosen);
                arguments.push(argument);
                values.push(value);
            }
        }
        // With an item left out the others would be reported at wrong places.
        if refused {
            return Argument::Absent;
        }
        let value = Value::Array(values);
        if self.schema.fits(&value) {
            return Argument::List(arguments);
        }
        self.schema
            .validate(&value, self.spec.place.into(), &self.pointer, violations);
        Argument::Absent
    }

    fn item_fits(&self, value: &Value) -> bool {
        let Shape::List { node, .. } = &self.shape else {
            return true;
        };
        let items = self.schema.nodes[*node].array.items;
        items.is_none_or(|id| self.schema.fits_at(id, value))
    }

    fn refuse_type(&self, scalar: &Scalar, below: &str, text: &str, violations: &mut Violations) {
        let names = type_names(scalar.types());
        let message = match names.as_str() {
            Some("boolean") => "must be a boolean: true, false, 1 or 0".to_owned(),
            _ => message("type", &names),
        };
        let value = (text.len() <= 1024).then(|| Value::from(text));
        self.refuse(violations, below, "type", names, message, value);
    }

    fn refuse(
        &self,
        out: &mut Violations,
        below: &str,
        keyword: &str,
        operand: Value,
        message: String,
        value: Option<Value>,
    ) {
        let mut params = Map::new();
        params.insert(keyword.to_owned(), operand);
        out.push(Violation {
            source: self.spec.place.into(),
            pointer: format!("{}{below}", self.pointer),
            keyword: keyword.to_owned(),
            message,
            params,
            value,
        });
    }
}

fn type_names(types: Types) -> Value {
    let names: Vec<_> = types.names().collect();
    match names[..] {
        [only] => json!(only),
        _ => json!(names),
    }
}

/// The array that a schema asks for, at once or as one of its alternatives.
fn list_node(nodes: &[Node], id: Id) -> Option<Id> {
    let id = behind(nodes, id);
    let node = &nodes[id];
    match node.types {
        Some(types) => types.has(Types::ARRAY).then_some(id),
        None if node.array.items.is_some() => Some(id),
        None => {
            let mut inner = node
                .reference
                .iter()
                .chain(&node.all_of)
                .chain(&node.any_of)
                .chain(&node.one_of);
            inner.find_map(|&id| list_node(nodes, id))
        }
    }
}

/// The default of a schema or of what it refers to.
fn default(nodes: &[Node], mut id: Id) -> Option<Value> {
    loop {
        if let Some(default) = &nodes[id].default {
            return Some(default.clone());
        }
        id = nodes[id].passes_on()?;
    }
}

fn separator(spec: &ParameterSpec) -> (Option<char>, bool) {
    let style = spec.style.unwrap_or_else(|| Style::default_at(spec.place));
    let explode = spec.explode.unwrap_or(style == Style::Form);
    let separator = match style {
        Style::Simple => Some(','),
        _ if explode => None,
        Style::Form => Some(','),
        Style::SpaceDelimited => Some(' '),
        Style::PipeDelimited => Some('|'),
    };
    (separator, spec.place == Place::Header)
}

/// The items as written; an empty text between separators is an item, an empty text alone is an empty list.
fn split<'r>(found: &[Cow<'r, str>], separator: char, trim: bool) -> Vec<Cow<'r, str>> {
    let blank = |end: char| trim && (end == ' ' || end == '\t');
    let mut items = Vec::new();
    for text in found.iter().filter(|text| !text.is_empty()) {
        match text {
            Cow::Borrowed(text) => {
                items.extend(
                    text.split(separator)
                        .map(|item| Cow::Borrowed(item.trim_matches(blank))),
                );
            }
            Cow::Owned(text) => {
                items.extend(
                    text.split(separator)
                        .map(|item| Cow::Owned(item.trim_matches(blank).to_owned())),
                );
            }
        }
    }
    items
}

/// A default as an argument.
fn argument(value: &Value) -> Argument<'_> {
    match value {
        Value::Null | Value::Object(_) => Argument::Null,
        Value::Bool(truth) => Argument::Bool(*truth),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Argument::Integer(whole),
            (None, Some(whole)) => Argument::BigInteger(whole.to_string().into()),
            _ => Argument::Number(number.as_f64().unwrap_or(0.0)),
        },
        Value::String(text) => Argument::String(Cow::Borrowed(text)),
        Value::Array(items) => Argument::List(items.iter().map(argument).collect()),
    }
}

use super::{Argument, Parameter, ParameterSpec, SHORTHANDS, shorthand};
use crate::Violations;
use serde_json::{Value, json};
use std::borrow::Cow;

fn parameter(place: &str, schema: Value, more: Value) -> Parameter {
    let mut spec = json!({"name": "p", "in": place, "schema": schema});
    spec.as_object_mut()
        .unwrap()
        .extend(more.as_object().cloned().unwrap_or_default());
    let spec: ParameterSpec = serde_json::from_value(spec).unwrap();
    Parameter::compile(
        &spec,
        &json!({"$defs": {"Id": {"type": "integer", "minimum": 1}}}),
    )
    .unwrap()
}

fn text(text: &str) -> Argument<'_> {
    Argument::String(text.into())
}

fn list<'a>(items: impl IntoIterator<Item = Argument<'a>>) -> Argument<'a> {
    Argument::List(items.into_iter().collect())
}

#[test]
fn reads_scalars_by_schema() {
    let big = "123456789012345678901234567890";
    for (schema, found, expected) in [
        (json!({"type": "string"}), "01234", Ok(text("01234"))),
        (json!(true), "true", Ok(text("true"))),
        (
            json!({"type": "integer"}),
            "-12",
            Ok(Argument::Integer(-12)),
        ),
        (
            json!({"type": "integer"}),
            big,
            Ok(Argument::BigInteger(big.into())),
        ),
        (
            json!({"type": "integer", "maximum": 5}),
            big,
            Err("maximum"),
        ),
        (json!({"type": "integer"}), "01", Err("type")),
        (json!({"type": "integer"}), "1.0", Err("type")),
        (json!({"type": "integer"}), "+1", Err("type")),
        (json!({"type": "integer"}), "", Err("type")),
        (json!({"type": "integer"}), " 1", Err("type")),
        (json!({"type": "integer"}), "-", Err("type")),
        (
            json!({"type": "integer", "minimum": 0}),
            "-1",
            Err("minimum"),
        ),
        (
            json!({"type": "integer", "multipleOf": 5}),
            "7",
            Err("multipleOf"),
        ),
        (json!({"type": "number"}), "5", Ok(Argument::Number(5.0))),
        (
            json!({"type": "number"}),
            "1e2",
            Ok(Argument::Number(100.0)),
        ),
        (json!({"type": "number"}), "1e999", Err("type")),
        (json!({"type": "number"}), ".5", Err("type")),
        (json!({"type": "number"}), "NaN", Err("type")),
        (json!({"type": "number"}), "1 ", Err("type")),
        (json!({"type": "boolean"}), "1", Ok(Argument::Bool(true))),
        (
            json!({"type": "boolean"}),
            "false",
            Ok(Argument::Bool(false)),
        ),
        (json!({"type": "boolean"}), "TRUE", Err("type")),
        (json!({"type": ["integer", "null"]}), "null", Err("type")),
        (
            json!({"type": "string", "maxLength": 2}),
            "éé",
            Ok(text("éé")),
        ),
        (
            json!({"type": "string", "maxLength": 1}),
            "éé",
            Err("maxLength"),
        ),
        (
            json!({"type": "string", "pattern": "^a+$"}),
            "ab",
            Err("pattern"),
        ),
        (
            json!({"type": "string", "format": "date"}),
            "2026-02-30",
            Err("format"),
        ),
        (json!({"enum": [1, 2]}), "2", Ok(Argument::Integer(2))),
        (json!({"enum": [1, 2]}), "3", Err("enum")),
        (json!({"enum": ["1", "2"]}), "2", Ok(text("2"))),
        (json!({"const": true}), "1", Ok(Argument::Bool(true))),
        (
            json!({"anyOf": [{"type": "string"}, {"type": "integer"}]}),
            "7",
            Ok(Argument::Integer(7)),
        ),
        (
            json!({"anyOf": [{"type": "string"}, {"type": "integer"}]}),
            "x",
            Ok(text("x")),
        ),
        (
            json!({"anyOf": [{"type": "integer", "maximum": 5}, {"const": "auto"}]}),
            "auto",
            Ok(text("auto")),
        ),
        (
            json!({"anyOf": [{"type": "integer", "maximum": 5}, {"type": "null"}]}),
            "6",
            Err("maximum"),
        ),
        (json!({"$ref": "#/$defs/Id"}), "0", Err("minimum")),
        (
            json!({"allOf": [{"$ref": "#/$defs/Id"}], "maximum": 3}),
            "4",
            Err("maximum"),
        ),
        (
            json!({"allOf": [{"$ref": "#/$defs/Id"}], "maximum": 3}),
            "3",
            Ok(Argument::Integer(3)),
        ),
    ] {
        let parameter = parameter("query", schema.clone(), json!({}));
        let mut violations = Violations::default();
        let argument = parameter.read(&[Cow::Borrowed(found)], &mut violations);
        match expected {
            Ok(expected) => {
                assert_eq!(argument, expected, "{schema} {found}");
                assert!(violations.is_empty(), "{schema} {found}: {violations:?}");
            }
            Err(keyword) => {
                assert_eq!(argument, Argument::Absent, "{schema} {found}");
                assert_eq!(violations.list.len(), 1, "{schema} {found}: {violations:?}");
                let violation = &violations.list[0];
                assert_eq!(
                    (violation.keyword.as_str(), violation.pointer.as_str()),
                    (keyword, "/p"),
                    "{schema} {found}"
                );
            }
        }
    }
}

#[test]
fn reads_lists_by_style() {
    let strings = json!({"type": "array", "items": {"type": "string"}});
    let numbers = json!({"type": "array", "items": {"type": "integer"}, "maxItems": 3});
    for (place, schema, more, found, expected) in [
        (
            "query",
            &strings,
            json!({}),
            vec!["a", "b,c"],
            list([text("a"), text("b,c")]),
        ),
        (
            "query",
            &strings,
            json!({"explode": false}),
            vec!["a,b"],
            list([text("a"), text("b")]),
        ),
        (
            "query",
            &strings,
            json!({"explode": false}),
            vec![""],
            list([]),
        ),
        (
            "query",
            &strings,
            json!({"style": "spaceDelimited"}),
            vec!["a b"],
            list([text("a"), text("b")]),
        ),
        (
            "query",
            &strings,
            json!({"style": "pipeDelimited"}),
            vec!["a|b"],
            list([text("a"), text("b")]),
        ),
        (
            "query",
            &strings,
            json!({"style": "pipeDelimited", "explode": true}),
            vec!["a|b"],
            list([text("a|b")]),
        ),
        (
            "header",
            &strings,
            json!({}),
            vec!["a, b", "c"],
            list([text("a"), text("b"), text("c")]),
        ),
        (
            "path",
            &numbers,
            json!({}),
            vec!["1,2"],
            list([Argument::Integer(1), Argument::Integer(2)]),
        ),
        (
            "cookie",
            &numbers,
            json!({}),
            vec!["1"],
            list([Argument::Integer(1)]),
        ),
    ] {
        let parameter = parameter(place, schema.clone(), more.clone());
        let mut violations = Violations::default();
        let found: Vec<Cow<'_, str>> = found.into_iter().map(Cow::Borrowed).collect();
        assert_eq!(
            parameter.read(&found, &mut violations),
            expected,
            "{place} {more} {found:?}"
        );
        assert!(violations.is_empty(), "{violations:?}");
    }
}

#[test]
fn refuses_lists_with_places() {
    let numbers =
        json!({"type": "array", "items": {"type": "integer", "minimum": 0}, "maxItems": 3});
    let unique = json!({"type": "array", "items": {"type": "string"}, "uniqueItems": true});
    for (schema, found, expected) in [
        (
            &numbers,
            vec!["1", "x", "y"],
            vec![("type", "/p/1"), ("type", "/p/2")],
        ),
        (&numbers, vec!["1", "-2"], vec![("minimum", "/p/1")]),
        (&numbers, vec!["1", "2", "3", "4"], vec![("maxItems", "/p")]),
        (&unique, vec!["a", "a"], vec![("uniqueItems", "/p")]),
    ] {
        let parameter = parameter("query", schema.clone(), json!({}));
        let mut violations = Violations::default();
        let found: Vec<Cow<'_, str>> = found.into_iter().map(Cow::Borrowed).collect();
        assert_eq!(parameter.read(&found, &mut violations), Argument::Absent);
        let reported: Vec<_> = violations
            .list
            .iter()
            .map(|v| (v.keyword.as_str(), v.pointer.as_str()))
            .collect();
        assert_eq!(reported, expected, "{schema} {found:?}");
    }
}

#[test]
fn fills_in_defaults_and_asks_for_what_is_required() {
    let mut violations = Violations::default();
    let limit = parameter(
        "query",
        json!({"type": "integer", "default": 20}),
        json!({}),
    );
    assert_eq!(limit.read(&[], &mut violations), Argument::Integer(20));
    let tags = parameter(
        "query",
        json!({"type": "array", "items": {}, "default": ["a"]}),
        json!({}),
    );
    assert_eq!(tags.read(&[], &mut violations), list([text("a")]));
    let none = parameter(
        "query",
        json!({"type": ["string", "null"], "default": null}),
        json!({}),
    );
    assert_eq!(none.read(&[], &mut violations), Argument::Null);
    let optional = parameter("header", json!({"type": "string"}), json!({}));
    assert_eq!(optional.read(&[], &mut violations), Argument::Absent);
    assert!(violations.is_empty());
    let required = parameter(
        "cookie",
        json!({"type": "string"}),
        json!({"required": true}),
    );
    assert_eq!(required.read(&[], &mut violations), Argument::Absent);
    assert_eq!(violations.list[0].keyword, "required");
}

#[test]
fn refuses_a_scalar_given_twice() {
    let mut violations = Violations::default();
    let once = parameter("query", json!({"type": "integer"}), json!({}));
    assert_eq!(
        once.read(&["1".into(), "1".into()], &mut violations),
        Argument::Absent
    );
    assert_eq!(
        violations.list[0].message,
        "must be given once, but is given 2 times"
    );
}

#[test]
fn refuses_wrong_definitions() {
    for (schema, word) in [
        (json!({"type": "object"}), "object"),
        (
            json!({"type": "array", "items": {"type": "array"}}),
            "array",
        ),
        (json!({"type": "integer", "default": "x"}), "default"),
        (json!({"type": "int"}), "integer"),
        (json!({"$ref": "#/$defs/No"}), "nothing is found"),
    ] {
        let spec =
            serde_json::from_value(json!({"name": "p", "in": "query", "schema": schema})).unwrap();
        let mistakes = Parameter::compile(&spec, &Value::Null).unwrap_err();
        assert!(mistakes[0].message.contains(word), "{schema}: {mistakes:?}");
    }
}

#[test]
fn borrows_from_the_request() {
    let mut violations = Violations::default();
    let name = parameter("path", json!({"type": "string"}), json!({}));
    assert!(matches!(
        name.read(&["x".into()], &mut violations),
        Argument::String(Cow::Borrowed("x"))
    ));
}

#[test]
fn shorthands_are_complete() {
    assert!(SHORTHANDS.iter().all(|name| shorthand(name).is_some()));
    assert_eq!(shorthand("int"), Some(json!({"type": "integer"})));
}

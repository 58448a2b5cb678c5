//! What a schema reports: keyword, place and message for each rule, and mistakes in schemas, by tables.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests, and what they call"
)]

use serde_json::{Value, json};
use spikard_contract::{Schema, Source, Violations};

fn report(schema: &Value, value: &Value) -> Vec<(String, String, String)> {
    let root = json!({"components": {"schemas": {"Id": {"type": "integer", "minimum": 1}}}});
    let compiled =
        Schema::compile(schema, &root).unwrap_or_else(|mistakes| panic!("{schema}: {mistakes:?}"));
    let mut violations = Violations::default();
    compiled.validate(value, Source::Body, "", &mut violations);
    assert_eq!(
        compiled.accepts(value.to_string().as_bytes()),
        violations.is_empty(),
        "{schema} {value}"
    );
    violations
        .list
        .into_iter()
        .map(|v| (v.keyword, v.pointer, v.message))
        .collect()
}

#[test]
fn reports_keyword_place_and_message() {
    for (schema, value, keyword, pointer, message) in [
        (
            json!({"type": "integer"}),
            json!("x"),
            "type",
            "",
            "must be an integer",
        ),
        (
            json!({"type": ["string", "null"]}),
            json!(1),
            "type",
            "",
            "must be a string or null",
        ),
        (
            json!({"enum": ["a", 1]}),
            json!("b"),
            "enum",
            "",
            "must be one of \"a\" or 1",
        ),
        (
            json!({"const": null}),
            json!(1),
            "const",
            "",
            "must be null",
        ),
        (
            json!({"minimum": 0}),
            json!(-1),
            "minimum",
            "",
            "must be at least 0",
        ),
        (
            json!({"maximum": 1.5}),
            json!(2),
            "maximum",
            "",
            "must be at most 1.5",
        ),
        (
            json!({"exclusiveMinimum": 0}),
            json!(0),
            "exclusiveMinimum",
            "",
            "must be greater than 0",
        ),
        (
            json!({"exclusiveMaximum": 0}),
            json!(0),
            "exclusiveMaximum",
            "",
            "must be less than 0",
        ),
        (
            json!({"minimum": 0, "exclusiveMinimum": true}),
            json!(0),
            "exclusiveMinimum",
            "",
            "must be greater than 0",
        ),
        (
            json!({"multipleOf": 0.01}),
            json!(0.001),
            "multipleOf",
            "",
            "must be a multiple of 0.01",
        ),
        (
            json!({"minLength": 1}),
            json!(""),
            "minLength",
            "",
            "must have at least 1 character",
        ),
        (
            json!({"maxLength": 2}),
            json!("abc"),
            "maxLength",
            "",
            "must have at most 2 characters",
        ),
        (
            json!({"pattern": "^a$"}),
            json!("b"),
            "pattern",
            "",
            "must match the pattern ^a$",
        ),
        (
            json!({"format": "date"}),
            json!("x"),
            "format",
            "",
            "must be a date, for example 2026-01-31",
        ),
        (
            json!({"items": {"type": "string"}}),
            json!(["a", 1]),
            "type",
            "/1",
            "must be a string",
        ),
        (
            json!({"minItems": 2}),
            json!([1]),
            "minItems",
            "",
            "must have at least 2 items",
        ),
        (
            json!({"uniqueItems": true}),
            json!([1, 1.0]),
            "uniqueItems",
            "",
            "must not hold the same item twice",
        ),
        (
            json!({"contains": {"const": 1}}),
            json!([2]),
            "contains",
            "",
            "must hold an item that fits the schema of contains",
        ),
        (
            json!({"required": ["a/b"]}),
            json!({}),
            "required",
            "/a~1b",
            "is required",
        ),
        (
            json!({"properties": {"a": {}, "b": {}}, "additionalProperties": false}),
            json!({"c": 1}),
            "additionalProperties",
            "/c",
            "is not a known property; known are \"a\" and \"b\"",
        ),
        (
            json!({"properties": {"a": {"maximum": 1}}}),
            json!({"a": 2}),
            "maximum",
            "/a",
            "must be at most 1",
        ),
        (
            json!({"propertyNames": {"maxLength": 1}}),
            json!({"ab": 1}),
            "propertyNames",
            "/ab",
            "is not a name that is allowed here",
        ),
        (
            json!({"minProperties": 1}),
            json!({}),
            "minProperties",
            "",
            "must have at least 1 property",
        ),
        (
            json!({"dependentRequired": {"a": ["b"]}}),
            json!({"a": 1}),
            "dependentRequired",
            "/b",
            "is required when \"a\" is present",
        ),
        (
            json!({"not": {"type": "null"}}),
            json!(null),
            "not",
            "",
            "must not fit the schema of not",
        ),
        (
            json!({"$ref": "#/components/schemas/Id"}),
            json!(0),
            "minimum",
            "",
            "must be at least 1",
        ),
        (
            json!({"if": {"minimum": 5}, "then": {"multipleOf": 2}}),
            json!(7),
            "multipleOf",
            "",
            "must be a multiple of 2",
        ),
        // The alternative that the value was meant for speaks.
        (
            json!({"anyOf": [{"type": "integer", "maximum": 3}, {"type": "null"}]}),
            json!(4),
            "maximum",
            "",
            "must be at most 3",
        ),
        (
            json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}),
            json!("x"),
            "anyOf",
            "",
            "must be an integer or null",
        ),
        (
            json!({"anyOf": [
                {"type": "object", "properties": {"kind": {"const": "a"}, "n": {"type": "integer"}}},
                {"type": "object", "properties": {"kind": {"const": "b"}, "n": {"type": "string"}}},
            ]}),
            json!({"kind": "b", "n": 1}),
            "type",
            "/n",
            "must be a string",
        ),
        (
            json!({"oneOf": [{"minimum": 1}, {"minimum": 2}]}),
            json!(3),
            "oneOf",
            "",
            "must fit exactly one of the schemas of oneOf",
        ),
        (
            json!({"type": "object", "unevaluatedProperties": false}),
            json!({"a": 1}),
            "unevaluatedProperties",
            "/a",
            "is not a known property",
        ),
        (
            json!({"items": [{}], "additionalItems": false}),
            json!([1, 2]),
            "items",
            "/1",
            "is an item too many",
        ),
    ] {
        let expected = vec![(keyword.to_owned(), pointer.to_owned(), message.to_owned())];
        assert_eq!(report(&schema, &value), expected, "{schema} {value}");
    }
}

#[test]
fn reports_everything_and_the_keywords_value() {
    let schema = json!({"type": "object", "properties": {"a": {"minimum": 1, "multipleOf": 2}, "b": {"type": "string"}}, "required": ["c", "d"]});
    let keywords: Vec<_> = report(&schema, &json!({"a": -1, "b": 2}))
        .into_iter()
        .map(|(keyword, ..)| keyword)
        .collect();
    assert_eq!(
        keywords,
        ["required", "required", "minimum", "multipleOf", "type"]
    );

    let mut violations = Violations::default();
    let compiled = Schema::compile(&json!({"minimum": 5}), &Value::Null).unwrap();
    compiled.validate(&json!(3), Source::Query, "/limit", &mut violations);
    let violation = &violations.list[0];
    assert_eq!(json!(violation.params), json!({"minimum": 5}));
    assert_eq!(
        (violation.pointer.as_str(), violation.value.as_ref()),
        ("/limit", Some(&json!(3)))
    );
    assert!(
        serde_json::to_value(violation)
            .unwrap()
            .get("value")
            .is_none()
    );
}

#[test]
fn lists_at_most_a_hundred() {
    let compiled = Schema::compile(&json!({"items": {"type": "string"}}), &Value::Null).unwrap();
    let mut violations = Violations::default();
    compiled.validate(&json!(vec![1; 100_000]), Source::Body, "", &mut violations);
    assert_eq!(
        (violations.list.len(), violations.truncated),
        (Violations::MAX, true)
    );
}

#[test]
fn nullable_of_openapi_3_0_allows_null() {
    assert!(report(&json!({"type": "string", "nullable": true}), &json!(null)).is_empty());
    assert!(!report(&json!({"type": "string"}), &json!(null)).is_empty());
}

#[test]
fn refuses_wrong_schemas_all_at_once() {
    let schema = json!({
        "type": "strnig",
        "properties": {
            "a": {"$ref": "#/components/schemas/Itm"},
            "b": {"pattern": "("},
            "c": {"minimum": "1"},
            "d": {"multipleOf": 0},
            "e": {"required": "a"},
            "f": 1,
            "g": {"$ref": "#/properties/g"},
        },
    });
    let root = json!({"components": {"schemas": {"Item": {}}}});
    let mistakes = Schema::compile(&schema, &root).unwrap_err();
    let expected = [
        ("/properties/a/$ref", "known are #/components/schemas/Item"),
        ("/properties/b/pattern", "regular expression"),
        ("/properties/c/minimum", "expected a number"),
        ("/properties/d/multipleOf", "above 0"),
        ("/properties/e/required", "array of property names"),
        ("/properties/f", "expected a schema"),
        ("/properties/g", "refers to itself"),
        ("/type", "\"string\""),
    ];
    assert_eq!(mistakes.len(), expected.len(), "{mistakes:#?}");
    for (mistake, (pointer, word)) in mistakes.iter().zip(expected) {
        assert_eq!(mistake.pointer, pointer);
        assert!(mistake.message.contains(word), "{mistake}");
    }
}

#[test]
fn refuses_schemas_that_never_end() {
    for schema in [
        json!({"$ref": "#"}),
        json!({"anyOf": [{"$ref": "#"}, {"type": "null"}]}),
        json!({"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}}),
    ] {
        assert!(Schema::compile(&schema, &Value::Null).is_err(), "{schema}");
    }
    let tree = json!({"type": "object", "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}, "additionalProperties": false});
    assert!(report(&tree, &json!({"left": {"right": {}}})).is_empty());
    assert_eq!(
        report(&tree, &json!({"left": {"right": {"x": 1}}}))[0].1,
        "/left/right/x"
    );
}

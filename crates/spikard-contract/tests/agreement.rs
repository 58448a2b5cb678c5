//! The two ways of checking agree: `accepts` on the text says what `parse` and `validate` say together, for ordinary
//! and hostile texts, and `parse` accepts what `serde_json` accepts.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests, and what they call"
)]

use serde_json::{Map, Value, json};
use spikard_contract::json::{Digits, Text, parse};
use spikard_contract::{Build, Schema, Source, Violations};

fn schemas() -> Vec<Value> {
    let many: Map<String, Value> = (0..20)
        .map(|n| {
            (
                format!("member{n}"),
                json!({"type": ["integer", "null"], "maximum": 50}),
            )
        })
        .collect();
    vec![
        json!(true),
        json!(false),
        json!({"type": "object", "properties": {
            "sku": {"type": "string", "pattern": "^[A-Z]{3}-\\d{4}$"},
            "price": {"type": "number", "minimum": 0, "multipleOf": 0.01},
            "name": {"$ref": "#/$defs/Name"},
            "tags": {"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": 3}
         }, "required": ["sku", "price"], "additionalProperties": false, "$defs": {"Name": {"type": "string", "maxLength": 5}}}),
        json!({"type": "object", "properties": {"a": {"anyOf": [{"type": "integer"}, {"type": "null"}, {"type": "array", "items": {"enum": ["x", 1, null]}}]}},
               "required": ["b"], "additionalProperties": true}),
        json!({"type": "object", "properties": many, "minProperties": 2, "maxProperties": 4}),
        json!({"type": "object", "additionalProperties": {"type": "integer", "exclusiveMaximum": 10}, "maxProperties": 3}),
        json!({"type": "array", "items": {"$ref": "#"}, "maxItems": 3}),
        json!({"type": "number", "minimum": 2, "maximum": 5}),
        json!({"type": "number", "exclusiveMinimum": 2, "exclusiveMaximum": 5}),
        json!({"type": "number", "minimum": 0.5, "exclusiveMaximum": 3}),
        json!({"type": "integer", "minimum": -3, "maximum": 4, "exclusiveMinimum": -3}),
        json!({"type": "number", "maximum": i64::MIN, "minimum": i64::MIN}),
        json!({"type": "number", "minimum": 0, "enum": [1, 2, 0.5]}),
        json!({"enum": ["a", 1, 1.5, true, null]}),
        json!({"const": {"a": 1}}),
        json!({"type": "array", "uniqueItems": true}),
        json!({"oneOf": [{"type": "object", "properties": {"kind": {"const": "x"}}, "required": ["kind"]},
                         {"type": "object", "properties": {"kind": {"const": "y"}, "n": {"type": "integer"}}, "required": ["kind", "n"]}]}),
        json!({"type": "object", "properties": {"a": {"type": "integer"}}, "unevaluatedProperties": false}),
        json!({"type": ["string", "integer"], "minLength": 2, "maximum": 5, "format": "date"}),
        json!({"minimum": 3, "required": ["a"], "properties": {"a": false}}),
        json!({"type": "object", "patternProperties": {"^a": {"type": "integer"}}, "additionalProperties": false}),
        json!({"allOf": [{"type": "integer"}, {"minimum": 2}]}),
        json!({"type": "object", "properties": {"a": {"type": "integer", "nullable": true}, "b": {"type": "number", "minimum": 1, "exclusiveMinimum": true}}}),
    ]
}

const TEXTS: &[&str] = &[
    r#"{"sku": "ABC-1234", "price": 19.99, "name": "item", "tags": ["a", "b"]}"#,
    r#"{"price": 1.999, "sku": "ABC-1234"}"#,
    r#"{"sku":"abc","sku":"ABC-1234","price":-1,"price":0}"#,
    r#"{"s\u006bu":"ABC-1234","price":1e2,"name":"n\u00e4me"}"#,
    r#"{"sku":"ABC-1234","price":0,"extra":1}"#,
    r#"{"a": [1, "x", null], "b": {"c": [[]]}}"#,
    r#"{"a": "no", "a": 1, "b": 2}"#,
    r#"{"a": 1.0}"#,
    r#"{"a": null, "b": 1.0}"#,
    r#"{"member1": 1, "member19": null, "member7": 51}"#,
    r#"{"member1": 1, "member1": 2, "member3": 2}"#,
    r#"{"x": 1, "x": 2}"#,
    r#"{"x": 11, "x": 2, "y": 9, "z": 1}"#,
    r#"{"kind": "y", "n": 3}"#,
    r#"{"kind": "x"}"#,
    r#"[[], [[]], []]"#,
    r#"["a", "a"]"#,
    r#"[1, 1.0]"#,
    r#""2026-01-31""#,
    "\"a\"",
    "1",
    "1.0",
    "1.5",
    "3",
    "18446744073709551615",
    "123456789012345678901234567890",
    "true",
    "null",
    "-0",
    "-0.0",
    "0.4",
    "0.5",
    "0.9",
    "2",
    "2.0",
    "2.00000000000000000000000001",
    "2e0",
    "2.5",
    "3.0",
    "2.9999999999999999999",
    "4",
    "4.5",
    "4.9999999999999999999",
    "5",
    "5.0",
    "5.1",
    "-3",
    "-2",
    "-3.5",
    "-9223372036854775808",
    "-9223372036854775809",
    "1e-400",
    r#"{,"sku":"ABC-1234","price":1}"#,
    r#"{"sku":"ABC-1234""price":1}"#,
    r#"{"sku":"ABC-1234",,"price":1}"#,
    "{\"sku\":\"ABC-1234\",\"price\":1,\"name\":\"a\u{1}\"}",
    r#"{"sku":"ABC-1234","price":1,"tags":["a long text that goes on and on for more than a hundred and twenty-eight bytes, so that whole blocks of it are looked at together: \" \\ \n"]}"#,
    "{\"sku\":\"ABC-1234\",\"price\":1,\"tags\":[\"a long text that goes on and on for more than a hundred and twenty-eight bytes, so that whole blocks of it are looked at together: \t\"]}",
];

/// xorshift: the same mutations every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

/// Each text, and texts that differ from it in a few bytes.
fn corpus() -> Vec<Vec<u8>> {
    const BYTES: &[u8] = b"{}[]\",:0123456789.eE+-\\utfnrabx \n\t\x00\x7f\xc3\xa9\xff";
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut texts: Vec<Vec<u8>> = TEXTS.iter().map(|text| text.as_bytes().to_vec()).collect();
    for text in TEXTS {
        for _ in 0..300 {
            let mut text = text.as_bytes().to_vec();
            for _ in 0..=dice.roll(3) {
                let at = dice.roll(text.len());
                match dice.roll(4) {
                    0 => text[at] = BYTES[dice.roll(BYTES.len())],
                    1 => text.insert(at, BYTES[dice.roll(BYTES.len())]),
                    2 if text.len() > 1 => drop(text.remove(at)),
                    _ => {
                        let end = at + dice.roll(text.len() - at + 1);
                        let piece = text[at..end].to_vec();
                        text.splice(at..at, piece);
                    }
                }
            }
            texts.push(text);
        }
    }
    texts
}

#[test]
fn accepts_says_what_validate_says() {
    let texts = corpus();
    let (mut good, mut bad) = (0, 0);
    for schema in schemas() {
        let compiled = Schema::compile(&schema, &schema).unwrap();
        for text in &texts {
            let valid = parse(text).is_ok_and(|value| {
                let mut violations = Violations::default();
                compiled.validate(&value, Source::Body, "", &mut violations);
                violations.is_empty()
            });
            assert_eq!(
                compiled.accepts(text),
                valid,
                "{schema}\n{}",
                String::from_utf8_lossy(text)
            );
            if valid { good += 1 } else { bad += 1 }
        }
    }
    assert!(
        good > 1000 && bad > 1000,
        "{good} good and {bad} bad texts prove little"
    );
}

/// Equal but for the last digit of floats, which `serde_json` rounds less exactly, and `-0`, a whole number here.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= a.abs() * 1e-15
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((k, a), (l, b))| k == l && same(a, b))
        }
        _ => ours == theirs,
    }
}

#[test]
fn parse_accepts_what_serde_json_accepts() {
    let mut good = 0;
    for text in corpus() {
        let ours = parse(&text);
        let theirs = serde_json::from_slice::<Value>(&text);
        match (&ours, &theirs) {
            (Ok(ours), Ok(theirs)) => {
                good += 1;
                assert!(same(ours, theirs), "{ours} {theirs}");
            }
            (Err(_), Err(_)) => {}
            _ => panic!("{}: {ours:?} {theirs:?}", String::from_utf8_lossy(&text)),
        }
    }
    assert!(good > 1000, "{good} good texts prove little");
}

/// Builds every value as a tree.
struct Tree;

impl Build for Tree {
    const WHOLE: bool = true;
    type Place = ();
    type Value = Value;
    type Array = Vec<Value>;
    type Object = (Map<String, Value>, String);

    fn null(&mut self, (): ()) -> Option<Value> {
        Some(Value::Null)
    }

    fn boolean(&mut self, (): (), value: bool) -> Option<Value> {
        Some(value.into())
    }

    fn number(&mut self, (): (), digits: Digits<'_>) -> Option<Value> {
        parse(digits.text().as_bytes()).ok()
    }

    fn string(&mut self, (): (), text: Text<'_>) -> Option<Value> {
        Some(text.decode().into())
    }

    fn skipped(&mut self, (): ()) -> Option<Value> {
        panic!("a value was skipped")
    }

    fn array(&mut self, (): ()) -> Option<(Vec<Value>, ())> {
        Some((Vec::new(), ()))
    }

    fn element(&mut self, array: &mut Vec<Value>, value: Value) -> Option<()> {
        array.push(value);
        Some(())
    }

    fn close_array(&mut self, array: Vec<Value>) -> Option<Value> {
        Some(array.into())
    }

    fn object(&mut self, (): ()) -> Option<(Map<String, Value>, String)> {
        Some(Default::default())
    }

    fn name(&mut self, object: &mut (Map<String, Value>, String), name: Text<'_>) -> Option<()> {
        object.1 = name.decode().into_owned();
        Some(())
    }

    fn member(&mut self, object: &mut (Map<String, Value>, String), value: Value) -> Option<()> {
        object.0.insert(std::mem::take(&mut object.1), value);
        Some(())
    }

    fn close_object(&mut self, object: (Map<String, Value>, String)) -> Option<Value> {
        Some(object.0.into())
    }
}

#[test]
fn what_is_built_whole_is_what_parse_gives() {
    let texts = corpus();
    let mut built = 0;
    for schema in schemas() {
        let compiled = Schema::compile(&schema, &schema).unwrap();
        for text in &texts {
            if let Some(value) = compiled.build(text, &mut Tree, ()) {
                assert!(compiled.accepts(text), "{value} is built and not accepted");
                assert_eq!(parse(text).ok(), Some(value), "{schema}");
                built += 1;
            }
        }
    }
    assert!(built > 1000, "{built} values prove little");
}

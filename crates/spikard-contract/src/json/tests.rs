use super::{MAX_DEPTH, parse};
use serde_json::json;

#[test]
fn reads_values_exactly() {
    for (text, expected) in [
        ("null", json!(null)),
        (" [1, -2, 0.5, 1e2] ", json!([1, -2, 0.5, 100.0])),
        ("18446744073709551615", json!(u64::MAX)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("18446744073709551616", json!(18_446_744_073_709_551_616.0)),
        (r#""\u00e9\n\"\/\ud83d\ude00é😀""#, json!("é\n\"/😀é😀")),
        (r#"{"a":1,"b":2,"a":3}"#, json!({"a": 3, "b": 2})),
        ("[[],{}]", json!([[], {}])),
        ("1e-400", json!(0.0)),
    ] {
        assert_eq!(parse(text.as_bytes()), Ok(expected), "{text}");
    }
}

#[test]
fn refuses_with_place() {
    for (text, pointer, line, column, word) in [
        ("", "", 1, 1, "end of the text"),
        ("\u{feff}1", "", 1, 1, "byte order mark"),
        ("{\"a\":\n [1,\n  x]}", "/a/1", 3, 3, "expected a value"),
        ("[1,]", "/1", 1, 4, "comma"),
        ("{\"a/b\": {\"~\": NaN}}", "/a~1b/~0", 1, 15, "NaN"),
        ("\"\\ud800\"", "", 1, 2, "surrogate"),
        ("\"\\ud800\\u0041\"", "", 1, 2, "surrogate"),
        ("\"\\udc00\"", "", 1, 2, "surrogate"),
        ("[1e999]", "/0", 1, 7, "too big"),
        ("[01]", "/0", 1, 3, "leading zeros"),
        ("1 2", "", 1, 3, "end of the text"),
        ("'a'", "", 1, 1, "double quotes"),
        ("{a:1}", "", 1, 2, "double quotes"),
        ("\"a\tb\"", "", 1, 3, "control"),
        ("tru", "", 1, 1, "true"),
    ] {
        let error = parse(text.as_bytes()).unwrap_err();
        assert_eq!(
            (error.pointer.as_str(), error.line, error.column),
            (pointer, line, column),
            "{text}: {error}"
        );
        assert!(error.message.contains(word), "{text}: {error}");
    }
}

#[test]
fn refuses_what_is_not_utf8_at_its_place() {
    let error = parse(b"{\"a\": [\"x\", \"\xff\"]}").unwrap_err();
    assert_eq!((error.pointer.as_str(), error.column), ("/a/1", 14));
    assert!(error.message.contains("UTF-8"));
    assert!(parse(b"1\xff").unwrap_err().message.contains("UTF-8"));
    assert!(
        parse(b"{x \xff")
            .unwrap_err()
            .message
            .contains("double quotes")
    );
}

#[test]
fn nests_to_the_limit_and_no_deeper() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert!(
        parse(nested(MAX_DEPTH + 1).as_bytes())
            .unwrap_err()
            .message
            .contains("128")
    );
    assert!(parse("[".repeat(1_000_000).as_bytes()).is_err());
}

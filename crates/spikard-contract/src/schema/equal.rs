//! Equality of JSON values as JSON Schema has it: numbers by value, objects without order; and items that occur twice.

use crate::number::Num;
use serde_json::Value;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash, Hasher};

/// `1` equals `1.0`; `1` does not equal `true`.
pub(crate) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => Num::from(a).compare(Num::from(b)).is_eq(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        _ => a == b,
    }
}

/// Whether two items are equal; in linear time, whatever a client sends.
pub(crate) fn has_twins(items: &[Value]) -> bool {
    if items.len() <= 8 {
        return items
            .iter()
            .enumerate()
            .any(|(at, item)| items[..at].iter().any(|other| equal(item, other)));
    }
    let state = RandomState::new();
    let mut seen: HashMap<u64, Vec<&Value>> = HashMap::with_capacity(items.len());
    items.iter().any(|item| {
        let bucket = seen.entry(hash(item, &state)).or_default();
        let twin = bucket.iter().any(|other| equal(item, other));
        bucket.push(item);
        twin
    })
}

fn hash(value: &Value, state: &RandomState) -> u64 {
    let mut hasher = state.build_hasher();
    std::mem::discriminant(value).hash(&mut hasher);
    match value {
        Value::Null => {}
        Value::Bool(truth) => truth.hash(&mut hasher),
        // Whole numbers and floats that are equal have equal nearest floats; 0.0 and -0.0 are one.
        Value::Number(number) => (number.as_f64().unwrap_or(0.0) + 0.0)
            .to_bits()
            .hash(&mut hasher),
        Value::String(text) => text.hash(&mut hasher),
        Value::Array(items) => items
            .iter()
            .for_each(|item| hash(item, state).hash(&mut hasher)),
        Value::Object(map) => {
            let sum = map.iter().fold(0_u64, |sum, (key, value)| {
                sum.wrapping_add(state.hash_one((key, hash(value, state))))
            });
            sum.hash(&mut hasher);
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn compares_by_value() {
        assert!(equal(
            &json!({"a": 1, "b": [0.0]}),
            &json!({"b": [0], "a": 1.0})
        ));
        assert!(!equal(&json!(1), &json!(true)));
        assert!(!equal(&json!([0]), &json!([false])));
    }

    #[test]
    fn finds_twins_among_many() {
        let mut items: Vec<Value> = (0..100).map(|n| json!({"n": n, "m": [n]})).collect();
        assert!(!has_twins(&items));
        items.push(json!({"m": [7.0], "n": 7}));
        assert!(has_twins(&items));
    }
}

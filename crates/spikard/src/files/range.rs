//! Parts of a file (RFC 9110 section 14): the field to byte ranges. Reads no file.

use std::ops::Range;

/// More ranges than this are asked for by nobody who means well: the whole file is the answer.
const MOST: usize = 16;

/// What a `Range` field comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The field says nothing that is understood, or asks for more than the whole.
    Whole,
    /// In the order asked for; never empty.
    Parts(Vec<Range<u64>>),
    /// 416.
    Unsatisfiable,
}

/// Reads the field for a file of `size` bytes.
pub(super) fn read(field: &[u8], size: u64) -> Wanted {
    match specs(field) {
        None => Wanted::Whole,
        Some(specs) => choose(&specs, size),
    }
}

/// One item of the field.
#[derive(Clone, Copy)]
enum Spec {
    From(u64, Option<u64>),
    Last(u64),
}

/// `None` for another unit, a mistake in the syntax, and too many.
fn specs(field: &[u8]) -> Option<Vec<Spec>> {
    let (unit, set) = std::str::from_utf8(field).ok()?.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let mut specs = Vec::new();
    for item in set.split(',').map(|item| item.trim_matches([' ', '\t'])) {
        if item.is_empty() {
            continue; // RFC 9110 section 5.6.1.2: recipients take empty elements
        }
        let (first, last) = item.split_once('-')?;
        specs.push(match (first, last) {
            ("", last) => Spec::Last(number(last)?),
            (first, "") => Spec::From(number(first)?, None),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Spec::From(first, Some(last)))?
            }
        });
        if specs.len() > MOST {
            return None;
        }
    }
    (!specs.is_empty()).then_some(specs)
}

/// Digits alone; what is larger than any file is just that.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

fn choose(specs: &[Spec], size: u64) -> Wanted {
    let mut parts: Vec<Range<u64>> = Vec::new();
    for spec in specs {
        match *spec {
            Spec::From(first, last) if first < size => {
                parts.push(first..last.map_or(size, |last| last.saturating_add(1).min(size)));
            }
            Spec::Last(count) if count > 0 => parts.push(size - count.min(size)..size),
            Spec::From(..) | Spec::Last(_) => {}
        }
    }
    let total: u64 = parts.iter().map(|part| part.end - part.start).sum();
    match parts.len() {
        0 => Wanted::Unsatisfiable,
        // No part of an empty file can be named.
        _ if size == 0 => Wanted::Whole,
        1 => Wanted::Parts(parts),
        // Overlapping ranges would send more than there is.
        _ if total > size => Wanted::Whole,
        _ => Wanted::Parts(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::{Wanted, read};

    #[test]
    fn each_form_for_ten_bytes() {
        let whole = || Wanted::Whole;
        let parts = |parts: &[(u64, u64)]| {
            Wanted::Parts(parts.iter().map(|&(from, to)| from..to).collect())
        };
        for (field, expected) in [
            ("bytes=0-0", parts(&[(0, 1)])),
            ("bytes=2-4", parts(&[(2, 5)])),
            ("BYTES=2-", parts(&[(2, 10)])),
            ("bytes=-3", parts(&[(7, 10)])),
            ("bytes=-30", parts(&[(0, 10)])),
            ("bytes=8-99999999999999999999999", parts(&[(8, 10)])),
            ("bytes=0-0,-1", parts(&[(0, 1), (9, 10)])),
            ("bytes= 0-1 ,, 8-", parts(&[(0, 2), (8, 10)])),
            ("bytes=20-30,2-3", parts(&[(2, 4)])),
            ("bytes=10-", Wanted::Unsatisfiable),
            ("bytes=99999999999999999999999-", Wanted::Unsatisfiable),
            ("bytes=-0", Wanted::Unsatisfiable),
            ("bytes=0-9,0-9", whole()),
            ("bytes=", whole()),
            ("bytes=4-2", whole()),
            ("bytes=a-b", whole()),
            ("bytes=+1-2", whole()),
            ("bytes=1", whole()),
            ("items=0-1", whole()),
            ("0-1", whole()),
        ] {
            assert_eq!(read(field.as_bytes(), 10), expected, "{field}");
        }
        let many = (0..17).map(|at| format!("{at}-{at}")).collect::<Vec<_>>();
        assert_eq!(
            read(format!("bytes={}", many.join(",")).as_bytes(), 100),
            whole()
        );
        assert_eq!(read(b"bytes=0-", 0), Wanted::Unsatisfiable);
        assert_eq!(read(b"bytes=-5", 0), whole());
    }
}

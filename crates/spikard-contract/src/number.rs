//! Numbers as JSON has them: compared, divided and hashed by mathematical value, whatever their representation.

use serde_json::Number;
use std::cmp::Ordering;

/// A finite number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Num {
    Int(i64),
    /// Above `i64::MAX`.
    Uint(u64),
    Float(f64),
}

impl From<Num> for Number {
    fn from(num: Num) -> Self {
        match num {
            Num::Int(whole) => whole.into(),
            Num::Uint(whole) => whole.into(),
            Num::Float(number) => Self::from_f64(number).unwrap_or_else(|| 0.into()),
        }
    }
}

impl From<&Number> for Num {
    fn from(number: &Number) -> Self {
        if let Some(whole) = number.as_i64() {
            Self::Int(whole)
        } else if let Some(whole) = number.as_u64() {
            Self::Uint(whole)
        } else {
            Self::Float(number.as_f64().unwrap_or(0.0))
        }
    }
}

impl Num {
    fn whole(self) -> Option<i128> {
        match self {
            Self::Int(whole) => Some(whole.into()),
            Self::Uint(whole) => Some(whole.into()),
            Self::Float(_) => None,
        }
    }

    /// `1`, `1.0` and `1e3` are integers of JSON Schema.
    pub(crate) fn is_integer(self) -> bool {
        match self {
            Self::Float(number) => number.fract() == 0.0,
            _ => true,
        }
    }

    /// By exact value, also between whole numbers and floats that cannot hold them.
    #[inline]
    pub(crate) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(&b),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            (Self::Float(a), b) => compare_float(a, b.whole().unwrap_or(0)),
            (a, Self::Float(b)) => compare_float(b, a.whole().unwrap_or(0)).reverse(),
            (a, b) => a.whole().cmp(&b.whole()),
        }
    }

    /// `self / divisor` is whole, for the decimals as written: 0.07 is a multiple of 0.01.
    pub(crate) fn is_multiple_of(self, divisor: Self) -> bool {
        if let (Some(a), Some(b)) = (self.whole(), divisor.whole()) {
            return b != 0 && a % b == 0;
        }
        let ((a, a_tens), (b, b_tens)) = (self.decimal(), divisor.decimal());
        if a == 0 || b == 0 {
            return a == 0 && b != 0;
        }
        if a_tens < b_tens {
            // `a` has no factor ten left that could make up for it, unless `b` brings none either.
            let Some(b) = 10_u128
                .checked_pow(b_tens.abs_diff(a_tens))
                .and_then(|tens| tens.checked_mul(b))
            else {
                return false;
            };
            return a % b == 0;
        }
        let (mut rest, mut tens, mut exponent) = (a % b, 10 % b, a_tens.abs_diff(b_tens));
        while exponent > 0 {
            if exponent & 1 == 1 {
                rest = rest * tens % b;
            }
            tens = tens * tens % b;
            exponent >>= 1;
        }
        rest == 0
    }

    /// Shortest decimal that reads back as this number: digits (below 2^64) and power of ten.
    fn decimal(self) -> (u128, i32) {
        let Self::Float(number) = self else {
            return (self.whole().unwrap_or(0).unsigned_abs(), 0);
        };
        let text = format!("{:e}", number.abs());
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let fraction = digits
            .split_once('.')
            .map_or(0, |(_, fraction)| fraction.len());
        let digits = digits
            .bytes()
            .filter(u8::is_ascii_digit)
            .fold(0, |sum, digit| sum * 10 + u128::from(digit - b'0'));
        (
            digits,
            exponent.parse::<i32>().unwrap_or(0) - i32::try_from(fraction).unwrap_or(0),
        )
    }
}

fn compare_float(float: f64, whole: i128) -> Ordering {
    if float.abs() >= 2_f64.powi(100) {
        return if float > 0.0 {
            Ordering::Greater
        } else {
            Ordering::Less
        };
    }
    // Exact: the float is whole from 2^53 on, and below 2^100 it fits.
    (float.trunc() as i128)
        .cmp(&whole)
        .then(float.fract().partial_cmp(&0.0).unwrap_or(Ordering::Equal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_by_exact_value() {
        let max = Num::Uint(u64::MAX);
        for (a, b, expected) in [
            (Num::Int(1), Num::Float(1.0), Ordering::Equal),
            (Num::Int(1), Num::Float(1.5), Ordering::Less),
            (Num::Int(-1), Num::Float(-1.5), Ordering::Greater),
            (
                max,
                Num::Float(18_446_744_073_709_551_616.0),
                Ordering::Less,
            ),
            (
                Num::Int(9_007_199_254_740_993),
                Num::Float(9_007_199_254_740_992.0),
                Ordering::Greater,
            ),
            (Num::Float(1e300), max, Ordering::Greater),
            (Num::Float(-1e300), Num::Int(i64::MIN), Ordering::Less),
        ] {
            assert_eq!(a.compare(b), expected, "{a:?} {b:?}");
            assert_eq!(b.compare(a), expected.reverse(), "{b:?} {a:?}");
        }
    }

    #[test]
    fn divides_decimals_as_written() {
        for (number, divisor, expected) in [
            (Num::Float(0.07), Num::Float(0.01), true),
            (Num::Float(19.99), Num::Float(0.01), true),
            (Num::Float(0.075), Num::Float(0.01), false),
            (Num::Float(4.35), Num::Float(0.01), true),
            (Num::Int(12), Num::Float(0.1), true),
            (Num::Float(1e308), Num::Float(0.123_456_789), false),
            (Num::Float(1e22), Num::Int(7), false),
            (Num::Float(1e300), Num::Int(8), true),
            (Num::Float(4.5), Num::Float(1.5), true),
            (Num::Float(0.5), Num::Int(1), false),
            (Num::Int(0), Num::Float(0.3), true),
            (Num::Int(-9), Num::Int(3), true),
        ] {
            assert_eq!(
                number.is_multiple_of(divisor),
                expected,
                "{number:?} {divisor:?}"
            );
        }
    }
}

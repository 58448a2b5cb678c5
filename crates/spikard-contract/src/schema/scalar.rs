//! Rules of numbers and strings, asked once for yes or no and once for the reasons, from the same lines.

use super::node::{NumberRules, StringRules};
use crate::number::Num;
use serde_json::Value;
use std::cmp::Ordering;

impl NumberRules {
    /// The hot path of [`Self::broken`].
    #[inline]
    pub(crate) fn accepts(&self, number: Num) -> bool {
        let keeps = |limit: Option<Num>, refused: fn(Ordering) -> bool| match limit {
            Some(limit) => !refused(number.compare(limit)),
            None => true,
        };
        keeps(self.minimum, Ordering::is_lt)
            && keeps(self.maximum, Ordering::is_gt)
            && keeps(self.exclusive_minimum, Ordering::is_le)
            && keeps(self.exclusive_maximum, Ordering::is_ge)
            && self
                .multiple_of
                .is_none_or(|divisor| number.is_multiple_of(divisor))
    }

    /// Every number is right that is not negative and whose part before the point lies between these two, both included;
    /// true for most that are right, without reading them.
    pub(crate) fn sure(&self) -> (i64, i64) {
        let limits = [
            (self.minimum, 0),
            (self.exclusive_minimum, 1),
            // What stands behind the point may reach the next whole number, and may round to it.
            (self.maximum, -1),
            (self.exclusive_maximum, -2),
        ];
        let whole = |(limit, step): (Option<Num>, i64)| match limit {
            Some(Num::Int(limit)) => limit.checked_add(step),
            _ => None,
        };
        if self.multiple_of.is_some()
            || limits
                .iter()
                .any(|limit| limit.0.is_some() && whole(*limit).is_none())
        {
            return (1, 0);
        }
        let [minimum, above, maximum, below] = limits.map(whole);
        (
            minimum.max(above).unwrap_or(i64::MIN),
            maximum.into_iter().chain(below).min().unwrap_or(i64::MAX),
        )
    }

    /// Says nothing, so a number need not even be read.
    pub(crate) fn is_empty(&self) -> bool {
        self.minimum.is_none()
            && self.maximum.is_none()
            && self.exclusive_minimum.is_none()
            && self.exclusive_maximum.is_none()
            && self.multiple_of.is_none()
    }

    /// Keyword and limit of each rule that `number` breaks.
    pub(crate) fn broken(&self, number: Num) -> impl Iterator<Item = (&'static str, Num)> {
        let against = move |limit: Option<Num>, refused: fn(Ordering) -> bool| {
            limit.filter(|limit| refused(number.compare(*limit)))
        };
        [
            ("minimum", against(self.minimum, Ordering::is_lt)),
            (
                "exclusiveMinimum",
                against(self.exclusive_minimum, Ordering::is_le),
            ),
            ("maximum", against(self.maximum, Ordering::is_gt)),
            (
                "exclusiveMaximum",
                against(self.exclusive_maximum, Ordering::is_ge),
            ),
            (
                "multipleOf",
                self.multiple_of
                    .filter(|divisor| !number.is_multiple_of(*divisor)),
            ),
        ]
        .into_iter()
        .filter_map(|(keyword, limit)| Some((keyword, limit?)))
    }
}

/// What a rule of strings asks for.
pub(crate) enum Operand<'s> {
    Count(u64),
    Text(&'s str),
}

impl From<Operand<'_>> for Value {
    fn from(operand: Operand<'_>) -> Self {
        match operand {
            Operand::Count(count) => count.into(),
            Operand::Text(text) => text.into(),
        }
    }
}

impl StringRules {
    /// The hot path of [`Self::broken`].
    #[inline]
    pub(crate) fn accepts(&self, text: &str) -> bool {
        let bytes = text.len() as u64;
        // A character has at most four bytes: count only when that does not decide.
        self.min_length
            .is_none_or(|least| bytes / 4 >= least || text.chars().count() as u64 >= least)
            && self
                .max_length
                .is_none_or(|most| bytes <= most || text.chars().count() as u64 <= most)
            && self
                .pattern
                .as_ref()
                .is_none_or(|pattern| pattern.accepts(text))
            && self.format.is_none_or(|format| (format.accepts)(text))
    }

    /// Accepts this text, whatever its characters beyond ASCII are: true for most that are fine, without decoding them.
    #[inline]
    pub(crate) fn surely_accepts(&self, text: &[u8]) -> bool {
        let bytes = text.len() as u64;
        self.min_length.is_none_or(|least| bytes / 4 >= least)
            && self.max_length.is_none_or(|most| bytes <= most)
            && self
                .pattern
                .as_ref()
                .is_none_or(|pattern| pattern.surely_accepts(text))
            && self.format.is_none()
    }

    /// Says nothing, so a string need not be decoded.
    pub(crate) fn is_empty(&self) -> bool {
        self.min_length.is_none()
            && self.max_length.is_none()
            && self.pattern.is_none()
            && self.format.is_none()
    }

    /// Keyword and operand of each rule that `text` breaks.
    pub(crate) fn broken<'s>(
        &'s self,
        text: &'s str,
    ) -> impl Iterator<Item = (&'static str, Operand<'s>)> {
        // Between a quarter of the bytes and all of them: count only when that does not decide.
        let bytes = text.len() as u64;
        let length = || text.chars().count() as u64;
        let short = self
            .min_length
            .filter(|least| bytes / 4 < *least && (bytes < *least || length() < *least));
        let long = self
            .max_length
            .filter(|most| bytes > *most && length() > *most);
        let unmatched = self
            .pattern
            .as_ref()
            .filter(|pattern| !pattern.accepts(text));
        let misshapen = self.format.filter(|format| !(format.accepts)(text));
        [
            ("minLength", short.map(Operand::Count)),
            ("maxLength", long.map(Operand::Count)),
            (
                "pattern",
                unmatched.map(|pattern| Operand::Text(pattern.source())),
            ),
            ("format", misshapen.map(|format| Operand::Text(format.name))),
        ]
        .into_iter()
        .filter_map(|(keyword, operand)| Some((keyword, operand?)))
    }
}

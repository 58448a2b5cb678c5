//! Limits of workers, each a little different, so that not all of them are replaced at once. Nothing else.

use super::orders::Id;
use std::time::Duration;

/// Between nine and eleven tenths of a duration.
pub(super) fn duration(limit: Duration, id: Id) -> Duration {
    limit * 9 / 10 + limit / 5 * part(id) / 1024
}

/// The same of a number.
pub(super) fn count(limit: u64, id: Id) -> u64 {
    let limit = u128::from(limit);
    let spread = limit * 9 / 10 + limit * u128::from(part(id)) / 5 / 1024;
    u64::try_from(spread).unwrap_or(u64::MAX).max(1)
}

/// Another part of 1024 for each worker (the golden ratio's multiples are spread evenly).
fn part(id: Id) -> u32 {
    let part = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54;
    u32::try_from(part).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_lie_within_a_tenth_and_apart() {
        let counts: Vec<u64> = (1..=8).map(|id| count(1_000, id)).collect();
        assert!(
            counts.iter().all(|count| (900..=1_100).contains(count)),
            "{counts:?}"
        );
        let mut sorted = counts.clone();
        sorted.sort_unstable();
        assert!(
            sorted.windows(2).all(|pair| pair[1] - pair[0] >= 5),
            "{counts:?}"
        );
        assert_eq!(count(1, 3), 1);
        assert!((9..=11).contains(&duration(Duration::from_secs(10), 5).as_secs()));
    }
}

//! Durations and sizes as people write them: `500ms`, `2m`; `512MB`, `1GiB`. Nothing else.

use std::time::Duration;

const DURATIONS: &[(&str, u64)] = &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
const SIZES: &[(&str, u64)] = &[
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// A duration of whole milliseconds, seconds, minutes or hours.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    quantity(text, DURATIONS)
        .map(Duration::from_millis)
        .ok_or_else(|| "a duration is a whole number and ms, s, m or h: 500ms, 30s, 2m".to_owned())
}

/// A number of bytes.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    quantity(text, SIZES).ok_or_else(|| {
        "a size is a whole number and kB, MB, GB, KiB, MiB or GiB: 512MB, 1GiB".to_owned()
    })
}

fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_needs_its_unit() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("0s", 0),
        ] {
            assert_eq!(
                duration(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        for (text, bytes) in [
            ("1kB", 1_000),
            ("512MB", 512_000_000),
            ("2GiB", 2_147_483_648),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        let wrong = [
            "", "30", "s", "MB", "-1s", "-1MB", "1.5s", "1.5GB", "1 s", "1 MB", "30sec", "1mb",
        ];
        let large = [
            "99999999999999999999s",
            "9999999999999999999h",
            "99999999999GiB",
        ];
        for text in wrong.into_iter().chain(large) {
            assert!(duration(text).is_err() && size(text).is_err(), "{text}");
        }
    }
}

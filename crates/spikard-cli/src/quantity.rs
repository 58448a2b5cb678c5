//! Durations and sizes on the command line, read as the core reads those of its options. Nothing else.

use spikard::settings;
use std::time::Duration;

/// A duration: `500ms`, `1h30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    settings::milliseconds(text).map(Duration::from_millis)
}

/// The same, or 0.
pub(crate) fn duration_or_never(text: &str) -> Result<Duration, String> {
    match text.trim() {
        "0" => Ok(Duration::ZERO),
        text => duration(text),
    }
}

/// A number of bytes.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    settings::bytes(text)
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
            ("1h30m", 5_400_000),
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
            ("1 mb", 1_000_000),
            ("512MB", 512_000_000),
            ("2GiB", 2_147_483_648),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        let wrong = [
            "", "30", "s", "MB", "-1s", "-1MB", "1.5", "1,5s", "30sec", "1Mbit",
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

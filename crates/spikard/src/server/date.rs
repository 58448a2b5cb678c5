//! The `date` of a reply (RFC 9110 section 5.6.7), formatted once per second and thread.

use std::cell::RefCell;

/// Bytes of `Sun, 06 Nov 1994 08:49:37 GMT`.
const LENGTH: usize = 29;

/// Bytes of `date: Sun, 06 Nov 1994 08:49:37 GMT` and its line end.
const FIELD: usize = LENGTH + 8;

/// Appends the field that says now.
pub(crate) fn append_field(out: &mut Vec<u8>) {
    with_field(|field| out.extend_from_slice(field));
}

/// The value alone.
pub(crate) fn value() -> [u8; LENGTH] {
    let mut value = [0; LENGTH];
    with_field(|field| value.copy_from_slice(&field[6..6 + LENGTH]));
    value
}

/// Now, as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn http_date() -> String {
    String::from_utf8_lossy(&value()).into_owned()
}

/// A moment as HTTP writes it; seconds since 1970.
pub(crate) fn date_of(seconds: u64) -> String {
    String::from_utf8_lossy(&format(seconds)).into_owned()
}

/// Seconds since 1970 of a date in any of the three forms that recipients take (RFC 9110 section 5.6.7).
pub(crate) fn seconds_of(date: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(date).ok()?.trim();
    let words: Vec<&str> = text
        .split([' ', '-', ','])
        .filter(|word| !word.is_empty())
        .collect();
    let (day, month, year, time) = match words[..] {
        [_, day, month, year, time, "GMT"] => (day, month, year, time),
        // asctime
        [_, month, day, time, year] => (day, month, year, time),
        _ => return None,
    };
    let number = |text: &str| -> Option<u64> {
        let digits = text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| digits)
    };
    let month = MONTHS.chunks(3).position(|name| name == month.as_bytes())? as u64 + 1;
    let year = match (year.len(), number(year)?) {
        (4, year) => year,
        // Of two digits: more than 50 years ahead is the century before.
        (2, year) => {
            let (this, _, _) = civil(now() / 86_400);
            let near = this - this % 100 + year;
            if near > this + 50 { near - 100 } else { near }
        }
        _ => return None,
    };
    let mut times = time.split(':').map(number);
    let (Some(hour), Some(minute), Some(second), None) =
        (times.next()?, times.next()?, times.next()?, times.next())
    else {
        return None;
    };
    let day = number(day)?;
    if year < 1970 || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Seconds since 1970 by the coarse clock.
pub(crate) fn now() -> u64 {
    seconds()
}

/// Lends the field that says now.
fn with_field(take: impl FnOnce(&[u8; FIELD])) {
    thread_local! {
        static LAST: RefCell<(u64, [u8; FIELD])> = const { RefCell::new((u64::MAX, [0; FIELD])) };
    }
    let now = seconds();
    LAST.with_borrow_mut(|(second, text)| {
        if *second != now {
            (*second, *text) = (now, field(now));
        }
        take(text);
    });
}

fn field(seconds: u64) -> [u8; FIELD] {
    let mut field = [0; FIELD];
    field[..6].copy_from_slice(b"date: ");
    field[6..6 + LENGTH].copy_from_slice(&format(seconds));
    field[6 + LENGTH..].copy_from_slice(b"\r\n");
    field
}

/// Seconds since 1970 by the coarse clock, which is a few ms late and costs a tenth of the exact one.
#[allow(unsafe_code, reason = "the standard library has the exact clock only")]
fn seconds() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: it writes one timespec, and this clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME_COARSE, &mut time) };
    time.tv_sec.unsigned_abs()
}

const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";

fn format(seconds: u64) -> [u8; LENGTH] {
    const DAYS: &[u8] = b"ThuFriSatSunMonTueWed";
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let mut text = *b"Thu, 00 Jan 0000 00:00:00 GMT";
    let weekday = (days % 7) as usize * 3;
    text[..3].copy_from_slice(&DAYS[weekday..weekday + 3]);
    let name = (month - 1) as usize * 3;
    text[8..11].copy_from_slice(&MONTHS[name..name + 3]);
    let pairs = [
        (5, day),
        (12, year / 100),
        (14, year % 100),
        (17, time / 3600),
        (20, time / 60 % 60),
        (23, time % 60),
    ];
    for (at, number) in pairs {
        text[at] = b'0' + (number / 10 % 10) as u8;
        text[at + 1] = b'0' + (number % 10) as u8;
    }
    text
}

/// Year, month and day of the `days`-th day after 1 January 1970, counted in years that start in March so that the leap
/// day comes last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// The other way round; `year` is 1970 or later.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::{format, seconds_of};

    #[test]
    fn known_moments() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ] {
            assert_eq!(std::str::from_utf8(&format(seconds)), Ok(text));
            assert_eq!(seconds_of(text.as_bytes()), Some(seconds), "{text}");
        }
    }

    #[test]
    fn dates_in_their_old_forms_and_none_at_all() {
        for text in ["Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(seconds_of(text.as_bytes()), Some(784_111_777), "{text}");
        }
        for text in [
            "",
            "now",
            "784111777",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Now 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1894 08:49:37 GMT",
            "Sun, 06 Nov 19994 08:49:37 GMT",
        ] {
            assert_eq!(seconds_of(text.as_bytes()), None, "{text}");
        }
    }
}

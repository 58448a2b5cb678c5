//! Identity of an exchange: the client's own when it is usable, else a cheap unique one. Held inline, so it costs no
//! allocation.

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};

const INLINE: usize = 38;

/// Length of an id of our own: 16 random digits, a hyphen, and a counter that starts anew after 2^32.
const GENERATED: usize = 25;

/// A request id: 1 to 128 characters of `[A-Za-z0-9._-]`.
#[derive(Clone)]
pub(crate) enum RequestId {
    Own([u8; GENERATED]),
    Inline { length: u8, text: [u8; INLINE] },
    Long(Box<str>),
}

impl RequestId {
    /// The inbound value when it is usable, else a new one.
    pub(crate) fn of(inbound: Option<&[u8]>) -> Self {
        match inbound {
            Some(value) if usable(value) => Self::copy(value),
            _ => Self::generate(),
        }
    }

    /// 16 hexadecimal digits that are random per thread, then a counter in eight: unique without a system call.
    pub(crate) fn generate() -> Self {
        thread_local! {
            static NEXT: RefCell<[u8; GENERATED]> = RefCell::new(first());
        }
        NEXT.with_borrow_mut(|next| {
            // Counting in place costs one digit, now and then two.
            for digit in next[17..].iter_mut().rev() {
                *digit = match *digit {
                    b'9' => b'a',
                    b'f' => b'0',
                    other => other + 1,
                };
                if *digit != b'0' {
                    break;
                }
            }
            Self::Own(*next)
        })
    }

    fn copy(value: &[u8]) -> Self {
        if value.len() <= INLINE {
            let mut text = [0; INLINE];
            text[..value.len()].copy_from_slice(value);
            Self::Inline {
                length: value.len() as u8,
                text,
            }
        } else {
            Self::Long(String::from_utf8_lossy(value).into())
        }
    }

    #[allow(
        unsafe_code,
        reason = "each request is asked, and the bytes were looked at when they were put in"
    )]
    pub(crate) fn as_str(&self) -> &str {
        // SAFETY: `first` and `generate` write ASCII, `copy` is given what is `usable`, which is ASCII.
        unsafe { std::str::from_utf8_unchecked(self.as_bytes()) }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Own(text) => text,
            Self::Inline { length, text } => &text[..usize::from(*length)],
            Self::Long(text) => text.as_bytes(),
        }
    }
}

impl std::fmt::Debug for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

fn usable(value: &[u8]) -> bool {
    (1..=128).contains(&value.len())
        && value
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

fn first() -> [u8; GENERATED] {
    let mut text = *b"0000000000000000-00000000";
    text[..16].copy_from_slice(&hex16(RandomState::new().hash_one(std::process::id())));
    text
}

fn hex16(number: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    for (at, digit) in digits.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (60 - 4 * at)) as usize & 15];
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::RequestId;

    #[test]
    fn a_usable_inbound_id_is_kept() {
        assert_eq!(RequestId::of(Some(b"trace_1.a-B")).as_str(), "trace_1.a-B");
        let long = "x".repeat(128);
        assert_eq!(RequestId::of(Some(long.as_bytes())).as_str(), long);
    }

    #[test]
    fn others_are_replaced_by_a_new_one() {
        for bad in [&b""[..], b"a b", b"\xff", "x".repeat(129).as_bytes()] {
            let id = RequestId::of(Some(bad));
            assert_eq!(id.as_str().len(), 25);
            assert_ne!(id.as_str(), RequestId::of(None).as_str());
        }
    }

    #[test]
    fn the_counter_carries() {
        let number =
            |id: RequestId| u32::from_str_radix(&id.as_str()[17..], 16).expect("hexadecimal");
        let first = number(RequestId::generate());
        for further in 1..300 {
            assert_eq!(number(RequestId::generate()), first + further);
        }
    }
}

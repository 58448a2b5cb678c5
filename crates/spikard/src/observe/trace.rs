//! Where a request stands in a trace (W3C Trace Context, level 2). Reads what the caller says, strictly, and writes what the
//! handler sees: the same trace, with this server's span as the parent of what the handler asks of others.

use super::sampler::Sampler;
use crate::head::{Field, is_name};
use crate::{Head, Headers};
use smallvec::SmallVec;
use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};

const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";

/// Members of a `tracestate` (section 3.3.1.1).
const MOST_MEMBERS: usize = 32;

/// `00-`, 32 digits, a hyphen, 16 digits, a hyphen, two digits.
const LENGTH: usize = 55;

/// Sampled and random; the others are not for us to hand on (section 3.2.2.5).
const KNOWN_FLAGS: u8 = 0b11;
const SAMPLED: u8 = 0b01;

/// The span of one request.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) trace: [u8; 16],
    pub(crate) span: [u8; 8],
    /// The caller's span.
    pub(super) parent: Option<[u8; 8]>,
    pub(super) flags: u8,
    /// What the caller's systems say of themselves, handed on as it is.
    pub(super) state: Vec<u8>,
    /// `traceparent` as the handler sees it.
    text: [u8; LENGTH],
}

/// A `traceparent` that can be used.
#[derive(Debug, PartialEq)]
struct Parent {
    trace: [u8; 16],
    span: [u8; 8],
    flags: u8,
}

impl Trace {
    /// Continues what the fields say, or begins anew where they say nothing, or not what they should.
    pub(super) fn of(head: Option<&Head<'_>>, sampler: Sampler) -> Self {
        let caller = head.and_then(|head| Some((head, only(head)?)));
        let (trace, parent, flags, state) = match caller {
            Some((head, parent)) => (parent.trace, Some(parent.span), parent.flags, state(head)),
            None => (random(), None, 0, Vec::new()),
        };
        let sampled = sampler.records(&trace, parent.map(|_| flags & SAMPLED != 0));
        let flags = flags & !SAMPLED | u8::from(sampled);
        let span = random();
        Self {
            text: written(&trace, &span, flags),
            trace,
            span,
            parent,
            flags,
            state,
        }
    }

    /// It is to be recorded.
    pub(super) fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// Runs `run` with the head as the app sees it.
    pub(crate) fn present<R>(&self, head: &Head<'_>, run: impl FnOnce(&Head<'_>) -> R) -> R {
        let others = head
            .headers
            .0
            .iter()
            .filter(|field| !is_name(field.name, PARENT) && !is_name(field.name, STATE));
        let mut fields: SmallVec<[Field<'_>; 32]> = others.copied().collect();
        fields.push(Field {
            name: PARENT.as_bytes(),
            value: &self.text,
        });
        if !self.state.is_empty() {
            fields.push(Field {
                name: STATE.as_bytes(),
                value: &self.state,
            });
        }
        run(&Head {
            headers: Headers(&fields),
            ..*head
        })
    }
}

/// The one `traceparent`; several are as bad as none.
fn only(head: &Head<'_>) -> Option<Parent> {
    let mut sent = head.headers.all(PARENT);
    let first = sent.next()?;
    match sent.next() {
        None => read(first),
        Some(_) => None,
    }
}

/// Section 3.2.
fn read(text: &[u8]) -> Option<Parent> {
    let (known, rest) = text.split_at_checked(LENGTH)?;
    let [version] = digits(&known[..2])?;
    // Later versions may say more behind another hyphen; what they share with this one is read (section 4.3).
    let rest_is_right = match version {
        0 => rest.is_empty(),
        0xff => false,
        _ => rest.first().is_none_or(|first| *first == b'-'),
    };
    let hyphens = [2, 35, 52].iter().all(|at| known[*at] == b'-');
    let trace = digits(&known[3..35])?;
    let span = digits(&known[36..52])?;
    let [flags] = digits(&known[53..])?;
    let right = rest_is_right && hyphens && trace != [0; 16] && span != [0; 8];
    right.then_some(Parent {
        trace,
        span,
        flags: flags & KNOWN_FLAGS,
    })
}

/// Bytes of hexadecimal digits, of which only small ones are allowed.
fn digits<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_chunks::<2>().0) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

/// All members of all `tracestate` fields, in order; empty when one of them is wrong (section 3.3).
fn state(head: &Head<'_>) -> Vec<u8> {
    let mut keys: Vec<&[u8]> = Vec::new();
    let mut whole = Vec::new();
    let fields = head.headers.all(STATE);
    for member in fields.flat_map(|field| field.split(|byte| *byte == b',')) {
        let member = member.trim_ascii();
        if member.is_empty() {
            continue;
        }
        let at = member.iter().position(|byte| *byte == b'=');
        let (key, value) = member.split_at(at.unwrap_or(member.len()));
        let right = is_key(key) && is_value(value) && !keys.contains(&key);
        if !right || keys.len() == MOST_MEMBERS {
            return Vec::new();
        }
        keys.push(key);
        if !whole.is_empty() {
            whole.push(b',');
        }
        whole.extend_from_slice(member);
    }
    whole
}

fn is_key(key: &[u8]) -> bool {
    let small = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let may = |byte: &u8| small(byte) || matches!(byte, b'_' | b'-' | b'*' | b'/' | b'@');
    key.len() <= 256 && key.first().is_some_and(small) && key.iter().all(may)
}

/// With the `=` before it.
fn is_value(value: &[u8]) -> bool {
    let may = |byte: &u8| matches!(byte, b' '..=b'~') && *byte != b'=' && *byte != b',';
    matches!(value, [b'=', value @ ..] if (1..=256).contains(&value.len()) && value.iter().all(may))
}

fn written(trace: &[u8; 16], span: &[u8; 8], flags: u8) -> [u8; LENGTH] {
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
    put(&mut text[3..35], trace);
    put(&mut text[36..52], span);
    put(&mut text[53..], &[flags]);
    text
}

fn put(text: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [
            DIGITS[usize::from(byte >> 4)],
            DIGITS[usize::from(byte & 15)],
        ];
    }
}

/// An id as text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = vec![0; bytes.len() * 2];
    put(&mut text, bytes);
    String::from_utf8_lossy(&text).into_owned()
}

/// Never zero. Keys of the operating system and a counter, so that no two processes make the same.
fn random<const N: usize>() -> [u8; N] {
    thread_local! {
        static NEXT: RefCell<(RandomState, u64)> = RefCell::default();
    }
    NEXT.with_borrow_mut(|(keys, count)| {
        let mut bytes = [0; N];
        for piece in bytes.as_chunks_mut::<8>().0 {
            // The process counts as well: one that was forked has the keys and the counter of the other.
            *count += 1;
            let number = keys.hash_one((std::process::id(), *count));
            *piece = number.max(1).to_be_bytes();
        }
        bytes
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::with_head;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn trace(fields: &[(&str, &str)]) -> Trace {
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| Field {
                name: name.as_bytes(),
                value: value.as_bytes(),
            })
            .collect();
        let head = Head {
            method: "GET",
            target: "/",
            headers: Headers(&fields),
        };
        let sampler = Sampler::of(|_| None).expect("the default");
        Trace::of(Some(&head), sampler)
    }

    fn parent(text: &str) -> Trace {
        trace(&[("TraceParent", text), ("tracestate", "a=1")])
    }

    #[test]
    fn a_trace_is_continued_under_a_span_of_our_own() {
        for (version, flags, rest, kept) in [
            ("00", "01", "", "01"),
            ("00", "00", "", "00"),
            ("00", "ff", "", "03"),
            ("cc", "01", "", "01"),
            ("cc", "01", "-more", "01"),
        ] {
            let trace = parent(&format!("{version}-{TRACE}-{SPAN}-{flags}{rest}"));
            assert_eq!(hex(&trace.trace), TRACE);
            assert_eq!(trace.parent.map(|span| hex(&span)).as_deref(), Some(SPAN));
            assert_ne!(hex(&trace.span), SPAN);
            let text = String::from_utf8_lossy(&trace.text).into_owned();
            assert_eq!(text, format!("00-{TRACE}-{}-{kept}", hex(&trace.span)));
            assert_eq!(trace.state, b"a=1");
        }
    }

    #[test]
    fn what_is_malformed_begins_anew_without_its_state() {
        let zero = "0".repeat(32);
        let wrong = [
            format!("00-{zero}-{SPAN}-01"),
            format!("00-{TRACE}-{}-01", &zero[..16]),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}-01 "),
            format!("cc-{TRACE}-{SPAN}-01more"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00_{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}_01"),
            format!("0g-{TRACE}-{SPAN}-01"),
            String::new(),
        ];
        for wrong in wrong {
            let trace = parent(&wrong);
            assert!(trace.parent.is_none() && trace.state.is_empty(), "{wrong}");
            assert_ne!(hex(&trace.trace), TRACE, "{wrong}");
            assert!(trace.is_sampled());
        }
        let right = format!("00-{TRACE}-{SPAN}-01");
        assert!(
            trace(&[(PARENT, &right), (PARENT, &right)])
                .parent
                .is_none()
        );
    }

    #[test]
    fn the_sampler_decides_and_handlers_see_it() {
        let sampler = |name: &str| {
            Sampler::of(|variable| (variable == "OTEL_TRACES_SAMPLER").then(|| name.to_owned()))
                .expect("a sampler")
        };
        let flags = |sampler, sent: Option<&str>| {
            let value = format!("00-{TRACE}-{SPAN}-{}", sent.unwrap_or_default());
            let fields = [(PARENT, value.as_str())];
            let trace = with_head(&fields, |head| Trace::of(sent.map(|_| head), sampler));
            assert_eq!(trace.is_sampled(), trace.text[54] & 1 == 1);
            String::from_utf8_lossy(&trace.text[53..]).into_owned()
        };
        assert_eq!(flags(sampler("always_off"), Some("03")), "02");
        assert_eq!(flags(sampler("always_on"), Some("02")), "03");
        assert_eq!(flags(sampler("parentbased_always_on"), Some("00")), "00");
        assert_eq!(flags(sampler("parentbased_always_on"), None), "01");
        assert_eq!(flags(Sampler::FOLLOWS, Some("01")), "01");
        assert_eq!(flags(Sampler::FOLLOWS, None), "00");
    }

    #[test]
    fn states_are_joined_and_a_wrong_one_is_left_out() {
        let right = format!("00-{TRACE}-{SPAN}-01");
        let state = |values: &[&str]| {
            let mut fields = vec![(PARENT, right.as_str())];
            fields.extend(values.iter().map(|value| (STATE, *value)));
            String::from_utf8_lossy(&trace(&fields).state).into_owned()
        };
        assert_eq!(state(&["a=1 , ,b@c=x y", "0/d*=2"]), "a=1,b@c=x y,0/d*=2");
        let many = |count| {
            let members: Vec<_> = (0..count).map(|at| format!("k{at}=v")).collect();
            members.join(",")
        };
        assert_eq!(state(&[&many(32)]), many(32));
        let long = format!("{}=1", "k".repeat(257));
        for wrong in [
            "a=1,a=2",
            "A=1",
            "a",
            "=1",
            "a=",
            "a=b=c",
            "a=\u{e9}",
            &many(33),
            &long,
        ] {
            assert_eq!(state(&[wrong]), "", "{wrong}");
        }
    }

    #[test]
    fn ids_are_never_the_same() {
        let ids: std::collections::HashSet<[u8; 16]> = (0..10_000).map(|_| random()).collect();
        assert_eq!(ids.len(), 10_000);
    }
}

//! How much is let in: requests in a time by GCRA (the leaky bucket as a meter), and requests at once. Knows no route; each
//! worker counts for itself.

mod spec;
#[cfg(test)]
mod tests;

pub use spec::{By, RateSpec};

use crate::auth::Principal;
use crate::defects::defect;
use crate::head::is_token;
use crate::{Head, Problem, Response};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Instant;

/// Where counts are kept: in this process, or some place that workers share.
///
/// ```
/// use spikard::limits::{Meter, RateStore};
/// use std::cell::Cell;
///
/// /// One count for everybody.
/// #[derive(Debug, Default)]
/// struct Single(Cell<u64>);
///
/// impl RateStore for Single {
///     fn count(&self, _key: u64, now: u64, meter: &Meter) -> Result<u64, u64> {
///         meter.advance(self.0.get(), now).inspect(|next| self.0.set(*next))
///     }
///
///     fn expected(&self, _key: u64, _now: u64) -> u64 {
///         self.0.get()
///     }
/// }
///
/// let (store, meter) = (Single::default(), Meter { every: 10, window: 20 });
/// assert_eq!((store.count(7, 1, &meter), store.count(7, 1, &meter)), (Ok(11), Ok(21)));
/// assert_eq!((store.count(7, 1, &meter), store.expected(7, 1)), (Err(21), 21));
/// ```
pub trait RateStore: std::fmt::Debug {
    /// Counts one request of `key` at `now` (ns of a clock that never goes back) by the meter: `Err` when it was not let in.
    /// Both give the time in ns at which nothing is left to forget.
    fn count(&self, key: u64, now: u64, meter: &Meter) -> Result<u64, u64>;

    /// When the next request of `key` is expected (ns; 0 for any time), counting none.
    fn expected(&self, key: u64, now: u64) -> u64;
}

/// GCRA: each request moves the arrival that theory expects by `every`, and none may be further ahead than `ahead`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meter {
    /// ns between two requests of a steady stream.
    pub every: u64,
    /// ns of the whole window.
    pub window: u64,
}

impl Meter {
    /// The next arrival of theory, from the one before (0 for none): `Err` with the one before when this one comes too early.
    pub fn advance(&self, before: u64, now: u64) -> Result<u64, u64> {
        let next = before.max(now) + self.every;
        if next - now > self.window {
            Err(before)
        } else {
            Ok(next)
        }
    }

    /// Seconds until one more is let in, at least 1, when what is expected is so far ahead (ns).
    fn wait(&self, ahead: u64) -> u64 {
        seconds((ahead + self.every).saturating_sub(self.window)).max(1)
    }
}

/// Seconds of so many ns, rounded up.
fn seconds(time: u64) -> u64 {
    time.div_ceil(1_000_000_000)
}

/// The counts of one worker, bounded: when too many keys are under way, new ones count together.
#[derive(Debug, Default)]
struct Memory(RefCell<HashMap<u64, u64>>);

/// Keys that one limit remembers; 16 bytes each.
const MOST: usize = 1 << 16;

/// Of all that do not fit.
const OTHERS: u64 = 0;

impl RateStore for Memory {
    fn count(&self, key: u64, now: u64, meter: &Meter) -> Result<u64, u64> {
        let mut kept = self.0.borrow_mut();
        let key = place_of(key, &mut kept, now);
        let expected = kept.entry(key).or_insert(0);
        let next = meter.advance(*expected, now)?;
        *expected = next;
        Ok(next)
    }

    fn expected(&self, key: u64, now: u64) -> u64 {
        let mut kept = self.0.borrow_mut();
        let key = place_of(key, &mut kept, now);
        kept.get(&key).copied().unwrap_or(0)
    }
}

/// Under which key a new one counts; what is over is forgotten where there is no room.
fn place_of(key: u64, kept: &mut HashMap<u64, u64>, now: u64) -> u64 {
    if kept.len() < MOST || kept.contains_key(&key) {
        return key;
    }
    kept.retain(|_, expected| *expected > now);
    if kept.len() < MOST { key } else { OTHERS }
}

/// One limit.
#[derive(Debug)]
struct Rate {
    meter: Meter,
    by: By,
    header: String,
    /// As a structured field has it, with quotes.
    name: String,
    /// `"default";q=100;w=60`.
    policy: String,
    store: Box<dyn RateStore>,
}

/// The limits of a route.
#[derive(Debug)]
pub(crate) struct Rates {
    rates: Vec<Rate>,
    hasher: RandomState,
    began: Instant,
}

/// What answers say of the limits (draft-ietf-httpapi-ratelimit-headers).
#[derive(Debug, Default)]
pub(crate) struct Told(Vec<(&'static str, String)>);

impl Told {
    pub(crate) fn mark(&self, response: &mut Response) {
        for (name, value) in &self.0 {
            response
                .headers
                .push(((*name).into(), value.clone().into()));
        }
    }

    fn say(&mut self, name: &'static str, item: &str) {
        match self.0.iter_mut().find(|(own, _)| *own == name) {
            Some((_, value)) => {
                value.push_str(", ");
                value.push_str(item);
            }
            None => self.0.push((name, item.to_owned())),
        }
    }
}

/// Who asks, as far as it is known.
pub(crate) struct Asker<'a> {
    pub(crate) head: &'a Head<'a>,
    pub(crate) peer: Option<SocketAddr>,
    /// `None` before it was looked at.
    pub(crate) principal: Option<Option<&'a Principal>>,
}

impl Rates {
    /// What is wrong is told.
    pub(crate) fn new(specs: &[RateSpec]) -> Result<Self, Vec<String>> {
        let mut wrong = Vec::new();
        let mut rates = Vec::new();
        for spec in specs {
            match Rate::new(spec) {
                Ok(rate) => rates.push(rate),
                Err(message) => wrong.push(format!("rate_limit: {message}")),
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Self {
            rates,
            hasher: RandomState::new(),
            began: Instant::now(),
        })
    }

    /// Counts the request by the limits for which it is the time: those by principal once that is known, the others
    /// before; by all of these or, when one refuses, by none. What is said of them goes to `told`.
    pub(crate) fn count(&self, asker: &Asker<'_>, told: &mut Told) -> Result<(), Problem> {
        // From 1 on: 0 is the arrival of nobody.
        let now = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX / 4) + 1;
        let asked = || {
            let keyed = |rate| Some((rate, Rate::key(rate, asker, &self.hasher)?));
            self.rates.iter().filter_map(keyed)
        };
        let refuses = |(rate, key): (&Rate, u64)| rate.look(key, now).is_err();
        let only_look = self.rates.len() > 1 && asked().any(refuses);
        let mut refused = None;
        for (rate, key) in asked() {
            let counted = match only_look {
                true => rate.look(key, now),
                false => rate.store.count(key, now, &rate.meter),
            };
            let expected = counted.unwrap_or_else(|before| before);
            let ahead = expected.saturating_sub(now);
            rate.tell(ahead, told);
            if counted.is_err() {
                refused = refused.max(Some(rate.meter.wait(ahead)));
            }
        }
        match refused {
            Some(wait) if !defect("rate-ignored") => {
                let detail = format!("try again in {wait} s");
                Err(Problem::too_many_requests(detail).header("retry-after", wait.to_string()))
            }
            _ => Ok(()),
        }
    }
}

impl Rate {
    fn new(spec: &RateSpec) -> Result<Self, String> {
        if spec.requests == 0 {
            return Err("`requests` is 0, which lets nobody in; write 1 or more".to_owned());
        }
        if spec.window_ms == 0 || spec.window_ms > 366 * 86_400_000 {
            return Err("`window_ms` is no time from 1 ms to a year".to_owned());
        }
        if spec.by == By::Header && !spec.header.as_deref().is_some_and(is_token) {
            return Err("by \"header\" needs the name of a header field in `header`".to_owned());
        }
        let name = spec.name.as_deref().unwrap_or("default");
        if name.is_empty()
            || !name
                .bytes()
                .all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
        {
            return Err(format!("the name {name:?} is not of printable ASCII"));
        }
        let window = spec.window_ms * 1_000_000;
        let every = window / spec.requests;
        if every == 0 {
            return Err("more than one request in each ns; raise `window_ms`".to_owned());
        }
        let name = format!("\"{name}\"");
        Ok(Self {
            meter: Meter { every, window },
            by: spec.by,
            header: spec.header.clone().unwrap_or_default(),
            policy: format!(
                "{name};q={};w={}",
                spec.requests,
                spec.window_ms.div_ceil(1000)
            ),
            name,
            store: Box::new(Memory::default()),
        })
    }

    /// When the next request of `key` is expected, or was when this one comes too early; counts none.
    fn look(&self, key: u64, now: u64) -> Result<u64, u64> {
        let expected = self.store.expected(key, now);
        self.meter.advance(expected, now).map(|_| expected)
    }

    /// Tells how much is left when what is expected is so far ahead (ns).
    fn tell(&self, ahead: u64, told: &mut Told) {
        let left = self.meter.window.saturating_sub(ahead) / self.meter.every;
        told.say("ratelimit-policy", &self.policy);
        let item = format!("{};r={left};t={}", self.name, seconds(ahead));
        told.say("ratelimit", &item);
    }

    /// Whose the request is; `None` when it is not the time to count it.
    fn key(&self, asker: &Asker<'_>, hasher: &RandomState) -> Option<u64> {
        match (self.by, asker.principal) {
            (By::Principal, Some(principal)) => {
                let known = principal.map(|principal| (principal.scheme(), principal.subject()));
                Some(hasher.hash_one((known, known.is_none().then(|| place(asker.peer)))))
            }
            (By::Principal, None) | (_, Some(_)) => None,
            (By::Address, None) => Some(hasher.hash_one(place(asker.peer))),
            (By::All, None) => Some(1),
            (By::Header, None) => {
                let sent = asker.head.headers.get(&self.header);
                Some(hasher.hash_one((sent, sent.is_none().then(|| place(asker.peer)))))
            }
        }
    }
}

/// The network that an address counts as: an IPv4 address itself, an IPv6 address its /64, which one customer has.
fn place(peer: Option<SocketAddr>) -> Option<IpAddr> {
    Some(match peer?.ip().to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
        address => address,
    })
}

/// Requests at once.
#[derive(Debug, Clone)]
pub(crate) struct Crowd {
    limit: u32,
    inside: Rc<Cell<u32>>,
}

/// Somebody inside, until it is dropped.
#[derive(Debug)]
pub(crate) struct Inside(Rc<Cell<u32>>);

impl Crowd {
    pub(crate) fn new(limit: u32) -> Self {
        Self {
            limit,
            inside: Rc::default(),
        }
    }

    /// Refuses at once rather than keeping more waiting than can be served.
    pub(crate) fn enter(&self) -> Result<Inside, Problem> {
        let inside = self.inside.get();
        if inside >= self.limit && !defect("crowd-ignored") {
            let problem = Problem::unavailable("too many requests are under way");
            return Err(problem.header("retry-after", "1"));
        }
        self.inside.set(inside + 1);
        Ok(Inside(Rc::clone(&self.inside)))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

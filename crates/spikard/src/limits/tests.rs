//! The meter by hand-counted times, and its bound of keys. What answers say is in the fixtures.

use super::{Memory, Meter, OTHERS, RateStore as _};

/// Three in 30 s.
const METER: Meter = Meter {
    every: 10_000_000_000,
    window: 30_000_000_000,
};
const SECOND: u64 = 1_000_000_000;

#[test]
fn a_burst_is_let_in_and_then_one_each_interval() {
    let memory = Memory::default();
    let at = |second: u64| memory.count(7, second * SECOND, &METER).is_ok();
    assert_eq!([1, 1, 1, 1].map(at), [true, true, true, false]);
    assert_eq!(
        [10, 11, 11, 20, 21].map(at),
        [false, true, false, false, true]
    );
    // After a whole window nothing is left to remember.
    assert_eq!([51, 51, 51, 51].map(at), [true, true, true, false]);
}

#[test]
fn a_refusal_costs_nothing() {
    let memory = Memory::default();
    for _ in 0..3 {
        assert!(memory.count(7, SECOND, &METER).is_ok());
    }
    for _ in 0..100 {
        assert_eq!(memory.count(7, SECOND, &METER), Err(31 * SECOND));
    }
    assert!(memory.count(7, 11 * SECOND, &METER).is_ok());
}

#[test]
fn keys_count_alone_until_there_are_too_many() {
    let memory = Memory::default();
    for key in 1..=super::MOST as u64 {
        assert!(memory.count(key, SECOND, &METER).is_ok());
    }
    // Further keys count together.
    for key in 0..3 {
        assert!(memory.count(1_000_000 + key, SECOND, &METER).is_ok());
    }
    assert!(memory.count(2_000_000, SECOND, &METER).is_err());
    assert!(memory.0.borrow().len() <= super::MOST + 1);
    assert!(memory.0.borrow().contains_key(&OTHERS));
    // What is over is forgotten, and there is room again.
    assert!(memory.count(2_000_000, 100 * SECOND, &METER).is_ok());
    assert_eq!(memory.0.borrow().len(), 1);
}

#[test]
fn addresses_count_by_the_network_of_one_customer() {
    let place = |text: &str| super::place(Some(text.parse().expect("an address")));
    assert_ne!(place("192.0.2.1:1"), place("192.0.2.2:1"));
    assert_eq!(place("192.0.2.1:1"), place("192.0.2.1:2"));
    assert_eq!(place("192.0.2.1:1"), place("[::ffff:192.0.2.1]:9"));
    assert_eq!(
        place("[2001:db8:1:2::1]:1"),
        place("[2001:db8:1:2:ffff::9]:1")
    );
    assert_ne!(place("[2001:db8:1:2::1]:1"), place("[2001:db8:1:3::1]:1"));
}

#[test]
fn a_crowd_is_let_in_again_when_somebody_leaves() {
    let crowd = super::Crowd::new(2);
    let (one, two) = (crowd.enter(), crowd.enter());
    assert!(one.is_ok() && two.is_ok());
    let refused = crowd.enter().expect_err("full");
    assert_eq!((refused.status, refused.headers.len()), (503, 1));
    drop(one);
    let three = crowd.enter();
    assert!(three.is_ok() && crowd.enter().is_err());
}

#[test]
fn wrong_limits_are_told() {
    use super::{By, RateSpec, Rates};
    let wrong = [
        (RateSpec::new(0, 1_000), "`requests` is 0"),
        (RateSpec::new(1, 0), "no time from 1 ms"),
        (RateSpec::new(1, u64::MAX), "no time from 1 ms"),
        (RateSpec::new(u64::MAX, 1_000), "raise `window_ms`"),
        (
            RateSpec::new(1, 1_000).by(By::Header),
            "needs the name of a header field",
        ),
        (RateSpec::new(1, 1_000).named("a\"b"), "printable ASCII"),
    ];
    for (spec, expected) in wrong {
        let said = Rates::new(&[spec]).expect_err("wrong").join("\n");
        assert!(said.contains(expected), "{expected} is not in {said}");
    }
}

/// Requests of one route at once, over connections of their own: one is inside, the other is told so.
#[tokio::test(flavor = "current_thread")]
async fn more_at_once_than_fit_are_refused_and_the_next_is_served() {
    use crate::{App, TestClient};
    use std::rc::Rc;
    use tokio::sync::Notify;

    let (begun, go_on) = (Rc::new(Notify::new()), Rc::new(Notify::new()));
    let handler = {
        let (begun, go_on) = (Rc::clone(&begun), Rc::clone(&go_on));
        move || {
            let (begun, go_on) = (Rc::clone(&begun), Rc::clone(&go_on));
            async move {
                begun.notify_one();
                go_on.notified().await;
                "served"
            }
        }
    };
    let app = App::new("Narrow", "1").concurrency(1).get("/", handler);
    let client = TestClient::new(app).expect("right");
    let (first, refused) = tokio::join!(client.get("/").into_future(), async {
        begun.notified().await;
        let refused = client.get("/").await;
        let watched = client.get("/health/live").await;
        go_on.notify_one();
        (refused, watched.status)
    });
    assert_eq!((first.status, refused.0.status, refused.1), (200, 503, 200));
    assert_eq!(refused.0.header("retry-after"), Some("1"));
    go_on.notify_one();
    assert_eq!(client.get("/").await.status, 200);
}

//! Tokens of every kind of signature by vectors made with another library, and everything that must not be let in.

use super::spec::{Algorithm, AuthSpec, BearerSpec};
use crate::{App, Claims, DefinitionError, TestClient};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use ring::hmac;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

mod urls;

const SECRET: &str = "a secret of thirty-two bytes, or more";

fn vectors() -> Value {
    serde_json::from_str(include_str!("tests/vectors.json")).expect("JSON")
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .expect(pointer)
}

fn app(spec: BearerSpec) -> Result<TestClient, DefinitionError> {
    async fn show(Claims(claims): Claims<Value>) -> String {
        claims["sub"].as_str().unwrap_or("nobody").to_owned()
    }
    TestClient::new(
        App::new("Vault", "1")
            .auth([AuthSpec::bearer(spec)])
            .get("/", show),
    )
}

fn by_secret(spec: BearerSpec) -> TestClient {
    let secret = Some(SECRET.into());
    app(BearerSpec { secret, ..spec }).expect("right")
}

/// Status, and the subject or the detail.
fn send(client: &TestClient, token: &str) -> (u16, String) {
    let answer = client
        .get("/")
        .header("authorization", &format!("Bearer {token}"))
        .wait();
    let text = answer.text().to_owned();
    let detail = serde_json::from_str::<Value>(&text)
        .ok()
        .and_then(|problem| Some(problem["detail"].as_str()?.to_owned()));
    (answer.status, detail.unwrap_or(text))
}

fn sign(header: &Value, claims: &Value) -> String {
    sign_with(SECRET, header, claims)
}

fn sign_with(secret: &str, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let how = match header["alg"].as_str() {
        Some("HS512") => hmac::HMAC_SHA512,
        Some("HS384") => hmac::HMAC_SHA384,
        _ => hmac::HMAC_SHA256,
    };
    let signature = hmac::sign(&hmac::Key::new(how, secret.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", BASE64.encode(signature))
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("after 1970").as_secs()
}

fn ada() -> Value {
    json!({"sub": "ada", "exp": now() + 600})
}

const HS256: fn() -> Value = || json!({"alg": "HS256"});

#[test]
fn every_algorithm_verifies_its_own_signature_and_no_other() {
    let vectors = vectors();
    let of = [
        (Algorithm::RS256, "RSA"),
        (Algorithm::RS384, "RSA"),
        (Algorithm::RS512, "RSA"),
        (Algorithm::PS256, "RSA"),
        (Algorithm::PS384, "RSA"),
        (Algorithm::PS512, "RSA"),
        (Algorithm::ES256, "P-256"),
        (Algorithm::ES384, "P-384"),
        (Algorithm::EdDSA, "Ed25519"),
    ];
    for (algorithm, key) in of {
        let client = app(BearerSpec {
            public_key: Some(text(&vectors, &format!("/pem/{key}")).to_owned()),
            algorithms: vec![algorithm],
            ..BearerSpec::default()
        })
        .expect("right");
        for (other, _) in of {
            let token = text(&vectors, &format!("/tokens/{other:?}"));
            let (status, said) = send(&client, token);
            if other == algorithm {
                assert_eq!((status, said.as_str()), (200, "ada"), "{algorithm:?}");
                let (head, signature) = token.rsplit_once('.').expect("a token");
                let mut bytes = BASE64.decode(signature).expect("base64url");
                bytes[20] ^= 1;
                let forged = format!("{head}.{}", BASE64.encode(bytes));
                assert_eq!(
                    send(&client, &forged).1,
                    "the token's signature is not valid"
                );
            } else {
                assert_eq!(status, 401, "{other:?} by a key for {algorithm:?}");
            }
        }
    }
    let long = SECRET.repeat(2);
    let of = [
        ("HS256", Algorithm::HS256),
        ("HS384", Algorithm::HS384),
        ("HS512", Algorithm::HS512),
    ];
    for (name, algorithm) in of {
        let client = app(BearerSpec {
            secret: Some(long.as_str().into()),
            algorithms: vec![algorithm],
            ..BearerSpec::default()
        })
        .expect("right");
        for (other, _) in of {
            let header = json!({"alg": other});
            let status = send(&client, &sign_with(&long, &header, &ada())).0;
            let expected = if other == name { 200 } else { 401 };
            assert_eq!(status, expected, "{other} by a key for {name}");
            let forged = sign(&header, &ada());
            assert_eq!(send(&client, &forged).0, 401, "{other} by another secret");
        }
    }
}

#[test]
fn tricks_are_refused() {
    let vectors = vectors();
    let client = by_secret(BearerSpec::default());
    let good = sign(&HS256(), &ada());
    let (signed, signature) = good.rsplit_once('.').expect("a token");
    let part = |value: Value| BASE64.encode(value.to_string());
    let claims = part(ada());
    let with = |header: Value| sign(&header, &ada());
    let accepted = "the token is signed in a way that is not accepted";
    let malformed = "the token is no signed JWT in compact form";
    let object = "a part of the token is no JSON object";
    let understood = "the token wants what is not understood here";
    let refused = [
        (
            format!("{}.{claims}.", part(json!({"alg": "none"}))),
            accepted,
        ),
        (
            format!("{}.{claims}.", part(json!({"alg": "NONE"}))),
            accepted,
        ),
        (
            format!("{}.{claims}.{signature}", part(json!({"alg": "none"}))),
            accepted,
        ),
        (with(json!({"alg": "hs256"})), accepted),
        (with(json!({"alg": ["HS256"]})), "`alg` is no text"),
        (with(json!({})), accepted),
        (with(json!({"alg": "HS512"})), accepted),
        (with(json!({"alg": "HS256", "crit": ["exp"]})), understood),
        (with(json!({"alg": "HS256", "enc": "A128GCM"})), understood),
        (with(json!({"alg": "HS256", "kid": 1})), "`kid` is no text"),
        (with(json!({"alg": "HS256", "typ": 1})), "`typ` is no text"),
        (with(json!(["HS256"])), object),
        (format!("{signed}."), "the token's signature is not valid"),
        (format!("{signed}.{signature}="), malformed),
        (format!("{good}.x.y"), malformed),
        (signed.to_owned(), malformed),
        (signature.to_owned(), malformed),
        (format!(".{good}"), object),
        ("..".to_owned(), object),
        (sign(&HS256(), &json!([1])), object),
    ];
    for (token, why) in refused {
        assert_eq!(send(&client, &token), (401, why.to_owned()), "{token}");
    }
    // A public key is no secret.
    let public = text(&vectors, "/pem/RSA");
    let by_public = app(BearerSpec {
        public_key: Some(public.to_owned()),
        ..BearerSpec::default()
    });
    let by_public = by_public.expect("right");
    let confused = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, public.as_bytes()),
        signed.as_bytes(),
    );
    let confused = format!("{signed}.{}", BASE64.encode(confused));
    assert_eq!(send(&by_public, &confused), (401, accepted.to_owned()));
    // Where a key might be found is not looked at.
    for name in ["jku", "x5u", "jwk", "x5c"] {
        let token =
            with(json!({"alg": "HS256", name: "http://127.0.0.1:9/keys", "kid": "../../dev/null"}));
        assert_eq!(send(&client, &token).0, 200);
        let (signed, _) = token.rsplit_once('.').expect("a token");
        assert_eq!(send(&client, &format!("{signed}.AAAA")).0, 401);
    }
}

#[test]
fn claims_are_what_they_must_be() {
    let of = |claims: Value| {
        let mut all = ada();
        for (name, value) in claims.as_object().expect("an object") {
            all[name] = value.clone();
        }
        sign(&HS256(), &all)
    };
    let client = by_secret(BearerSpec {
        issuers: vec!["https://id.test".into(), "https://id2.test".into()],
        audiences: vec!["shop".into(), "till".into()],
        ..BearerSpec::default()
    });
    let right = json!({"iss": "https://id2.test", "aud": ["other", "till"]});
    let and = |more: Value| {
        let mut all = right.clone();
        for (name, value) in more.as_object().expect("an object") {
            all[name] = value.clone();
        }
        of(all)
    };
    let number = "a time of the token is no number";
    let cases = [
        (json!({}), Ok("ada")),
        (json!({"aud": "shop"}), Ok("ada")),
        (
            json!({"iss": "https://id.test/"}),
            Err("the token is of another issuer"),
        ),
        (json!({"iss": ["https://id.test"]}), Err("`iss` is no text")),
        (
            json!({"aud": "shops"}),
            Err("the token is for another audience"),
        ),
        (json!({"aud": []}), Err("the token is for another audience")),
        (
            json!({"aud": 7}),
            Err("`aud` is no text and no list of texts"),
        ),
        (
            json!({"aud": ["shop", 7]}),
            Err("`aud` is no text and no list of texts"),
        ),
        (json!({"exp": now() - 59}), Ok("ada")),
        (json!({"exp": now() - 61}), Err("the token has expired")),
        (json!({"exp": 0}), Err("the token has expired")),
        (json!({"exp": "4102444800"}), Err(number)),
        (json!({"exp": true}), Err(number)),
        (
            json!({"exp": null}),
            Err("a claim that is required is missing"),
        ),
        (json!({"nbf": now() + 55}), Ok("ada")),
        (
            json!({"nbf": now() + 65}),
            Err("the token is not valid yet"),
        ),
        (json!({"nbf": "0"}), Err(number)),
        (
            json!({"iat": now() + 65}),
            Err("the token was issued in the future"),
        ),
        (json!({"iat": [0]}), Err(number)),
        (json!({"sub": 7}), Err("`sub` is no text")),
        (json!({"jti": 7}), Err("`jti` is no text")),
        (
            json!({"scope": 7}),
            Err("`scope` is no text and no list of texts"),
        ),
        (json!({"sub": null}), Err("`sub` is no text")),
    ];
    for (claims, expected) in cases {
        // Twice: what is remembered says the same.
        let token = and(claims.clone());
        for _ in 0..2 {
            let (status, said) = send(&client, &token);
            let expected = match expected {
                Ok(subject) => (200, subject),
                Err(why) => (401, why),
            };
            assert_eq!((status, said.as_str()), expected, "{claims}");
        }
    }
    let open = by_secret(BearerSpec::default());
    assert_eq!(
        send(&open, &of(json!({"aud": "other"}))).1,
        "the token is for another audience"
    );
    let typed = by_secret(BearerSpec {
        token_type: Some("at+jwt".into()),
        ..BearerSpec::default()
    });
    for (typ, status) in [("at+jwt", 200), ("application/AT+JWT", 200), ("JWT", 401)] {
        let token = sign(&json!({"alg": "HS256", "typ": typ}), &ada());
        assert_eq!(send(&typed, &token).0, status, "{typ}");
    }
}

#[test]
fn a_key_set_says_by_name_which_key_it_is() {
    let vectors = vectors();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.json");
    std::fs::write(&path, vectors["jwks"].to_string()).expect("written");
    let spec = BearerSpec {
        jwks: Some(path.display().to_string()),
        ..BearerSpec::default()
    };
    let client = app(spec).expect("right");
    for name in ["r", "ps", "p256", "p384", "ed"] {
        assert_eq!(
            send(&client, text(&vectors, &format!("/named/{name}"))).0,
            200,
            "{name}"
        );
    }
    for name in ["enc", "unknown"] {
        let (status, said) = send(&client, text(&vectors, &format!("/named/{name}")));
        assert_eq!(
            (status, said.as_str()),
            (401, "the token names a key that is not known")
        );
    }
    // A secret of a set that others can read is none.
    let token = sign(&json!({"alg": "HS256", "kid": "shared"}), &ada());
    assert_eq!(send(&client, &token).0, 401);
    // Without a name it can be one only.
    assert_eq!(send(&client, text(&vectors, "/tokens/ES256")).0, 200);
    // The file changes: what was let in is not any more.
    let less = json!({"keys": [vectors["jwks"]["keys"][2]]});
    std::fs::write(&path, less.to_string()).expect("written");
    let later = SystemTime::now() + Duration::from_secs(5);
    let file = std::fs::File::options()
        .write(true)
        .open(&path)
        .expect("a file");
    file.set_modified(later).expect("a time");
    let until = std::time::Instant::now() + Duration::from_secs(10);
    while send(&client, text(&vectors, "/named/r")).0 == 200 {
        assert!(std::time::Instant::now() < until, "the change was not seen");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(send(&client, text(&vectors, "/named/p256")).0, 200);
}

#[test]
fn wrong_definitions_are_told() {
    let vectors = vectors();
    let wrong = |spec: BearerSpec| match app(spec) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    let rsa = || Some(text(&vectors, "/pem/RSA").to_owned());
    let cases = [
        (BearerSpec::default(), "one of secret, public_key and jwks"),
        (
            BearerSpec {
                secret: Some("short".into()),
                ..BearerSpec::default()
            },
            "openssl rand -base64 32",
        ),
        (
            BearerSpec {
                secret: Some(SECRET.into()),
                public_key: rsa(),
                ..BearerSpec::default()
            },
            "one of secret",
        ),
        (
            BearerSpec {
                secret: Some(SECRET.into()),
                algorithms: vec![Algorithm::RS256],
                ..BearerSpec::default()
            },
            "verified by a public key",
        ),
        (
            BearerSpec {
                public_key: rsa(),
                algorithms: vec![Algorithm::HS256],
                ..BearerSpec::default()
            },
            "is not for [HS256]",
        ),
        (
            BearerSpec {
                public_key: Some("/no/such/file".into()),
                ..BearerSpec::default()
            },
            "/no/such/file cannot be read",
        ),
        (
            BearerSpec {
                public_key: Some("-----BEGIN CERTIFICATE-----".into()),
                ..BearerSpec::default()
            },
            "openssl x509 -pubkey",
        ),
        (
            BearerSpec {
                jwks: Some("/no/such/file".into()),
                ..BearerSpec::default()
            },
            "/no/such/file cannot be read",
        ),
        (
            BearerSpec {
                jwks: Some("http://id.test/keys".into()),
                ..BearerSpec::default()
            },
            "no https:// URL",
        ),
        (
            BearerSpec {
                jwks: Some("http://localhost.evil.test/".into()),
                ..BearerSpec::default()
            },
            "no https:// URL",
        ),
    ];
    for (spec, expected) in cases {
        let said = wrong(spec);
        assert!(said.contains(expected), "{expected} is not in {said}");
        assert!(!said.contains(SECRET) && !said.contains("short"), "{said}");
    }
}

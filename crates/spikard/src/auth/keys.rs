//! Public keys and secrets, and the signatures they verify (RFC 7518 section 3). Reads PEM and JSON Web Keys; knows no token.

use super::der;
use super::spec::Algorithm;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use ring::{hmac, signature};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;

/// A key and what it is good for.
pub(super) struct Key {
    /// `kid`.
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    material: Material,
}

enum Material {
    Secret(Vec<(Algorithm, hmac::Key)>),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// The uncompressed point.
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// Bits of a modulus below which nobody verifies (RFC 7518 section 3.3).
const RSA_BITS: usize = 2048;

impl Algorithm {
    const ALL: [(&'static str, Self); 12] = [
        ("HS256", Self::HS256),
        ("HS384", Self::HS384),
        ("HS512", Self::HS512),
        ("RS256", Self::RS256),
        ("RS384", Self::RS384),
        ("RS512", Self::RS512),
        ("PS256", Self::PS256),
        ("PS384", Self::PS384),
        ("PS512", Self::PS512),
        ("ES256", Self::ES256),
        ("ES384", Self::ES384),
        ("EdDSA", Self::EdDSA),
    ];

    /// By its registered name, letter by letter.
    pub(super) fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(own, _)| *own == name);
        found.map(|(_, algorithm)| *algorithm)
    }

    fn hmac(self) -> Option<hmac::Algorithm> {
        match self {
            Self::HS256 => Some(hmac::HMAC_SHA256),
            Self::HS384 => Some(hmac::HMAC_SHA384),
            Self::HS512 => Some(hmac::HMAC_SHA512),
            _ => None,
        }
    }

    fn rsa(self) -> Option<&'static signature::RsaParameters> {
        match self {
            Self::RS256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
            Self::RS384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
            Self::RS512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
            Self::PS256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
            Self::PS384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
            Self::PS512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
            _ => None,
        }
    }
}

impl Key {
    /// A secret, for `algorithms` (none: HS256).
    pub(super) fn secret(secret: &str, algorithms: &[Algorithm]) -> Result<Self, String> {
        let algorithms = match algorithms {
            [] => vec![Algorithm::HS256],
            named => named.to_vec(),
        };
        let mut keys = Vec::new();
        for &algorithm in &algorithms {
            let hash = algorithm.hmac().ok_or_else(|| {
                format!(
                    "{algorithm:?} is verified by a public key; a secret is for HS256, HS384 and HS512"
                )
            })?;
            let least = hash.digest_algorithm().output_len();
            if secret.len() < least {
                return Err(format!(
                    "the secret has {} bytes, and {algorithm:?} wants {least} or more (RFC 7518 section 3.2); make one: openssl rand -base64 {least}",
                    secret.len()
                ));
            }
            keys.push((algorithm, hmac::Key::new(hash, secret.as_bytes())));
        }
        Ok(Self {
            id: None,
            algorithms,
            material: Material::Secret(keys),
        })
    }

    /// A public key in PEM.
    pub(super) fn pem(text: &str, algorithms: &[Algorithm]) -> Result<Self, String> {
        let info = SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes()).map_err(|_| {
            "is no public key in PEM: it has no `-----BEGIN PUBLIC KEY-----`; of a certificate take it out with: openssl x509 -pubkey -noout".to_owned()
        })?;
        let material = Material::of(der::public_key(&info).ok_or_else(|| {
            "is a key of another kind than RSA, P-256, P-384 and Ed25519".to_owned()
        })?)?;
        Self::of(None, material, algorithms, None)
    }

    /// A JSON Web Key: `None` for one that is not for verifying signatures, or of a kind that is not known.
    pub(super) fn jwk(jwk: &Value, algorithms: &[Algorithm]) -> Result<Option<Self>, String> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| {
            text(name)
                .and_then(|text| BASE64.decode(text).ok())
                .ok_or_else(|| format!("\"{name}\" is no base64url"))
        };
        let for_others = text("use").is_some_and(|of| of != "sig")
            || jwk
                .get("key_ops")
                .and_then(Value::as_array)
                .is_some_and(|ops| !ops.iter().any(|op| op == "verify"));
        let named = match text("alg").map(Algorithm::named) {
            Some(None) => return Ok(None),
            Some(named) => named,
            None => None,
        };
        let public = match (text("kty"), text("crv")) {
            _ if for_others => return Ok(None),
            (Some("RSA"), _) => der::PublicKey::Rsa(bytes("n")?, bytes("e")?),
            (Some("EC"), Some(curve @ ("P-256" | "P-384"))) => {
                let point = [vec![4], bytes("x")?, bytes("y")?].concat();
                if curve == "P-256" {
                    der::PublicKey::P256(point)
                } else {
                    der::PublicKey::P384(point)
                }
            }
            (Some("OKP"), Some("Ed25519")) => der::PublicKey::Ed25519(bytes("x")?),
            _ => return Ok(None),
        };
        let id = text("kid").map(str::to_owned);
        match Self::of(id, Material::of(public)?, algorithms, named) {
            Ok(key) => Ok(Some(key)),
            // The app wants other algorithms than this key's.
            Err(_) if !algorithms.is_empty() || named.is_some() => Ok(None),
            Err(message) => Err(message),
        }
    }

    /// `algorithms` are the app's, `named` is the key's own.
    fn of(
        id: Option<String>,
        material: Material,
        algorithms: &[Algorithm],
        named: Option<Algorithm>,
    ) -> Result<Self, String> {
        let usual = [material.usual()];
        let wanted = match (algorithms, &named) {
            ([], None) => &usual[..],
            ([], Some(named)) => std::slice::from_ref(named),
            (wanted, _) => wanted,
        };
        let good = wanted
            .iter()
            .copied()
            .filter(|algorithm| material.suits(*algorithm))
            .filter(|algorithm| named.is_none_or(|named| named == *algorithm));
        let algorithms: Vec<_> = good.collect();
        if algorithms.is_empty() {
            return Err(format!(
                "the key is not for {wanted:?}; leave `algorithms` out, or write {:?}",
                material.usual()
            ));
        }
        Ok(Self {
            id,
            algorithms,
            material,
        })
    }

    /// Whether a token of this algorithm that names this key may be its.
    pub(super) fn suits(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    pub(super) fn is_named(&self, id: &str) -> bool {
        self.id.as_deref() == Some(id)
    }

    /// Whether `signed` is the signature of `text`.
    pub(super) fn verifies(&self, algorithm: Algorithm, text: &[u8], signed: &[u8]) -> bool {
        let by = |how: &'static dyn signature::VerificationAlgorithm, key: &[u8]| {
            signature::UnparsedPublicKey::new(how, key)
                .verify(text, signed)
                .is_ok()
        };
        if !self.suits(algorithm) {
            return false;
        }
        match &self.material {
            Material::Secret(keys) => keys
                .iter()
                .any(|(of, key)| *of == algorithm && hmac::verify(key, text, signed).is_ok()),
            Material::Rsa { n, e } => algorithm.rsa().is_some_and(|how| {
                let key = signature::RsaPublicKeyComponents { n, e };
                key.verify(how, text, signed).is_ok()
            }),
            Material::P256(point) => by(&signature::ECDSA_P256_SHA256_FIXED, point),
            Material::P384(point) => by(&signature::ECDSA_P384_SHA384_FIXED, point),
            Material::Ed25519(key) => by(&signature::ED25519, key),
        }
    }
}

impl Material {
    fn of(key: der::PublicKey) -> Result<Self, String> {
        let length = |name: &str, key: &[u8], right: usize| {
            if key.len() == right {
                Ok(key.to_vec())
            } else {
                Err(format!("the key of {name} has a wrong length"))
            }
        };
        Ok(match key {
            der::PublicKey::Rsa(n, e) => {
                let zeros = n.iter().take_while(|byte| **byte == 0).count();
                let n = n[zeros..].to_vec();
                if n.len() * 8 < RSA_BITS {
                    return Err(format!(
                        "the RSA key has {} bits; {RSA_BITS} are the least",
                        n.len() * 8
                    ));
                }
                let zeros = e.iter().take_while(|byte| **byte == 0).count();
                Self::Rsa {
                    n,
                    e: e[zeros..].to_vec(),
                }
            }
            der::PublicKey::P256(point) => Self::P256(length("P-256", &point, 65)?),
            der::PublicKey::P384(point) => Self::P384(length("P-384", &point, 97)?),
            der::PublicKey::Ed25519(key) => Self::Ed25519(length("Ed25519", &key, 32)?),
        })
    }

    /// What tokens by such a key are signed with when nobody says.
    fn usual(&self) -> Algorithm {
        match self {
            Self::Secret(_) => Algorithm::HS256,
            Self::Rsa { .. } => Algorithm::RS256,
            Self::P256(_) => Algorithm::ES256,
            Self::P384(_) => Algorithm::ES384,
            Self::Ed25519(_) => Algorithm::EdDSA,
        }
    }

    fn suits(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::Secret(_) => algorithm.hmac().is_some(),
            Self::Rsa { .. } => algorithm.rsa().is_some(),
            _ => algorithm == self.usual(),
        }
    }
}

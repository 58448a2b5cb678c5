//! A public key out of its DER (RFC 5280 section 4.1.2.7): as much of ASN.1 as that takes, and nothing else.

/// What a `SubjectPublicKeyInfo` holds.
pub(super) enum PublicKey {
    /// Modulus and exponent, big-endian.
    Rsa(Vec<u8>, Vec<u8>),
    /// The point, as the key has it.
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const IDENTIFIER: u8 = 0x06;

/// RFC 8017 appendix A.1.
const RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];
/// RFC 5480 section 2.1.1.
const EC: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
const P256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2B, 0x81, 0x04, 0x00, 0x22];
/// RFC 8410 section 3.
const ED25519: &[u8] = &[0x2B, 0x65, 0x70];

/// `None` for a key of another kind, or something that is no key.
pub(super) fn public_key(info: &[u8]) -> Option<PublicKey> {
    let mut info = Reader(info).inside(SEQUENCE)?;
    let mut algorithm = info.inside(SEQUENCE)?;
    let bits = info.value(BIT_STRING)?;
    let (unused, key) = bits.split_first()?;
    if *unused != 0 {
        return None;
    }
    match algorithm.value(IDENTIFIER)? {
        RSA => {
            let mut numbers = Reader(key).inside(SEQUENCE)?;
            let modulus = numbers.value(INTEGER)?.to_vec();
            Some(PublicKey::Rsa(modulus, numbers.value(INTEGER)?.to_vec()))
        }
        EC => match algorithm.value(IDENTIFIER)? {
            P256 => Some(PublicKey::P256(key.to_vec())),
            P384 => Some(PublicKey::P384(key.to_vec())),
            _ => None,
        },
        ED25519 => Some(PublicKey::Ed25519(key.to_vec())),
        _ => None,
    }
}

struct Reader<'d>(&'d [u8]);

impl<'d> Reader<'d> {
    /// The value of the next element, which has this tag.
    fn value(&mut self, tag: u8) -> Option<&'d [u8]> {
        let (&[own, first], rest) = self.0.split_first_chunk()?;
        if own != tag {
            return None;
        }
        let (length, rest) = match first {
            0..=0x7F => (usize::from(first), rest),
            // A key takes two bytes of length at most, and 0x80 is no length.
            0x81 => (usize::from(*rest.first()?), &rest[1..]),
            0x82 => {
                let (&bytes, rest) = rest.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(bytes)), rest)
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(value)
    }

    fn inside(&mut self, tag: u8) -> Option<Self> {
        self.value(tag).map(Self)
    }
}

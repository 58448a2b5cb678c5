//! Bodies in fewer bytes, in a coding that the client takes (RFC 9110 sections 8.4 and 12.5.3). Whole bodies only: a stream
//! goes out as its producer gives it.

use crate::{Body, Config, Head, Response, buffers, media};
use smallvec::SmallVec;
use std::cell::RefCell;
use std::io::{self, Write as _};
use std::mem;
use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Status};

/// The rules of an app that compresses.
#[derive(Debug)]
pub(crate) struct Compression {
    /// Shorter bodies gain nothing.
    least: usize,
}

/// In order of preference, where the client has none.
const CODINGS: [Coding; 3] = [Coding::Zstd, Coding::Brotli, Coding::Gzip];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Zstd,
    Brotli,
    Gzip,
}

impl Coding {
    /// What files that hold it are called by.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Zstd => "zst",
            Self::Brotli => "br",
            Self::Gzip => "gz",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// Levels at which each costs about as much as making the body did.
    fn encode(self, content: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = buffers::lend();
        match self {
            Self::Zstd => zstd::stream::copy_encode(content, &mut out, 3)?,
            Self::Brotli => {
                let (level, window) = (4, 20);
                let mut encoder = brotli::CompressorWriter::new(&mut out, 4 << 10, level, window);
                encoder.write_all(content)?;
                drop(encoder); // which ends the text
            }
            Self::Gzip => gzip(content, &mut out)?,
        }
        Ok(out)
    }
}

/// One member.
fn gzip(content: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    // A compressor, whose tables are cleared for each body, stays for the next. Those of small bodies are small: clearing the
    // usual ones costs a twentieth of compressing such a body. Bytes that level 5 would save of them save no packet.
    thread_local! {
        static SMALL: RefCell<Deflate> = RefCell::new(deflate(2, 13, 6));
        static USUAL: RefCell<Deflate> = RefCell::new(deflate(5, 15, 8));
    }
    let deflate = if content.len() <= 8 << 10 {
        &SMALL
    } else {
        &USUAL
    };
    deflate.with_borrow_mut(|deflate| {
        deflate.reset();
        let mut read = 0;
        let mut written = 0;
        loop {
            out.resize(written + content.len() / 2 + 64, 0);
            let status = deflate
                .compress(&content[read..], &mut out[written..], DeflateFlush::Finish)
                .map_err(|error| io::Error::other(error.as_str()))?;
            read = usize::try_from(deflate.total_in()).map_err(io::Error::other)?;
            written = usize::try_from(deflate.total_out()).map_err(io::Error::other)?;
            if status == Status::StreamEnd {
                out.truncate(written);
                return Ok(());
            }
        }
    })
}

/// For members (RFC 1952) whose window has `window_bits` bits (RFC 1950 section 2.2), with memory for 64 << `mem_level` symbols.
fn deflate(level: i32, window_bits: i32, mem_level: i32) -> Deflate {
    /// Added to the window: with gzip's own header.
    const GZIP: i32 = 16;
    Deflate::new_with_config(DeflateConfig {
        level,
        window_bits: window_bits + GZIP,
        mem_level,
        ..DeflateConfig::default()
    })
}

impl Compression {
    /// `None` unless it is asked for.
    pub(crate) fn new(config: &Config) -> Option<Self> {
        config.compression.then(|| Self {
            least: usize::try_from(config.compression_min).unwrap_or(usize::MAX),
        })
    }

    /// Compresses a body that is worth it, and tells caches that it may come in several codings.
    pub(crate) fn apply(&self, head: &Head<'_>, response: &mut Response) {
        let content: &[u8] = match &response.body {
            Body::Full(bytes) => bytes,
            Body::Static(bytes) => bytes,
            Body::Empty | Body::Stream(_) | Body::Upgrade(_) => return,
        };
        let says = |name: &str| {
            let mut fields = response.headers.iter();
            let field = fields.find(|(own, _)| own.eq_ignore_ascii_case(name));
            field.map(|(_, value)| value.as_ref())
        };
        let media_type = response.content_type.as_deref().unwrap_or_default();
        if content.len() < self.least || !is_text(media::essence(media_type)) {
            return;
        }
        // A strong validator promises these very bytes (RFC 9110 section 8.8.1), a part is one of the uncompressed.
        let fixed = says("content-encoding").is_some()
            || says("content-range").is_some()
            || says("etag").is_some_and(|tag| !tag.starts_with("W/"))
            || says("cache-control").is_some_and(|text| text.contains("no-transform"));
        if fixed {
            return;
        }
        let varies = says("vary").is_some_and(|text| text.contains("accept-encoding"));
        let coding = accepted(head.headers.all("accept-encoding"));
        // What went wrong in memory would go wrong again: the body goes out as it is.
        let encoded = coding.and_then(|coding| Some((coding, coding.encode(content).ok()?)));
        let encoded = encoded.filter(|(_, encoded)| encoded.len() < content.len());
        let mut say = |name: &'static str, value: &'static str| {
            response.headers.push((name.into(), value.into()));
        };
        if !varies {
            say("vary", "accept-encoding");
        }
        if let Some((coding, encoded)) = encoded {
            say("content-encoding", coding.name());
            if let Body::Full(mut plain) = mem::replace(&mut response.body, Body::Full(encoded)) {
                buffers::take_back(&mut plain);
            }
        }
    }
}

/// Media types that are text by what they are, whatever they are called.
pub(crate) fn is_text(essence: &str) -> bool {
    const TYPES: [&str; 7] = [
        "application/json",
        "application/javascript",
        "application/xml",
        "application/x-ndjson",
        "application/yaml",
        "application/wasm",
        "image/svg+xml",
    ];
    let is =
        |part: Option<&str>, other: &str| part.is_some_and(|part| part.eq_ignore_ascii_case(other));
    let end = |length: usize| essence.get(essence.len().saturating_sub(length)..);
    is(essence.get(..5), "text/")
        || is(end(5), "+json")
        || is(end(4), "+xml")
        || TYPES.iter().any(|own| essence.eq_ignore_ascii_case(own))
}

/// The coding with the greatest weight; ours decide between equals.
fn accepted<'f>(fields: impl Iterator<Item = &'f [u8]>) -> Option<Coding> {
    preferences(fields).into_iter().next()
}

/// The codings that the client takes, what it likes best first; our own order decides between equals.
pub(crate) fn preferences<'f>(
    fields: impl Iterator<Item = &'f [u8]>,
) -> SmallVec<[Coding; CODINGS.len()]> {
    let mut weights = [None; CODINGS.len()];
    let mut others = None;
    for item in fields.flat_map(|field| field.split(|byte| *byte == b',')) {
        let mut parts = item.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let name = parts.next().unwrap_or_default();
        let weight = weight(parts);
        if name == b"*" {
            others = Some(weight);
        }
        for (coding, known) in CODINGS.iter().zip(&mut weights) {
            // RFC 9110 section 8.4.1.3: `x-gzip` is the same.
            let is = |own: &str| name.eq_ignore_ascii_case(own.as_bytes());
            if is(coding.name()) || (*coding == Coding::Gzip && is("x-gzip")) {
                *known = Some(weight);
            }
        }
    }
    let mut weighed: SmallVec<[_; CODINGS.len()]> = CODINGS
        .into_iter()
        .zip(weights)
        .map(|(coding, weight)| (coding, weight.or(others).unwrap_or(0)))
        .filter(|(_, weight)| *weight > 0)
        .collect();
    weighed.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    weighed.into_iter().map(|(coding, _)| coding).collect()
}

/// In thousandths; 1 without, 0 for what is no weight.
fn weight<'p>(mut parameters: impl Iterator<Item = &'p [u8]>) -> u32 {
    let given = parameters.find_map(|parameter| {
        let at = parameter.iter().position(|byte| *byte == b'=')?;
        let is_weight = parameter[..at].trim_ascii().eq_ignore_ascii_case(b"q");
        is_weight.then(|| parameter[at + 1..].trim_ascii())
    });
    let Some(given) = given else {
        return 1_000;
    };
    match std::str::from_utf8(given).map(str::parse::<f64>) {
        Ok(Ok(weight)) if (0.0..=1.0).contains(&weight) => (weight * 1_000.0) as u32,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{CODINGS, Coding, accepted, is_text};
    use zlib_rs::{InflateConfig, ReturnCode, decompress_slice};

    #[test]
    fn text_is_told_by_type_and_suffix_in_any_case() {
        for essence in [
            "text/css",
            "TEXT/csv",
            "Application/JSON",
            "a/b+JSON",
            "a/b+xml",
            "image/svg+xml",
        ] {
            assert!(is_text(essence), "{essence}");
        }
        for essence in [
            "",
            "text",
            "image/png",
            "a/json",
            "application/jsonx",
            "a/xml",
            "\u{e9}\u{e9}\u{e9}+js\u{e9}",
        ] {
            assert!(!is_text(essence), "{essence}");
        }
    }

    #[test]
    fn members_follow_one_another_whatever_their_sizes() {
        let mut noise = 1_u32;
        let mut random = |length: usize| -> Vec<u8> {
            let next = || {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                noise.to_be_bytes()[0]
            };
            std::iter::repeat_with(next).take(length).collect()
        };
        for content in [
            b"abc".repeat(100_000),
            random(300_000),
            Vec::new(),
            random(1),
            random(70_000),
            b"abc".repeat(2_000),
            random(8 << 10),
        ] {
            let encoded = Coding::Gzip.encode(&content).expect("memory is there");
            let mut decoded = vec![0; content.len() + 1];
            let config = InflateConfig { window_bits: 31 };
            let (decoded, code) = decompress_slice(&mut decoded, &encoded, config);
            assert_eq!(code, ReturnCode::Ok);
            assert!(decoded == content, "{} bytes", content.len());
        }
    }

    #[test]
    fn the_greatest_weight_wins_and_ours_decides_between_equals() {
        for (field, expected) in [
            ("", None),
            ("gzip", Some(Coding::Gzip)),
            ("X-GZIP", Some(Coding::Gzip)),
            ("gzip, deflate, br, zstd", Some(Coding::Zstd)),
            ("gzip, br", Some(Coding::Brotli)),
            ("gzip;q=1.0, br;q=0.9", Some(Coding::Gzip)),
            ("gzip; q=0, br;q=0.001", Some(Coding::Brotli)),
            ("*", Some(Coding::Zstd)),
            ("*;q=0", None),
            ("zstd;q=0, *", Some(Coding::Brotli)),
            ("identity", None),
            ("deflate", None),
            ("br;q=2", None),
            ("br;q=x", None),
        ] {
            assert_eq!(
                accepted([field.as_bytes()].into_iter()),
                expected,
                "{field}"
            );
        }
    }

    #[test]
    fn each_coding_gives_fewer_bytes() {
        let text = br#"{"name": "oak", "price": 249.5}"#.repeat(100);
        for coding in CODINGS {
            let encoded = coding.encode(&text).expect("in memory");
            assert!(encoded.len() * 10 < text.len(), "{coding:?}");
        }
    }
}

//! Pull reader over one JSON text (RFC 8259): tokens borrowed from the text, no tree, no allocation. Shared by the
//! parser and the streaming check, so that both refuse the same texts.

use super::MAX_DEPTH;
use crate::number::Num;
use std::borrow::Cow;

/// What was expected and what came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct What(pub(crate) &'static str);

/// A place in a text, which it reads token by token.
#[derive(Debug)]
pub(crate) struct Reader<'t> {
    bytes: &'t [u8],
    at: usize,
    ascii: bool,
    /// The next member or element is the first of its container.
    first: bool,
}

/// A string token between its quotes.
#[derive(Debug, Clone, Copy)]
pub struct Text<'t> {
    raw: &'t [u8],
    form: Form,
}

/// How a string is written. As wide as its neighbours: a processor waits for a word that was written in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
enum Form {
    Plain,
    /// Plain, and known to be ASCII without a look at it.
    Ascii,
    Escaped,
}

/// A member's name as compact JSON has it: `,"name":`.
#[derive(Debug)]
pub(crate) struct Key {
    text: Box<[u8]>,
    /// The text and which of its bits count, when it fits; else one that nothing is equal to.
    word: u128,
    mask: u128,
}

impl Key {
    /// `None` for a name that needs escapes.
    pub(crate) fn new(name: &str) -> Option<Self> {
        if name.bytes().any(|byte| STOP[usize::from(byte)]) {
            return None;
        }
        let text = format!(",\"{name}\":").into_bytes();
        let mut block = [0; 16];
        let (mut word, mut mask) = (1, 0);
        if let Some(fits) = block.get_mut(..text.len()) {
            fits.copy_from_slice(&text);
            word = u128::from_le_bytes(block);
            mask = u128::MAX >> (8 * (16 - text.len()));
        }
        Some(Self {
            text: text.into(),
            word,
            mask,
        })
    }

    #[inline]
    pub(crate) fn name(&self) -> Text<'_> {
        Text {
            raw: &self.text[2..self.text.len() - 2],
            form: Form::Plain,
        }
    }
}

/// A number token.
#[derive(Debug, Clone, Copy)]
pub struct Digits<'t> {
    raw: &'t [u8],
    parts: Parts,
}

/// What a number has; as wide as [`Form`], for the same reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
enum Parts {
    /// No fraction, no exponent.
    Whole,
    Fraction,
    /// With a fraction or without.
    Exponent,
}

impl<'t> Text<'t> {
    /// The characters meant, in UTF-8, when they stand in the text as they are.
    pub fn plain(self) -> Option<&'t [u8]> {
        (self.form != Form::Escaped).then_some(self.raw)
    }

    /// The same, when all of them are ASCII.
    #[inline]
    pub fn plain_ascii(self) -> Option<&'t [u8]> {
        let is_ascii = match self.form {
            Form::Ascii => true,
            Form::Plain => self.raw.is_ascii(),
            Form::Escaped => false,
        };
        is_ascii.then_some(self.raw)
    }

    /// Which of `members` this names; `next` is the one expected.
    pub fn position<M>(
        self,
        members: &[M],
        next: usize,
        name: impl Fn(&M) -> &[u8],
    ) -> Option<usize> {
        let search = |wanted: &[u8]| members.iter().position(|member| name(member) == wanted);
        let Some(plain) = self.plain() else {
            return search(self.decode().as_bytes());
        };
        match members.get(next) {
            Some(member) if name(member) == plain => Some(next),
            _ => search(plain),
        }
    }

    /// The characters meant. Panics when the text is not UTF-8.
    pub fn decode(self) -> Cow<'t, str> {
        let raw = utf8(self.raw);
        if self.form != Form::Escaped {
            return Cow::Borrowed(raw);
        }
        let mut out = String::with_capacity(raw.len());
        let mut rest = raw;
        while let Some(slash) = rest.find('\\') {
            out.push_str(&rest[..slash]);
            let escape = rest.as_bytes()[slash + 1];
            rest = &rest[slash + 2..];
            out.push(match escape {
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                b'u' => {
                    let mut code = hex4(rest.as_bytes()).unwrap_or(0);
                    rest = &rest[4..];
                    if (0xD800..0xDC00).contains(&code) {
                        let low = hex4(&rest.as_bytes()[2..]).unwrap_or(0xDC00);
                        rest = &rest[6..];
                        code = 0x1_0000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                    }
                    char::from_u32(code).expect("invariant: surrogates were checked")
                }
                other => char::from(other),
            });
        }
        out.push_str(rest);
        Cow::Owned(out)
    }
}

/// A part of a text that is UTF-8, cut at ASCII.
fn utf8(part: &[u8]) -> &str {
    std::str::from_utf8(part).expect("invariant: readers are made of UTF-8")
}

fn hex4(bytes: &[u8]) -> Option<u32> {
    let mut code = 0;
    for &byte in bytes.get(..4)? {
        code = code * 16 + char::from(byte).to_digit(16)?;
    }
    Some(code)
}

impl<'t> Digits<'t> {
    /// The number as it is written.
    pub fn text(self) -> &'t str {
        utf8(self.raw)
    }

    /// Only when it is too big for an `f64` does this fail.
    pub(crate) fn value(self) -> Result<Num, What> {
        if let Some(whole) = self.small() {
            return Ok(Num::Int(whole));
        }
        if self.is_whole() {
            if let Ok(whole) = utf8(self.raw).parse::<i64>() {
                return Ok(Num::Int(whole));
            }
            if let Ok(whole) = utf8(self.raw).parse::<u64>() {
                return Ok(Num::Uint(whole));
            }
        }
        match utf8(self.raw).parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Num::Float(number)),
            _ => Err(What(
                "the number is too big; its magnitude must stay below 1.8e308",
            )),
        }
    }

    /// Neither fraction nor exponent.
    pub fn is_whole(self) -> bool {
        self.parts == Parts::Whole
    }

    /// A whole number of at most 18 digits, written as one.
    #[inline]
    pub fn small(self) -> Option<i64> {
        if !self.is_whole() || self.raw.len() > 18 {
            return None;
        }
        let (negative, digits) = match self.raw.strip_prefix(b"-") {
            Some(digits) => (true, digits),
            None => (false, self.raw),
        };
        let whole = digits
            .iter()
            .fold(0_i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        Some(if negative { -whole } else { whole })
    }

    /// The nearest `f64` of a number of at most 15 digits without exponent: one division of two numbers that are exact
    /// in an `f64` rounds but once.
    #[inline]
    pub fn exact(self) -> Option<f64> {
        const POWERS: [f64; 16] = [
            1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
        ];
        if self.parts == Parts::Exponent || self.raw.len() > 16 {
            return None;
        }
        let (negative, digits) = match self.raw.strip_prefix(b"-") {
            Some(digits) => (true, digits),
            None => (false, self.raw),
        };
        let (mut all, mut fraction) = (0_i64, None);
        for &byte in digits {
            match byte {
                b'.' => fraction = Some(0),
                digit => {
                    all = all * 10 + i64::from(digit - b'0');
                    fraction = fraction.map(|count| count + 1);
                }
            }
        }
        if all >= 1_000_000_000_000_000 {
            return None;
        }
        let number = all as f64 / POWERS[fraction.unwrap_or(0)];
        Some(if negative { -number } else { number })
    }

    /// Cannot overflow, whatever its digits: the value need not be built to know that it is fine.
    pub(crate) fn surely_finite(self) -> bool {
        self.raw.len() < 300 && self.parts != Parts::Exponent
    }

    /// The part before the decimal point, when it is exact in an `f64` and not negative.
    pub(crate) fn floor(self) -> Option<i64> {
        const EXACT: usize = 15;
        let mut floor = 0;
        for (count, &byte) in self.raw.iter().enumerate() {
            match byte {
                b'0'..=b'9' if count < EXACT => floor = floor * 10 + i64::from(byte - b'0'),
                b'.' if self.parts != Parts::Exponent => break,
                _ => return None,
            }
        }
        Some(floor)
    }
}

/// Bytes of a long string that are looked at together.
const BLOCK: usize = 32;

const STOP: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table
};

impl<'t> Reader<'t> {
    /// `text` is UTF-8; strings of another do not decode.
    pub(crate) fn new(text: &'t [u8]) -> Self {
        Self {
            bytes: text,
            at: 0,
            ascii: false,
            first: false,
        }
    }

    /// `text` is ASCII.
    pub(crate) fn of_ascii(text: &'t [u8]) -> Self {
        Self {
            ascii: true,
            ..Self::new(text)
        }
    }

    /// Bytes read; on an error, its place.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Goes back to the beginning of a value.
    pub(crate) fn back(&mut self, to: usize) {
        self.at = to;
    }

    /// What stands between `from` and here.
    pub(crate) fn since(&self, from: usize) -> &'t [u8] {
        &self.bytes[from..self.at]
    }

    fn here(&self) -> u8 {
        // Zero is no token of JSON, so it stands for the end.
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    /// The first byte behind white space, not read yet; zero at the end.
    #[inline]
    pub(crate) fn space(&mut self) -> u8 {
        loop {
            match self.here() {
                b' ' | b'\n' | b'\t' | b'\r' => self.at += 1,
                byte => return byte,
            }
        }
    }

    /// The first byte of the next value, not read yet.
    pub(crate) fn peek(&mut self) -> Result<u8, What> {
        match self.space() {
            byte @ (b'{' | b'[' | b'"' | b't' | b'f' | b'n' | b'-' | b'0'..=b'9') => Ok(byte),
            _ => Err(self.no_value()),
        }
    }

    #[cold]
    fn no_value(&self) -> What {
        What(match self.here() {
            0 if self.at >= self.bytes.len() => "expected a value, found the end of the text",
            b'\'' => "expected a value; strings are written in double quotes: \"text\"",
            b'N' | b'I' => {
                "expected a value; JSON has neither NaN nor Infinity: send null or leave it out"
            }
            b'+' | b'.' => "expected a value; a number starts with a digit or `-`: 0.5",
            b'T' | b'F' => "expected a value; booleans are written true and false",
            b'/' => "expected a value; JSON has no comments",
            b']' | b'}' => "expected a value; remove the comma before the closing bracket",
            _ => "expected a value: an object, array, string, number, true, false or null",
        })
    }

    /// Reads `{` or `[`, after [`Self::peek`] saw it, of a container that has `depth` others around it.
    pub(crate) fn enter(&mut self, depth: usize) -> Result<(), What> {
        if depth >= MAX_DEPTH {
            return Err(What("the text is nested deeper than 128 levels"));
        }
        self.at += 1;
        self.first = true;
        Ok(())
    }

    /// The next member's name up to and with its colon; `None` once `}` is read.
    #[inline]
    pub(crate) fn member(&mut self) -> Result<Option<Text<'t>>, What> {
        let first = std::mem::take(&mut self.first);
        let mut byte = self.space();
        if byte == b'}' {
            self.at += 1;
            return Ok(None);
        }
        if !first {
            if byte != b',' {
                return Err(What("expected `,` or `}` after a member of an object"));
            }
            self.at += 1;
            byte = self.space();
        }
        if byte != b'"' {
            return Err(What(
                "expected a member's name in double quotes, for example {\"name\": 1}",
            ));
        }
        let name = self.string()?;
        if self.space() != b':' {
            return Err(What("expected `:` after a member's name"));
        }
        self.at += 1;
        Ok(Some(name))
    }

    /// Passes over the next member's name, comma and colon if they are exactly those of `key`, as in compact JSON.
    #[inline]
    pub(crate) fn takes(&mut self, key: &Key) -> bool {
        let rest = &self.bytes[self.at..];
        if !self.first
            && let Some(block) = rest.first_chunk()
            && u128::from_le_bytes(*block) & key.mask == key.word
        {
            self.at += key.text.len();
            return true;
        }
        let text = &key.text[usize::from(self.first)..];
        let found = rest.starts_with(text);
        if found {
            self.at += text.len();
            self.first = false;
        }
        found
    }

    /// Whether an element follows; `false` once `]` is read.
    #[inline]
    pub(crate) fn element(&mut self) -> Result<bool, What> {
        let first = std::mem::take(&mut self.first);
        match self.space() {
            b']' => {
                self.at += 1;
                Ok(false)
            }
            _ if first => Ok(true),
            b',' => {
                self.at += 1;
                Ok(true)
            }
            _ => Err(What("expected `,` or `]` after an element of an array")),
        }
    }

    /// Reads `true`, `false` or `null`.
    pub(crate) fn literal(&mut self, word: &'static str) -> Result<(), What> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(What("expected true, false or null"));
        }
        self.at += word.len();
        Ok(())
    }

    /// Up to the next byte that ends a run of plain characters, or the end.
    #[inline]
    fn run(&mut self) {
        let mut rest = &self.bytes[self.at..];
        // Most strings end within these words; what is longer is worth whole blocks.
        for _ in 0..12 {
            let Some((word, after)) = rest.split_first_chunk() else {
                return self.run_bytes();
            };
            let stops = stops(u64::from_le_bytes(*word));
            if stops != 0 {
                self.at += stops.trailing_zeros() as usize / 8;
                return;
            }
            self.at += 8;
            rest = after;
        }
        self.run_blocks();
    }

    #[inline(never)]
    fn run_blocks(&mut self) {
        while let Some(block) = self.bytes[self.at..].first_chunk::<BLOCK>() {
            // Without a branch inside, the compiler looks at many bytes at once.
            let stops = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
            if block.iter().fold(false, |any, &byte| any | stops(byte)) {
                break;
            }
            self.at += BLOCK;
        }
        while let Some(word) = self.bytes[self.at..].first_chunk() {
            let stops = stops(u64::from_le_bytes(*word));
            if stops != 0 {
                self.at += stops.trailing_zeros() as usize / 8;
                return;
            }
            self.at += 8;
        }
        self.run_bytes();
    }

    fn run_bytes(&mut self) {
        while self.at < self.bytes.len() && !STOP[usize::from(self.bytes[self.at])] {
            self.at += 1;
        }
    }

    /// Reads a string, opening quote included, after [`Self::peek`] saw it.
    #[inline(always)]
    pub(crate) fn string(&mut self) -> Result<Text<'t>, What> {
        let start = self.at + 1;
        self.at = start;
        self.run();
        if self.here() != b'"' {
            return self.special(start);
        }
        let raw = &self.bytes[start..self.at];
        self.at += 1;
        Ok(Text {
            raw,
            form: self.plain_form(),
        })
    }

    #[inline]
    fn plain_form(&self) -> Form {
        match self.ascii {
            true => Form::Ascii,
            false => Form::Plain,
        }
    }

    /// A string that began at `start` and does not end here.
    #[inline(never)]
    fn special(&mut self, start: usize) -> Result<Text<'t>, What> {
        let mut form = self.plain_form();
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    let raw = &self.bytes[start..self.at];
                    self.at += 1;
                    return Ok(Text { raw, form });
                }
                Some(b'\\') => {
                    form = Form::Escaped;
                    self.escape()?;
                    self.run();
                }
                Some(_) => {
                    return Err(What(
                        "control characters in a string are written as escapes, for example \\n",
                    ));
                }
                None => {
                    return Err(What(
                        "expected `\"` at the end of a string, found the end of the text",
                    ));
                }
            }
        }
    }

    fn escape(&mut self) -> Result<(), What> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let code = hex4(&self.bytes[self.at + 2..])
                    .ok_or(What("expected four hexadecimal digits after \\u"))?;
                if (0xDC00..0xE000).contains(&code) {
                    return Err(What(
                        "a low surrogate must follow a high one, as in \\ud83d\\ude00",
                    ));
                }
                if (0xD800..0xDC00).contains(&code) {
                    let low = self.bytes.get(self.at + 6..self.at + 8) == Some(b"\\u");
                    let low = low.then(|| hex4(&self.bytes[self.at + 8..])).flatten();
                    if !low.is_some_and(|low| (0xDC00..0xE000).contains(&low)) {
                        return Err(What(
                            "a high surrogate must be followed by a low one, as in \\ud83d\\ude00",
                        ));
                    }
                    self.at += 6;
                }
                self.at += 6;
            }
            _ => {
                return Err(What(
                    "expected an escape: \\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\u and four digits",
                ));
            }
        }
        Ok(())
    }

    fn digits(&mut self) -> bool {
        let start = self.at;
        while self.here().is_ascii_digit() {
            self.at += 1;
        }
        self.at > start
    }

    /// Reads a number (RFC 8259 section 6), after [`Self::peek`] saw its first byte.
    #[inline(always)]
    pub(crate) fn number(&mut self) -> Result<Digits<'t>, What> {
        let start = self.at;
        let mut parts = Parts::Whole;
        if self.here() == b'-' {
            self.at += 1;
        }
        if self.here() == b'0' {
            self.at += 1;
            if self.here().is_ascii_digit() {
                return Err(What("a number has no leading zeros"));
            }
        } else if !self.digits() {
            return Err(What("expected a digit after `-`"));
        }
        if self.here() == b'.' {
            parts = Parts::Fraction;
            self.at += 1;
            if !self.digits() {
                return Err(What("expected a digit after the decimal point"));
            }
        }
        if self.here() | 0x20 == b'e' {
            parts = Parts::Exponent;
            self.at += 1;
            if matches!(self.here(), b'+' | b'-') {
                self.at += 1;
            }
            if !self.digits() {
                return Err(What("expected a digit in the exponent"));
            }
        }
        Ok(Digits {
            raw: self.since(start),
            parts,
        })
    }

    /// Reads one value of any kind that has `depth` containers around it.
    pub(crate) fn skip(&mut self, depth: usize) -> Result<(), What> {
        match self.peek()? {
            b'{' => {
                self.enter(depth)?;
                while self.member()?.is_some() {
                    self.skip(depth + 1)?;
                }
            }
            b'[' => {
                self.enter(depth)?;
                while self.element()? {
                    self.skip(depth + 1)?;
                }
            }
            b'"' => drop(self.string()?),
            b't' => self.literal("true")?,
            b'f' => self.literal("false")?,
            b'n' => self.literal("null")?,
            _ => {
                let digits = self.number()?;
                if !digits.surely_finite() {
                    digits.value()?;
                }
            }
        }
        Ok(())
    }

    /// Only white space may follow.
    pub(crate) fn end(&mut self) -> Result<(), What> {
        self.space();
        if self.at < self.bytes.len() {
            return Err(What("expected the end of the text after the value"));
        }
        Ok(())
    }
}

/// Has the high bit of the first byte that is `"`, `\` or below 0x20 among eight; bits above it mean nothing.
#[inline]
fn stops(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let zero_byte = |word: u64| word.wrapping_sub(ONES) & !word;
    let quote = zero_byte(word ^ (ONES * b'"' as u64));
    let slash = zero_byte(word ^ (ONES * b'\\' as u64));
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (quote | slash | control) & HIGH
}

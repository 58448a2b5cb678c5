//! `pattern` as ECMA-262 (with the `u` flag): translated to the linear-time `regex` crate where that can say the same,
//! else run by a backtracking matcher (look-around, back-references).

use regex::Regex;
use std::fmt;

/// A compiled pattern; finds a match anywhere in a text.
pub(crate) struct Pattern {
    source: String,
    engine: Engine,
}

enum Engine {
    /// `^` classes with fixed counts `$`: what codes and numbers look like. Bits of ASCII per character.
    Fixed(Vec<[u64; 2]>),
    Linear(Regex),
    Backtracking(Box<regress::Regex>),
}

impl fmt::Debug for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.source)
    }
}

impl Pattern {
    /// As written in the schema.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// The error says what is wrong with the pattern.
    pub(crate) fn compile(source: &str) -> Result<Self, String> {
        let engine = match fixed(source) {
            Some(classes) => Engine::Fixed(
                classes
                    .iter()
                    .map(|&class| [class as u64, (class >> 64) as u64])
                    .collect(),
            ),
            None => engine(source)?,
        };
        Ok(Self {
            source: source.to_owned(),
            engine,
        })
    }

    /// The part of [`Self::accepts`] that needs no characters.
    pub(crate) fn surely_accepts(&self, text: &[u8]) -> bool {
        match &self.engine {
            Engine::Fixed(classes) => {
                text.len() == classes.len()
                    && text.iter().zip(classes).all(|(&byte, class)| {
                        byte < 128 && class[usize::from(byte / 64)] >> (byte % 64) & 1 == 1
                    })
            }
            Engine::Linear(_) | Engine::Backtracking(_) => false,
        }
    }

    pub(crate) fn accepts(&self, text: &str) -> bool {
        match &self.engine {
            Engine::Fixed(_) => self.surely_accepts(text.as_bytes()),
            Engine::Linear(regex) => regex.is_match(text),
            Engine::Backtracking(regex) => regex.find(text).is_some(),
        }
    }
}

fn engine(source: &str) -> Result<Engine, String> {
    if let Some(wrong) = source
        .find("\\A")
        .or_else(|| source.find("\\Z"))
        .or_else(|| source.find("\\z"))
    {
        // `\\A` in the source may be an escaped backslash before a letter.
        let slashes = source[..=wrong]
            .bytes()
            .rev()
            .take_while(|&byte| byte == b'\\')
            .count();
        if slashes % 2 == 1 {
            return Err("`\\A`, `\\Z` and `\\z` are not ECMA-262; write `^` and `$`".to_owned());
        }
    }
    // The oracle of syntax: what ECMA-262 refuses is refused, whoever matches.
    let unicode = regress::Regex::with_flags(source, "u");
    let oracle = match unicode {
        Ok(oracle) => oracle,
        Err(error) => {
            // Annex B (for example a lone `{` or `\-`) is what people write; a wrong letter escape is not.
            if source
                .bytes()
                .zip(source.bytes().skip(1))
                .any(|(a, b)| a == b'\\' && b"aeghijlmoqyCEFGHIJKLMNOQRTUVXY".contains(&b))
            {
                return Err(error.to_string());
            }
            regress::Regex::new(source).map_err(|error| error.to_string())?
        }
    };
    let linear = translate(source).and_then(|translated| Regex::new(&translated).ok());
    Ok(match linear {
        Some(regex) => Engine::Linear(regex),
        None => Engine::Backtracking(Box::new(oracle)),
    })
}

const DIGIT: &str = "0-9";
const WORD: &str = "A-Za-z0-9_";
const SPACE: &str = r"\t\n\x0B\x0C\r \u{A0}\u{1680}\u{2000}-\u{200A}\u{2028}\u{2029}\u{202F}\u{205F}\u{3000}\u{FEFF}";

/// The same pattern for the `regex` crate, or `None` when it cannot say it.
fn translate(source: &str) -> Option<String> {
    let mut out = String::with_capacity(source.len() + 16);
    let mut characters = source.chars().peekable();
    let mut in_class = false;
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                let escape = characters.next()?;
                match escape {
                    'd' | 'w' | 's' | 'D' | 'W' | 'S' => {
                        let set = match escape.to_ascii_lowercase() {
                            'd' => DIGIT,
                            'w' => WORD,
                            _ => SPACE,
                        };
                        let not = if escape.is_ascii_uppercase() { "^" } else { "" };
                        out.push_str(&format!("[{not}{set}]"));
                    }
                    'b' if in_class => out.push_str(r"\x08"),
                    'b' => out.push_str(r"(?-u:\b)"),
                    // Outside Unicode mode `\B` may split a character, which the crate does not allow.
                    'B' | 'k' | '1'..='9' => return None,
                    '0' => {
                        if characters.peek().is_some_and(char::is_ascii_digit) {
                            return None;
                        }
                        out.push_str(r"\x00");
                    }
                    'c' => {
                        let letter = characters.next().filter(char::is_ascii_alphabetic)?;
                        out.push_str(&format!("\\x{:02X}", letter as u32 % 32));
                    }
                    'u' => out.push_str(&unicode_escape(&mut characters)?),
                    'x' => {
                        let digits: String =
                            [characters.next()?, characters.next()?].iter().collect();
                        u8::from_str_radix(&digits, 16).ok()?;
                        out.push_str(&format!("\\x{digits}"));
                    }
                    'p' | 'P' | 't' | 'n' | 'r' | 'f' | 'v' => {
                        out.push('\\');
                        out.push(escape);
                        if escape.eq_ignore_ascii_case(&'p') {
                            if characters.peek() != Some(&'{') {
                                return None;
                            }
                            out.extend(characters.by_ref().take_while(|&next| next != '}'));
                            out.push('}');
                        }
                    }
                    other if other.is_ascii_alphanumeric() => return None,
                    other => out.push_str(&regex::escape(&other.to_string())),
                }
            }
            '.' if !in_class => out.push_str(r"[^\n\r\u{2028}\u{2029}]"),
            '(' if !in_class && characters.peek() == Some(&'?') => {
                out.push('(');
                let mut ahead = characters.clone();
                ahead.next();
                match (ahead.next()?, ahead.next()?) {
                    (':', _) => {}
                    ('<', next) if next != '=' && next != '!' => {}
                    _ => return None,
                }
            }
            '[' if in_class => out.push_str(r"\["),
            '[' => {
                in_class = true;
                out.push('[');
                if characters.peek() == Some(&'^') {
                    characters.next();
                    out.push('^');
                }
                if characters.peek() == Some(&']') {
                    return None;
                }
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '&' | '~' if in_class => {
                out.push('\\');
                out.push(character);
            }
            '-' if in_class && characters.peek() == Some(&'-') => return None,
            '{' if !in_class => {
                let ahead = characters.clone();
                let inside: String = ahead.take_while(|&next| next != '}').collect();
                let quantifier = inside.starts_with(|first: char| first.is_ascii_digit())
                    && inside
                        .chars()
                        .all(|next| next.is_ascii_digit() || next == ',');
                if !quantifier {
                    return None;
                }
                out.push('{');
            }
            other => out.push(other),
        }
    }
    (!in_class).then_some(out)
}

fn unicode_escape(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    if characters.peek() == Some(&'{') {
        characters.next();
        let digits: String = characters
            .by_ref()
            .take_while(|&next| next != '}')
            .collect();
        let code = u32::from_str_radix(&digits, 16).ok()?;
        return char::from_u32(code).map(|_| format!("\\u{{{code:X}}}"));
    }
    let mut four = || -> Option<u32> {
        let digits: String = characters.by_ref().take(4).collect();
        u32::from_str_radix(&digits, 16)
            .ok()
            .filter(|_| digits.len() == 4)
    };
    let mut code = four()?;
    if (0xD800..0xDC00).contains(&code) {
        if characters.next() != Some('\\') || characters.next() != Some('u') {
            return None;
        }
        let digits: String = characters.by_ref().take(4).collect();
        let low = u32::from_str_radix(&digits, 16)
            .ok()
            .filter(|low| (0xDC00..0xE000).contains(low))?;
        code = 0x1_0000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    char::from_u32(code).map(|_| format!("\\u{{{code:X}}}"))
}

/// One class of ASCII per character, for `^`, then literals, `\d`, `\w`, `[A-Z0-9]`, each with `{n}` or none, then `$`.
fn fixed(source: &str) -> Option<Vec<u128>> {
    const LONGEST: usize = 64;
    let mut rest = source.strip_prefix('^')?.strip_suffix('$')?.as_bytes();
    let range = |from: u8, to: u8| (from..=to).fold(0_u128, |class, byte| class | 1 << byte);
    let digits = range(b'0', b'9');
    let word = digits | range(b'a', b'z') | range(b'A', b'Z') | range(b'_', b'_');
    let mut classes = Vec::new();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let class = match first {
            b'\\' => {
                let (&escape, after) = rest.split_first()?;
                rest = after;
                match escape {
                    b'd' => digits,
                    b'w' => word,
                    b'-' | b'.' | b'/' => range(escape, escape),
                    _ => return None,
                }
            }
            b'[' => {
                let end = rest.iter().position(|&byte| byte == b']')?;
                let (inside, after) = rest.split_at(end);
                rest = &after[1..];
                let plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                let mut class = 0;
                let mut inside = inside;
                while let Some((from, after)) = inside.split_first() {
                    match after {
                        [b'-', to, after @ ..] if plain(from) && plain(to) && from <= to => {
                            class |= range(*from, *to);
                            inside = after;
                        }
                        _ if plain(from) && after.first() != Some(&b'-') => {
                            class |= range(*from, *from);
                            inside = after;
                        }
                        _ => return None,
                    }
                }
                class
            }
            b'-' | b'_' | b'/' | b':' | b'@' | b'#' | b' ' => range(first, first),
            _ if first.is_ascii_alphanumeric() => range(first, first),
            _ => return None,
        };
        let mut count = 1;
        if let Some(after) = rest.strip_prefix(b"{") {
            let end = after.iter().position(|&byte| byte == b'}')?;
            count = std::str::from_utf8(&after[..end])
                .ok()?
                .parse()
                .ok()
                .filter(|&count| count <= LONGEST)?;
            rest = &after[end + 1..];
        }
        if matches!(rest.first(), Some(b'*' | b'+' | b'?' | b'{'))
            || classes.len() + count > LONGEST
        {
            return None;
        }
        classes.extend(std::iter::repeat_n(class, count));
    }
    Some(classes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(pattern: &Pattern) -> &'static str {
        match pattern.engine {
            Engine::Fixed(_) => "fixed",
            Engine::Linear(_) => "linear",
            Engine::Backtracking(_) => "backtracking",
        }
    }

    #[test]
    fn matches_as_ecma_262() {
        for (source, engine, good, bad) in [
            (
                r"^[A-Z]{3}-\d{4}$",
                "fixed",
                vec!["ABC-1234"],
                vec!["ABC-123", "abc-1234", "ABC-12345", "ABC-123é", "ABC-1234\n"],
            ),
            (
                r"^[A-Z]{2,3}$",
                "linear",
                vec!["AB", "ABC"],
                vec!["A", "ABCD"],
            ),
            (r"\d+", "linear", vec!["a1"], vec!["٣"]),
            (r"^\w+$", "linear", vec!["a_1"], vec!["é"]),
            (
                r"^\s$",
                "linear",
                vec!["\u{feff}", "\u{a0}"],
                vec!["\u{85}"],
            ),
            (r"^.$", "linear", vec!["😀"], vec!["\n", "\u{2028}"]),
            (r"^[\d\-&&~~\[]+$", "linear", vec!["1-&~["], vec!["a"]),
            (
                r"^\u{1F600}\uD83D\uDE00\x41\cJ\/$",
                "linear",
                vec!["😀😀A\n/"],
                vec!["x"],
            ),
            (
                r"^\p{Lu}\p{Script=Greek}$",
                "linear",
                vec!["Éα"],
                vec!["éα"],
            ),
            (r"\bfoo\b", "linear", vec!["a foo b"], vec!["afoo"]),
            (r"^(?!x)a", "backtracking", vec!["ab"], vec!["xa"]),
            (r"^(a|b)\1$", "backtracking", vec!["aa"], vec!["ab"]),
            (r"^(?<y>\d{4})$", "linear", vec!["2026"], vec!["26"]),
            (r"^a$", "fixed", vec!["a"], vec!["a\n", "b"]),
            (r"^a|b$", "linear", vec!["ax", "xb"], vec!["xa"]),
            (r"^x{a}$", "backtracking", vec!["x{a}"], vec!["x"]),
            (r"^[^\d]$", "linear", vec!["a"], vec!["1"]),
            (r"^[\D]$", "linear", vec!["a"], vec!["1"]),
            (r"a{0}", "linear", vec!["", "b"], vec![]),
        ] {
            let pattern = Pattern::compile(source).unwrap();
            assert_eq!(kind(&pattern), engine, "{source}");
            for text in good {
                assert!(pattern.accepts(text), "{source} {text:?}");
            }
            for text in bad {
                assert!(!pattern.accepts(text), "{source} {text:?}");
            }
        }
    }

    #[test]
    fn refuses_what_is_no_pattern() {
        for source in ["(", "[a", "\\Aa", "a\\Z", "a\\z", "\\a", "*"] {
            assert!(Pattern::compile(source).is_err(), "{source}");
        }
        assert!(Pattern::compile(r"^\\Z$").is_ok());
    }
}

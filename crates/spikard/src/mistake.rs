//! Mistakes in an app's definition: all of them at once, each with its place and what to write instead.

use crate::spec::Declared;

/// What is wrong with an app, found at freeze; one line per mistake.
///
/// ```
/// use spikard::{App, DefinitionError, Mistake};
///
/// let app = App::new("Shop", "1.0.0").get("items", || async {});
/// let DefinitionError { mistakes } = app.freeze().expect_err("a mistake");
/// assert!(mistakes[0].message.contains("write \"/items\""));
/// let told = Mistake::of_app("the shop has no name");
/// assert_eq!(told.to_string(), "the shop has no name");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct DefinitionError {
    /// In the order of the definition; never empty.
    pub mistakes: Vec<Mistake>,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// `app.py:31: GET /items/{id}`; empty when it concerns the whole app.
    pub place: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl Mistake {
    /// A mistake that concerns the whole app.
    pub fn of_app(message: impl Into<String>) -> Self {
        Self {
            place: String::new(),
            message: message.into(),
        }
    }

    /// A mistake of one operation; `path` is the whole one, prefixes of groups included.
    ///
    /// ```
    /// use spikard::Mistake;
    /// use spikard::spec::Declared;
    ///
    /// let declared = Declared { name: "show".into(), file: "app.py".into(), line: 31 };
    /// let mistake = Mistake::at(&declared, "GET", "/items", "it has no id");
    /// assert_eq!(mistake.to_string(), "app.py:31: GET /items: it has no id");
    /// ```
    pub fn at(declared: &Declared, method: &str, path: &str, message: impl Into<String>) -> Self {
        Self {
            place: format!("{}{method} {path}", source(declared)),
            message: message.into(),
        }
    }
}

/// From the text that `Display` gives: what another language made of a mistake, and what it found itself.
impl From<&str> for Mistake {
    fn from(text: &str) -> Self {
        let start = match text.split_once(": ") {
            Some((source, rest)) if is_source(source) => text.len() - rest.len(),
            _ => 0,
        };
        let operation = text[start..].split_once(": ").map(|(one, _)| one);
        // Behind a source a path may be what is wrong: `app.py:3: GET items`.
        match operation.filter(|one| is_operation(one, start > 0)) {
            Some(one) => Self {
                place: text[..start + one.len()].to_owned(),
                message: text[start + one.len() + 2..].to_owned(),
            },
            None => Self::of_app(text),
        }
    }
}

/// `app.py:31`.
fn is_source(text: &str) -> bool {
    let line = text.rsplit_once(':').map(|(_, line)| line);
    line.is_some_and(|line| !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `GET /items/{id}`.
fn is_operation(text: &str, any_path: bool) -> bool {
    text.split_once(' ').is_some_and(|(method, path)| {
        !method.is_empty()
            && method.bytes().all(|byte| byte.is_ascii_uppercase())
            && !path.contains(' ')
            && (any_path || path.starts_with('/'))
    })
}

/// `app.py:31: `, or nothing when the language does not know it.
pub(crate) fn source(declared: &Declared) -> String {
    match declared.file.as_str() {
        "" => String::new(),
        file => format!("{file}:{}: ", declared.line),
    }
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.message)
    }
}

/// The same text, so that `main` may return it and `unwrap` shows what to write.
impl std::fmt::Debug for DefinitionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the app has mistakes\n{self}")
    }
}

impl std::fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, mistake) in self.mistakes.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for DefinitionError {}

/// The candidate that `wrong` was probably meant to be, as `; did you mean "id"?`, or nothing.
///
/// ```
/// use spikard::did_you_mean;
///
/// assert_eq!(did_you_mean("idd", ["id", "sku"]), "; did you mean \"id\"?");
/// assert_eq!(did_you_mean("colour", ["id", "sku"]), "");
/// ```
pub fn did_you_mean<'c>(wrong: &str, candidates: impl IntoIterator<Item = &'c str>) -> String {
    let allowed = (wrong.chars().count() / 3).max(1);
    let best = candidates
        .into_iter()
        .map(|candidate| (distance(wrong, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance);
    match best {
        Some((_, candidate)) => format!("; did you mean \"{candidate}\"?"),
        None => String::new(),
    }
}

/// Levenshtein distance, case ignored.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, from) in left.to_lowercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, to) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::{Mistake, did_you_mean};

    #[test]
    fn a_mistake_is_read_back_from_its_text() {
        for (place, message) in [
            (
                "app.py:31: GET /items/{id}",
                "\"idd\" is wrong: write \"id\"",
            ),
            ("GET /items/{id:int}", "no type"),
            ("", "body_limit: 0 is too small; write 1KiB"),
            (
                "app.py:31: GET items",
                "a path starts with `/`; write \"/items\"",
            ),
            ("", "app.py:31: this is no operation: no"),
            ("", "app.py:31: GET is not a path: no"),
        ] {
            let mistake = Mistake {
                place: place.to_owned(),
                message: message.to_owned(),
            };
            assert_eq!(Mistake::from(&*mistake.to_string()), mistake);
        }
    }

    #[test]
    fn a_near_miss_is_named_and_a_far_one_is_not() {
        assert_eq!(
            did_you_mean("idd", ["name", "id"]),
            "; did you mean \"id\"?"
        );
        assert_eq!(did_you_mean("colour", ["id", "name"]), "");
    }
}

//! Path templates: `/items/{id}`, `/files/{*path}`, `/items/{id:int}`. Text in, segments out; nothing is matched here.

use serde_json::Value;
use spikard_contract::parameter;

/// One segment of a template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Segment {
    /// Matches itself after percent-decoding.
    Static(String),
    /// Matches one segment of at least one character.
    Parameter(String),
    /// Matches the rest of the path, at least one character.
    Rest(String),
}

/// A template and the schemas that its shorthands stand for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template {
    pub(crate) segments: Vec<Segment>,
    /// Name and schema of each capture, in order; `None` without a shorthand.
    pub(crate) captures: Vec<(String, Option<Value>)>,
}

impl Template {
    /// Reads `path`; what is wrong is said with what to write instead.
    pub(crate) fn read(path: &str) -> Result<Self, String> {
        let Some(rest) = path.strip_prefix('/') else {
            return Err(format!("a path starts with `/`; write \"/{path}\""));
        };
        let pieces: Vec<&str> = rest.split('/').collect();
        let mut template = Self {
            segments: Vec::new(),
            captures: Vec::new(),
        };
        for (index, piece) in pieces.iter().enumerate() {
            template.segment(piece, index + 1 == pieces.len())?;
        }
        Ok(template)
    }

    fn segment(&mut self, piece: &str, last: bool) -> Result<(), String> {
        let Some(inner) = piece
            .strip_prefix('{')
            .and_then(|piece| piece.strip_suffix('}'))
        else {
            return self.literal(piece);
        };
        let (inner, kind) = match inner.split_once(':') {
            Some((name, kind)) => (name, Some(kind)),
            None => (inner, None),
        };
        let (name, rest) = match inner.strip_prefix('*') {
            Some(name) => (name, true),
            None => (inner, kind == Some("path")),
        };
        let schema = kind.map(|kind| shorthand(name, kind)).transpose()?;
        if name.is_empty()
            || !name
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
        {
            return Err(format!(
                "\"{piece}\" has no usable name; write \"{{id}}\", \"{{id:int}}\" or \"{{*rest}}\""
            ));
        }
        if self.captures.iter().any(|(other, _)| other == name) {
            return Err(format!(
                "the path has two parameters named \"{name}\"; rename one"
            ));
        }
        if rest && !last {
            return Err(format!(
                "\"{piece}\" takes the rest of the path, so nothing may follow it"
            ));
        }
        self.captures.push((name.to_owned(), schema));
        let name = name.to_owned();
        self.segments.push(if rest {
            Segment::Rest(name)
        } else {
            Segment::Parameter(name)
        });
        Ok(())
    }

    fn literal(&mut self, piece: &str) -> Result<(), String> {
        if let Some(name) = piece.strip_prefix(':') {
            return Err(format!(
                "path segments must not start with `:`; for a capture write \"{{{name}}}\""
            ));
        }
        if let Some(wrong) = piece
            .chars()
            .find(|c| matches!(c, '{' | '}' | '<' | '>' | '?' | '#' | '%'))
        {
            return Err(match wrong {
                '{' | '}' => format!(
                    "\"{piece}\": a capture is a whole segment; write \"{{name}}\" between two `/`"
                ),
                '<' | '>' => {
                    format!("\"{piece}\": for a capture write \"{{id}}\" or \"{{id:int}}\"")
                }
                '%' => format!("\"{piece}\": write the characters themselves, not percent-encoded"),
                _ => format!(
                    "\"{piece}\": `{wrong}` ends a path; query parameters are declared, not written in the path"
                ),
            });
        }
        self.segments.push(Segment::Static(piece.to_owned()));
        Ok(())
    }

    /// As OpenAPI writes it: `/items/{id}`.
    pub(crate) fn document_path(&self) -> String {
        let mut path = String::new();
        for segment in &self.segments {
            path.push('/');
            match segment {
                Segment::Static(text) => path.push_str(text),
                Segment::Parameter(name) | Segment::Rest(name) => {
                    path.push('{');
                    path.push_str(name);
                    path.push('}');
                }
            }
        }
        path
    }
}

/// How people and their tools see a path of a route: as the documents write it.
pub(crate) fn shown(path: &str) -> String {
    Template::read(path).map_or_else(|_| path.to_owned(), |template| template.document_path())
}

fn shorthand(name: &str, kind: &str) -> Result<Value, String> {
    parameter::shorthand(kind).ok_or_else(|| {
        let near = match crate::did_you_mean(kind, parameter::SHORTHANDS.iter().copied()) {
            near if near.is_empty() => {
                format!("; write one of {}", parameter::SHORTHANDS.join(", "))
            }
            near => near,
        };
        format!("\"{{{name}:{kind}}}\" has an unknown shorthand \"{kind}\"{near}")
    })
}

#[cfg(test)]
mod tests {
    use super::{Segment, Template};

    #[test]
    fn segments_and_captures() {
        let template = Template::read("/items/{id:int}/files/{*path}").unwrap();
        assert_eq!(template.segments[1], Segment::Parameter("id".into()));
        assert_eq!(template.segments[3], Segment::Rest("path".into()));
        assert_eq!(template.document_path(), "/items/{id}/files/{path}");
        assert_eq!(
            Template::read("/").unwrap().segments,
            [Segment::Static(String::new())]
        );
    }

    #[test]
    fn mistakes_teach() {
        for (path, says) in [
            ("items", "starts with `/`"),
            ("/:id", "write \"{id}\""),
            ("/{id:imt}", "did you mean \"int\"?"),
            ("/{id:decimal}", "write one of int"),
            ("/{*rest}/x", "nothing may follow"),
            ("/{a}/{a}", "two parameters named \"a\""),
            ("/{id}.json", "a whole segment"),
            ("/<int:id>", "write \"{id}\" or \"{id:int}\""),
            ("/{}", "no usable name"),
        ] {
            let said = Template::read(path).unwrap_err();
            assert!(said.contains(says), "{path}: {said}");
        }
    }
}

//! Resolution of URI references (RFC 3986 section 5.2), for `$id` and `$ref`. Checks no syntax.

/// `reference` seen from `base`; the fragment of `reference` stays.
pub(crate) fn resolve(base: &str, reference: &str) -> String {
    let base = base.split('#').next().unwrap_or(base);
    if reference.is_empty() || reference.starts_with('#') {
        return format!("{base}{reference}");
    }
    if scheme_length(reference).is_some() {
        return reference.to_owned();
    }
    let scheme = scheme_length(base).unwrap_or(0);
    if reference.starts_with("//") {
        return format!("{}{reference}", &base[..scheme]);
    }
    let authority = match base[scheme..].strip_prefix("//") {
        Some(rest) => scheme + 2 + rest.find(['/', '?']).unwrap_or(rest.len()),
        None => scheme,
    };
    let (path, tail) = reference.split_at(reference.find(['?', '#']).unwrap_or(reference.len()));
    let base_path = base[authority..].split('?').next().unwrap_or("");
    let joined = if path.is_empty() {
        base_path.to_owned()
    } else if path.starts_with('/') {
        without_dots(path)
    } else {
        let folder = base_path
            .rfind('/')
            .map_or("/", |slash| &base_path[..=slash]);
        without_dots(&format!("{folder}{path}"))
    };
    format!("{}{joined}{tail}", &base[..authority])
}

/// Length of the scheme with its colon.
fn scheme_length(uri: &str) -> Option<usize> {
    let colon = uri.find(':')?;
    let fits = uri.starts_with(|first: char| first.is_ascii_alphabetic())
        && uri[..colon]
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    fits.then_some(colon + 1)
}

fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = path.split('/').collect();
    for (index, segment) in segments.iter().enumerate() {
        let last = index + 1 == segments.len();
        match *segment {
            "." | ".." => {
                if *segment == ".." && kept.len() > 1 {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    kept.join("/")
}

#[cfg(test)]
mod tests {
    #[test]
    fn resolves_like_rfc_3986() {
        for (base, reference, expected) in [
            ("http://a/b/c", "d", "http://a/b/d"),
            ("http://a/b/c", "../d#x", "http://a/d#x"),
            ("http://a/b/c", "/d/./e", "http://a/d/e"),
            ("http://a", "d", "http://a/d"),
            ("http://a/b/c", "#f", "http://a/b/c#f"),
            ("http://a/b/c#g", "#f", "http://a/b/c#f"),
            ("http://a/b/", "x:y", "x:y"),
            ("http://a/b/c", "//h/i", "http://h/i"),
            ("urn:uuid:1", "#/a", "urn:uuid:1#/a"),
            ("http://a/b/c/", "../../../g", "http://a/g"),
        ] {
            assert_eq!(
                super::resolve(base, reference),
                expected,
                "{base} {reference}"
            );
        }
    }
}

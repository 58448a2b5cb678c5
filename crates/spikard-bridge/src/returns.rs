//! How a handler's plain return value becomes a response: by the status and media type that its route declares. Hosts say
//! which kind of value came; responses that a handler makes itself do not pass here.

use spikard::response::ChunkSource;
use spikard::spec::RouteSpec;
use spikard::{Body, Response};
use std::borrow::Cow;

/// The rule of one route.
///
/// ```
/// use spikard_bridge::Returns;
///
/// let app = spikard_bridge::parse(r#"{
///     "title": "Inventory", "version": "1",
///     "routes": [{"method": "POST", "path": "/", "handler": 0, "status": 201, "declared": {"name": "add"}}]
/// }"#)?;
/// let returns = Returns::of(&app.routes[0]);
/// let response = returns.json(b"{}".to_vec());
/// assert_eq!((response.status, response.content_type.as_deref()), (201, Some("application/json")));
/// # Ok::<(), spikard::DefinitionError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returns {
    status: u16,
    empty_status: u16,
    /// The first media type declared for the status.
    declared: Option<Cow<'static, str>>,
    /// What JSON is sent as.
    json: Cow<'static, str>,
    declares_json: bool,
}

impl Returns {
    /// The rule of `route`: what it declares for its status (`"201"`, else `"2XX"`).
    pub fn of(route: &RouteSpec) -> Self {
        let status = route.status.unwrap_or(200);
        let exact = route.responses.get(&status.to_string());
        let response = exact.or_else(|| route.responses.get(&format!("{}XX", status / 100)));
        let declared = response.and_then(|response| response.content.keys().next());
        let json = declared.filter(|name| is_json(name));
        Self {
            status,
            empty_status: route.status.unwrap_or(204),
            declared: declared.map(|name| media_type(name)),
            json: json.map_or(Cow::Borrowed("application/json"), |name| media_type(name)),
            declares_json: json.is_some(),
        }
    }

    /// Nothing (None, null, nil): JSON `null` where JSON is declared, else no body, with 204 unless the route sets a
    /// status.
    pub fn nothing(&self) -> Response {
        match self.declares_json {
            true => self.json(b"null".to_vec()),
            false => Response::empty(self.empty_status),
        }
    }

    /// Text: the declared media type, where JSON means a JSON string; else `text/plain; charset=utf-8`.
    pub fn text(&self, text: String) -> Response {
        match self.declares_json {
            true => self.json(serde_json::Value::String(text).to_string().into_bytes()),
            false => self.content("text/plain; charset=utf-8", text.into_bytes()),
        }
    }

    /// Bytes as they are: the declared media type, else `application/octet-stream`.
    pub fn bytes(&self, bytes: Vec<u8>) -> Response {
        self.content("application/octet-stream", bytes)
    }

    /// Chunks as they are made: the declared media type, else `application/octet-stream`. Nobody checks them.
    pub fn stream(&self, source: Box<dyn ChunkSource>) -> Response {
        Response {
            body: Body::Stream(source),
            ..self.bytes(Vec::new())
        }
    }

    /// Any other value, encoded as JSON by the host: the declared media type when it is a JSON one, else
    /// `application/json`.
    pub fn json(&self, text: Vec<u8>) -> Response {
        Response {
            content_type: Some(self.json.clone()),
            ..Response::json(self.status, text)
        }
    }

    fn content(&self, otherwise: &'static str, bytes: Vec<u8>) -> Response {
        let content_type = self.declared.clone().unwrap_or(Cow::Borrowed(otherwise));
        Response {
            content_type: Some(content_type),
            body: Body::Full(bytes),
            ..Response::empty(self.status)
        }
    }
}

/// Of a route that declares nothing.
impl Default for Returns {
    fn default() -> Self {
        Self {
            status: 200,
            empty_status: 204,
            declared: None,
            json: Cow::Borrowed("application/json"),
            declares_json: false,
        }
    }
}

/// Borrowed for what nearly every route declares, so that its answers need no copy of the name.
fn media_type(name: &str) -> Cow<'static, str> {
    match name {
        "application/json" => Cow::Borrowed("application/json"),
        name => Cow::Owned(name.to_owned()),
    }
}

/// `application/json` and `+json` types (RFC 6839 section 3.1), parameters left aside.
pub(crate) fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
        || essence.to_ascii_lowercase().ends_with("+json")
}

#[cfg(test)]
mod tests {
    use super::Returns;
    use serde_json::json;
    use spikard::{Body, Response};

    fn returns(status: Option<u16>, declared: Option<(&str, &str)>) -> Returns {
        let mut route = json!({"method": "GET", "path": "/", "handler": 0, "status": status, "declared": {"name": "f"}});
        if let Some((status, media_type)) = declared {
            route["responses"] = json!({status: {"content": {media_type: true}}});
        }
        Returns::of(&serde_json::from_value(route).unwrap())
    }

    fn shape(response: Response) -> (u16, Option<String>, String) {
        let body = match response.body {
            Body::Full(bytes) => String::from_utf8(bytes).unwrap(),
            _ => String::new(),
        };
        (response.status, response.content_type.map(Into::into), body)
    }

    #[test]
    fn each_kind_of_value_follows_status_and_media_type() {
        let plain = "text/plain; charset=utf-8";
        for (returns, nothing, text, bytes, value) in [
            (
                returns(None, None),
                (204, None, ""),
                (200, plain, "a"),
                (200, "application/octet-stream"),
                (200, "application/json"),
            ),
            (
                returns(Some(202), None),
                (202, None, ""),
                (202, plain, "a"),
                (202, "application/octet-stream"),
                (202, "application/json"),
            ),
            (
                returns(None, Some(("200", "application/json"))),
                (200, Some("application/json"), "null"),
                (200, "application/json", "\"a\""),
                (200, "application/json"),
                (200, "application/json"),
            ),
            (
                returns(Some(201), Some(("2XX", "application/hal+json"))),
                (201, Some("application/hal+json"), "null"),
                (201, "application/hal+json", "\"a\""),
                (201, "application/hal+json"),
                (201, "application/hal+json"),
            ),
            (
                returns(None, Some(("200", "text/csv"))),
                (204, None, ""),
                (200, "text/csv", "a"),
                (200, "text/csv"),
                (200, "application/json"),
            ),
            (
                returns(None, Some(("404", "text/csv"))),
                (204, None, ""),
                (200, plain, "a"),
                (200, "application/octet-stream"),
                (200, "application/json"),
            ),
        ] {
            let owned = |(status, kind, body): (u16, Option<&str>, &str)| {
                (status, kind.map(str::to_owned), body.to_owned())
            };
            assert_eq!(shape(returns.nothing()), owned(nothing), "{returns:?}");
            assert_eq!(
                shape(returns.text("a".to_owned())),
                owned((text.0, Some(text.1), text.2)),
                "{returns:?}"
            );
            assert_eq!(
                shape(returns.bytes(b"a".to_vec())),
                owned((bytes.0, Some(bytes.1), "a")),
                "{returns:?}"
            );
            assert_eq!(
                shape(returns.json(b"1".to_vec())),
                owned((value.0, Some(value.1), "1")),
                "{returns:?}"
            );
        }
    }
}

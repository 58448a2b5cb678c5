//! The head of a reply in HTTP/2: the fields of [`encode`] without those of a connection (RFC 9113 section 8.2.2).

use crate::request_id::RequestId;
use crate::server::{date, encode};
use crate::trailers::Trailer;
use crate::{Body, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};

/// Splits a reply into what goes first and what follows.
pub(crate) fn split(response: Response, request_id: &RequestId) -> (http::Response<()>, Body) {
    let status = response.status;
    let body = match encode::is_bare(status) {
        true => Body::Empty,
        false => response.body,
    };
    let mut fields = HeaderMap::with_capacity(response.headers.len() + 4);
    if let Some(media_type) = response.content_type.as_deref().filter(|_| status != 204) {
        append(&mut fields, CONTENT_TYPE, media_type.as_bytes());
    }
    if let Some(length) = encode::length(status, &body) {
        fields.append(CONTENT_LENGTH, HeaderValue::from(length));
    }
    for (name, value) in &response.headers {
        if !encode::is_servers(name) && !name.eq_ignore_ascii_case("proxy-connection") {
            let name = HeaderName::from_bytes(name.as_bytes());
            if let Ok(name) = name {
                append(&mut fields, name, value.as_bytes());
            }
        }
    }
    append(&mut fields, DATE, &date::value());
    const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
    append(&mut fields, REQUEST_ID, request_id.as_bytes());
    let mut reply = http::Response::new(());
    // The pipeline lets 200 to 599 pass.
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    *reply.headers_mut() = fields;
    (reply, body)
}

/// Fields behind a body.
pub(crate) fn trailers(trailers: &[Trailer]) -> HeaderMap {
    let mut fields = HeaderMap::with_capacity(trailers.len());
    for (name, value) in trailers {
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            append(&mut fields, name, value.as_bytes());
        }
    }
    fields
}

/// The pipeline has refused names and values that could not be sent.
fn append(fields: &mut HeaderMap, name: HeaderName, value: &[u8]) {
    if let Ok(value) = HeaderValue::from_bytes(value) {
        fields.append(name, value);
    }
}

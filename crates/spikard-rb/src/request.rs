//! The head of a request as one text, for handlers that ask for it. Parses nothing; `request.rb` does.

use spikard_bridge::Call;

/// Peer, method, target, request id, then name and value of every field, each on a line of its own: none of them can
/// hold a line feed (RFC 9110 section 5.5).
pub(crate) fn head(call: &Call<'_>) -> Vec<u8> {
    let request = call.request();
    let peer = request
        .peer
        .map(|peer| peer.to_string())
        .unwrap_or_default();
    let (method, target) = (request.head.method, request.head.target);
    let mut text = [&peer, method, target, request.request_id]
        .join("\n")
        .into_bytes();
    for (name, value) in request.head.headers.iter() {
        text.push(b'\n');
        text.extend(name.bytes().map(|byte| byte.to_ascii_lowercase()));
        text.push(b'\n');
        text.extend_from_slice(value);
    }
    text
}

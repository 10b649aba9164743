//! Addresses of endpoints, and paths below them.

use crate::fault::{Fault, Outcome};
use crate::text::say;

/// An endpoint in its plain form, without a slash at the end.
pub(super) fn check_url(text: &str) -> Outcome<String> {
    let url = text.trim().trim_end_matches('/');
    if url.starts_with("https://") {
        let message = say!("本程序不含 TLS，无法使用 {url}。", "This build has no TLS and cannot use {url}.");
        return Err(Fault::usage("NO_TLS", message).hint(say!(
            "请经本机代理（如 stunnel、nginx）转发，并使用 http:// 地址。",
            "Forward it through a local proxy (stunnel, nginx) and use its http:// address."
        )));
    }
    let rest = url.strip_prefix("http://").unwrap_or_default();
    let is_plain = !rest.is_empty()
        && rest.bytes().all(|b| b.is_ascii_graphic())
        && !rest.contains(['?', '#', '@'])
        && has_port(rest);
    if is_plain {
        return Ok(url.to_owned());
    }
    let message = say!("接口地址 {text} 无效。", "{text} is not an endpoint.");
    Err(Fault::usage("BAD_URL", message)
        .hint(say!("形如 http://127.0.0.1:8080。", "It looks like http://127.0.0.1:8080.")))
}

/// Whether what may follow a host as its port is one.
fn has_port(rest: &str) -> bool {
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of an address in brackets are its own.
        Some((_, inner)) if inner.ends_with(']') => (authority, None),
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    !host.is_empty() && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// A path segment or query value, percent-encoded (RFC 3986 §2.3).
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// A path with its query parameters.
pub(crate) fn with_query(path: &str, parameters: &[(&str, String)]) -> String {
    let mut out = path.to_owned();
    for (index, (name, value)) in parameters.iter().enumerate() {
        out.push(if index == 0 { '?' } else { '&' });
        out.push_str(&format!("{name}={}", escape(value)));
    }
    out
}

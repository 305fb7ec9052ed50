//! What is to be sent. Built by the caller; nothing here talks to the network.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use form_urlencoded::Serializer;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE};
use ureq::http::{HeaderName, HeaderValue, Method};
use zeroize::Zeroizing;

use crate::base::Base;

/// What stays as it is in one segment of a path (RFC 3986, unreserved).
const BEYOND_UNRESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Encodes a text as one segment of a path. The texts `.` and `..`, which no encoding disarms,
/// are refused later, by the call.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, BEYOND_UNRESERVED).to_string()
}

/// One request. Every value in it counts as a secret: `Debug` shows method and origin only, and
/// the body is wiped on drop.
pub struct Request<'a> {
    pub(crate) method: Method,
    pub(crate) base: &'a Base,
    path: &'a str,
    query: Zeroizing<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Option<Zeroizing<Vec<u8>>>,
    pub(crate) within: Option<Duration>,
    /// The first thing that cannot be sent. Kept until the call, so that building stays one chain.
    wrong: Option<&'static str>,
}

impl<'a> Request<'a> {
    /// A GET below a base; `path` starts with a slash and is already encoded (see [`segment`]).
    pub fn get(base: &'a Base, path: &'a str) -> Self {
        Self::new(Method::GET, base, path)
    }

    /// A POST below a base, with an empty body unless one is given.
    pub fn post(base: &'a Base, path: &'a str) -> Self {
        Self { body: Some(Zeroizing::default()), ..Self::new(Method::POST, base, path) }
    }

    fn new(method: Method, base: &'a Base, path: &'a str) -> Self {
        let query = Zeroizing::default();
        let headers = Vec::new();
        Self { method, base, path, query, headers, body: None, within: None, wrong: None }
    }

    /// Gives this call less time than the client's limits do.
    #[must_use]
    pub fn within(mut self, total: Duration) -> Self {
        self.within = Some(total);
        self
    }

    /// Adds one pair to the query.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        let pair = encoded(&[(name, value)]);
        let mut query = Zeroizing::new(String::with_capacity(self.query.len() + pair.len() + 1));
        query.push_str(&self.query);
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(&pair);
        self.query = query;
        self
    }

    /// Sends these pairs as `application/x-www-form-urlencoded`, in this order, UTF-8, `+`
    /// encoded. On a GET it is an error.
    #[must_use]
    pub fn form<N: AsRef<str>, V: AsRef<str>>(self, pairs: &[(N, V)]) -> Self {
        let body = encoded(pairs);
        self.body("application/x-www-form-urlencoded", body.as_bytes())
    }

    /// Sends a JSON document. On a GET it is an error.
    #[must_use]
    pub fn json(self, document: &serde_json::Value) -> Self {
        let text = Zeroizing::new(document.to_string());
        self.body("application/json", text.as_bytes())
    }

    /// Sends these bytes as they are. On a GET it is an error.
    #[must_use]
    pub fn body(mut self, content_type: &'static str, bytes: &[u8]) -> Self {
        if self.method == Method::GET {
            self.wrong = self.wrong.or(Some("a GET has no body"));
        }
        self.body = Some(Zeroizing::new(bytes.to_vec()));
        self.headers.push((CONTENT_TYPE, HeaderValue::from_static(content_type)));
        self
    }

    /// Adds a header. The value is treated as a secret.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match HeaderName::try_from(name) {
            Ok(name) => self.secret(name, value),
            Err(_) => self.wrong = self.wrong.or(Some("a header's name has wrong characters")),
        }
        self
    }

    /// Authorises with a user and a password (RFC 7617). The user must not contain a colon.
    #[must_use]
    pub fn basic(mut self, user: &str, password: &str) -> Self {
        if user.contains(':') {
            self.wrong = self.wrong.or(Some("the user of basic authorisation contains a colon"));
        }
        let pair = Zeroizing::new(format!("{user}:{password}"));
        let value = Zeroizing::new(format!("Basic {}", &*Zeroizing::new(STANDARD.encode(&*pair))));
        self.secret(AUTHORIZATION, &value);
        self
    }

    /// Authorises with a bearer token (RFC 6750).
    #[must_use]
    pub fn bearer(mut self, token: &str) -> Self {
        let value = Zeroizing::new(format!("Bearer {token}"));
        self.secret(AUTHORIZATION, &value);
        self
    }

    fn secret(&mut self, name: HeaderName, value: &str) {
        // RFC 9110 would let other bytes pass, but what servers make of them differs.
        let plain = value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        match HeaderValue::try_from(value) {
            Ok(mut value) if plain => {
                value.set_sensitive(true);
                self.headers.push((name, value));
            }
            _ => {
                let wrong = "a header's value has characters that a header cannot carry";
                self.wrong = self.wrong.or(Some(wrong));
            }
        }
    }

    /// Hands the parts over to the library, the body apart.
    pub(crate) fn parts(self) -> Result<Parts, &'static str> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let mut address = Zeroizing::new(self.base.address(self.path)?);
        if !self.query.is_empty() {
            address = Zeroizing::new(format!("{}?{}", &*address, &*self.query));
        }
        let mut head = ureq::http::Request::new(());
        *head.method_mut() = self.method;
        *head.uri_mut() = address.parse().map_err(|_| "the address is too long or unusable")?;
        for (name, value) in self.headers {
            if head.headers_mut().insert(name, value).is_some() {
                return Err("a header is given twice");
            }
        }
        Ok((head, self.body))
    }
}

type Parts = (ureq::http::Request<()>, Option<Zeroizing<Vec<u8>>>);

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {})", self.method, self.base)
    }
}

fn encoded<N: AsRef<str>, V: AsRef<str>>(pairs: &[(N, V)]) -> Zeroizing<String> {
    // Sized for the worst case first: a buffer that grows leaves copies behind.
    let worst = |(name, value): &(N, V)| 3 * (name.as_ref().len() + value.as_ref().len()) + 2;
    let mut form = Serializer::new(String::with_capacity(pairs.iter().map(worst).sum()));
    for (name, value) in pairs {
        form.append_pair(name.as_ref(), value.as_ref());
    }
    Zeroizing::new(form.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_encoded_as_services_expect() {
        for (pairs, text) in [
            (vec![("To", "+14155550199")], "To=%2B14155550199"),
            (vec![("a", "x y"), ("b", "ü&=\r\n%")], "a=x+y&b=%C3%BC%26%3D%0D%0A%25"),
            (vec![("a", ""), ("a", "…")], "a=&a=%E2%80%A6"),
            (vec![], ""),
        ] {
            assert_eq!(*encoded(&pairs), text);
        }
        assert_eq!(segment("a/b ?#%ü~-._9"), "a%2Fb%20%3F%23%25%C3%BC~-._9");
    }

    #[test]
    fn what_cannot_be_sent_is_told_without_its_value() {
        let base = Base::parse("https://api.example.com/v1").unwrap();
        let at = |path: &'static str| Request::post(&base, path);
        for request in [
            at("/x").bearer("canary\r\nX: y"),
            at("/x").bearer("canary\u{e9}"),
            at("/x").basic("canary:x", "y"),
            at("/x").header("canary\n", "y"),
            at("/x").header("x", "canary\0"),
            at("/x").bearer("canary").basic("canary", "canary"),
            Request::get(&base, "/x").form(&[("a", "canary")]),
            at("/../canary"),
            at("/canary?"),
        ] {
            assert!(!format!("{request:?}").contains("canary"));
            let why = request.parts().err().unwrap_or_default();
            assert!(!why.is_empty() && !why.contains("canary"), "{why}");
        }
    }

    #[test]
    fn values_of_headers_are_marked_as_secrets() {
        let base = Base::parse("https://api.example.com").unwrap();
        let (head, _) = Request::get(&base, "/x").bearer("canary").parts().unwrap();
        assert!(!format!("{head:?}").contains("canary"));
    }
}

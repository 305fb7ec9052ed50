//! Where requests may go: https anywhere, http only on this machine.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use ureq::http::Uri;

/// The fixed front part of a service's addresses, such as `https://api.example.com/v1`.
///
/// `Display` and `Debug` show scheme, host and port only: a path may be a secret (a webhook's, a
/// topic's).
#[derive(Clone, Eq, PartialEq)]
pub struct Base {
    /// `https://host` or `http://host:port`, lower case, without a slash at the end.
    origin: String,
    /// Empty, or a path that starts with a slash and does not end with one.
    prefix: String,
    is_loopback: bool,
}

impl Base {
    /// Reads an address: https, or http on loopback (127.0.0.0/8, `::1`, `localhost`); no
    /// user information, no query, no fragment.
    ///
    /// # Errors
    /// Says which rule is broken, and never repeats any part of the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refused = |why: &str| Err(format!("not a usable address: {why}"));
        if text.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'\\') {
            return refused("it has spaces, backslashes or characters beyond ASCII");
        }
        if text.contains(['?', '#']) {
            return refused("a query or fragment does not belong here");
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return refused("it must start with https:// (or http:// on loopback)");
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return refused("user information does not belong here; secrets have their own place");
        }
        let scheme = scheme.to_ascii_lowercase();
        let authority = authority.to_ascii_lowercase();
        let origin = format!("{scheme}://{authority}");
        let Ok(uri) = format!("{origin}/").parse::<Uri>() else {
            return refused("host or port cannot be read");
        };
        let host = uri.host().unwrap_or_default();
        let port = authority.strip_prefix(host).unwrap_or("?");
        let port_is_readable = match port.strip_prefix(':') {
            Some(digits) => {
                let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
                plain && digits.parse::<u16>().is_ok_and(|port| port != 0)
            }
            None => port.is_empty(),
        };
        if host.is_empty() || !port_is_readable {
            return refused("host or port cannot be read");
        }
        let is_loopback = is_loopback(host);
        match scheme.as_str() {
            "https" => {}
            "http" if is_loopback => {}
            "http" => return refused("http is for loopback only; elsewhere it must be https"),
            _ => return refused("it must start with https:// (or http:// on loopback)"),
        }
        let prefix = path.trim_end_matches('/').to_owned();
        if !prefix.is_empty() {
            path_is_plain(&prefix).map_err(|why| format!("not a usable address: {why}"))?;
        }
        Ok(Self { origin, prefix, is_loopback })
    }

    /// Scheme, host and port: what may be shown.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// The whole address of a path below this base.
    ///
    /// # Errors
    /// When the path is not plain ASCII that starts with a slash and stays below the base.
    pub(crate) fn address(&self, path: &str) -> Result<String, &'static str> {
        path_is_plain(path)?;
        Ok(format!("{}{}{path}", self.origin, self.prefix))
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Base({})", self.origin)
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    host == "localhost"
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || bare.is_some_and(|host| host.parse::<Ipv6Addr>().is_ok_and(|it| it.is_loopback()))
}

fn path_is_plain(path: &str) -> Result<(), &'static str> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"?#\\\"<>^`{|}".contains(&byte);
    if !path.starts_with('/') || !path.bytes().all(plain) {
        return Err("the path must start with a slash and have its other characters encoded");
    }
    if path.split('/').any(|part| part == "." || part == "..") {
        return Err("the path must not have . or .. in it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn https_anywhere_and_http_on_loopback_are_taken() {
        for (text, origin, below) in [
            ("https://api.example.com", "https://api.example.com", "https://api.example.com/x"),
            ("HTTPS://API.example.com/", "https://api.example.com", "https://api.example.com/x"),
            (
                "https://192.0.2.1:8443/a/B/",
                "https://192.0.2.1:8443",
                "https://192.0.2.1:8443/a/B/x",
            ),
            ("https://[2001:db8::1]/v1", "https://[2001:db8::1]", "https://[2001:db8::1]/v1/x"),
            ("http://127.0.0.1:9", "http://127.0.0.1:9", "http://127.0.0.1:9/x"),
            ("http://127.9.9.9", "http://127.9.9.9", "http://127.9.9.9/x"),
            ("http://[::1]:80/a", "http://[::1]:80", "http://[::1]:80/a/x"),
            (
                "http://localhost:11434/api",
                "http://localhost:11434",
                "http://localhost:11434/api/x",
            ),
        ] {
            let base = Base::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(base.origin(), origin, "{text}");
            assert_eq!(base.address("/x").unwrap(), below, "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "api.example.com",
            "//api.example.com",
            "ftp://api.example.com",
            "http://api.example.com",
            "http://192.0.2.1",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "http://[::2]",
            "http://[::ffff:192.0.2.1]",
            "http://0x7f.1",
            "http://2130706433",
            "http://127.1",
            "https://",
            "https:///path",
            "https://:443",
            "https://api.example.com:0",
            "https://api.example.com:99999",
            "https://api.example.com:",
            "https://api.example.com:+1",
            "https://api.example.com?x=1",
            "https://api.example.com/#x",
            "https://user@api.example.com",
            "https://user:pass@api.example.com",
            "http://127.0.0.1@api.example.com",
            "https://api.example.com\\@evil.example",
            "https://api example.com",
            "https://bücher.example",
            "https://api.example.com/a/../b",
            "https://api.example.com/a|b",
            "https://[::1",
        ] {
            assert!(Base::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_path_stays_below_its_base() {
        let base = Base::parse("https://api.example.com/v1").unwrap();
        for path in ["", "x", "/a b", "/a?b", "/a#b", "/../x", "/a/./b", "/ü", "/a\r\nb", "/a\\b"]
        {
            assert!(base.address(path).is_err(), "{path:?}");
        }
        assert!(base.address("/a/..b/c%2F.json").is_ok());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_no_refusal_repeats_user_information(
            noise in "\\PC{0,40}", scheme in "(https?|ftp)", user in "[a-z]{0,4}",
        ) {
            drop(Base::parse(&noise));
            let text = format!("{scheme}://{user}:canary9f3@{noise}");
            match Base::parse(&text) {
                // A slash before the @ makes all of it a path.
                Ok(base) => {
                    let shown = format!("{base} {base:?}");
                    prop_assert!(!shown.contains("canary9f3"));
                },
                Err(why) => prop_assert!(!why.contains("canary9f3"), "{}", why),
            }
        }
    }
}

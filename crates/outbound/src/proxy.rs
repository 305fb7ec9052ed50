//! Proxies, from the environment, only for https and only when a caller asks.

use ops_host::host::Host;
use ureq::http::Uri;
use ureq::{Proxy as Inner, ProxyProtocol};

/// A proxy that is asked to CONNECT. It sees host names, never contents: TLS is made through it.
#[derive(Clone)]
pub struct Proxy(pub(crate) Inner);

impl Proxy {
    /// Reads `https_proxy` or `HTTPS_PROXY`, and `no_proxy` or `NO_PROXY` (comma separated hosts;
    /// each stands for its subdomains too; `*` for all). Only `http://` proxies are known.
    ///
    /// Loopback is never reached by a proxy, whatever the environment says.
    ///
    /// # Errors
    /// When the variable is set but cannot be used. Its value is not repeated.
    pub fn from_environment(host: &Host) -> Result<Option<Self>, String> {
        let named = |lower: &str, upper: &str| host.env(lower).or_else(|| host.env(upper));
        let Some(value) = named("https_proxy", "HTTPS_PROXY") else { return Ok(None) };
        let unusable = || "HTTPS_PROXY is not a usable http:// address".to_owned();
        let text = value.to_str().ok_or_else(unusable)?;
        let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let uri: Uri = text.parse().map_err(|_| unusable())?;
        let plain = Inner::new(&text).map_err(|_| unusable())?;
        if plain.protocol() != ProxyProtocol::Http || plain.host().is_empty() {
            return Err(unusable());
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(unusable());
        }
        let mut proxy = Inner::builder(ProxyProtocol::Http).host(plain.host()).port(plain.port());
        if let Some(user) = plain.username() {
            proxy = proxy.username(user);
        }
        if let Some(password) = plain.password() {
            proxy = proxy.password(password);
        }
        let exempt = named("no_proxy", "NO_PROXY").and_then(|it| it.to_str()).unwrap_or_default();
        for entry in exempt.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let bare = entry.trim_start_matches("*.").trim_start_matches('.');
            proxy = proxy.no_proxy(bare);
            if bare != "*" {
                proxy = proxy.no_proxy(&format!(".{bare}"));
            }
        }
        proxy.build().map(|inner| Some(Self(inner))).map_err(|_| unusable())
    }
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Proxy")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ops_host::time::Timestamp;

    fn host(pairs: &[(&str, &str)]) -> Host {
        Host::with(pairs.iter().copied(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn only_a_usable_http_proxy_is_taken() {
        for (value, good) in [
            ("http://192.0.2.1:3128", true),
            ("http://192.0.2.1:3128/", true),
            ("proxy.example.com:3128", true),
            ("http://user:canary@proxy.example.com", true),
            ("https://proxy.example.com", false),
            ("socks5://canary@proxy.example.com", false),
            ("http://proxy.example.com/canary", false),
            ("http://proxy.example.com?canary", false),
            ("http://", false),
            ("canary canary", false),
        ] {
            let proxy = Proxy::from_environment(&host(&[("HTTPS_PROXY", value)]));
            assert_eq!(proxy.is_ok(), good, "{value}");
            assert!(!format!("{proxy:?}").contains("canary"), "{value}");
        }
        assert!(Proxy::from_environment(&host(&[])).unwrap().is_none());
        assert!(Proxy::from_environment(&host(&[("HTTP_PROXY", "x")])).unwrap().is_none());
    }

    #[test]
    fn hosts_can_be_exempt() {
        let exempt = |list: &str, name: &str| {
            let host = host(&[("https_proxy", "http://192.0.2.1:1"), ("NO_PROXY", list)]);
            let proxy = Proxy::from_environment(&host).unwrap().unwrap();
            proxy.0.is_no_proxy(&format!("https://{name}/").parse().unwrap())
        };
        for (list, name, is_exempt) in [
            ("example.com", "example.com", true),
            ("example.com", "api.example.com", true),
            ("example.com", "badexample.com", false),
            (".example.com , x", "api.example.com", true),
            ("*.example.com", "api.example.com", true),
            ("*", "api.example.com", true),
            ("", "api.example.com", false),
        ] {
            assert_eq!(exempt(list, name), is_exempt, "{list} {name}");
        }
    }
}

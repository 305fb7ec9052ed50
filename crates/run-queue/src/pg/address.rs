//! Where a PostgreSQL server is, and how it is reached.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use postgres::config::{Host, SslMode};
use postgres::{Config, NoTls};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long connecting may take, and how long the other side may be silent about bytes it was sent.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server's address and how to prove who asks. `Debug` and `Display` show neither user nor
/// password.
#[derive(Clone)]
pub struct Address {
    config: Config,
    /// Present when the address asks for TLS.
    tls: Option<MakeRustlsConnect>,
}

impl Address {
    /// Reads `postgres://user@host:port/database`. `sslmode=require` asks for TLS with a checked
    /// certificate: by `authority` (PEM) where given, else by Mozilla's roots.
    ///
    /// Without TLS only this machine is reached, by a socket or on loopback, and the tailnet
    /// (100.64.0.0/10), which encrypts by itself.
    ///
    /// # Errors
    /// What is wrong with it, never repeating any of it.
    pub fn parse(
        url: &str,
        password: Option<&str>,
        authority: Option<&[u8]>,
    ) -> Result<Self, String> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err("it must start with postgres://".into());
        }
        let mut config = Config::from_str(url).map_err(|_| "it cannot be read as an address")?;
        if let Some(password) = password {
            config.password(password);
        }
        let asks_for_tls = config.get_ssl_mode() == SslMode::Require;
        if !asks_for_tls {
            if config.get_hosts().is_empty() {
                return Err("it names no host".into());
            }
            if !config.get_hosts().iter().all(is_private) {
                return Err("sslmode=require is needed for a server that is neither on this \
                            machine nor on the tailnet by address"
                    .into());
            }
            config.ssl_mode(SslMode::Disable);
        }
        let tls = asks_for_tls.then(|| tls(authority)).transpose()?;
        config
            .application_name("ai-ops-runner")
            .connect_timeout(PATIENCE)
            .tcp_user_timeout(PATIENCE)
            .keepalives_idle(PATIENCE)
            .keepalives_interval(Duration::from_secs(1))
            .keepalives_retries(3)
            // A client that is cut off in a transaction must not keep its rows from others, and a
            // statement that hangs must not outlast a lease.
            .options(
                "-c idle_in_transaction_session_timeout=5s -c statement_timeout=15s \
                 -c lock_timeout=10s -c tcp_user_timeout=5000",
            );
        Ok(Self { config, tls })
    }

    /// Whether the address itself carries a password.
    pub fn has_password(url: &str) -> bool {
        Config::from_str(url).is_ok_and(|config| config.get_password().is_some())
    }

    pub(super) fn connect(&self) -> Result<postgres::Client, postgres::Error> {
        match &self.tls {
            Some(tls) => self.config.connect(tls.clone()),
            None => self.config.connect(NoTls),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for host in self.config.get_hosts() {
            match host {
                Host::Tcp(name) => write!(f, "{name}")?,
                Host::Unix(path) => write!(f, "{}", path.display())?,
            }
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// Whether nobody between can listen.
fn is_private(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) if name == "localhost" => true,
        Host::Tcp(name) => match name.parse() {
            Ok(IpAddr::V4(at)) => {
                at.is_loopback() || (at.octets()[0] == 100 && at.octets()[1] & 0xc0 == 64)
            }
            Ok(IpAddr::V6(at)) => at.is_loopback(),
            Err(_) => false,
        },
    }
}

fn tls(authority: Option<&[u8]>) -> Result<MakeRustlsConnect, String> {
    let mut roots = RootCertStore::empty();
    match authority {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let added = certificate
                    .map_err(|err| err.to_string())
                    .and_then(|certificate| roots.add(certificate).map_err(|err| err.to_string()));
                added.map_err(|err| format!("the certificate authority cannot be used: {err}"))?;
            }
            if roots.is_empty() {
                return Err("the file of the certificate authority holds no certificate".into());
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(ring).with_safe_default_protocol_versions();
    let config = config.map_err(|err| format!("TLS cannot be set up: {err}"))?;
    Ok(MakeRustlsConnect::new(config.with_root_certificates(roots).with_no_client_auth()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_tls_only_this_machine_and_the_tailnet_are_reached() {
        for (url, taken) in [
            ("postgres://aiops@127.0.0.1:5432/runner", true),
            ("postgresql://aiops@localhost/runner", true),
            ("postgres://aiops@[::1]/runner", true),
            ("postgres://aiops@%2Frun%2Fpostgresql/runner", true),
            ("postgres://aiops@100.64.0.7/runner", true),
            ("postgres://aiops@100.127.255.1/runner", true),
            ("postgres://aiops@100.128.0.1/runner", false),
            ("postgres://aiops@192.0.2.1/runner", false),
            ("postgres://aiops@db.example/runner", false),
            ("postgres://aiops@127.0.0.1,192.0.2.1/runner", false),
            ("postgres://aiops@db.example/runner?sslmode=prefer", false),
            ("postgres://aiops@db.example/runner?sslmode=require", true),
            ("postgres:///runner", false),
            ("mysql://localhost/runner", false),
            ("", false),
            ("postgres://[", false),
        ] {
            assert_eq!(Address::parse(url, None, None).is_ok(), taken, "{url}");
        }
        assert!(
            Address::parse("postgres://db.example/x?sslmode=require", None, Some(b"x")).is_err()
        );
    }

    #[test]
    fn neither_user_nor_password_is_shown() {
        let canary = "canary9f3";
        let url = format!("postgres://user-{canary}:{canary}@127.0.0.1/runner");
        let address = Address::parse(&url, None, None).unwrap();
        let shown = format!("{address} {address:?}");
        assert!(shown.contains("127.0.0.1/runner") && !shown.contains(canary), "{shown}");
        assert!(Address::has_password(&url));
        let without = "postgres://user@127.0.0.1/runner";
        assert!(!Address::has_password(without));
        for wrong in [format!("{canary}://x"), format!("postgres://{canary}@h/x?{canary}=1")] {
            let told = Address::parse(&wrong, Some(canary), None).unwrap_err();
            assert!(!told.contains(canary), "{told}");
        }
    }
}

//! `configs/runner.yaml`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ops_core::config;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How queue, API and workers behave.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Settings {
    /// Where the API listens: an address of loopback, with a port.
    pub listen: SocketAddr,
    /// Where it listens as well: an address of the tailnet (100.64.0.0/10), with a port.
    pub tailnet_listen: Option<SocketAddr>,
    /// The PostgreSQL server that several hosts share; without one, the queue is a file. A password
    /// does not belong here: it is the secret `runner_database_password`.
    #[schemars(regex(pattern = r"^postgres(ql)?://"))]
    pub database_url: Option<String>,
    /// A PEM file with the authority of the server's certificate, where the URL says
    /// `sslmode=require`; without one, the well-known authorities count.
    pub database_authority: Option<PathBuf>,
    /// Jobs that one worker process runs at a time.
    #[schemars(range(min = 1, max = 64))]
    pub concurrency: u32,
    /// Seconds of silence after which a worker is taken for dead.
    #[schemars(range(min = 2, max = 3600))]
    pub lease_seconds: u32,
    /// Seconds between two signs of life.
    #[schemars(range(min = 1, max = 1200))]
    pub heartbeat_seconds: u32,
    /// How often a job may be claimed before it is given up.
    #[schemars(range(min = 1, max = 20))]
    pub max_attempts: i32,
    /// Seconds after which a job's program is killed, whatever its type allows.
    #[schemars(range(min = 1, max = 604_800))]
    pub longest_job_seconds: u32,
    /// Seconds that running jobs may go on after a worker was asked to end.
    #[schemars(range(min = 0, max = 3600))]
    pub drain_seconds: u32,
    /// How long ended jobs and what they left are kept.
    pub retention: Retention,
}

/// How long ended jobs and what they left are kept: until the first of these is reached.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Retention {
    /// Days since they ended.
    #[schemars(range(min = 1, max = 3650))]
    pub days: u32,
    /// Ended jobs in the queue.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub jobs: u32,
    /// All artifacts of jobs on one host together, MiB.
    #[schemars(range(min = 1, max = 104_857_600))]
    pub artifact_mib: u64,
}

impl Settings {
    /// How long a lease is.
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds.into())
    }

    /// How long a worker waits between signs of life.
    pub fn heartbeat(&self) -> Duration {
        Duration::from_secs(self.heartbeat_seconds.into())
    }
}

/// Whether the API may listen there as its own address: on loopback.
pub fn is_loopback(address: SocketAddr) -> bool {
    address.ip().is_loopback()
}

/// Whether an address is of the tailnet.
pub fn is_tailnet(address: SocketAddr) -> bool {
    match address {
        SocketAddr::V4(at) => at.ip().octets()[0] == 100 && at.ip().octets()[1] & 0xc0 == 64,
        SocketAddr::V6(_) => false,
    }
}

impl config::Settings for Settings {
    const FILE: &'static str = "runner.yaml";
    const SCHEMA: &'static str = include_str!("../../../configs/schemas/runner.schema.json");
    const SHIPPED: &'static str = include_str!("../../../configs/runner.yaml");

    fn check(&self) -> Vec<(String, String)> {
        let mut wrong = vec![];
        if !is_loopback(self.listen) {
            let why = format!("{} is not on loopback (127.0.0.0/8, ::1)", self.listen);
            wrong.push(("/listen".to_owned(), why));
        }
        if let Some(at) = self.tailnet_listen.filter(|at| !is_tailnet(*at) || at.port() == 0) {
            let why = format!("{at} is not on the tailnet (100.64.0.0/10), with a port");
            wrong.push(("/tailnetListen".to_owned(), why));
        }
        if self.heartbeat_seconds.saturating_mul(2) >= self.lease_seconds {
            let why = "at least two signs of life must fit into a lease: less than half of \
                       leaseSeconds";
            wrong.push(("/heartbeatSeconds".to_owned(), why.to_owned()));
        }
        if let Some(url) = &self.database_url
            && run_queue::Address::has_password(url)
        {
            let why = "a password does not belong here: key set runner_database_password";
            wrong.push(("/databaseUrl".to_owned(), why.to_owned()));
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ops_core::config::{Settings as _, Source, load};
    use ops_core::host::Host;

    fn shipped() -> Settings {
        load(&Host::real(), &Source::Shipped).unwrap()
    }

    #[test]
    fn a_dead_worker_is_found_within_half_a_minute() {
        let settings = shipped();
        // A lease, and what a waiting worker's own look takes.
        assert!(settings.lease() + crate::work::BETWEEN_LOOKS <= Duration::from_secs(30));
    }

    #[test]
    fn only_loopback_and_the_tailnet_can_be_listened_on() {
        for (listen, tailnet, wrong) in [
            ("127.0.0.1:8000", None, vec![]),
            ("127.255.0.1:0", None, vec![]),
            ("[::1]:8000", None, vec![]),
            ("127.0.0.1:8000", Some("100.64.0.1:8000"), vec![]),
            ("127.0.0.1:8000", Some("100.127.255.254:1"), vec![]),
            ("0.0.0.0:8000", None, vec!["/listen"]),
            ("[::]:8000", None, vec!["/listen"]),
            ("100.64.0.1:8000", None, vec!["/listen"]),
            ("192.0.2.1:8000", None, vec!["/listen"]),
            ("[::ffff:127.0.0.1]:8000", None, vec!["/listen"]),
            ("127.0.0.1:8000", Some("100.128.0.1:8000"), vec!["/tailnetListen"]),
            ("127.0.0.1:8000", Some("100.63.255.255:8000"), vec!["/tailnetListen"]),
            ("127.0.0.1:8000", Some("0.0.0.0:8000"), vec!["/tailnetListen"]),
            ("127.0.0.1:8000", Some("[fd7a:115c:a1e0::1]:8000"), vec!["/tailnetListen"]),
            ("127.0.0.1:8000", Some("100.64.0.1:0"), vec!["/tailnetListen"]),
        ] {
            let settings = Settings {
                listen: listen.parse().unwrap(),
                tailnet_listen: tailnet.map(|it| it.parse().unwrap()),
                ..shipped()
            };
            let found: Vec<String> = settings.check().into_iter().map(|it| it.0).collect();
            assert_eq!(found, wrong, "{listen} {tailnet:?}");
        }
    }

    #[test]
    fn a_lease_holds_two_heartbeats_and_an_address_no_password() {
        let password = "canary";
        let url = format!("postgres://aiops:{password}@127.0.0.1/runner");
        let settings = Settings { heartbeat_seconds: 10, database_url: Some(url), ..shipped() };
        let wrong = settings.check();
        assert_eq!(
            wrong.iter().map(|it| it.0.as_str()).collect::<Vec<_>>(),
            ["/heartbeatSeconds", "/databaseUrl"]
        );
        assert!(!format!("{wrong:?}").contains(password));
    }
}

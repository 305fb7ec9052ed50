//! Made-up machines for the tests of this module.

use std::path::PathBuf;

use super::Policy;
use crate::facts::{
    Facts, Included, SCHEMA, Service, Socket, SshdConfig, Tailnet, TailscaleStatus, TextFile, Units,
};
use crate::places;

pub(super) const ADDRESS: &str = "100.64.1.2";

pub(super) fn policy() -> Policy {
    Policy::new("/opt/ai-ops-runner/bin/heal".into())
}

pub(super) fn file(path: &str, text: &str) -> TextFile {
    TextFile { path: path.into(), real: path.into(), text: text.into() }
}

/// Files of sshd, and what their Include lines stand for: `(file, line, pattern, paths)`.
pub(super) fn config(
    files: &[(&str, &str)],
    includes: &[(&str, usize, &str, &[&str])],
) -> SshdConfig {
    SshdConfig {
        main: places::SSHD_CONFIG.into(),
        files: files.iter().map(|(path, text)| file(path, text)).collect(),
        includes: includes
            .iter()
            .map(|(path, line, pattern, paths)| Included {
                file: path.into(),
                line: *line,
                pattern: (*pattern).into(),
                paths: paths.iter().map(PathBuf::from).collect(),
            })
            .collect(),
    }
}

pub(super) fn socket(name: &str, active: &str, state: &str) -> Socket {
    Socket {
        name: name.into(),
        load_state: if state == "masked" { "masked" } else { "loaded" }.into(),
        active_state: active.into(),
        unit_file_state: state.into(),
        triggers: vec!["ssh.service".into()],
        listens: vec!["[::]:22 (Stream)".into()],
    }
}

/// Debian 12 as installed, sshd on every address, tailscale up.
pub(super) fn public_sshd() -> Facts {
    let address = ADDRESS.parse().unwrap();
    Facts {
        schema: SCHEMA.into(),
        taken_at: "2026-11-21T08:00:00Z".into(),
        is_root: true,
        tailnet: Tailnet {
            program: Some("/usr/bin/tailscale".into()),
            version: Some((1, 96)),
            status: Ok(TailscaleStatus {
                backend_state: "Running".into(),
                tun: true,
                online: true,
                addresses: vec![address],
                expired: false,
                key_expiry: None,
            }),
            ipv4: Ok(vec![address]),
            takes_ssh: Ok(false),
            interface_addresses: Ok(vec!["127.0.0.1".parse().unwrap(), address]),
            bind: Ok(()),
        },
        config: Ok(config(
            &[(places::SSHD_CONFIG, "Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\n")],
            &[(places::SSHD_CONFIG, 1, places::DROP_INS, &[])],
        )),
        units: Ok(Units {
            services: vec![Service {
                name: "ssh.service".into(),
                names: vec!["ssh.service".into(), "sshd.service".into()],
                load_state: "loaded".into(),
                active_state: "active".into(),
                unit_file_state: "enabled".into(),
                fragment: Some(file(
                    "/lib/systemd/system/ssh.service",
                    "[Service]\nExecStart=/usr/sbin/sshd -D $SSHD_OPTS\n",
                )),
                ..Service::default()
            }],
            sockets: vec![],
            links: vec![],
            environment: vec![],
        }),
        effective: Ok(vec!["addressfamily any".into(), "port 22".into()]),
        listening: Ok(vec!["0.0.0.0:22".parse().unwrap(), "[::]:22".parse().unwrap()]),
    }
}

//! A real Docker engine in a machine, from Debian's packages, with an image made on the spot.

use crate::base::Base;
use crate::machine::{Machine, Options};
use crate::skip::Skipped;

/// The engine, and what a smallest image is made of.
const PACKAGES: &[&str] = &["docker.io", "iptables", "busybox-static"];

/// The only image there is.
pub const IMAGE: &str = "busybox:local";

impl Base {
    /// The base with a Docker engine, to be booted with [`Options::containers`].
    pub fn with_docker(&self) -> Result<Self, Skipped> {
        self.with_packages(PACKAGES)
    }
}

impl Options {
    /// The default for machines with a Docker engine.
    pub fn for_containers() -> Self {
        Self { containers: true, ..Self::default() }
    }
}

impl Machine {
    /// Waits for the engine and gives it the image [`IMAGE`]: a file system with busybox's commands
    /// in /bin, among them `httpd` and `nc`.
    ///
    /// # Panics
    /// When the engine does not answer; the panic shows its journal.
    #[track_caller]
    pub fn docker_ready(&self) {
        let script = format!(
            "set -e; mkdir -p /tmp/image/bin; cp /bin/busybox /tmp/image/bin/busybox\n\
             /bin/busybox --install -s /tmp/image/bin\n\
             for link in /tmp/image/bin/*; do [ ! -L \"$link\" ] || ln -sf busybox \"$link\"; done\n\
             tar -C /tmp/image -c . | docker import - {IMAGE}\nrm -rf /tmp/image"
        );
        let started = self.run(["systemctl", "start", "docker.service"]);
        assert_eq!(started.code, 0, "{}", self.journal("docker"));
        drop(self.run(["sh", "-c", &script]).expect(0));
    }
}

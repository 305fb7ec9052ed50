//! The tailnet: an interface `tailscale0` with an address of 100.64.0.0/10, there and gone.

use std::net::{IpAddr, Ipv4Addr};

use crate::machine::Machine;
use crate::tailscale::State;

/// The address of a machine for which none was named.
pub(crate) const DEFAULT_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(100, 101, 102, 103));

const ADDRESS_FILE: &str = "/var/lib/booted/tailnet";
const TIMER: &str = "/etc/systemd/system/booted-tailnet.timer";

impl Machine {
    /// Starts the unit tailscaled and gives `tailscale0` this address, and has `tailscale` follow
    /// that ([`State::of`]). Gone after a reboot, see [`Machine::tailnet_up_after`].
    #[track_caller]
    pub fn tailnet_up(&self, address: Ipv4Addr) {
        self.name_address(address);
        drop(self.run(["systemctl", "restart", "booted-tailnet.service"]).expect(0));
    }

    /// Takes the address away, as `tailscale down` does; the unit tailscaled goes on running.
    #[track_caller]
    pub fn tailnet_down(&self) {
        let script = "ip address flush dev tailscale0 && ip link set tailscale0 down";
        drop(self.run(["sh", "-c", script]).expect(0));
    }

    /// From the next boot on, tailscaled starts with the machine, and the address comes this many
    /// seconds after systemd has started, whatever the boot waits for. For an arrival at a moment of
    /// the test's own choosing, name a long time and call [`Machine::tailnet_up`] then.
    #[track_caller]
    pub fn tailnet_up_after(&self, seconds: u32, address: Ipv4Addr) {
        self.name_address(address);
        let timer = format!(
            "[Unit]\nDescription=The tailnet address arrives late (test)\n\n\
             [Timer]\nOnBootSec={seconds}s\nAccuracySec=50ms\n\n[Install]\nWantedBy=timers.target\n"
        );
        self.put(TIMER, timer, 0o644);
        let units = ["systemctl", "enable", "tailscaled.service", "booted-tailnet.timer"];
        drop(self.run(units).expect(0));
    }

    /// Whether `tailscale0` holds its address now.
    #[track_caller]
    pub fn tailnet_is_up(&self) -> bool {
        let shown = self.run(["ip", "-o", "address", "show", "dev", "tailscale0"]).stdout;
        shown.contains(&format!(" {}/", self.tailnet_address()))
    }

    /// The address that `tailscale0` has, will have or had.
    pub fn tailnet_address(&self) -> IpAddr {
        let text = self.read(ADDRESS_FILE).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let named = text.trim().strip_prefix("ADDRESS=").and_then(|it| it.parse().ok());
        named.unwrap_or(DEFAULT_ADDRESS)
    }

    #[track_caller]
    fn name_address(&self, address: Ipv4Addr) {
        let [first, second, ..] = address.octets();
        assert!(first == 100 && second & 0xc0 == 64, "{address} is not in 100.64.0.0/10");
        self.put(ADDRESS_FILE, format!("ADDRESS={address}\n"), 0o644);
        self.tailscale(&State::of(IpAddr::V4(address)));
    }
}

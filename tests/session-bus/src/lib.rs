//! A private session bus and a real keyring on it, for tests. Nothing of the machine's own session
//! is used, and everything ends with the value that started it.
#![expect(
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    reason = "the support of tests sets the scene itself, and a scene that fails is a failed test"
)]

mod ask;
mod child;
mod impostor;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use zbus::Message;

use child::{Running, on_path};
pub use impostor::{Call, Impostor};

/// The programs that are needed; Debian's packages are `dbus` and `gnome-keyring`.
const PROGRAMS: [&str; 2] = ["dbus-daemon", "gnome-keyring-daemon"];

/// What a test may wait for at most.
const PATIENCE: Duration = Duration::from_secs(30);

/// The password of the keyring.
const PASSWORD: &[u8] = b"the password of a keyring for tests";

/// A bus of its own in a folder of its own.
#[derive(Debug)]
pub struct SessionBus {
    // Fields drop in this order: who uses the bus ends first.
    keyring: Option<Running>,
    _daemon: Running,
    folder: TempDir,
}

impl SessionBus {
    /// Starts a bus without any service, or says why it cannot: tell that by `skipped::told`.
    ///
    /// # Errors
    /// The program that is not installed.
    pub fn start() -> Result<Self, String> {
        for program in PROGRAMS {
            if !on_path(program) {
                return Err(format!("{program} is not installed"));
            }
        }
        let folder = tempfile::tempdir().expect("a folder for the bus");
        let at = folder.path();
        for below in ["home", "data", "runtime", "services"] {
            fs::create_dir(at.join(below)).expect("a folder for the bus");
        }
        fs::write(at.join("bus.conf"), configuration(at)).expect("the bus's configuration");
        let mut command = Command::new("dbus-daemon");
        command.arg("--nofork").arg("--nopidfile").arg("--config-file").arg(at.join("bus.conf"));
        let daemon = Running::start(surrounded(&mut command, at));
        let bus = Self { keyring: None, _daemon: daemon, folder };
        // The socket is there a moment before it takes connections.
        until("the bus answers", || ask::answers(&bus.address()));
        // What would open dialogs on a desktop: here it leaves a mark.
        let mark = format!("/usr/bin/touch {}", bus.mark().display());
        bus.offer("org.gnome.keyring.SystemPrompter", &mark);
        bus.offer("org.gnome.keyring.PrivatePrompter", &mark);
        Ok(bus)
    }

    /// The bus with a keyring on it, whose default collection is empty and unlocked.
    ///
    /// # Errors
    /// The program that is not installed.
    pub fn with_keyring() -> Result<Self, String> {
        let mut bus = Self::start()?;
        bus.start_keyring();
        Ok(bus)
    }

    /// What `DBUS_SESSION_BUS_ADDRESS` must say.
    pub fn address(&self) -> String {
        format!("unix:path={}", self.socket().display())
    }

    /// The folder that everything lies in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Lets the bus start a program when a name is asked for, as an installed service would be.
    pub fn offer(&self, name: &str, exec: &str) {
        let text = format!("[D-BUS Service]\nName={name}\nExec={exec}\n");
        let path = self.folder().join("services").join(format!("{name}.service"));
        fs::write(path, text).expect("a service file");
        ask::reload(&self.address());
    }

    /// Whether anything asked for a dialog since the bus started.
    pub fn was_prompted(&self) -> bool {
        self.mark().exists()
    }

    /// Locks the default collection.
    pub fn lock(&self) {
        ask::lock(&self.address());
    }

    /// Asks for the default collection to be unlocked, which opens a dialog: to see that
    /// [`SessionBus::was_prompted`] would tell.
    pub fn prompt(&self) {
        ask::prompt(&self.address());
        until("somebody was asked to open a dialog", || self.was_prompted());
    }

    /// Unlocks what [`SessionBus::lock`] locked, by starting the keyring anew with its password.
    pub fn unlock(&mut self) {
        self.keyring = None;
        until("the keyring is gone", || !ask::has_service(&self.address()));
        self.start_keyring();
    }

    /// Stores an entry, as another program would.
    pub fn store(&self, service: &str, account: &str, value: &[u8]) {
        ask::store(&self.address(), None, service, account, value);
    }

    /// The same in a collection that is not the default one, and never locked.
    pub fn store_aside(&self, service: &str, account: &str, value: &[u8]) {
        ask::store(&self.address(), Some(ask::ASIDE), service, account, value);
    }

    /// How many entries an account has under a service name: unlocked and locked ones.
    pub fn count(&self, service: &str, account: &str) -> usize {
        ask::count(&self.address(), service, account)
    }

    /// Takes the place of a keyring that is not there with a service of the test's own. What it
    /// answers nothing to stays unanswered.
    pub fn impostor(
        &self,
        answer: impl FnMut(&Call) -> Option<Message> + Send + 'static,
    ) -> Impostor {
        Impostor::start(&self.address(), answer)
    }

    fn start_keyring(&mut self) {
        let mut command = Command::new("gnome-keyring-daemon");
        command.args(["--foreground", "--components=secrets", "--unlock"]);
        command.env("DBUS_SESSION_BUS_ADDRESS", self.address()).stdin(Stdio::piped());
        let mut keyring = Running::start(surrounded(&mut command, self.folder.path()));
        keyring.feed(PASSWORD);
        self.keyring = Some(keyring);
        until("the keyring is there and unlocked", || ask::is_open(&self.address()));
    }

    fn socket(&self) -> PathBuf {
        self.folder().join("bus")
    }

    fn mark(&self) -> PathBuf {
        self.folder().join("prompted")
    }
}

/// Waits until something holds, and fails when it does not in time.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn surrounded<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    for (name, below) in
        [("HOME", "home"), ("XDG_DATA_HOME", "data"), ("XDG_RUNTIME_DIR", "runtime")]
    {
        command.env(name, folder.join(below));
    }
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY")
}

fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={folder}/bus</listen>
  <auth>EXTERNAL</auth>
  <servicedir>{folder}/services</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#
    )
}

//! configs/keys.yaml: which secrets exist, and how each is found, made and checked.

use ops_core::cli::Context;
use ops_core::config;
use ops_core::failure::{Exit, Failure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Every secret that the binaries know of.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Registry {
    /// The group whose members may read secret files of mode 0640.
    pub group: String,
    /// Whether the platform's keychain is asked.
    pub keychain: Switch,
    /// Folders of older installs that `key migrate` moves secrets out of.
    #[serde(default)]
    pub older_folders: Vec<String>,
    /// The secrets, in the order in which they are listed.
    pub keys: Vec<Key>,
}

/// Whether something is used where it is there, or never.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Switch {
    /// Where it is there.
    Auto,
    /// Never.
    Never,
}

/// One secret.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Key {
    /// Its name, lower case; also the name of its credential.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_]{0,63}$"))]
    pub name: String,
    /// What it is, for people.
    pub hint: String,
    /// The environment variable that holds it, and its account in a keychain; the name in capitals
    /// unless given.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[A-Z][A-Z0-9_]{0,63}$"))]
    pub env: Option<String>,
    /// Older environment variables that are asked after `env`.
    #[serde(default)]
    pub older_env: Vec<String>,
    /// The file's name in the secrets folder; the name unless given.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$"))]
    pub file: Option<String>,
    /// What its text may be.
    #[serde(default)]
    pub format: Format,
    /// Whether every install needs it.
    #[serde(default)]
    pub required: bool,
    /// How `key generate` makes a new one; one that others issue has none.
    #[serde(default)]
    pub generate: Option<Generate>,
    /// The second slot of a secret that is rotated without a gap.
    #[serde(default)]
    pub next: Option<String>,
    /// How `key doctor` asks whether it works.
    pub check: Check,
}

/// What a secret's text may be.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Format {
    /// One line without white space or control characters.
    #[default]
    Token,
    /// Lines of text, such as an OpenSSH private key.
    Pem,
}

/// How a new secret is made.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Generate {
    /// 256 random bits as 64 hexadecimal digits.
    Hex256,
    /// An Ed25519 key pair as an OpenSSH private key.
    Ed25519,
}

/// One cheap, authorised request that tells whether a secret works.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", tag = "kind")]
pub enum Check {
    /// Nobody to ask: its text is looked at.
    Local {
        /// What the text should be.
        #[serde(default)]
        expect: Expect,
    },
    /// `GET <apiBase><path>` with the secret as bearer token.
    #[serde(rename_all = "camelCase")]
    Bearer {
        /// Base URL: https, or http on loopback.
        api_base: String,
        /// Path below it.
        path: String,
    },
    /// `POST /1/users/validate.json` with `pushover_token` and `pushover_user`.
    #[serde(rename_all = "camelCase")]
    Pushover {
        /// Base URL.
        api_base: String,
    },
    /// `GET /2010-04-01/Accounts/<sid>.json` with `twilio_account_sid` and `twilio_auth_token`.
    #[serde(rename_all = "camelCase")]
    Twilio {
        /// Base URL.
        api_base: String,
    },
    /// `POST /v1/oauth/token` with `kajabi_client_id` and `kajabi_client_secret`.
    #[serde(rename_all = "camelCase")]
    Kajabi {
        /// Base URL.
        api_base: String,
    },
    /// A login over IMAP with `gmail_user` and `gmail_app_password`.
    #[serde(rename_all = "camelCase")]
    Imap {
        /// Host name.
        host: String,
        /// Port; TLS from the first byte.
        port: u16,
    },
}

/// What the text of a secret should be that nobody else can judge.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Expect {
    /// Anything: whether it works cannot be told here.
    #[default]
    Anything,
    /// Too many characters to guess: 128 bits and more.
    Random,
    /// An OpenSSH private key that needs no passphrase.
    SshKey,
    /// A telephone number, E.164.
    Number,
    /// Telephone numbers, E.164, separated by commas.
    Numbers,
}

impl Key {
    /// The environment variable, and the account in a keychain.
    pub fn env(&self) -> String {
        self.env.clone().unwrap_or_else(|| self.name.to_ascii_uppercase())
    }

    /// The file's name in the secrets folder.
    pub fn file(&self) -> &str {
        self.file.as_deref().unwrap_or(&self.name)
    }
}

impl Registry {
    /// Loads the registry.
    ///
    /// # Errors
    /// Exit 78 when the file is missing or wrong.
    pub fn load(context: &Context) -> Result<Self, Failure> {
        config::load(&context.host, &context.configs)
    }

    /// The secret of this name.
    ///
    /// # Errors
    /// Exit 2 for a name that is not registered.
    pub fn key(&self, name: &str) -> Result<&Key, Failure> {
        self.keys.iter().find(|key| key.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.keys.iter().map(|key| key.name.as_str()).collect();
            Failure::new(Exit::Usage, format!("find a secret named {name:?}"))
                .because("it is not registered in keys.yaml")
                .hint(format!("known: {}", known.join(" ")))
        })
    }
}

impl config::Settings for Registry {
    const FILE: &'static str = "keys.yaml";
    const SCHEMA: &'static str = include_str!("../../../configs/schemas/keys.schema.json");
    const SHIPPED: &'static str = include_str!("../../../configs/keys.yaml");

    fn check(&self) -> Vec<(String, String)> {
        let mut broken = Vec::new();
        for (at, key) in self.keys.iter().enumerate() {
            let before = self.keys.get(..at).unwrap_or_default();
            let twice = |what: &str| format!("a {what} that no key before it has");
            if before.iter().any(|other| other.name == key.name) {
                broken.push((format!("/keys/{at}/name"), twice("name")));
            }
            if before.iter().any(|other| other.env() == key.env()) {
                broken.push((format!("/keys/{at}/env"), twice("environment variable")));
            }
            if before.iter().any(|other| other.file() == key.file()) {
                broken.push((format!("/keys/{at}/file"), twice("file")));
            }
            if let Some(next) = &key.next
                && (next == &key.name || !self.keys.iter().any(|other| &other.name == next))
            {
                broken.push((format!("/keys/{at}/next"), "the name of another key".into()));
            }
        }
        broken
    }
}

#[cfg(test)]
mod tests {
    use ops_core::config::{Settings, Source};
    use ops_core::host::Host;

    use super::*;

    #[test]
    fn the_shipped_registry_has_every_name_of_the_contract() {
        let shipped: Registry = config::load(&Host::real(), &Source::Shipped).unwrap();
        assert_eq!(shipped.check(), []);
        let names: Vec<&str> = shipped.keys.iter().map(|key| key.name.as_str()).collect();
        let contract = "openai_api_key mistral_api_key moonshot_api_key pushover_token \
            pushover_user twilio_account_sid twilio_auth_token twilio_from_number sms_allowlist \
            console_token runner_token runner_database_password bridge_hmac bridge_hmac_next \
            verdict_signing_key kajabi_session_token kajabi_client_id kajabi_client_secret gmail_user \
            gmail_app_password";
        assert_eq!(names, contract.split_whitespace().collect::<Vec<_>>());
        for key in &shipped.keys {
            assert_eq!(key.env(), key.name.to_uppercase());
        }
        assert_eq!(shipped.key("bridge_hmac").unwrap().older_env, ["GPT_BRIDGE_HMAC_SECRET"]);
        assert_eq!(shipped.key("nope").unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn names_files_and_slots_that_clash_are_listed_with_their_place() {
        let mut registry: Registry = config::load(&Host::real(), &Source::Shipped).unwrap();
        let mut again = registry.keys[0].clone();
        again.next = Some("nope".into());
        registry.keys.push(again);
        let places: Vec<String> = registry.check().into_iter().map(|(place, _)| place).collect();
        assert_eq!(places, ["/keys/20/name", "/keys/20/env", "/keys/20/file", "/keys/20/next"]);
    }
}

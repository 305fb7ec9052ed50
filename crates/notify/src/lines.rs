//! The channels with their addresses and secrets, as far as they are to be had.

use std::path::Path;

use ops_core::cli::Context;
use ops_core::failure::Failure;
use outbound::Base;
use secrets::fingerprint::Pepper;
use secrets::{Registry, Resolver, Secret};
use zeroize::Zeroizing;

use crate::model::Channel;
use crate::settings::Settings;

/// A channel, or why it cannot be used.
#[derive(Debug)]
pub enum Line<T> {
    /// It is not configured, or switched off.
    Off,
    /// A secret is missing or unusable. Why.
    Unready(String),
    /// Everything is there.
    Ready(T),
}

/// Pushover.
#[derive(Debug)]
pub struct Pushover {
    /// Its API.
    pub base: Base,
    /// The application's token.
    pub token: Secret,
    /// The user or group.
    pub user: Secret,
}

/// Twilio.
#[derive(Debug)]
pub struct Twilio {
    /// Its API.
    pub base: Base,
    /// The account.
    pub account: Secret,
    /// The account's token.
    pub token: Secret,
    /// The number that sends.
    pub from: Secret,
    /// The numbers that get and may send SMS.
    pub numbers: Vec<Number>,
}

/// A number that gets and may send SMS.
#[derive(Debug)]
pub struct Number {
    /// What stands for it in the database and in reports: its last digits and a fingerprint.
    pub name: String,
    /// E.164.
    pub number: Zeroizing<String>,
}

/// ntfy.
#[derive(Debug)]
pub struct Ntfy {
    /// The server.
    pub base: Base,
    /// The topic.
    pub topic: String,
    /// An access token.
    pub token: Option<Secret>,
}

/// A webhook.
#[derive(Debug)]
pub struct Webhook {
    /// Scheme, host and port.
    pub base: Base,
    /// The path, from its slash on; it may be a secret.
    pub path: Zeroizing<String>,
    /// A bearer token.
    pub token: Option<Secret>,
}

/// Every channel.
#[derive(Debug)]
pub struct Lines {
    /// Pushover.
    pub pushover: Line<Pushover>,
    /// Twilio.
    pub twilio: Line<Twilio>,
    /// ntfy.
    pub ntfy: Line<Ntfy>,
    /// A webhook.
    pub webhook: Line<Webhook>,
}

impl Lines {
    /// Resolves the secrets of the enabled channels; every secret is made known to the redactor.
    /// Without `naming`, nothing is written, and numbers are named by their last digits alone.
    ///
    /// # Errors
    /// Exit 78 when the registry of secrets is missing or wrong.
    pub fn load(
        context: &Context,
        settings: &Settings,
        secrets_dir: Option<&Path>,
        naming: bool,
    ) -> Result<Self, Failure> {
        let registry = Registry::load(context)?;
        let folder = secrets::folder(&context.host, secrets_dir);
        let keychain = keychain::platform(&context.host);
        let resolver = Resolver::new(&context.host, &registry, folder);
        let resolver = match &keychain {
            Some(keychain) => resolver.with_keychain(&registry, keychain.as_ref()),
            None => resolver,
        };
        let finder = Finder { context, registry: &registry, resolver };
        let channels = &settings.channels;
        let line = |channel| settings.is_enabled(channel);
        Ok(Self {
            pushover: match channels.pushover.as_ref().filter(|_| line(Channel::Pushover)) {
                None => Line::Off,
                Some(it) => finder.pushover(&it.api_base).into(),
            },
            twilio: match channels.twilio.as_ref().filter(|_| line(Channel::Twilio)) {
                None => Line::Off,
                Some(it) => finder.twilio(&it.api_base, naming).into(),
            },
            ntfy: match channels.ntfy.as_ref().filter(|_| line(Channel::Ntfy)) {
                None => Line::Off,
                Some(it) => finder.ntfy(it).into(),
            },
            webhook: match channels.webhook.as_ref().filter(|_| line(Channel::Webhook)) {
                None => Line::Off,
                Some(it) => finder.webhook(it).into(),
            },
        })
    }

    /// Whether a channel can be used: `None` when it is off, else why not.
    pub fn ready(&self, channel: Channel) -> Option<Result<(), &str>> {
        match channel {
            Channel::Pushover => self.pushover.ready(),
            Channel::Twilio => self.twilio.ready(),
            Channel::Ntfy => self.ntfy.ready(),
            Channel::Webhook => self.webhook.ready(),
        }
    }

    /// Whom a channel reaches.
    pub fn recipients(&self, channel: Channel) -> Vec<String> {
        match (channel, &self.twilio) {
            (Channel::Twilio, Line::Ready(twilio)) => {
                twilio.numbers.iter().map(|number| number.name.clone()).collect()
            }
            (Channel::Twilio, _) => vec![],
            _ => vec![String::new()],
        }
    }
}

impl<T> Line<T> {
    fn ready(&self) -> Option<Result<(), &str>> {
        match self {
            Self::Off => None,
            Self::Unready(why) => Some(Err(why)),
            Self::Ready(_) => Some(Ok(())),
        }
    }
}

impl<T> From<Result<T, String>> for Line<T> {
    fn from(found: Result<T, String>) -> Self {
        match found {
            Ok(line) => Self::Ready(line),
            Err(why) => Self::Unready(why),
        }
    }
}

struct Finder<'a> {
    context: &'a Context,
    registry: &'a Registry,
    resolver: Resolver<'a>,
}

impl Finder<'_> {
    /// Finds secrets that must all be there; says which are not.
    fn need<const N: usize>(&self, names: [&str; N]) -> Result<[Secret; N], String> {
        let mut found = Vec::with_capacity(N);
        let mut missing = Vec::new();
        for name in names {
            match self.find(name)? {
                Some(secret) => found.push(secret),
                None => missing.push(name),
            }
        }
        found
            .try_into()
            .map_err(|_| format!("missing: {} (store each: key set NAME)", missing.join(", ")))
    }

    fn find(&self, name: &str) -> Result<Option<Secret>, String> {
        let key = self.registry.key(name).map_err(|failure| failure.to_string())?;
        let found = self.resolver.find(key).map_err(|failure| failure.to_string())?;
        if let Some(secret) = &found {
            self.context.learn_secret(secret.expose());
        }
        Ok(found)
    }

    fn pushover(&self, base: &str) -> Result<Pushover, String> {
        let [token, user] = self.need(["pushover_token", "pushover_user"])?;
        Ok(Pushover { base: Base::parse(base)?, token, user })
    }

    fn twilio(&self, base: &str, naming: bool) -> Result<Twilio, String> {
        let names =
            ["twilio_account_sid", "twilio_auth_token", "twilio_from_number", "sms_allowlist"];
        let [account, token, from, allowed] = self.need(names)?;
        if !is_number(from.expose()) {
            return Err("twilio_from_number is not a number in E.164 (+14155550100)".into());
        }
        let context = self.context;
        let pepper = naming.then(|| Pepper::load(&context.host, &context.home)).transpose();
        let pepper = pepper.map_err(|failure| failure.to_string())?;
        let mut numbers: Vec<Number> = Vec::new();
        for (at, number) in allowed.expose().split(',').filter(|it| !it.is_empty()).enumerate() {
            if !is_number(number) {
                let place = at + 1;
                return Err(format!("sms_allowlist: entry {place} is not a number in E.164"));
            }
            context.learn_secret(number);
            let name = number_name(number, pepper.as_ref());
            if numbers.iter().all(|other| *other.number != number) {
                numbers.push(Number { name, number: Zeroizing::new(number.to_owned()) });
            }
        }
        if numbers.is_empty() {
            return Err("sms_allowlist names no number".into());
        }
        Ok(Twilio { base: Base::parse(base)?, account, token, from, numbers })
    }

    fn ntfy(&self, settings: &crate::settings::Ntfy) -> Result<Ntfy, String> {
        Ok(Ntfy {
            base: Base::parse(&settings.api_base)?,
            topic: settings.topic.clone(),
            token: self.optional(settings.token_key.as_deref())?,
        })
    }

    fn webhook(&self, settings: &crate::settings::Webhook) -> Result<Webhook, String> {
        let token = self.optional(settings.token_key.as_deref())?;
        let url = self.optional(settings.url_key.as_deref())?;
        let url = url.as_ref().map_or(settings.api_base.as_str(), Secret::expose);
        Base::parse(url)?;
        let host = url.find("://").map_or(0, |at| at + 3);
        let slash = url.get(host..).and_then(|rest| rest.find('/')).map(|at| at + host);
        let (origin, path) = url.split_at(slash.unwrap_or(url.len()));
        let path = if path.is_empty() { "/" } else { path };
        Ok(Webhook { base: Base::parse(origin)?, path: Zeroizing::new(path.to_owned()), token })
    }

    /// A secret that is needed only where the configuration names it.
    fn optional(&self, name: Option<&str>) -> Result<Option<Secret>, String> {
        let Some(name) = name else { return Ok(None) };
        let [secret] = self.need([name])?;
        Ok(Some(secret))
    }
}

/// Whether a text is a number in E.164.
fn is_number(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_digit())
    })
}

/// What stands for a number wherever it may be seen.
fn number_name(number: &str, pepper: Option<&Pepper>) -> String {
    let last = last_digits(number);
    match pepper {
        Some(pepper) => {
            format!("{last} {}", pepper.fingerprint(&Secret::from_environment(number)))
        }
        None => last,
    }
}

/// The last four characters of a number, with `…` for the rest.
pub fn last_digits(number: &str) -> String {
    let skipped = number.chars().count().saturating_sub(4);
    format!("…{}", number.chars().skip(skipped).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_e164_and_shown_by_their_last_digits() {
        for (text, want) in [
            ("+14155550100", true),
            ("+1415555", true),
            ("+141555", false),
            ("+1234567890123456", false),
            ("14155550100", false),
            ("+1415555o100", false),
            ("+1 4155550100", false),
            ("", false),
        ] {
            assert_eq!(is_number(text), want, "{text}");
        }
        assert_eq!(number_name("+14155550100", None), "…0100");
        assert_eq!(last_digits("1"), "…1");
    }
}

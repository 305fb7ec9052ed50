//! What configs/notify.yaml may say.

use std::collections::BTreeSet;

use ops_core::config;
use ops_core::time::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::Channel;

/// Policy of alerting.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Settings {
    /// Which channel is tried first, and which take over.
    #[serde(default = "default_order")]
    pub order: Vec<Channel>,
    /// How long further messages of a check id are held back after one was accepted, minutes.
    #[schemars(range(max = 10_080))]
    pub rate_limit_minutes: u32,
    /// How old a message may become before it is dropped and counted, minutes. Emergencies never.
    #[schemars(range(min = 1, max = 43_200))]
    pub ttl_minutes: u32,
    /// How long settled messages are remembered, days.
    #[serde(default = "default_history")]
    #[schemars(range(min = 1, max = 3650))]
    pub history_days: u32,
    /// Requests a flush makes for each channel at most; the rest waits for the next flush.
    #[serde(default = "default_per_flush")]
    #[schemars(range(min = 1, max = 1000))]
    pub per_flush: u32,
    /// How long one request may take, seconds.
    #[serde(default = "default_timeout")]
    #[schemars(range(min = 1, max = 300))]
    pub timeout_seconds: u32,
    /// After so many failures in a row of a channel, emergencies go by the next one too.
    #[serde(default = "default_emergency_tries")]
    #[schemars(range(min = 1, max = 100))]
    pub emergency_tries: u32,
    /// How a channel that failed is tried again.
    #[serde(default)]
    pub backoff: Backoff,
    /// Whether titles begin with the name of the machine.
    #[serde(default)]
    pub host_in_title: bool,
    /// The channels. One that is absent is not used.
    pub channels: Channels,
}

/// Exponential backoff with jitter, base 2.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Backoff {
    /// The shortest delay, seconds. Pushover asks for 5 at least.
    #[schemars(range(min = 5, max = 3600))]
    pub base_seconds: u32,
    /// The longest delay, seconds.
    #[schemars(range(min = 5, max = 86_400))]
    pub longest_seconds: u32,
}

/// The channels and what each needs to know.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Channels {
    /// Push messages; secrets `pushover_token` and `pushover_user`.
    #[serde(default)]
    pub pushover: Option<Service>,
    /// SMS; secrets `twilio_account_sid`, `twilio_auth_token`, `twilio_from_number`, `sms_allowlist`.
    #[serde(default)]
    pub twilio: Option<Service>,
    /// An ntfy topic.
    #[serde(default)]
    pub ntfy: Option<Ntfy>,
    /// A JSON document posted to a URL.
    #[serde(default)]
    pub webhook: Option<Webhook>,
}

/// A channel whose every detail but the address is a secret.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Service {
    /// Whether it is used.
    pub enabled: bool,
    /// Where its API is: https, or http on loopback.
    pub api_base: String,
}

/// An ntfy topic.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Ntfy {
    /// Whether it is used.
    pub enabled: bool,
    /// The server: https, or http on loopback.
    pub api_base: String,
    /// The topic.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,64}$"))]
    pub topic: String,
    /// The registered secret that holds an access token.
    #[serde(default)]
    pub token_key: Option<String>,
}

/// A JSON document posted to a URL.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Webhook {
    /// Whether it is used.
    pub enabled: bool,
    /// The whole URL: https, or http on loopback. Not used where `urlKey` is given.
    pub api_base: String,
    /// The registered secret that holds the whole URL, where the URL itself is one.
    #[serde(default)]
    pub url_key: Option<String>,
    /// The registered secret that is sent as a bearer token.
    #[serde(default)]
    pub token_key: Option<String>,
    /// Whether the receiver takes a message with the same `Idempotency-Key` once only. Then one
    /// that may have arrived is sent again.
    #[serde(default)]
    pub idempotent: bool,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base_seconds: 5, longest_seconds: 600 }
    }
}

fn default_order() -> Vec<Channel> {
    Channel::ALL.to_vec()
}

fn default_history() -> u32 {
    30
}

fn default_per_flush() -> u32 {
    10
}

fn default_timeout() -> u32 {
    20
}

fn default_emergency_tries() -> u32 {
    3
}

impl Settings {
    /// How long further messages of a check id are held back.
    pub fn window(&self) -> SignedDuration {
        SignedDuration::from_mins(self.rate_limit_minutes.into())
    }

    /// How old a message may become.
    pub fn ttl(&self) -> SignedDuration {
        SignedDuration::from_mins(self.ttl_minutes.into())
    }

    /// Whether a channel is configured and enabled.
    pub fn is_enabled(&self, channel: Channel) -> bool {
        let channels = &self.channels;
        self.order.contains(&channel)
            && match channel {
                Channel::Pushover => channels.pushover.as_ref().is_some_and(|it| it.enabled),
                Channel::Twilio => channels.twilio.as_ref().is_some_and(|it| it.enabled),
                Channel::Ntfy => channels.ntfy.as_ref().is_some_and(|it| it.enabled),
                Channel::Webhook => channels.webhook.as_ref().is_some_and(|it| it.enabled),
            }
    }

    /// Whether a message that may have arrived can be sent again without being told twice.
    pub fn is_idempotent(&self, channel: Channel) -> bool {
        channel == Channel::Webhook
            && self.channels.webhook.as_ref().is_some_and(|it| it.idempotent)
    }

    fn bases(&self) -> impl Iterator<Item = (Channel, &str)> {
        let channels = &self.channels;
        let pushover = channels.pushover.as_ref().map(|it| (Channel::Pushover, &it.api_base));
        let twilio = channels.twilio.as_ref().map(|it| (Channel::Twilio, &it.api_base));
        let ntfy = channels.ntfy.as_ref().map(|it| (Channel::Ntfy, &it.api_base));
        let webhook = channels.webhook.as_ref().filter(|it| it.url_key.is_none());
        let webhook = webhook.map(|it| (Channel::Webhook, &it.api_base));
        [pushover, twilio, ntfy, webhook]
            .into_iter()
            .flatten()
            .map(|(channel, base)| (channel, base.as_str()))
    }
}

impl config::Settings for Settings {
    const FILE: &'static str = "notify.yaml";
    const SCHEMA: &'static str = include_str!("../../../configs/schemas/notify.schema.json");
    const SHIPPED: &'static str = include_str!("../../../configs/notify.yaml");

    fn check(&self) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        let mut seen = BTreeSet::new();
        for (at, channel) in self.order.iter().enumerate() {
            if !seen.insert(channel) {
                wrong.push((format!("/order/{at}"), format!("{} once only", channel.name())));
            }
        }
        if self.backoff.longest_seconds < self.backoff.base_seconds {
            wrong.push(("/backoff/longestSeconds".into(), "baseSeconds or more".into()));
        }
        for (channel, base) in self.bases() {
            if let Err(why) = outbound::Base::parse(base) {
                wrong.push((format!("/channels/{}/apiBase", channel.name()), why));
            }
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use config::Settings as _;

    use super::*;

    #[test]
    fn rules_beyond_the_shape_are_listed_with_their_place() {
        let mut settings: Settings =
            config::load(&ops_core::host::Host::real(), &config::Source::Shipped).unwrap();
        assert_eq!(settings.check(), []);
        settings.order.push(Channel::Pushover);
        settings.backoff = Backoff { base_seconds: 10, longest_seconds: 5 };
        if let Some(pushover) = &mut settings.channels.pushover {
            pushover.api_base = "http://api.example".into();
        }
        let places: Vec<String> = settings.check().into_iter().map(|(place, _)| place).collect();
        assert_eq!(places, ["/order/4", "/backoff/longestSeconds", "/channels/pushover/apiBase"]);
    }
}

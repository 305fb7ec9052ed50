//! The requests. Sources: facts of each service; every one changes nothing there.

use outbound::{Base, Client, Outcome, Request, segment};
use secrets::Secret;
use secrets::registry::Check;

/// What a key is to the service that is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    /// The one key of a request.
    Bearer,
    /// Pushover's application.
    PushoverToken,
    /// Pushover's recipient.
    PushoverUser,
    /// Twilio's account: part of the address.
    TwilioSid,
    /// Twilio's password.
    TwilioToken,
    /// Kajabi's client.
    KajabiId,
    /// Kajabi's password.
    KajabiSecret,
}

/// What a key is, and the name of the other half of its pair.
pub(crate) fn role(name: &str, check: &Check) -> (Role, Option<&'static str>) {
    match (check, name) {
        (Check::Pushover { .. }, "pushover_user") => (Role::PushoverUser, Some("pushover_token")),
        (Check::Pushover { .. }, _) => (Role::PushoverToken, Some("pushover_user")),
        (Check::Twilio { .. }, "twilio_account_sid") => {
            (Role::TwilioSid, Some("twilio_auth_token"))
        }
        (Check::Twilio { .. }, _) => (Role::TwilioToken, Some("twilio_account_sid")),
        (Check::Kajabi { .. }, "kajabi_client_id") => {
            (Role::KajabiId, Some("kajabi_client_secret"))
        }
        (Check::Kajabi { .. }, _) => (Role::KajabiSecret, Some("kajabi_client_id")),
        (Check::Bearer { .. } | Check::Local { .. } | Check::Imap { .. }, _) => {
            (Role::Bearer, None)
        }
    }
}

/// One request that is about one key or about a pair.
pub(crate) struct Probe {
    base: Base,
    path: String,
    /// The role of `first`, in its pair the one that names.
    role: Role,
    first: Secret,
    second: Option<Secret>,
}

impl Probe {
    /// A request about a key and its partner, whichever of them was looked at.
    ///
    /// # Errors
    /// Why the address of the registry may not be used.
    pub(crate) fn new(
        check: &Check,
        role: Role,
        secret: Secret,
        partner: Option<Secret>,
    ) -> Result<Self, String> {
        let (base, path) = match check {
            Check::Bearer { api_base, path } => (api_base, path.as_str()),
            Check::Pushover { api_base } => (api_base, "/1/users/validate.json"),
            Check::Twilio { api_base } => (api_base, "/2010-04-01/Accounts"),
            Check::Kajabi { api_base } => (api_base, "/v1/oauth/token"),
            Check::Local { .. } | Check::Imap { .. } => return Err("nobody is asked".into()),
        };
        let base = Base::parse(base)?;
        let (role, first, second) = match (role, partner) {
            (Role::PushoverUser, Some(token)) => (Role::PushoverToken, token, Some(secret)),
            (Role::TwilioToken, Some(sid)) => (Role::TwilioSid, sid, Some(secret)),
            (Role::KajabiSecret, Some(id)) => (Role::KajabiId, id, Some(secret)),
            (role, partner) => (role, secret, partner),
        };
        Ok(Self { base, path: path.to_owned(), role, first, second })
    }

    /// Whether two probes are one request.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let second = match (&self.second, &other.second) {
            (Some(one), Some(other)) => one.is_same(other),
            (None, None) => true,
            _ => false,
        };
        self.base == other.base
            && self.path == other.path
            && self.role == other.role
            && self.first.is_same(&other.first)
            && second
    }

    /// Asks.
    pub(crate) fn ask(&self, client: &mut Client) -> Outcome {
        let first = self.first.expose();
        let second = self.second.as_ref().map(Secret::expose).unwrap_or_default();
        match self.role {
            Role::PushoverToken | Role::PushoverUser => {
                let form = [("token", first), ("user", second)];
                client.call(Request::post(&self.base, &self.path).form(&form))
            }
            Role::TwilioSid | Role::TwilioToken => {
                let path = format!("{}/{}.json", self.path, segment(first));
                client.call(Request::get(&self.base, &path).basic(first, second))
            }
            Role::KajabiId | Role::KajabiSecret => {
                let form = [
                    ("grant_type", "client_credentials"),
                    ("client_id", first),
                    ("client_secret", second),
                ];
                client.call(Request::post(&self.base, &self.path).form(&form))
            }
            Role::Bearer => client.call(Request::get(&self.base, &self.path).bearer(first)),
        }
    }
}

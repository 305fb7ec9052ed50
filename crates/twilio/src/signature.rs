//! Whether a webhook was signed by Twilio.
//!
//! Source: `request_validator.py` of the official twilio-python 9.13.0, and its tests. The scheme
//! has no time in it: a genuine request can be replayed, so whoever acts on one remembers its
//! `MessageSid`.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The header that carries the signature.
pub const HEADER: &str = "X-Twilio-Signature";
/// The header that says which key and algorithm made it; absent for the account's token.
pub const SETTINGS_HEADER: &str = "X-Twilio-Webhooks-Signature-Settings";

/// The secrets that a signature may have been made with.
#[derive(Clone, Copy, Default)]
pub struct Keys<'a> {
    /// The account's token (an API key cannot sign). Used with SHA-1.
    pub auth_token: Option<&'a str>,
    /// Shared keys, id and secret. Used with SHA-256.
    pub shared: &'a [(&'a str, &'a str)],
}

impl fmt::Debug for Keys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(***)")
    }
}

/// What a webhook brought beside its address.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// The decoded pairs of a form, all of them, also unknown and empty ones. None for a GET.
    Form(&'a [(String, String)]),
    /// Any other body, byte for byte. Only its hash in the address ties it to the signature.
    Raw(&'a [u8]),
}

/// Why a webhook is not believed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refused {
    /// There is no signature.
    Missing,
    /// The signature or its settings cannot be read.
    Malformed,
    /// The settings name an algorithm that is not known here.
    UnknownAlgorithm,
    /// The settings name a key that is not known here, or there is no account token.
    UnknownKey,
    /// A body that is not a form, and its hash is not in the address or differs.
    BodyHash,
    /// The signature belongs to something else.
    Mismatch,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the request is not signed",
            Self::Malformed => "the signature or its settings cannot be read",
            Self::UnknownAlgorithm => "the signature's algorithm is not known",
            Self::UnknownKey => "the signature's key is not known",
            Self::BodyHash => "the body is not the one that was signed",
            Self::Mismatch => "the signature does not fit",
        })
    }
}

/// Checks a webhook. `url` is the public address as configured at Twilio, with its query: never
/// one put together from `Host` or `X-Forwarded-*`. `signature` and `settings` are the values of
/// [`HEADER`] and [`SETTINGS_HEADER`]. Compares in constant time.
///
/// # Errors
/// Says why the request is not to be believed.
pub fn verify(
    keys: &Keys<'_>,
    url: &str,
    body: Body<'_>,
    signature: Option<&str>,
    settings: Option<&str>,
) -> Result<(), Refused> {
    let signature = signature.filter(|text| !text.is_empty()).ok_or(Refused::Missing)?;
    let tag = STANDARD.decode(signature).map_err(|_| Refused::Malformed)?;
    let (algorithm, secret) = chosen(keys, settings.unwrap_or_default())?;
    let params = match body {
        Body::Form(pairs) => signed_text(pairs),
        Body::Raw(bytes) => {
            body_hash_fits(url, bytes)?;
            String::new()
        }
    };
    // The sender is not consistent about default ports; both are computed whatever the first says.
    let [without, with] = by_port(url).map(|url| algorithm.fits(secret, &[&url, &params], &tag));
    if without | with { Ok(()) } else { Err(Refused::Mismatch) }
}

#[derive(Clone, Copy)]
enum Algorithm {
    Sha1,
    Sha256,
}

impl Algorithm {
    fn fits(self, secret: &str, parts: &[&str], tag: &[u8]) -> bool {
        match self {
            Self::Sha1 => fits::<Hmac<Sha1>>(secret, parts, tag),
            Self::Sha256 => fits::<Hmac<Sha256>>(secret, parts, tag),
        }
    }
}

fn fits<M: Mac + KeyInit>(secret: &str, parts: &[&str], tag: &[u8]) -> bool {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(secret.as_bytes()) else { return false };
    for part in parts {
        mac.update(part.as_bytes());
    }
    mac.verify_slice(tag).is_ok()
}

/// Which algorithm and secret the settings ask for. They are not signed themselves: all they can
/// do is choose among the keys that are known here.
fn chosen<'a>(keys: &Keys<'a>, settings: &str) -> Result<(Algorithm, &'a str), Refused> {
    let (mut key, mut algorithm) = (None, None);
    for part in settings.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or(Refused::Malformed)?;
        let slot = match name.trim() {
            "key" => &mut key,
            "algorithm" => &mut algorithm,
            _ => continue,
        };
        if slot.replace(value.trim()).is_some() {
            return Err(Refused::Malformed);
        }
    }
    let usable = |secret: &&str| !secret.is_empty();
    let (algorithm, secret) = match (algorithm.map(str::to_ascii_uppercase).as_deref(), key) {
        (None | Some("HMAC_SHA1"), None) => (Algorithm::Sha1, keys.auth_token),
        (Some("HMAC_SHA256"), Some(id)) => {
            let known = keys.shared.iter().find(|(known, _)| *known == id);
            (Algorithm::Sha256, known.map(|(_, secret)| *secret))
        }
        (Some("HMAC_SHA1" | "HMAC_SHA256"), _) | (None, Some(_)) => return Err(Refused::Malformed),
        (Some(_), _) => return Err(Refused::UnknownAlgorithm),
    };
    Ok((algorithm, secret.filter(usable).ok_or(Refused::UnknownKey)?))
}

/// Names and values, sorted by bytes, each pair once, with nothing between.
fn signed_text(pairs: &[(String, String)]) -> String {
    let sorted: BTreeSet<&(String, String)> = pairs.iter().collect();
    sorted.into_iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]).collect()
}

fn body_hash_fits(url: &str, body: &[u8]) -> Result<(), Refused> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    let pairs = form_urlencoded::parse(query.as_bytes());
    let mut named = pairs.filter(|(name, _)| name == "bodySHA256").map(|(_, value)| value);
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|half| char::from_digit(half.into(), 16));
    let hash: String = Sha256::digest(body).iter().flat_map(digits).flatten().collect();
    match (named.next(), named.next()) {
        (Some(told), None) if told == hash => Ok(()),
        _ => Err(Refused::BodyHash),
    }
}

/// The address without a port, and with one: its own, or the scheme's.
fn by_port(url: &str) -> [String; 2] {
    let Some((scheme, rest)) = url.split_once("://") else { return [url.into(), url.into()] };
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let split = authority.rsplit_once(':').filter(|(_, port)| is_port(port));
    let (host, port) = split.map_or((authority, ""), |(host, port)| (host, port));
    let port = match port {
        "" if scheme.eq_ignore_ascii_case("https") => "443",
        "" => "80",
        port => port,
    };
    [format!("{scheme}://{host}{tail}"), format!("{scheme}://{host}:{port}{tail}")]
}

#[cfg(test)]
mod tests;

//! Every shape by example.

use crate::{SHAPES, any};

/// Letters and digits as keys have them.
const RANDOM: &str = "q7Zk2mXw9RtB4vNc8LpYd3HsGf6JaTe5QuWi1ZoKx7MbVr2SnDgPq9Lh";

fn example(id: &str) -> String {
    let shape = SHAPES.iter().find(|shape| shape.id == id).expect("the shape is in the table");
    let rest = match id {
        "slack-token" => format!("b-{RANDOM}"),
        "aws-access-key" | "aws-temporary-key" | "age-key" => RANDOM.to_uppercase(),
        "ntfy-token" => RANDOM.to_lowercase(),
        "digitalocean-token" => "0123456789abcdef".repeat(4),
        "sendgrid-key" => format!("{}.{RANDOM}", &RANDOM[..22]),
        "json-web-token" => format!("{RANDOM}.eyJ{RANDOM}.{RANDOM}"),
        _ => RANDOM.to_owned(),
    };
    format!("{}{rest}", shape.prefix)
}

#[test]
fn every_shape_is_found_whole_in_running_text() {
    for shape in SHAPES {
        let key = example(shape.id);
        for text in [format!("a {key} b"), format!("KEY={key}"), format!("\"{key}\""), key.clone()]
        {
            let found = any().find(&text).unwrap_or_else(|| panic!("{}", shape.id));
            assert_eq!(found.as_str(), key, "{}", shape.id);
        }
    }
}

#[test]
fn an_unknown_kind_of_sk_key_is_one() {
    for key in [format!("sk-new-{RANDOM}"), format!("sk-{}", &RANDOM[..16])] {
        assert_eq!(any().find(&format!("({key})")).map(|it| it.as_str()), Some(&*key));
    }
}

#[test]
fn ordinary_text_is_not_a_key() {
    for text in [
        "task-20250809T062451Z-a1b2c3",
        "task-list and skein",
        "risk-averse-people-everywhere-in-town",
        "sk-short",
        "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "sk-ssh-ed25519@openssh.com",
        "AKIA is how they begin",
        "ghp_ is how they begin",
        "tk_button",
        "eyJhbGciOiJIUzI1NiJ9",
        "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----",
    ] {
        assert!(!any().is_match(text), "{text}");
    }
}

#[test]
fn private_keys_are_found_to_their_end() {
    let private = format!("{} KEY", "PRIVATE");
    for kind in ["", "OPENSSH ", "RSA ", "EC ", "ENCRYPTED "] {
        let key = format!("-----BEGIN {kind}{private}-----\nYWJj\n-----END {kind}{private}-----");
        assert_eq!(any().find(&format!("x{key}y")).map(|it| it.as_str()), Some(&*key));
        let cut = &key[..key.len() - 30];
        assert_eq!(any().find(cut).map(|it| it.as_str()), Some(cut));
    }
}

#[test]
fn ids_are_unique_and_longer_prefixes_come_first() {
    for (at, shape) in SHAPES.iter().enumerate() {
        for later in &SHAPES[at + 1..] {
            assert_ne!(shape.id, later.id);
            assert!(!later.prefix.starts_with(shape.prefix), "{} hides {}", shape.id, later.id);
        }
    }
}

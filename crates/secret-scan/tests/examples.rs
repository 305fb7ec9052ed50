//! What is found and what is not, by example. Every example is put together at run time.

use std::path::Path;

use proptest::prelude::*;
use secret_scan::{Finding, Rules};

/// Letters and digits as keys have them.
const RANDOM: &str = "q7Zk2mXw9RtB4vNc8LpYd3HsGf6JaTe5QuWi1ZoKx7MbVr2SnDgPq9LhXc4Tz0Fv";

fn random(length: usize) -> String {
    RANDOM.chars().cycle().take(length).collect()
}

fn hex(length: usize) -> String {
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
        .chars()
        .cycle()
        .take(length)
        .collect()
}

fn scan(text: &str) -> Vec<Finding> {
    Rules::shipped().scan_text(Some(Path::new("src/settings.py")), text.as_bytes())
}

/// The secret of an own rule, and a line with it.
fn example(rule: &str) -> (String, String) {
    let near = |name: &str, secret: String| (secret.clone(), format!("{name} = \"{secret}\""));
    match rule {
        "pushover-token" => near("PUSHOVER_TOKEN", random(30).to_lowercase()),
        "twilio-auth-token" => near("twilio_auth_token", hex(32)),
        "twilio-sid" => near("TWILIO_ACCOUNT_SID", format!("AC{}", hex(32))),
        "mistral-key" => near("MISTRAL_API_KEY", random(32)),
        "moonshot-key" => near("moonshot_api_key", random(48)),
        "kajabi-secret" => near("kajabi_client_secret", random(40)),
        "gmail-app-password" => {
            near("GMAIL_APP_PASSWORD", ["qwzk", "mxrt", "bvnc", "lpyd"].join(" "))
        }
        "signing-secret" => near("BRIDGE_HMAC", hex(64)),
        "quoted-password" => near("db_password", format!("{}!%{}", random(6), &random(14)[6..])),
        "url-password" => {
            let secret = random(16);
            (secret.clone(), format!("postgres://app:{secret}@db.example.net/app"))
        }
        shape => {
            let shape = key_shapes::SHAPES.iter().find(|it| it.id == shape).expect("an own rule");
            let rest = match shape.id {
                "slack-token" => format!("b-{}", random(40)),
                "aws-access-key" | "aws-temporary-key" => random(16).to_uppercase(),
                "age-key" => random(58).to_uppercase(),
                "ntfy-token" => random(29).to_lowercase(),
                "digitalocean-token" => hex(64),
                "sendgrid-key" => format!("{}.{}", random(22), random(43)),
                "json-web-token" => {
                    format!("hbGciOiJIUzI1NiJ9{0}.eyJ{0}.{0}", random(30))
                }
                _ => random(48),
            };
            let secret = format!("{}{rest}", shape.prefix);
            (secret.clone(), format!("call(\"{secret}\")"))
        }
    }
}

const OWN: [&str; 10] = [
    "pushover-token",
    "twilio-auth-token",
    "twilio-sid",
    "mistral-key",
    "moonshot-key",
    "kajabi-secret",
    "gmail-app-password",
    "signing-secret",
    "quoted-password",
    "url-password",
];

#[test]
fn an_example_of_every_own_rule_is_found_and_never_shown() {
    let shapes = key_shapes::SHAPES.iter().map(|shape| shape.id);
    for rule in OWN.into_iter().chain(shapes) {
        assert!(Rules::shipped().ids().any(|id| id == rule), "{rule} is not in the example table");
        let (secret, line) = example(rule);
        let found = scan(&format!("first line\n  {line}\nlast line\n"));
        assert_eq!(found.len(), 1, "{rule}: {found:?}");
        assert_eq!(found[0].line, 2, "{rule}");
        assert_eq!(found[0].column, 3 + line.find(&secret).expect("the secret is in the line"));
        assert!(!format!("{found:?}").contains(&secret), "{rule}");
        assert_eq!(found[0].masked, key_shapes::mask(&secret), "{rule}");
        // A rule of gitleaks' may say the same in other words; ours alone must suffice near names.
        if OWN.contains(&rule) && rule != "moonshot-key" {
            assert_eq!(found[0].rule, rule, "{line}");
        }
    }
}

#[test]
fn keys_of_other_makers_are_found_by_the_rules_of_gitleaks() {
    let private = format!("{} KEY", "PRIVATE");
    let body = random(64);
    for (text, rule) in [
        (
            format!("-----BEGIN OPENSSH {private}-----\n{body}\n-----END OPENSSH {private}-----"),
            "private-key",
        ),
        (
            format!("+-----BEGIN {private}-----\n+{body}\n+{body}\n+-----END {private}-----"),
            "private-key",
        ),
        (format!("api_key = \"{}\"", random(40)), "generic-api-key"),
        (format!("\"auth_token\": \"{}\"", random(32)), "generic-api-key"),
        (format!("export SOME_SECRET={}", hex(40)), "generic-api-key"),
        (format!("hmac_sha256_key: {}", hex(64)), "signing-secret"),
        (format!("glsa_{}_{}", random(32), hex(8)), "grafana-service-account-token"),
    ] {
        let found = scan(&text);
        assert_eq!(found.len(), 1, "{text} {found:?}");
        assert_eq!(found[0].rule, rule, "{text}");
    }
}

#[test]
fn what_only_looks_like_a_secret_is_left_alone() {
    let (twilio, _) = example("twilio-auth-token");
    for text in [
        "api_key = \"your-key-here\"".to_owned(),
        "api_key = \"your-api-key-1234567890\"".to_owned(),
        "API_KEY=${OPENAI_API_KEY}".to_owned(),
        "api_key: <paste-your-key-2-here>".to_owned(),
        "token = os.environ[\"SERVICE_TOKEN_V2\"]".to_owned(),
        "password = get_password_from_keychain()".to_owned(),
        "sk-proj-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx".to_owned(),
        format!("sk-{}", "0123456789abcdef0123456789"),
        "class=\"sk-folding-cube-double-bounce\"".to_owned(),
        format!("{}{}", "AKIA", "IOSFODNN7EXAMPLE"),
        format!("commit {}", hex(40)),
        format!("checksum = \"{}\"", hex(64)),
        format!("token_sha256 = \"{}\"", hex(64)),
        "api_key = \"123e4567-e89b-12d3-a456-426614174000\"".to_owned(),
        format!("\"integrity\": \"sha512-{}==\"", random(60)),
        format!("pushed = {}", &random(30).to_lowercase()),
        format!("other = {twilio}"),
        "gmail_app_password = \"abcd efgh ijkl mnop\"".to_owned(),
        "https://user:password@example.org/".to_owned(),
        "https://user:$PASSWORD@host.example.org/".to_owned(),
        "postgres://app:<password>@db/".to_owned(),
        "see https://docs.example.org:8443/a@b".to_owned(),
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
            .to_owned(),
        "-----BEGIN CERTIFICATE-----".to_owned(),
        "password = \"correct horse battery staple\"".to_owned(),
        "secret: Option<SecretString>,".to_owned(),
        "const X_HMAC_SHA_256: WS_SECURITY_ALGORITHM_ID = 8;".to_owned(),
        "Secret => \"CLIENT_TRAFFIC_SECRET_0\",".to_owned(),
        "let token = tokens.next().ok_or(Error::MissingToken)?;".to_owned(),
    ] {
        let found = scan(&text);
        assert!(found.is_empty(), "{text}: {found:?}");
    }
}

#[test]
fn a_line_that_says_so_is_passed_over_and_its_neighbours_are_not() {
    let (_, line) = example("github-personal-token");
    for (text, lines) in [
        (format!("{line} # aiops:allow a key of a test\n{line}\n"), vec![2]),
        (format!("{line}\n{line} // gitleaks:allow"), vec![1]),
        (format!("# aiops:allow\n{line}\n"), vec![2]),
        (format!("{line}\n"), vec![1]),
    ] {
        assert_eq!(scan(&text).iter().map(|it| it.line).collect::<Vec<_>>(), lines, "{text}");
    }
}

#[test]
fn a_lock_file_excuses_guesses_and_not_keys() {
    let (_, key) = example("github-personal-token");
    let guess = format!("api_key = \"{}\"", random(40));
    for (path, text, count) in [
        ("package-lock.json", &guess, 0),
        ("src/a.json", &guess, 1),
        ("package-lock.json", &key, 1),
        ("logo.svg", &key, 1),
    ] {
        let found = Rules::shipped().scan_text(Some(Path::new(path)), text.as_bytes());
        assert_eq!(found.len(), count, "{path} {text} {found:?}");
    }
}

#[test]
fn rules_for_certain_files_need_a_path() {
    let text = format!("<add key=\"Password\" value=\"{}\" />", random(12));
    let rules = |path: Option<&str>| -> Vec<String> {
        let found = Rules::shipped().scan_text(path.map(Path::new), text.as_bytes());
        found.into_iter().map(|it| it.rule).collect()
    };
    assert_eq!(rules(Some("a/nuget.config")), ["nuget-config-password"]);
    assert!(!rules(None).contains(&"nuget-config-password".to_owned()));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        Rules::shipped().scan_text(None, &bytes);
        Rules::shipped().scan_diff(&bytes);
    }

    #[test]
    fn no_finding_holds_the_secret(
        before in r"[ -~\n]{0,80}",
        rule in prop::sample::select(&OWN[..]),
        after in r"[ -~\n]{0,80}",
    ) {
        let (secret, line) = example(rule);
        let found = scan(&format!("{before}\n{line}\n{after}"));
        let told = format!("{found:?}");
        prop_assert!(!told.contains(&secret), "{}", told);
    }
}

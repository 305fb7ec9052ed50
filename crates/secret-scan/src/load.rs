//! Reads the rule files that are compiled in.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use serde::Deserialize;

use crate::Rules;
use crate::allow::{Allow, Target};
use crate::made_up::{is_made_up, is_pattern};
use crate::rule::{Lazy, Rule, Trust};

const GITLEAKS: &str = include_str!("../rules/gitleaks.toml");
const OWN: &str = include_str!("../rules/own.toml");

/// What gitleaks puts before a value that only a name makes a secret.
const NAME_STARTS: &str = r"(?i)[\w.-]{0,50}?(?:";

/// The id of gitleaks' rule for any value beside a word such as `password`.
const GENERIC: &str = "generic-api-key";

/// What a rule file may say. Unknown fields are errors, so that an update cannot bring a condition
/// that this crate does not honour.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    #[serde(default, rename = "title")]
    _title: String,
    #[serde(default, rename = "minVersion")]
    _min_version: String,
    #[serde(default)]
    allowlist: AllowText,
    #[serde(default)]
    hashes: AllowText,
    #[serde(default, rename = "made-up")]
    made_up: AllowText,
    #[serde(default, rename = "lock-files")]
    lock_files: AllowText,
    #[serde(default)]
    near: Vec<NearText>,
    #[serde(default)]
    rules: Vec<RuleText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RuleText {
    id: String,
    description: String,
    regex: Option<String>,
    path: Option<String>,
    #[serde(default)]
    keywords: Vec<String>,
    entropy: Option<f64>,
    #[serde(default)]
    secret_group: usize,
    #[serde(default)]
    allowlists: Vec<AllowText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NearText {
    id: String,
    description: String,
    names: String,
    value: String,
    entropy: f64,
    keywords: Vec<String>,
    #[serde(default)]
    quoted: bool,
    #[serde(default)]
    words: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AllowText {
    #[serde(default, rename = "description")]
    _description: String,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    regexes: Vec<String>,
    #[serde(default)]
    regex_target: Target,
    #[serde(default)]
    stopwords: Vec<String>,
    #[serde(default)]
    condition: Condition,
}

#[derive(Clone, Copy, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
enum Condition {
    #[default]
    Or,
    And,
}

/// Reads everything that is compiled in.
pub(crate) fn shipped() -> Rules {
    let read = |text: &str| -> RuleFile {
        toml::from_str(text).expect("a shipped rule file, which a test reads")
    };
    let (gitleaks, own) = (read(GITLEAKS), read(OWN));
    let mut common = allow(gitleaks.allowlist);
    common.paths.extend(own.lock_files.paths.into_iter().map(Lazy::new));

    let made_up = own.made_up.stopwords;
    let invented = || Allow { stopwords: made_up.clone(), ..Allow::default() };
    let hashes = own.hashes.regexes;
    let hash_names = || Allow {
        regexes: hashes.iter().cloned().map(Lazy::new).collect(),
        target: Target::Match,
        ..Allow::default()
    };

    let mut rules: Vec<Rule> = gitleaks.rules.into_iter().map(rule).collect();
    for rule in rules.iter_mut().filter(|rule| rule.trust == Trust::Generic) {
        rule.allow.extend([invented(), hash_names()]);
    }
    rules.extend(own.rules.into_iter().map(rule).chain(own.near.into_iter().map(near)).map(
        |mut rule| {
            rule.allow.extend([invented(), hash_names()]);
            rule
        },
    ));
    rules.extend(key_shapes::SHAPES.iter().map(shape).map(|mut rule| {
        rule.allow.push(invented());
        rule
    }));
    index(rules, common)
}

/// Notes which words call for which rules.
fn index(rules: Vec<Rule>, common: Allow) -> Rules {
    let mut users: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, rule) in rules.iter().enumerate() {
        for word in &rule.keywords {
            users.entry(word).or_default().push(at);
        }
    }
    let words = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .build(users.keys())
        .expect("a shipped list of words, which a test builds");
    let users = users.into_values().collect();
    Rules { all: rules, common, words, users }
}

fn rule(text: RuleText) -> Rule {
    let near = text.regex.as_ref().is_some_and(|regex| regex.contains(r"[\w.-]{0,50}?"));
    let trust = match (text.id == GENERIC, near) {
        (true, _) => Trust::Generic,
        (false, true) => Trust::Near,
        (false, false) => Trust::Shape,
    };
    Rule {
        id: text.id,
        description: text.description,
        regex: text.regex.map(Lazy::new),
        path: text.path.map(Lazy::new),
        keywords: text.keywords.iter().map(|word| word.to_ascii_lowercase()).collect(),
        entropy: text.entropy,
        group: text.secret_group,
        allow: text.allowlists.into_iter().map(allow).collect(),
        trust,
        doubt: (trust == Trust::Generic).then_some(is_made_up),
    }
}

/// Composes the rule of a value beside a name, in the form gitleaks gives such rules.
fn near(text: NearText) -> Rule {
    let (opens, closes) = if text.quoted {
        (r#"[ \t]{0,3}["']"#, r#"["']"#)
    } else {
        (r#"[\x60'"\s=]{0,5}"#, r#"(?:[\x60'"\s;,)&}\]<]|\\[nr]|$)"#)
    };
    let regex = format!(
        r#"{NAME_STARTS}{names})(?:[ \t\w.-]{{0,30}})[\s'"]{{0,3}}(?:=|>|:{{1,3}}=|\|\||:|=>|\?=|,|\()"#,
        names = text.names,
    ) + &format!("{opens}({}){closes}", text.value);
    let trust = if text.quoted { Trust::Generic } else { Trust::Near };
    let doubt: fn(&[u8]) -> bool = if text.words { is_pattern } else { is_made_up };
    Rule {
        id: text.id,
        description: text.description,
        regex: Some(Lazy::new(regex)),
        path: None,
        keywords: text.keywords,
        entropy: Some(text.entropy),
        group: 1,
        allow: vec![],
        trust,
        doubt: Some(doubt),
    }
}

/// Makes a rule of a shape.
fn shape(shape: &key_shapes::Shape) -> Rule {
    let regex = format!(r"\b({}{})", shape.pattern(), key_shapes::TAIL);
    Rule {
        id: shape.id.to_owned(),
        description: shape.what.to_owned(),
        regex: Some(Lazy::new(regex)),
        path: None,
        keywords: vec![shape.prefix.to_ascii_lowercase()],
        entropy: Some(3.0),
        group: 1,
        allow: vec![],
        trust: Trust::Shape,
        doubt: Some(is_made_up),
    }
}

fn allow(text: AllowText) -> Allow {
    Allow {
        paths: text.paths.into_iter().map(Lazy::new).collect(),
        regexes: text.regexes.into_iter().map(Lazy::new).collect(),
        target: text.regex_target,
        stopwords: text.stopwords,
        all: text.condition == Condition::And,
        words: OnceLock::new(),
    }
}

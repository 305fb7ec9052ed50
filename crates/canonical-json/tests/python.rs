//! Real Python as the judge: what we accept it accepts, and prints the same canonical bytes.
#![expect(clippy::disallowed_methods, reason = "starts python3, in a test")]
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::thread;

use canonical_json::{Fault, Value, parse};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, RngSeed, TestRng, TestRunner};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/canonical.py");

/// Returns Python's answer to each document: canonical text, or none where it refuses.
fn python(documents: &[Vec<u8>]) -> Option<Vec<Option<String>>> {
    let child = Command::new("python3")
        .args(["-I", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = match child {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            skipped::told(skipped::this_test(), "python3 is not installed");
            return None;
        }
        child => child.unwrap(),
    };
    let mut input = child.stdin.take().unwrap();
    let output = thread::scope(|scope| {
        scope.spawn(move || {
            for document in documents {
                input.write_all(&hex_line(document)).unwrap();
            }
        });
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "python3 failed");
    let answers: Vec<_> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| (!line.starts_with('!')).then(|| line.to_owned()))
        .collect();
    assert_eq!(answers.len(), documents.len(), "one answer a document");
    Some(answers)
}

fn hex_line(document: &[u8]) -> Vec<u8> {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digits = |byte: &u8| [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
    document.iter().flat_map(digits).chain([b'\n']).collect()
}

/// Faults for which Python may well accept the document: being stricter is the point.
fn python_may_accept(document: &[u8], fault: Fault) -> bool {
    // Python takes a document with zero bytes for UTF-16 or UTF-32.
    document.contains(&0)
        || matches!(
            fault,
            Fault::NotUtf8
                | Fault::ByteOrderMark
                | Fault::NotFinite
                | Fault::FloatOverflow
                | Fault::LoneSurrogate
                | Fault::DuplicateKey
                | Fault::TooDeep(_)
        )
}

/// Compares our reading of every document with Python's. Returns how many we accepted, none if
/// there is no Python here.
fn compare(documents: &[Vec<u8>]) -> Option<usize> {
    let answers = python(documents)?;
    let mut accepted = 0;
    for (document, answer) in documents.iter().zip(answers) {
        let shown = String::from_utf8_lossy(document);
        match parse(document) {
            Ok(value) => {
                let ours = String::from_utf8(value.canonical()).unwrap();
                assert_eq!(Some(ours), answer, "we accept {shown:?}");
                accepted += 1;
            }
            Err(error) if python_may_accept(document, error.fault) => {}
            Err(error) => assert_eq!(None, answer, "{error}, but Python accepts {shown:?}"),
        }
    }
    Some(accepted)
}

/// A runner that draws the same documents every time; the fuzzer is there to wander.
fn runner() -> TestRunner {
    TestRunner::new(Config { rng_seed: RngSeed::Fixed(20_260_417), ..Config::default() })
}

fn draw<T: Strategy>(strategy: &T, runner: &mut TestRunner) -> T::Value {
    strategy.new_tree(runner).unwrap().current()
}

fn spellings(count: usize) -> Vec<(Value, Vec<u8>)> {
    let mut runner = runner();
    let strategy = common::document();
    (0..count)
        .map(|_| {
            let value = draw(&strategy, &mut runner);
            let mut spelled = String::new();
            common::spell(&value, runner.rng(), &mut spelled);
            (value, spelled.into_bytes())
        })
        .collect()
}

#[test]
fn python_prints_the_same_bytes_for_random_documents() {
    let (values, documents): (Vec<_>, Vec<_>) = spellings(4_000).into_iter().unzip();
    let Some(answers) = python(&documents) else { return };
    for ((value, document), answer) in values.iter().zip(&documents).zip(answers) {
        let shown = String::from_utf8_lossy(document);
        let expected = answer.unwrap_or_else(|| panic!("Python refuses {shown:?}"));
        let read = parse(document).unwrap_or_else(|error| panic!("{error}: {shown:?}"));
        assert_eq!(String::from_utf8(read.canonical()).unwrap(), expected, "{shown:?}");
        assert_eq!(String::from_utf8(value.canonical()).unwrap(), expected, "{shown:?}");
    }
}

#[test]
fn python_prints_the_same_bytes_for_floats_of_every_exponent() {
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut documents = Vec::new();
    for exponent in 0..2047_u64 {
        // The ends of each binade are where shortest digits are easiest to get wrong.
        let fraction_max = (1_u64 << 52) - 1;
        let floats: Vec<_> = [0, 1, 2, fraction_max - 1, fraction_max]
            .into_iter()
            .chain((0..20).map(|_| random.random_range(0..=fraction_max)))
            .map(|fraction| Value::Float(f64::from_bits(exponent << 52 | fraction)))
            .collect();
        documents.push(Value::Array(floats.clone()).canonical());
        let mut spelled = String::new();
        common::spell(&Value::Array(floats), &mut random, &mut spelled);
        documents.push(spelled.into_bytes());
    }
    for exponent in -330..=310 {
        let numbers = [1, 2, 3, 5, 7, 9, 17, 99].map(|digits| format!("{digits}e{exponent}"));
        documents.extend(numbers.map(String::into_bytes));
    }
    let Some(accepted) = compare(&documents) else { return };
    assert!(accepted > 2 * 2047 + 4_900, "{accepted} accepted");
}

#[test]
fn python_prints_the_same_bytes_for_numbers_of_great_length() {
    let mut documents = Vec::new();
    for length in [20, 400, 800, 5_000, 65_530, 70_000, 655_400] {
        let zeros = "0".repeat(length);
        let nines = "9".repeat(length);
        for offset in [-400, -330, -310, -1, 0, 1, 300, 309, 400, 600_000] {
            let shift = i64::try_from(length).unwrap() + offset;
            documents.push(format!("0.{zeros}17e{shift}"));
            documents.push(format!("-17{zeros}e-{shift}").replace("--", "-"));
            documents.push(format!("0.{nines}e{offset}"));
            documents.push(format!("{nines}.5e-{shift}").replace("--", ""));
        }
        // Half way between two floats, and a hair above: every digit has to be looked at.
        documents.push(format!("9007199254740993.{zeros}"));
        documents.push(format!("9007199254740993.{zeros}1"));
    }
    documents.push("9".repeat(20_000));
    let documents: Vec<_> = documents.into_iter().map(String::into_bytes).collect();
    let Some(accepted) = compare(&documents) else { return };
    assert!(accepted > documents.len() / 2, "{accepted} of {} accepted", documents.len());
}

#[test]
fn python_accepts_whatever_we_accept_of_mutated_documents() {
    let mut runner = runner();
    let mut documents = Vec::new();
    for (_, document) in spellings(1_500) {
        for _ in 0..4 {
            let mut mutated = document.clone();
            for _ in 0..runner.rng().random_range(1..4) {
                mutate(&mut mutated, runner.rng());
            }
            documents.push(mutated);
        }
    }
    let Some(accepted) = compare(&documents) else { return };
    assert!(accepted > documents.len() / 20, "{accepted} of {} accepted", documents.len());
}

fn mutate(document: &mut Vec<u8>, random: &mut TestRng) {
    const MEANINGFUL: &[u8] = b"{}[]\",:\\/ \t\n-+.0123456789eEuabdfnrtNI\x00\x1f\x7f\xc3\xa9\xed";
    let at = random.random_range(0..=document.len());
    let byte = MEANINGFUL[random.random_range(0..MEANINGFUL.len())];
    let to = document.len().min(at + random.random_range(1..6));
    match random.random_range(0..4) {
        0 => document.insert(at, byte),
        1 if at < document.len() => document[at] = byte,
        2 => {
            let copied = document[at..to].to_vec();
            let into = random.random_range(0..=document.len());
            document.splice(into..into, copied);
        }
        _ => drop(document.drain(at..to)),
    }
}

#[test]
fn python_accepts_whatever_we_accept_of_made_up_text() {
    let mut documents = Vec::new();
    for soup in [
        r#"([\[\]{}:,"\\ ]|-?[0-9]|true|null|"a"|"b":|NaN|\.|e|\n){0,12}"#,
        r"[-+]?[0-9]{0,3}[.]?[0-9]{0,3}([eE][-+]?[0-9]{0,4})?",
        r"[-+.eE0-9]{1,8}",
        r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][-+]?[0-9]{1,3})?",
        r#""(\\u[dD][89abAB][0-9a-f]{2}|\\u[dD][c-fC-F][0-9a-f]{2}|\\u[0-9a-fA-F+ ]{3,5}|\\.|.){0,6}""#,
        r#"\{"(a|\\u0061|b)":1,"(a|b|\\u0062)":2(,"":\{\})?\}"#,
        r#"[ \t\r\n\x0b\x0c\u{a0}\u{2028}\u{feff}]{0,2}(1|\[\]|"")[ \t\r\n\x0b\x0c\u{85}]{0,2}"#,
    ] {
        let strategy = proptest::string::string_regex(soup).unwrap();
        let mut runner = runner();
        documents.extend((0..2_000).map(|_| draw(&strategy, &mut runner).into_bytes()));
    }
    let Some(accepted) = compare(&documents) else { return };
    assert!(accepted > documents.len() / 5, "{accepted} of {} accepted", documents.len());
}

//! Made-up documents, and the many ways to write one down.

use canonical_json::{Value, parse};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::test_runner::TestRng;

/// Any value: every kind of character, integers to 200 digits, floats of every size.
pub(crate) fn document() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(6, 48, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::Array),
            btree_map(text(), inner, 0..8).prop_map(Value::Object),
        ]
    })
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        2 => any::<i64>().prop_map(|number| Value::Int(number.into())),
        1 => any::<u64>().prop_map(|number| Value::Int(number.into())),
        2 => "-?(0|[1-9][0-9]{0,200})".prop_map(|digits| parse(digits.as_bytes()).unwrap()),
        5 => float().prop_map(Value::Float),
        5 => text().prop_map(Value::Str),
    ]
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => any::<u64>().prop_map(f64::from_bits),
        1 => any::<i32>().prop_map(f64::from),
        // Around the two places where repr changes its form.
        2 => (-20_i32..20, 1_u32..10_000).prop_map(|(exponent, digits)| {
            f64::from(digits) * 10_f64.powi(exponent)
        }),
        1 => prop::sample::select(vec![0.0, -0.0, 1e16, 1e-4, 1e-5, 5e-324, f64::MAX, f64::MIN]),
    ]
    .prop_filter("JSON has finite floats only", |number| number.is_finite())
}

/// Any text, every class of character that is escaped differently among it.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => proptest::char::range(' ', '~'),
        1 => proptest::char::range('\0', '\u{1f}'),
        1 => prop::sample::select(vec!['\u{7f}', '"', '\\', '/', '\u{2028}', '\u{feff}']),
        1 => proptest::char::range('\u{80}', '\u{7ff}'),
        1 => proptest::char::range('\u{e000}', '\u{ffff}'),
        1 => proptest::char::range('\u{10000}', '\u{10ffff}'),
        1 => any::<char>(),
    ];
    vec(character, 0..12).prop_map(|characters| characters.into_iter().collect())
}

/// Appends `value` as JSON, with whitespace, escapes, key order and number forms left to chance.
pub(crate) fn spell(value: &Value, random: &mut TestRng, out: &mut String) {
    space(random, out);
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(claim) => out.push_str(&claim.to_string()),
        Value::Int(number) if number.as_i64() == Some(0) && random.random() => out.push_str("-0"),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Float(number) => spell_float(*number, random, out),
        Value::Str(text) => spell_string(text, random, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                spell(item, random, out);
            }
            space(random, out);
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_cached_key(|_| random.random::<u32>());
            for (index, (key, member)) in members.into_iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                space(random, out);
                spell_string(key, random, out);
                space(random, out);
                out.push(':');
                spell(member, random, out);
            }
            space(random, out);
            out.push('}');
        }
    }
    space(random, out);
}

fn space(random: &mut TestRng, out: &mut String) {
    while random.random_ratio(1, 4) {
        out.push([' ', '\t', '\n', '\r'][random.random_range(0..4)]);
    }
}

fn spell_float(number: f64, random: &mut TestRng, out: &mut String) {
    // Seventeen digits and more name every float exactly.
    let precision = random.random_range(16..40);
    let spelled = match random.random_range(0..5) {
        0 => format!("{number:e}"),
        1 => format!("{number:.precision$E}"),
        2 => format!("{number:.precision$e}").replace('e', "e+").replace("+-", "-00"),
        3 => format!("{number:?}"),
        // Every digit there is, up to a thousand, with no exponent.
        _ => format!("{number:.1080}"),
    };
    out.push_str(&spelled);
}

fn spell_string(text: &str, random: &mut TestRng, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        let short = match character {
            '"' | '\\' | '/' => Some(character),
            '\u{8}' => Some('b'),
            '\u{c}' => Some('f'),
            '\n' => Some('n'),
            '\r' => Some('r'),
            '\t' => Some('t'),
            _ => None,
        };
        let may_be_raw = character >= ' ' && !matches!(character, '"' | '\\');
        match (random.random_range(0..3), short) {
            (0, Some(short)) => out.extend(['\\', short]),
            (1 | 2, _) if may_be_raw => out.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let digits = format!("{unit:04x}");
                    out.push_str("\\u");
                    out.push_str(&if random.random() { digits.to_uppercase() } else { digits });
                }
            }
        }
    }
    out.push('"');
}

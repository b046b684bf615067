//! Canonical JSON against V8 itself: thousands of random documents, printed by us and by Node.
//!
//! For each document, our print must be a fixed point of `JSON.stringify(JSON.parse(x))` and must equal V8's own print of the raw text.

use std::io::Write as _;
use std::process::{Command, Stdio};

use postsync_webhook::canonical;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

const DOCUMENTS: usize = 5_000;

/// Prints the first documents that differ, each as its raw text, our print and V8's.
const SCRIPT: &str = r"
const pairs = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const print = (text) => JSON.stringify(JSON.parse(text));
const wrong = pairs.filter(([raw, ours]) => print(ours) !== ours || print(raw) !== ours);
for (const [raw, ours] of wrong.slice(0, 5)) console.log(`raw  ${raw}\nours ${ours}\nv8   ${print(raw)}\n`);
console.log(`${pairs.length} documents, ${wrong.length} wrong`);
process.exit(wrong.length === 0 ? 0 : 1);
";

/// Numbers as text, in spellings that printers disagree about.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "0",
            "-0",
            "-0.0",
            "0e5",
            "5.0",
            "0.50",
            "1e3",
            "1E+3",
            "1e16",
            "1e20",
            "1e21",
            "1e-6",
            "1e-7",
            "5e-5",
            "5e-324",
            "2e-324",
            "1.7976931348623157e308",
            "9007199254740991",
            "9007199254740992",
            "9007199254740993",
            "-9007199254740993",
            "9223372036854775807",
            "-9223372036854775808",
            "18446744073709551615",
            "18446744073709551616",
            "123456789012345678901234567890",
            "0.1e1",
            "100000000000000000000.0",
            "9.98",
            "4.35",
            "0.000001",
            "2.2250738585072014e-308",
        ])
        .prop_map(str::to_owned),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(|n| format!("{n:e}")),
        any::<f64>().prop_filter("short", |n| n.is_finite() && n.abs() < 1e30).prop_map(|n| format!("{n}")),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<u64>().prop_map(|n| n.to_string()),
        (-1000_i64..1000, 0_u32..100_000).prop_map(|(whole, part)| format!("{whole}.{part:05}")),
        "-?[1-9][0-9]{0,24}(\\.[0-9]{1,20})?([eE][-+]?[0-9]{1,2})?",
    ]
}

/// Strings as text, quotation marks included, in raw and escaped characters.
fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z0-9 /.:_-]{1,8}",
        1 => prop::sample::select(vec![
            "\\u00e9", "é", "\\/", "\\u003c", "\\u001F", "\\u000b", "\\b", "\\f", "\\n", "\\r", "\\t", "\\\"", "\\\\",
            "\u{2028}", "\\u2029", "\u{7f}", "\\u0000", "😀", "\\ud83d\\ude00", "\u{ffff}", "\u{10ffff}", "\\u0041",
        ])
        .prop_map(str::to_owned),
        1 => any::<char>().prop_filter("raw", |c| !c.is_control() && !"\"\\".contains(*c)).prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn key() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "0",
        "1",
        "2",
        "9",
        "10",
        "01",
        "-1",
        "1.5",
        "1e3",
        "4294967294",
        "4294967295",
        "4294967296",
        "9007199254740993",
        "__proto__",
        "toJSON",
        "constructor",
        "length",
        "",
        "a",
        "b",
        "\\u0031",
        "!",
    ]);
    prop_oneof![2 => odd.prop_map(|key| format!("\"{key}\"")), 1 => string()]
}

/// Whole documents as text, with white space in odd places.
fn document() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        3 => number(),
        2 => string(),
        1 => prop::sample::select(vec!["null", "true", "false", "{}", "[]"]).prop_map(str::to_owned),
    ];
    let space = prop::sample::select(vec!["", "", " ", "\n", "\t "]);
    leaf.prop_recursive(4, 40, 8, move |inner| {
        let member = (key(), space.clone(), inner.clone()).prop_map(|(key, space, value)| format!("{key}{space}:{value}"));
        let comma = space.clone().prop_map(|space| format!("{space},{space}"));
        prop_oneof![
            1 => (prop::collection::vec(inner, 0..6), comma.clone()).prop_map(|(items, c)| format!("[{}]", items.join(&c))),
            2 => (prop::collection::vec(member, 0..8), comma).prop_map(|(items, c)| format!("{{{}}}", items.join(&c))),
        ]
    })
}

#[test]
fn the_print_is_what_v8_prints() {
    let mut runner = TestRunner::deterministic();
    let strategy = document();
    let pairs: Vec<[String; 2]> = (0..DOCUMENTS)
        .filter_map(|_| {
            let raw = strategy.new_tree(&mut runner).unwrap().current();
            // A lone surrogate or a number beyond a double, which Rust refuses to hold: never in a body of ours.
            let ours = canonical::reprint(raw.as_bytes()).ok()?;
            Some([raw, String::from_utf8(ours).unwrap()])
        })
        .collect();
    assert!(pairs.len() > DOCUMENTS * 9 / 10, "only {} of {DOCUMENTS} documents were JSON", pairs.len());

    let mut node = Command::new("node")
        .args(["-e", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("This test asks Node what JSON.stringify prints. Install Node 18 or newer (scripts/test does).");
    let input = serde_json::to_vec(&pairs).unwrap();
    node.stdin.take().unwrap().write_all(&input).unwrap();
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

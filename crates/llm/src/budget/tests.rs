//! The ledger by itself; tests/cli has it under eight real processes.

use ops_core::host::Host;
use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn usd(amount: f64) -> Money {
    Money::from_usd(amount)
}

const CAPS: Caps = Caps {
    review: Money::from_picos_const(500_000_000_000),
    run: Money::from_picos_const(1_000_000_000_000),
    day: Money::from_picos_const(2_000_000_000_000),
};

fn account<'a>(run: &'a str, review: &'a str) -> Account<'a> {
    Account { run, review: Some(review).filter(|it| !it.is_empty()), earlier: Money::ZERO }
}

fn scratch() -> (tempfile::TempDir, Host) {
    (tempfile::tempdir().unwrap(), Host::real())
}

#[test]
fn every_scope_has_its_own_cap() {
    let (dir, host) = scratch();
    let mut ledger = Ledger::open(&host, dir.path()).unwrap();
    let now = at("2026-11-21T10:00:00Z");
    for (run, review, amount, want) in [
        ("r1", "a", 0.3, None),
        ("r1", "a", 0.3, Some("review")),
        ("r1", "a", 0.2, None),
        ("r1", "b", 0.4, None),
        ("r1", "c", 0.2, Some("run")),
        ("r2", "d", 0.5, None),
        ("r2", "", 0.5, None),
        ("r3", "", 0.2, Some("day")),
        ("r3", "", 0.1, None),
        ("r3", "", 0.0, None),
    ] {
        let got = ledger.reserve(now, account(run, review), usd(amount), CAPS).unwrap();
        let scope = got.as_ref().err().map(|over| over.scope);
        assert_eq!(scope, want, "{run} {review} {amount}");
    }
    // The next day has its own money; runs go on.
    let tomorrow = at("2026-11-22T00:00:00Z");
    assert!(ledger.reserve(tomorrow, account("r4", ""), usd(1.0), CAPS).unwrap().is_ok());
    let over = ledger.reserve(tomorrow, account("r1", ""), usd(0.5), CAPS).unwrap().unwrap_err();
    assert_eq!((over.scope, over.is_ahead), ("run", false));
}

#[test]
fn what_is_settled_counts_as_what_it_cost_and_what_is_not_at_its_worst() {
    let (dir, host) = scratch();
    let now = at("2026-11-21T10:00:00Z");
    let mut ledger = Ledger::open(&host, dir.path()).unwrap();
    let first = ledger.reserve(now, account("r", "a"), usd(0.5), CAPS).unwrap().unwrap();
    ledger.settle(first, usd(0.1)).unwrap();
    drop(ledger.reserve(now, account("r", "a"), usd(0.4), CAPS).unwrap().unwrap());
    drop(ledger);
    // Another process, after a crash of this one.
    let mut ledger = Ledger::open(&host, dir.path()).unwrap();
    assert_eq!(ledger.today(now).unwrap(), (usd(0.1), usd(0.4)));
    let over = ledger.reserve(now, account("r2", "a"), usd(0.01), CAPS).unwrap().unwrap_err();
    assert_eq!((over.scope, over.counted), ("review", usd(0.5)));
}

#[test]
fn a_clock_that_is_set_back_brings_no_new_money() {
    let (dir, host) = scratch();
    let mut ledger = Ledger::open(&host, dir.path()).unwrap();
    let (today, yesterday) = (at("2026-11-21T00:10:00Z"), at("2026-11-20T23:50:00Z"));
    for run in ["a", "b"] {
        drop(ledger.reserve(today, account(run, ""), usd(1.0), CAPS).unwrap().unwrap());
    }
    let over = ledger.reserve(yesterday, account("c", ""), usd(0.1), CAPS).unwrap().unwrap_err();
    assert_eq!((over.scope, over.is_ahead), ("day", true));
    assert!(over.to_string().contains("set back"));
}

#[test]
fn old_charges_are_forgotten_and_a_damaged_ledger_spends_nothing() {
    let (dir, host) = scratch();
    let mut ledger = Ledger::open(&host, dir.path()).unwrap();
    for day in ["2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z"] {
        drop(ledger.reserve(at(day), account("r", ""), usd(0.5), CAPS).unwrap().unwrap());
    }
    let rows: i64 =
        ledger.db.query_row("SELECT COUNT(*) FROM charges", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 1);
    drop(ledger);
    let path = folder(dir.path()).join("budget.db");
    for extra in ["db-wal", "db-shm"] {
        host.remove_file(&path.with_extension(extra)).unwrap();
    }
    host.replace_file(&path, b"this is not a database, it is a text of some length.....", 0o640)
        .unwrap();
    let failure = Ledger::open(&host, dir.path()).unwrap_err();
    assert_eq!(failure.exit, Exit::Unavailable);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn no_order_of_calls_passes_a_cap(
        calls in prop::collection::vec((0..3_u8, 0..3_u8, 0.0..0.6_f64, 0.0..1.0_f64, any::<bool>()), 1..30)
    ) {
        let (dir, host) = scratch();
        let mut ledger = Ledger::open(&host, dir.path()).unwrap();
        let now = at("2026-11-21T10:00:00Z");
        let mut counted = std::collections::BTreeMap::<String, Money>::new();
        for (run, review, worst, share, settles) in calls {
            let (run, review) = (format!("run{run}"), format!("review{review}"));
            let worst = usd(worst);
            let got = ledger.reserve(now, account(&run, &review), worst, CAPS).unwrap();
            let Ok(reservation) = got else { continue };
            let cost = if settles { usd(worst.usd() * share) } else { worst };
            if settles {
                ledger.settle(reservation, cost).unwrap();
            }
            for name in [run, review, "day".to_owned()] {
                let cap = match name.as_str() {
                    "day" => CAPS.day,
                    name if name.starts_with("run") => CAPS.run,
                    _ => CAPS.review,
                };
                let sum = counted.entry(name).or_default();
                *sum = sum.plus(cost);
                prop_assert!(*sum <= cap);
            }
        }
    }
}

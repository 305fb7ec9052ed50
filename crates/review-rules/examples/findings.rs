//! `findings FOLDER COUNT [RULE]`: what the rules say of each of the last commits of a repository, a
//! line each, and how many would be blocked. With a rule's id, the places it tells.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;
use std::path::Path;

use review_bundle::{Exclusions, MAX_BLOB_BYTES, Repository, build};
use review_rules::{Finding, Policy, Rules};

fn main() -> Result<(), Box<dyn Error>> {
    let argv: Vec<String> = std::env::args().collect();
    let [_, folder, count, shown @ ..] = &argv[..] else {
        return Err("usage: findings FOLDER COUNT [RULE]".into());
    };
    let repository = Repository::discover(Path::new(folder))?;
    let rules = Rules::new(&Policy::default())?;
    let mut out = std::io::stdout().lock();
    let (mut commits, mut blocked) = (0, 0);
    let mut by_rule: BTreeMap<(bool, String), usize> = BTreeMap::new();
    let mut to = repository.commit("HEAD")?;
    for _ in 0..count.parse::<usize>()? {
        let Ok(since) = repository.commit(&format!("{to}~1")) else { break };
        let range = repository.range(&since.to_string(), &to.to_string())?;
        let mut found: Vec<Finding> = Vec::new();
        let mut look = |section: &review_bundle::Section<'_>| found.extend(rules.find(section));
        drop(build(&repository, &range, &Exclusions::default(), MAX_BLOB_BYTES, &mut look)?);
        commits += 1;
        blocked += usize::from(found.iter().any(|it| it.blocks));
        for it in &found {
            *by_rule.entry((it.blocks, it.rule.clone())).or_default() += 1;
            if shown.contains(&it.rule) {
                writeln!(out, "{to:.10} {}:{} blocks={}", it.file, it.line, it.blocks)?;
            }
        }
        to = since;
    }
    for ((blocks, rule), count) in &by_rule {
        writeln!(out, "{count:6} {} {rule}", if *blocks { "blocks" } else { "tells " })?;
    }
    writeln!(out, "{blocked} of {commits} commits would be blocked")?;
    Ok(out.flush()?)
}

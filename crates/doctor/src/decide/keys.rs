//! `keys`: required secrets resolve, and none lies where others could read it.

use std::collections::BTreeSet;

use host_facts::facts::KeyFact;

use super::Given;
use crate::finding::Judged;

pub(super) fn judge(given: &Given) -> Judged {
    let keys = match given.facts.keys.known() {
        Err(why) => return Judged::is_unknown(why),
        Ok(keys) => keys,
    };
    let mut judged = Judged::default();
    let wanted = &given.policy.keys.required;
    let known: BTreeSet<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    for name in wanted.iter().filter(|name| !known.contains(name.as_str())) {
        judged.fail(name, "doctor.yaml requires it, but keys.yaml knows no such secret");
    }
    let (mut there, mut required) = (0, 0);
    for key in keys {
        let is_required = key.required || wanted.contains(&key.name);
        required += u32::from(is_required);
        there += u32::from(key.source.is_some());
        self::key(key, is_required, &mut judged);
    }
    judged.fine = format!(
        "{there} of {} secrets are there, all {required} required ones among them",
        keys.len()
    );
    judged
}

fn key(key: &KeyFact, is_required: bool, judged: &mut Judged) {
    let name = &key.name;
    match (&key.problem, &key.source) {
        (Some(problem), _) => {
            judged.fail(name, problem);
            if let Some(mend) = &key.mend {
                judged.remedy(mend);
            }
        }
        (None, None) if is_required => {
            judged.fail(name, "it is required and nowhere to be found");
            judged.remedy(format!("store it: `key set {name}` (it reads standard input)"));
        }
        (None, None) => {}
        (None, Some(source)) => {
            let masked = key.masked.as_deref().unwrap_or("…");
            let print = key.fingerprint.as_deref().unwrap_or("no fingerprint");
            judged.notes.push(format!("{name}: {source} {masked} {print}"));
        }
    }
}

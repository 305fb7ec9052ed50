//! What a check finds, and how findings become a line of the report. Pure.

use ops_core::time::{self, Timestamp};

use crate::policy::Waiver;
use crate::report::{Check, Status, Waived};

/// How many details a check may have: facts can come from another host.
const MOST_DETAILS: usize = 500;

/// How many different remedies a check tells: whoever has done these looks again.
const MOST_REMEDIES: usize = 3;

/// The longest text in a report, characters.
const LONGEST: usize = 1000;

/// Something that is not as it should be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Finding {
    /// Warn, Unknown or Fail.
    pub(crate) status: Status,
    /// What it is about, which waivers match.
    pub(crate) subject: String,
    /// What is wrong with it.
    pub(crate) what: String,
    /// What to do, when it is not what the check's row says.
    pub(crate) remedy: Option<String>,
}

impl Finding {
    fn text(&self) -> String {
        if self.subject.is_empty() {
            self.what.clone()
        } else {
            format!("{}: {}", self.subject, self.what)
        }
    }
}

/// What a check has to say.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Judged {
    /// The summary when nothing was found.
    pub(crate) fine: String,
    /// What is not as it should be.
    pub(crate) findings: Vec<Finding>,
    /// What is worth knowing all the same.
    pub(crate) notes: Vec<String>,
    /// What other programs act on.
    pub(crate) flags: Vec<&'static str>,
}

impl Judged {
    pub(crate) fn add(
        &mut self,
        status: Status,
        subject: impl Into<String>,
        what: impl Into<String>,
    ) {
        let (subject, what) = (subject.into(), what.into());
        self.findings.push(Finding { status, subject, what, remedy: None });
    }

    pub(crate) fn fail(&mut self, subject: impl Into<String>, what: impl Into<String>) {
        self.add(Status::Fail, subject, what);
    }

    pub(crate) fn warn(&mut self, subject: impl Into<String>, what: impl Into<String>) {
        self.add(Status::Warn, subject, what);
    }

    pub(crate) fn unknown(&mut self, subject: impl Into<String>, what: impl Into<String>) {
        self.add(Status::Unknown, subject, what);
    }

    /// The remedy of the finding that was added last.
    pub(crate) fn remedy(&mut self, remedy: impl Into<String>) {
        if let Some(last) = self.findings.last_mut() {
            last.remedy = Some(remedy.into());
        }
    }

    /// A check that could not be carried out at all.
    pub(crate) fn is_unknown(what: impl Into<String>) -> Self {
        let mut judged = Self::default();
        judged.unknown("", what);
        judged
    }
}

/// What a check's row says of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    /// Its id.
    pub(crate) id: &'static str,
    /// What it demands.
    pub(crate) title: &'static str,
    /// What to do when it is not so.
    pub(crate) remedy: &'static str,
    /// What to do when it could not be looked at.
    pub(crate) blind: &'static str,
}

/// Makes a line of the report: waivers turn failures into warnings and, once expired, are failures
/// themselves.
pub(crate) fn check(
    names: Names,
    mut judged: Judged,
    waivers: &[Waiver],
    now: Timestamp,
    duration_ms: u64,
) -> Check {
    let Names { id, title, remedy, blind } = names;
    let mut waived_by: Vec<Waived> = Vec::new();
    for waiver in waivers.iter().filter(|it| it.id == id) {
        match waiver.end() {
            Ok(end) if now < end => {
                let failed = judged.findings.iter_mut().filter(|it| it.status == Status::Fail);
                let about: Vec<_> = failed.filter(|it| waiver.is_about(id, &it.subject)).collect();
                if !about.is_empty() {
                    waived_by.push(Waived {
                        r#match: waiver.r#match.clone(),
                        until: waiver.until.clone(),
                        why: waiver.why.clone(),
                    });
                }
                for finding in about {
                    finding.status = Status::Warn;
                    let Waiver { until, why, .. } = waiver;
                    finding.what = format!("{} (waived until {until}: {why})", finding.what);
                }
            }
            expired => {
                let when = expired.map_or(waiver.until.clone(), time::rfc3339_seconds);
                judged
                    .fail(format!("waiver {:?}", waiver.r#match), format!("it expired at {when}"));
                judged.remedy("mend what it was about, then remove the waiver from doctor.yaml");
            }
        }
    }
    // The worst first, else in the order in which they were found.
    judged.findings.sort_by_key(|it| std::cmp::Reverse(it.status));
    let worst = judged.findings.first();
    let status = worst.map_or(Status::Pass, |it| it.status);
    let summary = match worst {
        None => judged.fine.clone(),
        Some(worst) => match judged.findings.len() - 1 {
            0 => worst.text(),
            more => format!("{} (+{more} more)", worst.text()),
        },
    };
    let usual = if status == Status::Unknown { blind } else { remedy };
    let mut remedies: Vec<&str> = Vec::new();
    for finding in judged.findings.iter().filter(|it| it.status == status) {
        let remedy = finding.remedy.as_deref().unwrap_or(usual);
        if !remedies.contains(&remedy) && remedies.len() < MOST_REMEDIES {
            remedies.push(remedy);
        }
    }
    let remediation = remedies.join("; and ");
    let details = judged.findings.iter().map(|it| format!("{} {}", it.status.name(), it.text()));
    let mut details: Vec<String> = details.chain(judged.notes).map(|it| plain(&it)).collect();
    if details.len() > MOST_DETAILS {
        let more = details.len() - MOST_DETAILS;
        details.truncate(MOST_DETAILS);
        details.push(format!("and {more} more"));
    }
    Check {
        id: id.to_owned(),
        title: title.to_owned(),
        status,
        summary: plain(&summary),
        details,
        remediation: plain(&remediation),
        waived_by,
        duration_ms,
    }
}

/// A text that changes nothing on a terminal, whoever wrote it: control characters and those that
/// turn the direction of writing are written out.
pub(crate) fn plain(text: &str) -> String {
    let is_tricky = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut plain = String::with_capacity(text.len());
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST {
            plain.push('…');
            break;
        }
        if is_tricky(c) {
            plain.extend(c.escape_unicode());
        } else {
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
#[path = "finding_tests.rs"]
mod tests;

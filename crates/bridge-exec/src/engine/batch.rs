//! Plans that share one group's flushes, and whether another may join them.

use std::collections::HashSet;

use crate::journal::Plan;

/// What a plan was judged by.
pub(super) enum Depends {
    /// The document alone.
    Nothing,
    /// What is at these absolute paths.
    Paths(Vec<String>),
    /// The target in some way: a dry run said no.
    Target,
}

/// Plans that go through the desk together.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) plans: Vec<Plan>,
    pub(super) ids: HashSet<String>,
    touched: HashSet<String>,
    above: HashSet<String>,
    pub(super) bytes: u64,
}

impl Batch {
    /// Whether a plan was judged by what another of the batch is about to change.
    pub(super) fn clashes(&self, plan: &Plan, depends: &Depends) -> bool {
        let touches = |path: &String| {
            self.touched.contains(path)
                || self.above.contains(path)
                || above(path).any(|folder| self.touched.contains(folder))
        };
        plan.accepts.as_ref().is_some_and(|(id, _)| self.holds_evidence_of(id))
            || match depends {
                Depends::Nothing => false,
                Depends::Paths(paths) => paths.iter().any(touches),
                Depends::Target => !self.touched.is_empty(),
            }
    }

    /// Whether a plan of the batch leaves evidence under a name that this id would use.
    pub(super) fn holds_evidence_of(&self, id: &str) -> bool {
        self.ids.contains(id)
            || self.ids.contains(&format!("{id}.integrity"))
            || id.strip_suffix(".integrity").is_some_and(|id| self.ids.contains(id))
    }

    pub(super) fn add(&mut self, plan: Plan, depends: Depends) {
        self.bytes += plan.weight();
        self.ids.extend(plan.accepts.as_ref().map(|it| it.0.clone()));
        if let Depends::Paths(paths) = depends {
            self.above.extend(paths.iter().flat_map(|path| above(path)).map(str::to_owned));
            self.touched.extend(paths);
        }
        self.plans.push(plan);
    }
}

fn above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').filter_map(|(end, _)| path.get(..end)).filter(|it| !it.is_empty())
}

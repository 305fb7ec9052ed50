//! What a job sees: its program, its environment, its files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jobs::{JobId, JobTypes, Plan, Program};
use ops_core::failure::{Exit, Failure};
use ops_core::host::Host;
use repo_mirror::{Pinned, PlaceInside, Worktree};
use sandbox::{Job, Mount, Walls};

/// Where the job sees the commit's tree.
const TREE: &str = "/repo";
/// Where it sees the git folder and the mirror's objects.
pub(crate) const INSIDE: PlaceInside<'static> =
    PlaceInside { git: "/repo.git", objects: "/mirror/objects" };
/// Where it sees the one folder it may write.
const ARTIFACTS: &str = "/artifacts";
/// Where it sees programs of this install.
const PROGRAMS: &str = "/run/aiops/bin";
/// The first of the user numbers that jobs of root become, one for each job: above those that
/// systems, containers and systemd's own dynamic users take.
const FIRST_USER: u32 = 0x7000_0000;

/// The job as the sandbox runs it; none when no program of it is there.
///
/// # Errors
/// Exit 69 when a program of this install is missing.
pub(crate) fn job(
    host: &Host,
    plan: &Plan,
    types: &JobTypes,
    pinned: &Pinned,
    worktree: &Worktree,
    id: &JobId,
    work: &Path,
) -> Result<Option<Job>, Failure> {
    let wrong = |why: String| Failure::new(Exit::Config, "choose the job's program").because(why);
    let mut readable = vec![
        mount(worktree.tree(), TREE),
        mount(worktree.git(), INSIDE.git),
        mount(pinned.mirror.join("objects"), INSIDE.objects),
    ];
    let mut argv = None;
    for program in plan.job.programs().map_err(wrong)? {
        match program {
            Program::Install(name) => {
                let path = own(host, name)?;
                readable.push(mount(path, &format!("{PROGRAMS}/{name}")));
                argv = Some(vec![format!("{PROGRAMS}/{name}")]);
            }
            Program::Repo(path) => argv = started(path, worktree.program(path)),
        }
        if argv.is_some() {
            break;
        }
    }
    let Some(mut argv) = argv else { return Ok(None) };
    argv.extend(plan.job.argv.iter().skip(1).cloned());
    let [a, b, c] = host.random();
    Ok(Some(Job {
        argv,
        folder: TREE.into(),
        env: environment(host, plan, id),
        helper: own(host, "orb-wrap")?,
        readable,
        visible: types.sandbox.visible.iter().map(PathBuf::from).collect(),
        writable: mount(work.to_path_buf(), ARTIFACTS),
        limits: plan.job.limits,
        deadline: plan.job.deadline(),
        minimum: types.sandbox.minimum.clone(),
        walls: Walls::BestThereIs,
        user: FIRST_USER | u32::from_be_bytes([0, a, b, c]),
    }))
}

fn mount(from: PathBuf, to: &str) -> Mount {
    Mount { from, to: to.into() }
}

fn own(host: &Host, name: &str) -> Result<PathBuf, Failure> {
    let own = host.program().filter(|it| it.file_name().is_some_and(|it| it == name));
    own.or_else(|| host.find_program(name)).ok_or_else(|| {
        Failure::new(Exit::Unavailable, format!("find the program {name} of this install"))
    })
}

/// How a file of the commit is started: by itself when it can be, else by what its name says.
fn started(path: &str, program: Option<bool>) -> Option<Vec<String>> {
    let full = format!("{TREE}/{path}");
    let extension = Path::new(path).extension().and_then(|it| it.to_str());
    match (program?, extension) {
        (true, _) => Some(vec![full]),
        (false, Some("py")) => Some(vec!["python3".to_owned(), full]),
        (false, _) => Some(vec!["sh".to_owned(), full]),
    }
}

fn environment(host: &Host, plan: &Plan, id: &JobId) -> BTreeMap<String, String> {
    let own = [
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("LANG", "C.UTF-8"),
        ("TMPDIR", "/tmp"),
        ("ARTIFACT_DIR", ARTIFACTS),
        ("JOB_ID", id.as_str()),
        // Our own programs keep no state there.
        ("AIOPS_HOME", "/tmp"),
        // The target's git reads: the tree may belong to another user, and nothing is writable.
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "safe.directory"),
        ("GIT_CONFIG_VALUE_0", "*"),
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("GIT_TERMINAL_PROMPT", "0"),
    ];
    let mut env: BTreeMap<String, String> =
        own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    for name in &plan.job.pass_env {
        if let Some(value) = host.env(name).and_then(|it| it.to_str()) {
            env.insert(name.clone(), value.to_owned());
        }
    }
    env.extend(plan.job.env.clone());
    for param in &plan.job.allowed_params {
        if let Some(value) = plan.params.get(&param.name) {
            env.insert(param.variable(), value.clone());
        }
    }
    env
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_started_by_itself_or_by_what_its_name_says() {
        for (path, program, want) in [
            ("a.sh", None, None),
            ("a.sh", Some(true), Some("/repo/a.sh")),
            ("a.sh", Some(false), Some("sh /repo/a.sh")),
            ("b/a.py", Some(false), Some("python3 /repo/b/a.py")),
            ("b/a.py", Some(true), Some("/repo/b/a.py")),
        ] {
            assert_eq!(started(path, program).map(|it| it.join(" ")).as_deref(), want);
        }
    }
}

//! The command line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use jobs::Request;
use ops_core::cli::{Command, Common, Context};
use ops_core::failure::{Exit, Failure};
use ops_core::report::Report;

const EXAMPLES: &str = "\
Examples:
  orb-wrap list
  orb-wrap explain --job orb_doctor --repo algo-nt8-orb
  orb-wrap run --job orb_doctor --repo algo-nt8-orb
  orb-wrap run --job orb_review_bundle --repo git@git.example:ops/algo-nt8-orb.git \\
    --sha 5f0c… --param since_sha=91ab… --json
  orb-wrap gc

Exit codes: 0 success; 1 the job failed, timed out, was rejected or changed something (MUTATION_DETECTED);
2 usage; 65 the artifact folder holds a job already, or a parameter is given twice; 69 the job could not
be run; 75 try later; 78 configuration invalid.";

/// Runs one allowlisted job over a commit of another repository, read-only and isolated
#[derive(Clone, Debug, Parser)]
#[command(name = "orb-wrap", version = ops_core::VERSION, after_help = EXAMPLES)]
pub struct Args {
    /// What every binary shares.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub call: Call,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Call {
    /// Run one job and leave artifact.json
    Run {
        /// What to run.
        #[command(flatten)]
        asked: Asked,
        /// Where its artifact goes; a new folder [default: <home>/artifacts/jobs/<job id>]
        #[arg(long, value_name = "DIR")]
        artifact_dir: Option<PathBuf>,
    },
    /// List the types of jobs with their parameters, and the repositories
    List,
    /// Say what would run, under which limits; nothing is fetched or started
    Explain {
        /// What would run.
        #[command(flatten)]
        asked: Asked,
    },
    /// Remove what killed jobs left, and mirrors that nobody needs
    Gc {
        /// Remove mirrors that no job used for so many days
        #[arg(long, value_name = "DAYS", default_value_t = 30)]
        unused_days: u16,
        /// Then remove mirrors, those first that were not used for longest, until all together
        /// take at most so many MiB; what jobs use stays
        #[arg(long, value_name = "N", default_value_t = 32_768)]
        max_mib: u32,
    },
    /// The helper inside the sandbox; for orb-wrap itself
    #[command(hide = true)]
    Inside,
    /// A job of ours, inside the sandbox; for orb-wrap itself
    #[command(hide = true)]
    Task {
        /// Which.
        #[command(subcommand)]
        task: Task,
    },
}

/// A job of ours.
#[derive(Clone, Debug, Subcommand)]
pub enum Task {
    /// `REVIEW_BUNDLE.txt`, or packets where it is too large
    ReviewBundle {
        /// The most bytes of one text
        #[arg(long, value_name = "N", default_value_t = 600_000)]
        max_bytes: u64,
    },
    /// Counts and samples of error patterns in logs
    LogAudit,
}

/// What to run.
#[derive(clap::Args, Clone, Debug)]
pub struct Asked {
    /// The type of job
    #[arg(long, value_name = "TYPE")]
    pub job: String,
    /// The repository, by its URL or its name in the allowlist
    #[arg(long, value_name = "URL", allow_hyphen_values = true)]
    pub repo: String,
    /// The commit's full name [default: the remote's HEAD]
    #[arg(long, value_name = "SHA", allow_hyphen_values = true)]
    pub sha: Option<String>,
    /// A parameter; repeat for more
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = pair, allow_hyphen_values = true)]
    pub params: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Asked {
    /// The request it is. What has a colon or a slash is a URL.
    ///
    /// # Errors
    /// Exit 65 when a parameter is given twice: which of its values is meant is not guessed.
    pub(crate) fn request(&self) -> Result<Request, Failure> {
        let is_url = self.repo.contains([':', '/']);
        let mut params = BTreeMap::new();
        for (name, value) in &self.params {
            if params.insert(name.clone(), value.clone()).is_some() {
                return Err(Failure::new(Exit::Malformed, "read --param")
                    .because(format!("{name} is given twice")));
            }
        }
        Ok(Request {
            job_type: self.job.clone(),
            repo_name: (!is_url).then(|| self.repo.clone()),
            remote_url: is_url.then(|| self.repo.clone()),
            sha: self.sha.clone(),
            params,
        })
    }
}

impl Command for Args {
    const NAME: &'static str = "orb-wrap";

    fn common(&self) -> &Common {
        &self.common
    }

    fn action(&self) -> Option<String> {
        match &self.call {
            Call::Run { asked, .. } => Some(format!("run {}", asked.job)),
            Call::Gc { .. } => Some("gc".to_owned()),
            Call::List | Call::Explain { .. } | Call::Inside | Call::Task { .. } => None,
        }
    }

    fn run(&self, context: &Context) -> Result<Box<dyn Report>, Failure> {
        crate::calls::run(&self.call, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn clap_accepts_the_definition() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_repository_is_a_name_or_a_url() {
        for (repo, is_url) in [
            ("algo-nt8-orb", false),
            ("git@git.example:a", true),
            ("file:///a", true),
            ("a/b", true),
        ] {
            let argv = ["orb-wrap", "explain", "--job", "x", "--repo", repo];
            let Call::Explain { asked } = Args::parse_from(argv).call else { panic!() };
            assert_eq!(asked.request().unwrap().remote_url.is_some(), is_url, "{repo}");
        }
    }
}

//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use ops_core::cli::{Command, Common, Context};
use ops_core::failure::Failure;
use ops_core::report::Report;

const EXAMPLES: &str = "\
Examples:
  review-gate init --signer ~/.ssh/reviewer.pub     one commit to look at; push it, then:
  review-gate install-hooks                         from now on git push asks the gate
  review-gate install-hooks --server /srv/repo.git  the same rule where nobody can go round it
  review-gate run --gate                            reviews baseline..HEAD; 1 when it is blocked
  review-gate run --since origin/main --reviewer codex
  review-gate show --format github                  findings beside their lines
  review-gate finish && git push                    moves the baseline, then pushes
  review-gate bundle --out review                   review/bundle.txt, or 6 and review/review_packets/
  review-gate waive --finding 3f2a… --reason 'the port is behind the firewall' --days 14
  CHECK_VERDICT=1 review-gate verify-tree           for CI: hooks intact, and HEAD is approved

The judgement reads policy, prompt, models and signers from the commit the range starts at, else from
/etc/ai-ops-runner/configs, else what was compiled in; never from --configs or the environment.

Exit codes: 0 yes; 1 no; 2 usage; 6 over the size cap (bundle); 65 malformed; 69 nobody answered;
75 try later; 77 a key is missing; 78 configuration. Anything but 0 means: do not push.";

/// Reviews exactly the range that is about to be pushed, and lets nothing else through
#[derive(Clone, Debug, Parser)]
#[command(name = "review-gate", version = ops_core::VERSION, after_help = EXAMPLES)]
pub struct Args {
    /// What every binary shares.
    #[command(flatten)]
    pub common: Common,

    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Write the range as one bounded text; over the cap 6, and packets
    Bundle(BundleArgs),
    /// Write the range as packets that each fit
    Packets(BundleArgs),
    /// Review the range and keep the signed verdict
    Run(RunArgs),
    /// The pre-push hook: judges git's lines on standard input
    Check {
        /// What git gives the hook: the remote's name and address; behind `--`, since either may begin
        /// with a dash
        #[arg(value_name = "REMOTE")]
        remote: Vec<OsString>,
    },
    /// The pre-receive hook of a server: the same rule, where --no-verify does not reach
    PreReceive,
    /// Move the baseline to the approved commit, in a commit of its own
    Finish,
    /// Show a verdict
    Show(ShowArgs),
    /// Hold hooks and scripts to the rules; with `CHECK_VERDICT=1` the verdict of HEAD too
    VerifyTree,
    /// Make the first baseline, signer, policy and hook, as one commit to look at
    Init(InitArgs),
    /// Make git run the hook, and see it run
    InstallHooks {
        /// Install pre-receive in this bare repository instead
        #[arg(long, value_name = "BARE")]
        server: Option<PathBuf>,
    },
    /// Sign a waiver of one finding, bound to the commit, for a time
    Waive(WaiveArgs),
}

/// Which range, and how much of it at once.
#[derive(ClapArgs, Clone, Debug)]
pub struct BundleArgs {
    /// Which range.
    #[command(flatten)]
    pub range: RangeArgs,

    /// The folder for bundle.txt and `review_packets/` [default: standard output, and the artifacts]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// The cap in bytes [default: the policy's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_bytes: Option<u64>,

    /// The cap in tokens of the review model [default: the policy's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_tokens: Option<u64>,
}

/// Which range.
#[derive(ClapArgs, Clone, Debug, Default)]
pub struct RangeArgs {
    /// Where the range starts [default: the baseline, `docs/LAST_REVIEWED_SHA.txt` at HEAD]
    #[arg(long, value_name = "COMMIT")]
    pub since: Option<String>,

    /// Where it ends
    #[arg(long, value_name = "COMMIT", default_value = "HEAD")]
    pub to: String,
}

/// How to review.
#[derive(ClapArgs, Clone, Debug)]
pub struct RunArgs {
    /// Which range.
    #[command(flatten)]
    pub range: RangeArgs,

    /// End with 1 when the verdict is BLOCKED
    #[arg(long)]
    pub gate: bool,

    /// Who reviews
    #[arg(long, value_enum, default_value_t = Reviewer::Api)]
    pub reviewer: Reviewer,

    /// Ask nobody: a verdict for tests, which every gate refuses (`CODEX_SKIP=1` does the same)
    #[arg(long)]
    pub simulate: bool,
}

/// Who reviews.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Reviewer {
    /// The model of configs/llm.json
    Api,
    /// The Codex command line tool, shut in an empty folder
    Codex,
}

/// Which verdict, and how.
#[derive(ClapArgs, Clone, Debug)]
pub struct ShowArgs {
    /// The commit that was reviewed
    #[arg(value_name = "SHA", default_value = "HEAD")]
    pub commit: String,

    /// The commit its range starts at, where there are several verdicts [default: the newest]
    #[arg(long, value_name = "COMMIT")]
    pub since: Option<String>,

    /// How it is shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,

    /// Write what stock ssh-keygen needs to check the signature into this folder
    #[arg(long, value_name = "DIR")]
    pub export: Option<PathBuf>,
}

/// How a verdict is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// The verdict itself
    Json,
    /// SARIF 2.1.0
    Sarif,
    /// reviewdog's JSON
    Rdjson,
    /// For a comment
    Markdown,
    /// Workflow commands of GitHub Actions
    Github,
}

/// The beginning.
#[derive(ClapArgs, Clone, Debug)]
pub struct InitArgs {
    /// The commit that counts as reviewed
    #[arg(long, value_name = "SHA", default_value = "HEAD")]
    pub baseline: String,

    /// An OpenSSH public key whose verdicts count [default: that of the secret `verdict_signing_key`]
    #[arg(long, value_name = "FILE")]
    pub signer: Option<PathBuf>,
}

/// What is waived.
#[derive(ClapArgs, Clone, Debug)]
pub struct WaiveArgs {
    /// The finding's fingerprint, as `show` prints it; its first 8 digits are enough
    #[arg(long, value_name = "FINGERPRINT")]
    pub finding: String,

    /// Why it is borne; shown in the verdict
    #[arg(long, value_name = "TEXT")]
    pub reason: String,

    /// For how many days
    #[arg(long, value_name = "N", default_value_t = 7,
        value_parser = clap::value_parser!(u16).range(1..=90))]
    pub days: u16,

    /// The commit that was reviewed
    #[arg(long, value_name = "SHA", default_value = "HEAD")]
    pub to: String,
}

impl Verb {
    /// The word on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Bundle(_) => "bundle",
            Self::Packets(_) => "packets",
            Self::Run(_) => "run",
            Self::Check { .. } => "check",
            Self::PreReceive => "pre-receive",
            Self::Finish => "finish",
            Self::Show(_) => "show",
            Self::VerifyTree => "verify-tree",
            Self::Init(_) => "init",
            Self::InstallHooks { .. } => "install-hooks",
            Self::Waive(_) => "waive",
        }
    }

    /// Whether it only looks: no run record, and for the hooks no flush in the way of a push.
    fn only_looks(&self) -> bool {
        matches!(
            self,
            Self::Check { .. }
                | Self::PreReceive
                | Self::VerifyTree
                | Self::Bundle(_)
                | Self::Show(ShowArgs { export: None, .. })
        )
    }
}

impl Command for Args {
    const NAME: &'static str = "review-gate";

    fn common(&self) -> &Common {
        &self.common
    }

    fn action(&self) -> Option<String> {
        (!self.verb.only_looks()).then(|| self.verb.name().to_owned())
    }

    fn run(&self, context: &Context) -> Result<Box<dyn Report>, Failure> {
        crate::run(self, context)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn clap_accepts_the_definition() {
        Args::command().debug_assert();
    }

    #[test]
    fn nothing_that_git_passes_to_the_hook_is_taken_for_an_option() {
        for remote in ["--version", "--help", "-h", "-V", "--json", "-x", "--", "help"] {
            let words = ["review-gate", "check", "--", remote, remote];
            let args = Args::try_parse_from(words).unwrap();
            let Verb::Check { remote: got } = args.verb else { panic!("{remote}") };
            assert_eq!(got, [remote, remote]);
            assert!(!args.common.json);
        }
    }
}

//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
use ops_core::cli::{Command, Common, Context};
use ops_core::failure::Failure;
use ops_core::report::Report;
use ops_core::time::Moment;

const EXAMPLES: &str = "\
Examples:
  llm ask 'What does EAGAIN mean?'
  git log -5 | llm ask --system 'Sum up in three lines.' -
  llm ask --purpose vision --image panel.png 'Which light is red?'
  llm ask --schema answer.schema.json --json - < question.txt
  llm status                                 (asks nobody)
  llm doctor                                 (asks every enabled provider for its models)
  llm models --provider openai
  llm cost --since 7d

Exit codes: 0 an answer that holds, all well; 1 a budget has no room or no price is known (nothing
was sent), doctor: a provider is down; 2 usage; 65 the question cannot be asked so; 69 no answer;
77 a key is missing; 78 configuration.";

/// Asks language models, within a budget, and says what it cost
#[derive(Clone, Debug, Parser)]
#[command(name = "llm", version = ops_core::VERSION, after_help = EXAMPLES)]
pub struct Args {
    /// What every binary shares.
    #[command(flatten)]
    pub common: Common,

    /// Folder of secret files [default: `$AIOPS_SECRETS_DIR`, else /etc/ai-ops-runner/secrets]
    #[arg(long, global = true, value_name = "DIR")]
    pub secrets_dir: Option<PathBuf>,

    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Verb {
    /// Ask one question
    Ask(AskArgs),
    /// Show providers, keys (masked), what is remembered of them, and the day's budget; ask nobody
    Status,
    /// Ask every enabled provider whether it is there, and what of it is going to end
    Doctor,
    /// List the known models with prices, limits and shutdown dates
    Models(ModelsArgs),
    /// Sum up what calls cost, by day, model and purpose
    Cost(CostArgs),
}

/// What to ask.
#[derive(ClapArgs, Clone, Debug)]
pub struct AskArgs {
    /// The question; - reads it from standard input
    #[arg(value_name = "TEXT")]
    pub text: String,

    /// What it is for: general, vision, or review for its rules (no verdict comes of it); any other
    /// purpose is served as general
    #[arg(long, default_value = "general")]
    pub purpose: String,

    /// An image to look at: png, jpeg, gif or webp
    #[arg(long, value_name = "FILE")]
    pub image: Option<PathBuf>,

    /// Instructions before the question
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub system: String,

    /// A JSON Schema that the answer must follow: all properties required, closed
    #[arg(long, value_name = "FILE")]
    pub schema: Option<PathBuf>,

    /// The longest answer, tokens
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_output_tokens: Option<u32>,

    /// 0 is the most repeatable; left out for models that take none
    #[arg(long, value_name = "0..1", value_parser = temperature)]
    pub temperature: Option<f64>,

    /// Where `cost_telemetry.jsonl` is written [default: <home>/artifacts/llm/<time>]
    #[arg(long, value_name = "DIR")]
    pub artifact_dir: Option<PathBuf>,
}

/// Which models.
#[derive(ClapArgs, Clone, Debug)]
pub struct ModelsArgs {
    /// Only this provider's
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
}

/// Which calls.
#[derive(ClapArgs, Clone, Debug)]
pub struct CostArgs {
    /// Since when: so long ago (24h, 7d, 2w), or a time in RFC 3339
    #[arg(long, value_name = "WHEN", default_value = "7d")]
    pub since: Moment,
}

fn temperature(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=1.0).contains(&number) { Ok(number) } else { Err("must be 0 to 1".to_owned()) }
}

impl Command for Args {
    const NAME: &'static str = "llm";

    fn common(&self) -> &Common {
        &self.common
    }

    fn action(&self) -> Option<String> {
        match &self.verb {
            Verb::Ask(ask) => Some(format!("ask {}", crate::Purpose::named(&ask.purpose).name())),
            Verb::Doctor => Some("doctor".to_owned()),
            Verb::Status | Verb::Models(_) | Verb::Cost(_) => None,
        }
    }

    fn recorded(&self, argv: Vec<String>) -> Vec<String> {
        let Verb::Ask(ask) = &self.verb else { return argv };
        let texts = [ask.text.as_str(), ask.system.as_str()];
        argv.into_iter().map(|word| recorded(word, &texts)).collect()
    }

    fn run(&self, context: &Context) -> Result<Box<dyn Report>, Failure> {
        crate::calls::run(self, context)
    }
}

/// A question may hold anything; a record needs only its length.
fn recorded(word: String, texts: &[&str]) -> String {
    let told = |text: &str| format!("({} characters)", text.chars().count());
    for text in texts.iter().filter(|text| !text.is_empty() && **text != "-") {
        if word == **text {
            return told(text);
        }
        if word.strip_prefix("--system=") == Some(text) {
            return format!("--system={}", told(text));
        }
    }
    word
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
    fn a_record_holds_no_question() {
        for (line, want) in [
            ("llm ask secret", "llm ask (6 characters)"),
            ("llm ask --system=be+brief secret", "llm ask --system=(8 characters) (6 characters)"),
            ("llm ask --system be -", "llm ask --system (2 characters) -"),
            ("llm status", "llm status"),
        ] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let args = Args::parse_from(&words);
            assert_eq!(args.recorded(words).join(" "), want);
        }
    }
}

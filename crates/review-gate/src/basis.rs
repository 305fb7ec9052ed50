//! What judges a range: policy, prompt, models and signers as of the commit it starts at, else the
//! installed ones, else those compiled in. Never the range itself, a flag or a variable.

use gix::ObjectId;
use llm::models::Models;
use llm::settings::Settings;
use llm::{Choice, Provider, Purpose, Setup};
use ops_core::config::Settings as _;
use ops_core::failure::{Exit, Failure};
use ops_core::host::Host;
use review_bundle::Repository;
use verdict::Policy;
use verdict::in_force::{self, Fallback, InForce, RuleDigests};
use verdict::objects::Objects;

use crate::prompt::Prompt;

/// Files of configs/ that a binary alone has: what counts where no other is.
pub const COMPILED_IN: &[(&str, &str)] = &[
    (in_force::LLM, Settings::SHIPPED),
    (in_force::MODELS, Models::SHIPPED),
    (in_force::PROMPT, crate::prompt::SHIPPED),
    (in_force::SIGNERS, include_str!("../../../configs/allowed_signers")),
];

/// Where rules come from that a commit does not carry.
pub fn fallback() -> Fallback<'static> {
    Fallback::production(COMPILED_IN)
}

/// Variables that may name another model for reviews, among those models.json marks fit for them.
const OVERRIDES: [&str; 2] = ["AIOPS_REVIEW_MODEL", "OPENCLAW_REVIEW_MODEL"];

/// What judges a range.
#[derive(Debug)]
pub struct Basis {
    /// The files as they are.
    pub in_force: InForce,
    /// Their digests.
    pub digests: RuleDigests,
    /// configs/review.yaml.
    pub policy: Policy,
    /// configs/prompts/review.md.
    pub prompt: Prompt,
    /// configs/llm.json and configs/models.json.
    pub setup: Setup,
}

impl Basis {
    /// Reads what is in force for a range that starts at a commit.
    ///
    /// # Errors
    /// Exit 69 when the commit cannot be read, 78 with every violation of a file, 1 when nobody
    /// vouches for the files there.
    pub fn at(host: &Host, repository: &Repository, since: ObjectId) -> Result<Self, Failure> {
        crate::ground::vouch(host, repository, since)?;
        let git = repository.git();
        let in_force = InForce::at(host, &Objects::of(git), since, &fallback())?;
        let named = |name: &str| format!("configs/{name} as of {since:.12}");
        let setup = Setup::from_bytes(
            (&named(in_force::LLM), &in_force.llm),
            (&named(in_force::MODELS), &in_force.models),
        )?;
        Ok(Self {
            digests: in_force.digests(),
            policy: in_force.policy()?,
            prompt: Prompt::parse(&named(in_force::PROMPT), &in_force.prompt)?,
            setup,
            in_force,
        })
    }

    /// The model that is named for reviews, by configuration or by a variable that may.
    ///
    /// # Errors
    /// Exit 78 when a variable names a model that is not fit for reviews.
    pub fn requested(&self, host: &Host) -> Result<Choice, Failure> {
        let configured = self.setup.settings.choice(Purpose::Review);
        let named = OVERRIDES.iter().find_map(|name| Some((*name, host.env(name)?)));
        let Some((variable, value)) = named else { return Ok(configured.clone()) };
        let row = value.to_str().and_then(|it| self.setup.models.row(Provider::Openai, it));
        match row.filter(|row| row.fit_for_review) {
            Some(row) => Ok(Choice { provider: Provider::Openai, model: row.model.clone() }),
            None => Err(Failure::new(Exit::Config, format!("review with the model in {variable}"))
                .because("models.json does not mark it fit for reviews by openai")
                .hint(format!("unset {variable}, or name another"))),
        }
    }

    /// The host and port that a provider's answers come from.
    pub fn endpoint_host(&self, provider: Provider) -> String {
        let base = self.setup.settings.api_base(provider);
        let host = base.split_once("://").map_or(base, |(_, rest)| rest);
        host.split('/').next().unwrap_or_default().to_ascii_lowercase()
    }

    /// Refuses an endpoint whose answers would not count: nothing is sent there.
    ///
    /// # Errors
    /// Exit 78 with what to mend.
    pub fn must_count(&self, provider: Provider) -> Result<(), Failure> {
        let host = self.endpoint_host(provider);
        if self.policy.endpoint_hosts.contains(&host) {
            return Ok(());
        }
        Err(Failure::new(Exit::Config, format!("ask {host} for a review"))
            .because("endpointHosts of review.yaml, as of the range's start, does not name it")
            .hint("name it there and have that reviewed first, or use the provider's own address"))
    }
}

//! `llm models`.

use ops_core::cli::Context;
use ops_core::config;
use ops_core::failure::{Exit, Failure};

use crate::args::ModelsArgs;
use crate::documents::{ModelList, ModelRow};
use crate::models::Models;
use crate::settings::Provider;

pub(super) fn list(args: &ModelsArgs, context: &Context) -> Result<ModelList, Failure> {
    let models: Models = config::load(&context.host, &context.configs)?;
    let wanted = args.provider.as_deref();
    if let Some(name) = wanted.filter(|it| Provider::ALL.iter().all(|known| known.name() != *it)) {
        let known = Provider::ALL.map(Provider::name).join(" ");
        return Err(Failure::new(Exit::Usage, format!("find a provider named {name:?}"))
            .hint(format!("known: {known}")));
    }
    let now = context.host.now();
    let rows = models.models.iter().filter(|row| wanted.is_none_or(|it| it == row.provider.name()));
    Ok(ModelList {
        schema: "aiops.llm.models/1".into(),
        source: models.source.clone(),
        models: rows
            .map(|row| ModelRow {
                provider: row.provider,
                model: row.model.clone(),
                input_per_1m: row.input,
                cached_input_per_1m: row.cached_input,
                output_per_1m: row.output,
                context_tokens: row.context_tokens,
                max_output_tokens: row.max_output_tokens,
                fit_for_review: row.fit_for_review,
                vision: row.vision,
                shutdown: row.shutdown.clone(),
                days_left: row.days_left(now),
                successor: row.successor.clone(),
            })
            .collect(),
    })
}

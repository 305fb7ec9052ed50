//! Codex as the reviewer: the router lends it key and money for each packet.

use std::time::Duration;

use llm::{Question, Router};
use ops_core::failure::Failure;
use verdict::answer::{ANSWER_SCHEMA, Answer};

use super::panel::{Opinion, usage};
use super::{Review, Session, unusable};
use crate::reviewer::codex::{self, Codex};

/// How long it may take for a packet.
const DEADLINE: Duration = Duration::from_mins(10);

/// What it thinks of a packet. `question` says who is asked, and on whose account.
pub(super) fn ask(
    session: Session<'_>,
    codex: &Codex<'_>,
    router: &mut Router<'_>,
    question: &Question<'_>,
) -> Result<Opinion, Failure> {
    let Review { basis, .. } = session.review;
    let whole = basis.prompt.whole(question.user);
    let lent = router.lend(question, codex::most(&whole), |target, key| {
        codex.ask(&codex::Ask {
            prompt: &whole,
            schema: ANSWER_SCHEMA,
            model: &target.row.model,
            api_base: basis.setup.settings.api_base(target.provider()),
            key,
            deadline: DEADLINE,
        })
    })?;
    let provider = lent.target.provider();
    Ok(Opinion {
        answer: Answer::read(lent.answer.as_bytes()).map_err(unusable)?,
        provider,
        model: lent.target.row.model,
        version: codex.version.clone(),
        replied: None,
        endpoint_host: basis.endpoint_host(provider),
        fallback_for: None,
        cost_picos: lent.spent.picos(),
        usage: usage(lent.usage.unwrap_or_default()),
    })
}

//! Calls of the API.

use std::ops::ControlFlow;
use std::time::Duration;

use ops_core::cli::Context;
use ops_core::config;
use ops_core::failure::{Exit, Failure, OrFail};
use outbound::{Answer, Base, Client, Limits, Outcome, Request};
use secrets::Secret;
use serde_json::Value;

use crate::args::Args;
use crate::documents::Problem;
use crate::service;
use crate::settings::Settings;

/// How long a call may take, and how much it may bring.
const LIMITS: Limits =
    Limits { connect: Duration::from_secs(5), total: Duration::from_secs(30), body: 64 << 20 };

/// An API and what it takes to use it.
#[derive(Debug)]
pub(crate) struct Api {
    base: Base,
    token: Secret,
    client: Client,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The whole body.
    pub(crate) body: Vec<u8>,
}

impl Api {
    /// The API that is asked for, else the one of the settings.
    pub(crate) fn open(args: &Args, context: &Context) -> Result<Self, Failure> {
        let address = if let Some(address) = &args.api {
            address.clone()
        } else {
            let settings: Settings = config::load(&context.host, &context.configs)?;
            format!("http://{}", settings.listen)
        };
        let base = Base::parse(&address).or_fail(Exit::Usage, "read --api")?;
        let token = service::token(args, context)?;
        Ok(Self { base, token, client: Client::new(LIMITS) })
    }

    /// Where it is.
    pub(crate) fn origin(&self) -> &str {
        self.base.origin()
    }

    pub(crate) fn get(&mut self, path: &str, query: &[(&str, &str)]) -> Result<Reply, Failure> {
        let request = Request::get(&self.base, path).bearer(self.token.expose());
        let request = query.iter().fold(request, |it, (name, value)| it.query(name, value));
        whole(self.client.call(request))
    }

    /// The same without the token.
    pub(crate) fn get_openly(&mut self, path: &str) -> Result<Reply, Failure> {
        whole(self.client.call(Request::get(&self.base, path)))
    }

    pub(crate) fn post(&mut self, path: &str, body: Option<&Value>) -> Result<Reply, Failure> {
        let request = Request::post(&self.base, path).bearer(self.token.expose());
        whole(self.client.call(match body {
            Some(body) => request.json(body),
            None => request,
        }))
    }

    /// Follows events for at most `limit`; returns the status that the answer began with.
    pub(crate) fn follow(
        &self,
        path: &str,
        last: &str,
        limit: Duration,
        each: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<Reply, Failure> {
        let mut client = Client::new(Limits { total: limit, ..LIMITS });
        let request = Request::get(&self.base, path).bearer(self.token.expose());
        let request = if last.is_empty() { request } else { request.header("last-event-id", last) };
        answered(client.follow(request, each)).map(|it| Reply { status: it.status, body: it.body })
    }
}

impl Reply {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The problem it tells, or what there is instead of one.
    pub(crate) fn problem(&self) -> Problem {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| Problem {
            kind: "about:blank".into(),
            title: String::new(),
            status: self.status,
            detail: "it did not say why".into(),
            errors: vec![],
        })
    }
}

fn whole(outcome: Outcome) -> Result<Reply, Failure> {
    let answer = answered(outcome)?;
    if !answer.complete {
        return Err(Failure::new(Exit::Unavailable, "read the API's answer")
            .because("it broke off, or is too large"));
    }
    Ok(Reply { status: answer.status, body: answer.body })
}

fn answered(outcome: Outcome) -> Result<Answer, Failure> {
    match outcome {
        Outcome::Answered(answer) => Ok(answer),
        Outcome::NotSent(why) => Err(Failure::new(Exit::Unavailable, "reach the API")
            .because(why)
            .hint("`runner serve` or aiops-runner-api.service runs one; --api names another")),
        Outcome::Ambiguous(why) => Err(Failure::new(Exit::Unavailable, "use the API").because(why)),
    }
}

//! A request held to the allowlists: a plan, or every reason against it. Pure.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::Sha;
use crate::repositories::{Repositories, Repository};
use crate::types::{JobType, JobTypes};
use crate::url::RepoUrl;

/// What is asked for.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Request {
    /// The type of job.
    pub job_type: String,
    /// The repository's name in the allowlist.
    pub repo_name: Option<String>,
    /// The repository's URL; one of the two is enough, both must agree.
    pub remote_url: Option<String>,
    /// The commit; the remote's HEAD when there is none.
    pub sha: Option<String>,
    /// Parameters by name.
    pub params: BTreeMap<String, String>,
}

/// A request that may be carried out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// The type's name.
    pub job_type: String,
    /// The type.
    pub job: JobType,
    /// The repository.
    pub repository: Repository,
    /// The repository's URL in its one written form.
    pub url: RepoUrl,
    /// The commit; the remote's HEAD when there is none.
    pub sha: Option<Sha>,
    /// Commits that parameters name, by the field of the request: `params.NAME`.
    pub commits: BTreeMap<String, Sha>,
    /// Parameters by name.
    pub params: BTreeMap<String, String>,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    /// The type is not in the allowlist.
    JobTypeNotAllowed,
    /// The repository is not in the allowlist.
    RepoNotAllowed,
    /// The URL is not one that could be.
    BadUrl,
    /// Name and URL are of different repositories.
    RepoMismatch,
    /// The commit's name is not a full one.
    BadSha,
    /// The type knows no such parameter.
    UnknownParam,
    /// A parameter is missing.
    MissingParam,
    /// A parameter's value does not match its pattern.
    BadParam,
    /// No allowed reference reaches the commit.
    CommitNotAllowed,
}

/// One reason against a request.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Rejection {
    /// The field of the request: `job_type`, `repo_name`, `remote_url`, `sha`, `params.NAME`.
    pub field: String,
    /// Why.
    pub reason: Reason,
    /// What was expected and what was found, for people.
    pub message: String,
}

/// Holds a request to the allowlists.
///
/// # Errors
/// Every reason against it.
pub fn judge(
    request: &Request,
    repositories: &Repositories,
    types: &JobTypes,
) -> Result<Plan, Vec<Rejection>> {
    let mut against = vec![];
    let job = types.jobs.get(&request.job_type);
    if job.is_none() {
        let known: Vec<&str> = types.jobs.keys().map(String::as_str).collect();
        let message = format!("{:?} is not listed; listed: {}", request.job_type, known.join(", "));
        against.push(rejection("job_type", Reason::JobTypeNotAllowed, message));
    }
    let repository = repository(request, repositories).map_err(|it| against.push(it)).ok();
    let sha = match request.sha.as_deref().map(Sha::read).transpose() {
        Ok(sha) => sha,
        Err(why) => {
            against.push(rejection("sha", Reason::BadSha, why));
            None
        }
    };
    let mut commits = BTreeMap::new();
    if let Some(job) = job {
        against.extend(params(request, job));
        for name in job.commits() {
            let field = format!("params.{name}");
            match request.params.get(*name).map(|it| Sha::read(it)) {
                Some(Ok(sha)) => drop(commits.insert(field, sha)),
                // A pattern that refuses it has said so.
                Some(Err(why)) if !against.iter().any(|it| it.field == field) => {
                    against.push(rejection(&field, Reason::BadSha, why));
                }
                Some(Err(_)) | None => {}
            }
        }
    }
    match (job, repository) {
        (Some(job), Some((repository, url))) if against.is_empty() => Ok(Plan {
            job_type: request.job_type.clone(),
            job: job.clone(),
            repository: repository.clone(),
            url,
            sha,
            commits,
            params: request.params.clone(),
        }),
        _ => Err(against),
    }
}

fn repository<'a>(
    request: &Request,
    repositories: &'a Repositories,
) -> Result<(&'a Repository, RepoUrl), Rejection> {
    let place = match request.remote_url.as_deref().map(RepoUrl::read).transpose() {
        Ok(place) => place,
        Err(why) => return Err(rejection("remote_url", Reason::BadUrl, why)),
    };
    let (field, found) = match (&request.repo_name, &place) {
        (Some(name), _) => ("repo_name", repositories.named(name)),
        (None, Some(place)) => ("remote_url", repositories.at(place)),
        (None, None) => {
            let message = "expected a repository, by name or URL".to_owned();
            return Err(rejection("remote_url", Reason::RepoNotAllowed, message));
        }
    };
    let not_listed = || {
        let known: Vec<&str> = repositories.repos.iter().map(|it| it.name.as_str()).collect();
        let message = format!("it is not listed; listed: {}", known.join(", "));
        rejection(field, Reason::RepoNotAllowed, message)
    };
    let found = found.ok_or_else(not_listed)?;
    let own = found.place().map_err(|why| rejection(field, Reason::BadUrl, why))?;
    if place.is_some_and(|place| place != own) {
        let message = format!("{} is {own}", found.name);
        return Err(rejection("remote_url", Reason::RepoMismatch, message));
    }
    Ok((found, own))
}

fn params(request: &Request, job: &JobType) -> Vec<Rejection> {
    let mut against = vec![];
    for (name, value) in &request.params {
        let field = format!("params.{name}");
        match job.allowed_params.iter().find(|param| param.name == *name) {
            None => {
                let known: Vec<&str> =
                    job.allowed_params.iter().map(|it| it.name.as_str()).collect();
                let message = format!("not a parameter of it; it has: {}", known.join(", "));
                against.push(rejection(&field, Reason::UnknownParam, message));
            }
            Some(param) => against
                .extend(param.refuses(value).map(|why| rejection(&field, Reason::BadParam, why))),
        }
    }
    for param in job.allowed_params.iter().filter(|it| it.required) {
        if !request.params.contains_key(&param.name) {
            let message = format!("expected a value that matches {}", param.pattern);
            let field = format!("params.{}", param.name);
            against.push(rejection(&field, Reason::MissingParam, message));
        }
    }
    against
}

fn rejection(field: &str, reason: Reason, message: String) -> Rejection {
    Rejection { field: field.to_owned(), reason, message }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use ops_core::config::{Source, load};
    use ops_core::host::Host;
    use proptest::prelude::*;

    static TYPES: LazyLock<JobTypes> =
        LazyLock::new(|| load(&Host::real(), &Source::Shipped).unwrap());

    fn lists() -> (Repositories, JobTypes) {
        let repo = |name: &str, url: &str| Repository {
            name: name.into(),
            url: url.into(),
            refs: vec!["refs/heads/main".into()],
        };
        let repositories = Repositories {
            repos: vec![
                repo("one", "https://git.example/one"),
                repo("two", "git@git.example:two.git"),
            ],
        };
        (repositories, TYPES.clone())
    }

    fn request(job: &str, name: &str, url: &str, sha: &str, params: &[(&str, &str)]) -> Request {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Request {
            job_type: job.into(),
            repo_name: some(name),
            remote_url: some(url),
            sha: some(sha),
            params: params.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        }
    }

    #[test]
    fn what_is_listed_is_planned() {
        let (repositories, types) = lists();
        let sha = "A".repeat(40);
        for (name, url) in
            [("one", ""), ("", "https://git.example/one.git"), ("one", "https://GIT.example/one/")]
        {
            let asked =
                request("orb_review_bundle", name, url, &sha, &[("since_sha", &"b".repeat(40))]);
            let plan = judge(&asked, &repositories, &types).unwrap();
            assert_eq!(plan.url.as_str(), "https://git.example/one");
            assert_eq!(plan.sha.unwrap().as_str(), "a".repeat(40));
            let commits: Vec<(&str, &str)> =
                plan.commits.iter().map(|(field, sha)| (field.as_str(), sha.as_str())).collect();
            assert_eq!(commits, [("params.since_sha", "b".repeat(40).as_str())]);
        }
        let plan =
            judge(&request("orb_doctor", "two", "", "", &[]), &repositories, &types).unwrap();
        assert_eq!((plan.sha, plan.url.as_str()), (None, "ssh://git@git.example/two"));
    }

    #[test]
    fn every_reason_against_a_request_is_given_with_its_field() {
        use Reason::{
            BadParam, BadSha, BadUrl, JobTypeNotAllowed, MissingParam, RepoMismatch,
            RepoNotAllowed, UnknownParam,
        };
        let (repositories, types) = lists();
        let sha = "b".repeat(40);
        for (asked, want) in [
            (request("rm", "one", "", "", &[]), vec![("job_type", JobTypeNotAllowed)]),
            (request("orb_doctor", "three", "", "", &[]), vec![("repo_name", RepoNotAllowed)]),
            (request("orb_doctor", "", "", "", &[]), vec![("remote_url", RepoNotAllowed)]),
            (
                request("orb_doctor", "", "https://git.example/ONE", "", &[]),
                vec![("remote_url", RepoNotAllowed)],
            ),
            (request("orb_doctor", "", "ext::id", "", &[]), vec![("remote_url", BadUrl)]),
            (
                request("orb_doctor", "one", "--upload-pack=x", "", &[]),
                vec![("remote_url", BadUrl)],
            ),
            (
                request("orb_doctor", "one", "git@git.example:two", "", &[]),
                vec![("remote_url", RepoMismatch)],
            ),
            (request("orb_doctor", "one", "", "main", &[]), vec![("sha", BadSha)]),
            (request("orb_doctor", "one", "", "--all", &[]), vec![("sha", BadSha)]),
            (request("orb_doctor", "one", "", "", &[("a", "b")]), vec![("params.a", UnknownParam)]),
            (
                request("orb_review_bundle", "one", "", "", &[]),
                vec![("params.since_sha", MissingParam)],
            ),
            (
                request("orb_review_bundle", "one", "", "", &[("since_sha", "HEAD~1")]),
                vec![("params.since_sha", BadParam)],
            ),
            (
                request("orb_review_bundle", "x", "", "y", &[("to_sha", "z"), ("q", "")]),
                vec![
                    ("repo_name", RepoNotAllowed),
                    ("sha", BadSha),
                    ("params.q", UnknownParam),
                    ("params.to_sha", BadParam),
                    ("params.since_sha", MissingParam),
                ],
            ),
        ] {
            let against = judge(&asked, &repositories, &types).unwrap_err();
            let got: Vec<(&str, Reason)> =
                against.iter().map(|it| (it.field.as_str(), it.reason)).collect();
            assert_eq!(got, want, "{asked:?} {sha}");
        }
    }

    #[test]
    fn a_commit_in_a_parameter_is_a_whole_name_whatever_its_pattern_lets_through() {
        let (repositories, mut types) = lists();
        for param in &mut types.jobs.get_mut("orb_review_bundle").unwrap().allowed_params {
            param.pattern = ".*".into();
        }
        let sha = "b".repeat(40);
        for name in ["HEAD", "main", "refs/orb/jobs/x", "bbbbbbb", ""] {
            let given = [("since_sha", sha.as_str()), ("to_sha", name)];
            let asked = request("orb_review_bundle", "one", "", "", &given);
            let against = judge(&asked, &repositories, &types).unwrap_err();
            let got: Vec<(&str, Reason)> =
                against.iter().map(|it| (it.field.as_str(), it.reason)).collect();
            assert_eq!(got, [("params.to_sha", Reason::BadSha)], "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_request_panics_and_only_listed_repositories_are_planned(
            job in "orb_doctor|\\PC{0,10}",
            name in proptest::option::of("one|two|\\PC{0,10}"),
            url in proptest::option::of("https://git.example/one(.git)?/?|\\PC{0,30}"),
            sha in proptest::option::of("[0-9a-fA-F]{40}|\\PC{0,10}"),
            params in proptest::collection::btree_map("\\PC{0,5}", "\\PC{0,5}", 0..2),
        ) {
            let (repositories, types) = lists();
            let asked = Request { job_type: job, repo_name: name, remote_url: url, sha, params };
            match judge(&asked, &repositories, &types) {
                Ok(plan) => prop_assert!(repositories.repos.contains(&plan.repository)),
                Err(against) => prop_assert!(!against.is_empty()),
            }
        }
    }
}

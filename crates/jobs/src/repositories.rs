//! `configs/repo_allowlist.yaml`: the repositories that jobs may look at.

use std::collections::BTreeSet;

use ops_core::config;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::refs::RefPattern;
use crate::url::RepoUrl;

/// Every repository that jobs may look at.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Repositories {
    /// The repositories, by name and URL.
    pub repos: Vec<Repository>,
}

/// One repository.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// Its short name; also the name of its mirror's folder.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9-]{0,63}$"))]
    pub name: String,
    /// Where it is: https, ssh (`git@host:path` too), or a folder as `file:///path`. Without
    /// passwords.
    pub url: String,
    /// The branches and tags that count, as full names with at most one `*`
    /// (`refs/heads/main`, `refs/tags/v*`): only their commits are looked at.
    #[schemars(length(min = 1))]
    pub refs: Vec<String>,
}

impl Repository {
    /// The URL's one written form.
    ///
    /// # Errors
    /// What is wrong with it; never of a loaded allowlist.
    pub fn place(&self) -> Result<RepoUrl, String> {
        RepoUrl::read(&self.url)
    }

    /// The patterns of references that count.
    ///
    /// # Errors
    /// What is wrong with one; never of a loaded allowlist.
    pub fn patterns(&self) -> Result<Vec<RefPattern>, String> {
        self.refs.iter().map(|text| RefPattern::read(text)).collect()
    }
}

impl Repositories {
    /// The repository of a name.
    pub fn named(&self, name: &str) -> Option<&Repository> {
        self.repos.iter().find(|repo| repo.name == name)
    }

    /// The repository at a place.
    pub fn at(&self, place: &RepoUrl) -> Option<&Repository> {
        self.repos.iter().find(|repo| repo.place().as_ref() == Ok(place))
    }
}

impl config::Settings for Repositories {
    const FILE: &'static str = "repo_allowlist.yaml";
    const SCHEMA: &'static str =
        include_str!("../../../configs/schemas/repo_allowlist.schema.json");
    const SHIPPED: &'static str = include_str!("../../../configs/repo_allowlist.yaml");

    fn check(&self) -> Vec<(String, String)> {
        let mut wrong = vec![];
        let (mut names, mut places) = (BTreeSet::new(), BTreeSet::new());
        for (index, repo) in self.repos.iter().enumerate() {
            let at = |field: &str| format!("/repos/{index}/{field}");
            if !names.insert(&repo.name) {
                wrong.push((at("name"), "it is there twice".to_owned()));
            }
            match repo.place() {
                Ok(place) if !places.insert(place.clone()) => {
                    wrong.push((at("url"), format!("{place} is there twice")));
                }
                Ok(_) => {}
                Err(why) => wrong.push((at("url"), why)),
            }
            for (number, text) in repo.refs.iter().enumerate() {
                if let Err(why) = RefPattern::read(text) {
                    wrong.push((at(&format!("refs/{number}")), why));
                }
            }
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ops_core::config::Settings;

    fn repo(name: &str, url: &str, refs: &[&str]) -> Repository {
        let refs = refs.iter().map(|&it| it.to_owned()).collect();
        Repository { name: name.into(), url: url.into(), refs }
    }

    #[test]
    fn every_wrong_entry_is_named() {
        let list = Repositories {
            repos: vec![
                repo("a", "https://git.example/a", &["refs/heads/main"]),
                repo("a", "https://git.example/A.git", &["refs/heads/*"]),
                repo("b", "https://git.example/a.git", &["refs/heads/*"]),
                repo("c", "ext::id", &["refs/heads/x", "main"]),
            ],
        };
        let at: Vec<String> = list.check().into_iter().map(|it| it.0).collect();
        assert_eq!(at, ["/repos/1/name", "/repos/2/url", "/repos/3/url", "/repos/3/refs/1"]);
    }

    #[test]
    fn a_repository_is_found_by_name_and_by_any_way_of_writing_its_url() {
        let list = Repositories {
            repos: vec![repo("a", "git@git.example:ops/a.git", &["refs/heads/main"])],
        };
        let place = RepoUrl::read("ssh://git@GIT.example:22/ops/a/").unwrap();
        assert_eq!(list.at(&place), list.named("a"));
        assert!(list.named("a").is_some());
        assert_eq!(list.at(&RepoUrl::read("ssh://git.example/ops/a").unwrap()), None);
    }
}

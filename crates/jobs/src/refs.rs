//! Which references of a repository count.

/// A pattern of full reference names: `refs/heads/main`, `refs/heads/*`, `refs/tags/v*`. At most
/// one `*`; it stands for any text, slashes too, as in a refspec of git's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RefPattern {
    text: String,
}

impl RefPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Says what is wrong: not a branch or tag, or no name that git would take.
    pub fn read(text: &str) -> Result<Self, String> {
        let name = ["refs/heads/", "refs/tags/"].iter().find_map(|it| text.strip_prefix(it));
        let Some(name) = name else {
            return Err(
                "expected refs/heads/… or refs/tags/…: other references hold what anybody pushed"
                    .to_owned(),
            );
        };
        if name.matches('*').count() > 1 {
            return Err("at most one * can be in it".to_owned());
        }
        let is_plain = |c: char| c.is_ascii_graphic() && !"~^:?[\\".contains(c);
        let is_part = |part: &str| {
            !part.is_empty()
                && !part.starts_with(['.', '-'])
                && part.strip_suffix(".lock").is_none()
                && !part.ends_with('.')
        };
        let is_name = name.len() <= 200
            && name.chars().all(is_plain)
            && name.split('/').all(is_part)
            && !name.contains("..")
            && !name.contains("@{")
            && name != "@";
        if is_name { Ok(Self { text: text.to_owned() }) } else { Err("not a reference".to_owned()) }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a full reference name is meant.
    pub fn matches(&self, name: &str) -> bool {
        match self.text.split_once('*') {
            None => name == self.text,
            Some((head, tail)) => {
                name.len() > head.len() + tail.len()
                    && name.starts_with(head)
                    && name.ends_with(tail)
            }
        }
    }

    /// What git fetches for it: from there to the same name here, also over a forced push.
    pub fn refspec(&self) -> String {
        format!("+{0}:{0}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_what_a_refspec_means() {
        for (pattern, name, want) in [
            ("refs/heads/main", "refs/heads/main", true),
            ("refs/heads/main", "refs/heads/main2", false),
            ("refs/heads/*", "refs/heads/a/b", true),
            ("refs/heads/*", "refs/heads/", false),
            ("refs/heads/*", "refs/tags/a", false),
            ("refs/heads/rel-*-x", "refs/heads/rel-1-x", true),
            ("refs/heads/rel-*-x", "refs/heads/rel-x", false),
        ] {
            assert_eq!(RefPattern::read(pattern).unwrap().matches(name), want, "{pattern} {name}");
        }
        assert_eq!(
            RefPattern::read("refs/tags/v*").unwrap().refspec(),
            "+refs/tags/v*:refs/tags/v*"
        );
    }

    #[test]
    fn names_that_git_would_not_take_or_anybody_can_push_are_refused() {
        for wrong in [
            "",
            "main",
            "*",
            "refs/*",
            "refs/heads/",
            "refs/pull/*",
            "refs/pull/1/head",
            "refs/orb/jobs/x",
            "--upload-pack=x",
            "refs/heads/-x",
            "refs/heads/a/-x",
            "refs/heads/*/*",
            "refs/heads/a..b",
            "refs/heads/a b",
            "refs/heads/.a",
            "refs/heads/a.lock",
            "refs/heads/a//b",
            "refs/heads/a:b",
            "refs/heads/a^",
            "refs/heads/@{1}",
            "refs/heads/a\\b",
            "refs/heads/ä",
        ] {
            assert!(RefPattern::read(wrong).is_err(), "{wrong:?}");
        }
    }
}

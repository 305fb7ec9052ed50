//! Where this machine gets its Debian packages from: its own apt configuration, read, not guessed.

use std::path::{Path, PathBuf};

/// One archive that holds the wanted suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Archive {
    /// Its address, as apt has it.
    pub(crate) uri: String,
    /// Its name for the release, for instance `bookworm`.
    pub(crate) suite: String,
    /// `main` and whatever else is switched on.
    pub(crate) components: Vec<String>,
    /// The keys it is signed with, when they are named.
    pub(crate) keyring: Option<PathBuf>,
}

/// The archive for a release among all that a machine's apt knows. Takes the texts of its
/// `sources.list`-style files and of its deb822 `.sources` files; see sources.list(5).
pub(crate) fn archive_for(codename: &str, lists: &[String], deb822: &[String]) -> Option<Archive> {
    let of_lists = lists.iter().flat_map(|text| text.lines()).filter_map(of_line);
    let of_deb822 = deb822.iter().flat_map(|text| of_stanzas(text));
    of_lists.chain(of_deb822).find(|archive| {
        archive.suite == codename && archive.components.iter().any(|component| component == "main")
    })
}

/// `deb [options] URI SUITE COMPONENT...`
fn of_line(line: &str) -> Option<Archive> {
    let line = line.split('#').next().unwrap_or_default();
    let rest = line.trim().strip_prefix("deb")?;
    let rest = rest.strip_prefix(|c: char| c.is_ascii_whitespace())?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?,
        None => ("", rest),
    };
    let keyring = options.split_whitespace().find_map(|it| it.strip_prefix("signed-by="));
    let mut words = rest.split_whitespace();
    Some(Archive {
        uri: words.next()?.to_owned(),
        suite: words.next()?.to_owned(),
        components: words.map(str::to_owned).collect(),
        keyring: keyring.and_then(key_file),
    })
}

fn of_stanzas(text: &str) -> Vec<Archive> {
    let mut found = Vec::new();
    for stanza in text.split("\n\n") {
        let field = |name: &str| -> Vec<String> { field_of(stanza, name) };
        let off = field("Enabled").first().is_some_and(|it| it.eq_ignore_ascii_case("no"));
        if off || !field("Types").iter().any(|it| it == "deb") {
            continue;
        }
        let keyring = field("Signed-By").first().and_then(|path| key_file(path));
        for uri in field("URIs") {
            for suite in field("Suites") {
                found.push(Archive {
                    uri: uri.clone(),
                    suite,
                    components: field("Components"),
                    keyring: keyring.clone(),
                });
            }
        }
    }
    found
}

/// The words of a field, its continuation lines included.
fn field_of(stanza: &str, name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut inside = false;
    for line in stanza.lines().filter(|line| !line.starts_with('#')) {
        let value = if line.starts_with([' ', '\t']) {
            line
        } else {
            let Some((key, value)) = line.split_once(':') else { continue };
            inside = key.trim().eq_ignore_ascii_case(name);
            value
        };
        if inside {
            words.extend(value.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// `signed-by` may also hold a fingerprint or the key itself, which debootstrap does not take.
fn key_file(value: &str) -> Option<PathBuf> {
    let first = value.split(',').next().unwrap_or_default();
    first.starts_with('/').then(|| Path::new(first).to_path_buf())
}

/// The release this machine runs, from the text of os-release(5).
pub(crate) fn codename(os_release: &str) -> Option<String> {
    let value = os_release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="))?;
    Some(value.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(uri: &str, suite: &str, components: &[&str], keyring: Option<&str>) -> Archive {
        Archive {
            uri: uri.to_owned(),
            suite: suite.to_owned(),
            components: components.iter().map(|&it| it.to_owned()).collect(),
            keyring: keyring.map(PathBuf::from),
        }
    }

    #[test]
    fn a_line_is_read_with_and_without_options() {
        let plain = "deb http://mirror.example/debian bookworm main contrib # ours";
        let wanted =
            archive("http://mirror.example/debian", "bookworm", &["main", "contrib"], None);
        assert_eq!(of_line(plain), Some(wanted));

        let with =
            "deb [arch=amd64 signed-by=/usr/share/keyrings/a.gpg] http://m.example/d sid main";
        let key = Some("/usr/share/keyrings/a.gpg");
        assert_eq!(of_line(with), Some(archive("http://m.example/d", "sid", &["main"], key)));
    }

    #[test]
    fn what_is_no_archive_of_packages_is_passed_over() {
        for line in [
            "",
            "# deb http://m.example/d sid main",
            "deb-src http://m.example/d sid main",
            "deb",
            "deb [x",
        ] {
            assert_eq!(of_line(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_stanza_gives_each_suite_and_continues_over_lines() {
        let text = "Types: deb\nURIs: http://m.example/d\nSuites: bookworm\n bookworm-updates\n\
                    Components: main\nSigned-By: /k.gpg\n\nTypes: deb-src\nURIs: http://s.example\n\
                    Suites: bookworm\nComponents: main\n";
        let found = of_stanzas(text);
        assert_eq!(
            found,
            [
                archive("http://m.example/d", "bookworm", &["main"], Some("/k.gpg")),
                archive("http://m.example/d", "bookworm-updates", &["main"], Some("/k.gpg")),
            ]
        );
    }

    #[test]
    fn a_stanza_that_is_switched_off_is_passed_over() {
        let text =
            "Enabled: no\nTypes: deb\nURIs: http://m.example\nSuites: sid\nComponents: main\n";
        assert_eq!(of_stanzas(text), []);
    }

    #[test]
    fn the_archive_of_the_release_itself_is_taken_not_that_of_another_vendor() {
        let lists = ["deb http://vendor.example stable nodistro\n\
                      deb http://other.example bookworm stable\n"
            .to_owned()];
        let deb822 = ["Types: deb\nURIs: http://m.example/d\nSuites: bookworm-security bookworm\n\
                       Components: main\n"
            .to_owned()];
        let found = archive_for("bookworm", &lists, &deb822);
        assert_eq!(found, Some(archive("http://m.example/d", "bookworm", &["main"], None)));
        assert_eq!(archive_for("trixie", &lists, &deb822), None);
    }

    #[test]
    fn the_release_is_named_in_os_release() {
        assert_eq!(codename("ID=debian\nVERSION_CODENAME=bookworm\n"), Some("bookworm".to_owned()));
        assert_eq!(codename("VERSION_CODENAME=\"noble\"\n"), Some("noble".to_owned()));
        assert_eq!(codename("ID=arch\n"), None);
    }
}

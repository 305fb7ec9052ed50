//! One form of a push: how it is made, and what the gate has to say to it.

use std::collections::BTreeMap;

use push::{Checkout, Format, Hermetic, Remote, Transport};
use scenarios::Ran;

use crate::scene::{Asked, Scene, Side, over};

/// The reference that verdicts travel in.
pub(crate) const NOTES: &str = "refs/notes/aiops-verdicts";

/// A push that is ready to be made.
pub(crate) struct Push<'a> {
    from: Option<Checkout<'a>>,
    words: Vec<String>,
    variables: Vec<(String, String)>,
    brings_notes: bool,
}

/// `git push` and these words, from the scene's checkout.
pub(crate) fn push<'a>(words: &[&str]) -> Push<'a> {
    let words = std::iter::once(&"push").chain(words).map(|word| (*word).to_owned()).collect();
    Push { from: None, words, variables: Vec::new(), brings_notes: false }
}

impl<'a> Push<'a> {
    /// From another checkout.
    pub(crate) fn from(mut self, checkout: Checkout<'a>) -> Self {
        self.from = Some(checkout);
        self
    }

    /// Another command of git than `push`, or options before it.
    pub(crate) fn instead_of_push(mut self, words: &[&str]) -> Self {
        self.words.splice(..1, words.iter().map(|word| (*word).to_owned()));
        self
    }

    /// With a variable in its environment.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The verdicts come in this very push, not before it.
    pub(crate) fn bringing_notes(mut self) -> Self {
        self.brings_notes = true;
        self
    }
}

type Make = Box<dyn for<'a> Fn(&Scene<'a>) -> Push<'a>>;
type Look = fn(&Scene<'_>, &Ran);

enum Expected {
    Yes,
    No { reference: &'static str, found: &'static str },
}

/// How a form is tried unless it says otherwise: from both sides over every transport.
fn every_way() -> Vec<(Side, Transport)> {
    let each = |side| Transport::ALL.map(|transport| (side, transport));
    [each(Side::Client), each(Side::Server)].concat()
}

/// A form, and how it is tried.
pub(crate) struct Form {
    make: Make,
    format: Format,
    ways: Vec<(Side, Transport)>,
    lines: &'static [&'static str],
    git_code: i32,
    then: Option<Look>,
}

/// Starts with how the push is made.
pub(crate) fn form(make: impl for<'a> Fn(&Scene<'a>) -> Push<'a> + 'static) -> Form {
    Form {
        make: Box::new(make),
        format: Format::Sha1,
        ways: every_way(),
        lines: &[],
        git_code: 1,
        then: None,
    }
}

impl Form {
    /// In a repository of the other object format.
    pub(crate) fn in_sha256(mut self) -> Self {
        self.format = Format::Sha256;
        self
    }

    /// From this side only, over every transport.
    pub(crate) fn asked_of(mut self, side: Side) -> Self {
        self.ways.retain(|(it, _)| *it == side);
        self
    }

    /// Not over this transport.
    pub(crate) fn not_over(mut self, transport: Transport) -> Self {
        self.ways.retain(|(_, it)| *it != transport);
        self
    }

    /// What must stand in the lines that pre-push reads, so that the form is what its name says.
    pub(crate) fn read_as(mut self, lines: &'static [&'static str]) -> Self {
        self.lines = lines;
        self
    }

    /// Looks at more than every form does, once the push is over.
    pub(crate) fn then(mut self, look: Look) -> Self {
        self.then = Some(look);
        self
    }

    /// Git's own exit code for a no, where it is not 1.
    pub(crate) fn git_exits_with(mut self, code: i32) -> Self {
        self.git_code = code;
        self
    }

    /// The gate says yes, and the remote has what was pushed.
    pub(crate) fn is_allowed(&self) {
        self.run(&Expected::Yes);
    }

    /// The gate says no to this reference because of what it found, and the remote is as before.
    pub(crate) fn is_refused(&self, reference: &'static str, found: &'static str) {
        self.run(&Expected::No { reference, found });
    }

    fn run(&self, expected: &Expected) {
        for &(side, transport) in &self.ways {
            let world = Hermetic::new();
            match Remote::new(&world, "origin", transport, self.format) {
                Ok(remote) => self.try_out(&Scene::new(&world, &remote, side), expected),
                Err(why) => skipped::told(over(transport), why),
            }
        }
    }

    fn try_out(&self, scene: &Scene<'_>, expected: &Expected) {
        let place = format!("as {:?} over {:?}", scene.side, scene.remote.transport());
        let push = (self.make)(scene);
        let pusher = push.from.as_ref().unwrap_or(&scene.work);
        scene.guard(pusher);
        if scene.side == Side::Server && !push.brings_notes {
            bring_notes(scene, pusher, &place);
        }
        scene.forget();
        let before = scene.remote.refs(scene.world);
        let words: Vec<&str> = push.words.iter().map(String::as_str).collect();
        let mut command = pusher.command(&words);
        command.envs(push.variables.iter().map(|(name, value)| (name, value)));
        let ran = Ran::of(command);
        let asked = scene.asked();
        let told = format!("{place}: {ran:?}\n{asked:?}\n{}", scene.remote.log());
        let asked = asked.unwrap_or_else(|| panic!("nobody asked the gate, {told}"));
        let code = i32::from(matches!(expected, Expected::No { .. }));
        assert_eq!(asked.code, code, "the gate's code, {told}");
        assert_eq!(asked.stdout, "", "{told}");
        if scene.side == Side::Client {
            let missing = self.lines.iter().find(|part| !asked.lines.contains(*part));
            assert_eq!(missing, None, "{told}");
        }
        match expected {
            Expected::Yes => assert_eq!(ran.code, 0, "{told}"),
            Expected::No { reference, found } => {
                assert_eq!(ran.code, self.git_code, "git's code, {told}");
                refusal(&asked, &ran, reference, found, &told);
                assert_eq!(scene.remote.refs(scene.world), before, "{told}");
            }
        }
        if let Some(look) = self.then {
            look(scene, &ran);
        }
    }
}

/// What every refusal says: which reference, what was expected, what was found, what to do.
fn refusal(asked: &Asked, ran: &Ran, reference: &str, found: &str, told: &str) {
    for part in [reference, "expected", "found", found, "next"] {
        assert!(asked.stderr.contains(part), "{part:?} is not said, {told}");
        // Whoever pushes sees it, from either side.
        assert!(ran.stderr.contains(part), "{part:?} does not reach the one who pushes, {told}");
    }
}

/// Gives the remote the verdicts that the pusher has, as a push of their own.
fn bring_notes(scene: &Scene<'_>, pusher: &Checkout<'_>, place: &str) {
    if pusher.git(&["rev-parse", "-q", "--verify", NOTES]).code != 0 {
        return;
    }
    let bare = scene.remote.bare().display().to_string();
    let ran = pusher.git(&["push", "-q", "--no-verify", &bare, NOTES]);
    assert_eq!(ran.code, 0, "verdicts may always be pushed, {place}: {ran:?}");
}

/// The references of a remote that a gate looks at.
pub(crate) fn protected(scene: &Scene<'_>) -> BTreeMap<String, String> {
    let all = scene.remote.refs(scene.world).into_iter();
    all.filter(|(name, _)| !name.starts_with("refs/notes/")).collect()
}

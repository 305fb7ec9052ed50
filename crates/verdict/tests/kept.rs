//! Verdicts in the git directory and in notes.

use std::fs;

use gix::ObjectId;
use verdict::notes;
use verdict::objects::Objects;
use verdict::statement::Signed;
use verdict::store::Store;

use crate::support::{Repo, host, signed};

fn id(text: &str) -> ObjectId {
    ObjectId::from_hex(text.as_bytes()).unwrap()
}

#[test]
fn work_trees_share_what_is_kept_and_a_second_about_the_same_range_replaces_the_first() {
    let repo = Repo::new("sha1");
    let (a, b, c) = (repo.commit(), repo.commit(), repo.commit());
    let store = Store::of(&repo.open());
    let path = store.put(&host(), &signed(&a, &c, 1)).unwrap();
    assert!(path.ends_with(format!(".git/aiops/verdicts/{c}/{a}.dsse.json")));
    store.put(&host(), &signed(&b, &c, 1)).unwrap();
    store.put(&host(), &signed(&a, &c, 2)).unwrap();
    let linked = repo.path.with_file_name("linked");
    repo.git(&["worktree", "add", "-q", linked.to_str().unwrap()]);
    let there = verdict::objects::open(&host(), &linked, None).unwrap();
    let kept = Store::of(&there).verdicts(&host(), &c).unwrap();
    let kept: Vec<Signed> = kept.iter().map(|it| Signed::read(it).unwrap()).collect();
    assert_eq!(kept.len(), 2);
    assert!(kept.contains(&signed(&a, &c, 2)) && kept.contains(&signed(&b, &c, 1)));
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    for none in [a.as_str(), "../../..", "", "main"] {
        assert_eq!(store.verdicts(&host(), none).unwrap(), Vec::<Vec<u8>>::new(), "{none}");
    }
    // Links and strange names are not read.
    let folder = path.parent().unwrap();
    std::os::unix::fs::symlink(
        "/etc/hostname",
        folder.join(format!("{}.dsse.json", "9".repeat(40))),
    )
    .unwrap();
    fs::write(folder.join("notes.txt"), "x").unwrap();
    assert_eq!(store.verdicts(&host(), &c).unwrap().len(), 2);
}

#[test]
fn waivers_are_kept_by_commit_and_finding() {
    let repo = Repo::new("sha1");
    let (to, print) = (repo.commit(), "f".repeat(64));
    let store = Store::of(&repo.open());
    store.put_waiver(&host(), &to, &print, b"one").unwrap();
    assert_eq!(store.waivers(&host(), &to).unwrap(), [b"one\n".to_vec()]);
    let wrong = store.put_waiver(&host(), "../x", &print, b"one").unwrap_err();
    assert_eq!(wrong.exit.code(), 65);
}

#[test]
fn git_shows_what_is_noted_and_reads_what_git_wrote() {
    for format in ["sha1", "sha256"] {
        let repo = Repo::new(format);
        let (a, b, c) = (repo.commit(), repo.commit(), repo.commit());
        let git = repo.open();
        assert_eq!(notes::read(&git, id(&c)).unwrap(), Vec::<Vec<u8>>::new());
        notes::write(&host(), &git, &signed(&a, &c, 1)).unwrap();
        notes::write(&host(), &git, &signed(&b, &c, 1)).unwrap();
        notes::write(&host(), &git, &signed(&a, &c, 2)).unwrap();
        notes::write(&host(), &git, &signed(&a, &b, 1)).unwrap();
        let shown = repo.git(&["notes", "--ref=aiops-verdicts", "show", &c]);
        let shown: Vec<Signed> =
            shown.lines().map(|it| Signed::read(it.as_bytes()).unwrap()).collect();
        assert_eq!(shown.len(), 2, "{format}");
        assert!(shown.contains(&signed(&a, &c, 2)) && shown.contains(&signed(&b, &c, 1)));
        // git adds a line of its own; it is read, and kept by the next one.
        let line = String::from_utf8(signed(&c, &c, 3).envelope().to_bytes()).unwrap();
        repo.git(&["notes", "--ref=aiops-verdicts", "append", "-m", &line, &c]);
        let git = repo.open();
        assert_eq!(notes::read(&git, id(&c)).unwrap().len(), 3);
        notes::write(&host(), &git, &signed(&a, &c, 4)).unwrap();
        assert_eq!(notes::read(&git, id(&c)).unwrap().len(), 3);
        repo.git(&["fsck", "--strict"]);
        assert_eq!(
            repo.git(&["log", "--format=%an <%ae>", "-1", notes::REFERENCE]),
            "review-gate <review-gate@localhost>"
        );
    }
}

#[test]
fn notes_in_folders_are_found_and_stay_in_folders() {
    let repo = Repo::new("sha1");
    let commits: Vec<String> = (0..3).map(|_| repo.commit()).collect();
    // A tree as git makes it of very many notes: two levels of folders.
    for (at, to) in commits.iter().enumerate() {
        let line = signed(&commits[0], to, u8::try_from(at).unwrap()).envelope().to_bytes();
        let file = repo.path.join("note");
        fs::write(&file, line).unwrap();
        let blob = repo.git(&["hash-object", "-w", "note"]);
        let path = format!("{}/{}/{}", &to[..2], &to[2..4], &to[4..]);
        repo.git(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},{path}")]);
    }
    let tree = repo.git(&["write-tree"]);
    let made = repo.git(&["commit-tree", "-m", "notes", &tree]);
    repo.git(&["update-ref", notes::REFERENCE, &made]);
    let git = repo.open();
    for to in &commits {
        assert_eq!(notes::read(&git, id(to)).unwrap().len(), 1);
    }
    notes::write(&host(), &git, &signed(&commits[1], &commits[2], 1)).unwrap();
    assert_eq!(notes::read(&git, id(&commits[2])).unwrap().len(), 2);
    let listed = repo.git(&["notes", "--ref=aiops-verdicts", "list"]);
    assert_eq!(listed.lines().count(), 3);
}

#[test]
fn notes_of_two_clones_merge_line_by_line() {
    let repo = Repo::new("sha1");
    let (a, b) = (repo.commit(), repo.commit());
    let other = repo.path.with_file_name("other");
    repo.git(&["clone", "-q", ".", other.to_str().unwrap()]);
    let there = verdict::objects::open(&host(), &other, None).unwrap();
    notes::write(&host(), &repo.open(), &signed(&a, &b, 1)).unwrap();
    notes::write(&host(), &there, &signed(&b, &b, 2)).unwrap();
    let other = other.to_str().unwrap();
    repo.git(&["fetch", "-q", other, "+refs/notes/aiops-verdicts:refs/notes/theirs"]);
    repo.git(&["notes", "--ref=aiops-verdicts", "merge", "-q", "-s", "cat_sort_uniq", "theirs"]);
    let git = repo.open();
    let merged = notes::read(&git, id(&b)).unwrap();
    assert_eq!(merged.len(), 2);
    assert!(merged.iter().all(|line| Signed::read(line).is_ok()));
}

#[test]
fn a_reference_that_is_no_notes_commit_is_told() {
    let repo = Repo::new("sha1");
    let to = repo.commit();
    let blob = repo.git(&["hash-object", "-w", "--stdin"]);
    let git = repo.open();
    let told = notes::read_at(&Objects::of(&git), Some(id(&blob)), id(&to)).unwrap_err();
    assert_eq!(told.exit.code(), 69);
}

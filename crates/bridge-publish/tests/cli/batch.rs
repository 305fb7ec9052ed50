//! Large batches, which go into one pack of our own making.

use crate::world::World;

#[test]
fn a_large_batch_is_sound_for_git_here_on_the_remote_and_in_a_new_clone() {
    let world = World::new();
    for at in 0..450_u32 {
        // Names that do not come in the order of time, so that trees change in the middle.
        world.outcome(&format!("id-{:05}", at.wrapping_mul(7919) % 100_000), at);
    }
    let said = world.once();
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.json["commits"].as_array().unwrap().len(), 450);
    assert_eq!(world.subjects().len(), 451);
    world.assert_sound();
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    let (path, url) = (world.path(""), format!("file://{}", world.remote.display()));
    world.git_in(&path, &["clone", "-q", &url, "again"]);
    let again = path.join("again");
    world.git_in(&again, &["fsck", "--strict"]);
    for folder in ["results", "diffs", "archive"] {
        let count = |root: &std::path::Path| std::fs::read_dir(root.join(folder)).unwrap().count();
        assert_eq!(count(&again), count(&world.root), "{folder}");
    }
    // Each commit has what its subject says and nothing of later ones.
    let shown = world.git_remote(&["show", "--format=%s", "--name-only", "main~300"]);
    assert_eq!(shown.lines().count(), 6, "{shown}");
    world.git(&["verify-pack", &pack(&world)]);
}

/// The index of the pack in the root.
fn pack(world: &World) -> String {
    let folder = world.root.join(".git/objects/pack");
    let mut names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found = names.find(|path| path.extension().is_some_and(|it| it == "idx"));
    found.unwrap().to_str().unwrap().to_owned()
}

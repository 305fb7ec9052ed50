//! The kernel's Landlock as the second layer: nothing may be written but where the job may write,
//! nothing bound or connected to over TCP, nobody outside signalled or spoken to.
//!
//! It lets chmod and utime through: the read-only mounts are the first layer.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

/// Restricts this process and all that it becomes and starts.
///
/// # Errors
/// What stands against it; also when the kernel enforces none of it.
pub(crate) fn apply(writable: &[PathBuf]) -> Result<&'static str, String> {
    match restrict(writable) {
        Ok(RulesetStatus::FullyEnforced) => Ok("all of it"),
        Ok(RulesetStatus::PartiallyEnforced) => Ok("what this kernel knows of it"),
        Ok(RulesetStatus::NotEnforced) => Err("this kernel does not enforce it".to_owned()),
        Err(err) => Err(err.to_string()),
    }
}

fn restrict(writable: &[PathBuf]) -> Result<RulesetStatus, RulesetError> {
    let newest = ABI::V6;
    let devices = [Path::new("/dev")];
    let writable = writable.iter().map(PathBuf::as_path).chain(devices);
    // What V1 knows is demanded; what later versions added is taken where it is there.
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(newest))?
        .handle_access(AccessNet::from_all(newest))?
        .scope(Scope::from_all(newest))?
        .create()?
        .add_rules(path_beneath_rules(["/"], AccessFs::from_read(newest)))?
        .add_rules(path_beneath_rules(writable, AccessFs::from_all(newest)))?
        .restrict_self()
        .map(|status| status.ruleset)
}

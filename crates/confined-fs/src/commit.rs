//! Making a change visible in one step, and taking it back.

use crate::change::{Change, Motion, Side};
use crate::fault::Fault;
use crate::look::{Content, Thing};
use crate::place::{Pair, Place};
use crate::tree::Tree;

impl Tree {
    /// Makes a prepared change visible in one step, if the file is still what `before` says.
    ///
    /// What was swapped out is looked at again afterwards and put back if someone changed it in
    /// between, so nobody's edit is lost. Committing twice is fine. After [`Fault::Io`] ask
    /// [`Tree::state`].
    pub fn commit(&self, change: &Change) -> Result<(), Fault> {
        let place = Place::open(self.root(), change)?;
        let pair = place.look()?;
        let side = place.side_of(pair.file.as_ref());
        let motion = change.motion();
        match (side, pair.temp.as_ref().map(|temp| temp.content)) {
            (Side::After, None | Some(Content::Before)) => Ok(()),
            (Side::After, Some(Content::After)) if place.changes_nothing(&pair) => Ok(()),
            (Side::After, Some(Content::Torn | Content::Other)) => {
                return_interrupted(&place, &pair)?;
                Err(place.precondition("someone else changed it during an earlier commit"))
            }
            (Side::Before, Some(Content::After)) => {
                refuse_links(&place, &pair)?;
                match (&pair.file, &pair.temp) {
                    (Some(old), Some(new)) => swap(&place, new, old, Content::Before),
                    _ => place.rename(&change.temp, place.name),
                }
            }
            (Side::Before, None) if motion == Motion::Delete => {
                refuse_links(&place, &pair)?;
                take_out(&place, pair.file.as_ref(), Content::Before)
            }
            (Side::Before, _) => Err(place.precondition("the change is not prepared")),
            (Side::Neither | Side::After, _) => {
                Err(place.refusal(pair.file.as_ref(), "is not what the change expects"))
            }
        }
    }

    /// Takes a committed change back, until [`Tree::finish`]. Ok means the change is not visible:
    /// under the path is the earlier file, or what someone else put there.
    ///
    /// A file that was changed after the commit is left alone, and so is what it replaced.
    pub fn undo(&self, change: &Change) -> Result<(), Fault> {
        let place = Place::open(self.root(), change)?;
        let pair = place.look()?;
        let side = place.side_of(pair.file.as_ref());
        let motion = change.motion();
        let edited = "someone else changed it after the commit";
        match (side, pair.temp.as_ref().map(|temp| temp.content)) {
            (Side::Before, Some(Content::Other)) => {
                return_interrupted(&place, &pair)?;
                Err(place.precondition(edited))
            }
            (Side::After, Some(Content::Torn | Content::Other)) => {
                return_interrupted(&place, &pair)
            }
            // The new content is still, or again, under the temporary name.
            (Side::Before, _)
            | (Side::After, Some(Content::After))
            | (Side::Neither, Some(Content::After | Content::Torn)) => Ok(()),
            (Side::After, None) if motion == Motion::Create => {
                take_out(&place, pair.file.as_ref(), Content::After)
            }
            (Side::After, None) if place.changes_nothing(&pair) => Ok(()),
            (Side::After, None) => Err(place.precondition("the earlier content is gone")),
            (Side::After, Some(Content::Before)) => match (&pair.file, &pair.temp) {
                (Some(new), Some(old)) => swap(&place, old, new, Content::After),
                _ => place.rename(&change.temp, place.name),
            },
            (Side::Neither, _) => Err(place.refusal(pair.file.as_ref(), edited)),
        }
    }
}

/// Swaps `coming` (under the temporary name) with `leaving`, and back if something else came out.
fn swap(
    place: &Place<'_>,
    coming: &Thing,
    leaving: &Thing,
    expected: Content,
) -> Result<(), Fault> {
    place.exchange()?;
    let out = place.look_under(&place.change.temp);
    judge(place, out, leaving, expected).or_else(|fault| {
        place.swap_back(coming)?;
        Err(fault)
    })
}

/// Renames `leaving` to the temporary name, and back if something else was renamed.
fn take_out(place: &Place<'_>, leaving: Option<&Thing>, expected: Content) -> Result<(), Fault> {
    let Some(leaving) = leaving else {
        return Err(place.precondition("someone else removed it meanwhile"));
    };
    place.rename(place.name, &place.change.temp)?;
    let out = place.look_under(&place.change.temp);
    judge(place, out, leaving, expected).or_else(|fault| {
        place.rename(&place.change.temp, place.name)?;
        Err(fault)
    })
}

/// Says whether what was swapped out is the very file that was to be.
fn judge(
    place: &Place<'_>,
    out: Result<Option<Thing>, Fault>,
    leaving: &Thing,
    expected: Content,
) -> Result<(), Fault> {
    let out = out?;
    let is_it = |out: &Thing| {
        // A backup may link to a committed file; that does not stop it from being taken back.
        let links_are_fine = expected == Content::After || !out.meta.has_other_links;
        out.meta.id == leaving.meta.id && out.content == expected && links_are_fine
    };
    match &out {
        Some(out) if is_it(out) => Ok(()),
        found => Err(place.refusal(found.as_ref(), "someone else changed it meanwhile")),
    }
}

/// Puts back someone else's file that an interrupted swap left under the temporary name.
fn return_interrupted(place: &Place<'_>, pair: &Pair) -> Result<(), Fault> {
    match (&pair.file, place.change.motion()) {
        (Some(file), Motion::Replace) => place.swap_back(file),
        (None, Motion::Create | Motion::Delete) => place.rename(&place.change.temp, place.name),
        _ => Err(place.precondition("someone else's file is under the temporary name")),
    }
}

fn refuse_links(place: &Place<'_>, pair: &Pair) -> Result<(), Fault> {
    match pair.file.as_ref().filter(|file| file.meta.has_other_links) {
        Some(file) => Err(place.refusal(Some(file), "")),
        None => Ok(()),
    }
}

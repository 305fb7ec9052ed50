//! The steps around a commit: writing the new content beside the file, and cleaning up.

use std::os::fd::AsFd;

use rustix::io::Errno;

use crate::change::{After, Change, Motion, Side};
use crate::fault::Fault;
use crate::look::{Content, Thing};
use crate::path::RelPath;
use crate::place::{Place, open_parent};
use crate::sys;
use crate::tree::Tree;

impl Tree {
    /// Writes the new content under the temporary name, so that a full disk shows before anything
    /// is promised, and returns the folders it had to make, outermost first.
    ///
    /// Folders get mode 0755 less the umask. Owner and group are copied from the file that is
    /// replaced, as far as this process may; access lists and extended attributes are not. On a
    /// fault nothing is left behind (short of a crash), folders included. Folders made by an
    /// earlier call that was interrupted are not reported again.
    pub fn prepare(&self, change: &Change) -> Result<Vec<RelPath>, Fault> {
        let mut place = Place::open(self.root(), change)?;
        let pair = place.look()?;
        let side = place.side_of(pair.file.as_ref());
        match (side, pair.temp.as_ref().map(|temp| temp.content)) {
            (Side::After, Some(Content::Before)) => return Ok(Vec::new()),
            (Side::After, None | Some(Content::After)) if place.changes_nothing(&pair) => {
                return Ok(Vec::new());
            }
            (_, Some(Content::Other)) | (Side::After, Some(Content::Torn)) => {
                return Err(place.refusal(pair.file.as_ref(), LEFT_OVER));
            }
            (Side::Before, _) => {}
            (Side::After | Side::Neither, _) => {
                return Err(place.refusal(pair.file.as_ref(), "is not what the change expects"));
            }
        }
        if let Some(file) = pair.file.as_ref().filter(|file| file.meta.has_other_links) {
            return Err(place.refusal(Some(file), ""));
        }
        let mut made = Vec::new();
        let has_temp = pair.temp.is_some();
        let outcome = self.write_temp(&mut place, pair.file.as_ref(), has_temp, &mut made);
        if let Err(fault) = outcome {
            // What it says matters more than whether the clean-up worked: a retry starts over.
            let _cleaned = place.dir().map(|dir| sys::remove_file(dir, &change.part()));
            for folder in made.iter().rev() {
                let _cleaned = self.remove_empty_dir(folder);
            }
            return Err(fault);
        }
        Ok(made)
    }

    /// Removes the temporary name: the earlier content after `commit`, the new content after
    /// `prepare` or `undo`. Nothing there is fine.
    ///
    /// If what is there is neither, someone changed the earlier file after it was swapped out (or
    /// the process died inside a swap): it is kept and reported.
    pub fn finish(&self, change: &Change) -> Result<(), Fault> {
        let place = Place::open(self.root(), change)?;
        if place.is_missing() {
            return Ok(());
        }
        remove(&place, &change.part())?;
        let pair = place.look()?;
        let side = place.side_of(pair.file.as_ref());
        match (side, pair.temp.map(|temp| temp.content)) {
            (_, None) => Ok(()),
            (_, Some(Content::Other)) | (Side::After, Some(Content::Torn)) => {
                Err(place.precondition(&format!("{LEFT_OVER}, kept as {}", change.temp)))
            }
            (_, Some(_)) => remove(&place, &change.temp),
        }
    }

    fn write_temp(
        &self,
        place: &mut Place<'_>,
        replaced: Option<&Thing>,
        has_temp: bool,
        made: &mut Vec<RelPath>,
    ) -> Result<(), Fault> {
        let change = place.change;
        let After::File { bytes, mode } = &change.after else {
            return remove(place, &change.temp);
        };
        if place.is_missing() && change.motion() == Motion::Create {
            self.make_parents(&change.path, made)?;
            *place = Place::open(self.root(), change)?;
        }
        if has_temp {
            remove(place, &change.temp)?;
        }
        let part = change.part();
        let failed = |errno| match errno {
            Errno::NOENT => place.precondition("someone else removed its folder meanwhile"),
            _ => place.io("write beside", errno),
        };
        let file = match sys::create_file(place.dir()?, &part) {
            // Left by an earlier call that was interrupted.
            Err(Errno::EXIST) => {
                remove(place, &part)?;
                sys::create_file(place.dir()?, &part)
            }
            outcome => outcome,
        }
        .map_err(failed)?;
        sys::write_all(&file, bytes).map_err(failed)?;
        if let Some(replaced) = replaced {
            let own = sys::meta(&file).map_err(failed)?;
            let (uid, gid) = (replaced.meta.uid, replaced.meta.gid);
            if (own.uid, own.gid) != (uid, gid) {
                match sys::give_to(&file, uid, gid) {
                    // The owner may be out of reach and the group not.
                    Err(Errno::PERM) => match sys::give_to(&file, u32::MAX, gid) {
                        Ok(()) | Err(Errno::PERM) => {}
                        Err(errno) => return Err(failed(errno)),
                    },
                    outcome => outcome.map_err(failed)?,
                }
            }
        }
        // After the owner: changing that may clear bits.
        sys::set_mode(&file, *mode).map_err(failed)?;
        place.rename(&part, &change.temp)
    }

    /// Makes the folders above a path that are missing, each looked up from the root again.
    fn make_parents(&self, path: &RelPath, made: &mut Vec<RelPath>) -> Result<(), Fault> {
        for folder in path.ancestors() {
            let moved =
                || Fault::Precondition(format!("{folder}: someone else moved the folder it is in"));
            let failed = |errno| Fault::from_errno(errno, "make", folder.as_str());
            match sys::open_folder(self.root(), folder.as_str()) {
                Ok(_) => continue,
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(failed(errno)),
            }
            let parent = open_parent(self.root(), &folder)?.ok_or_else(moved)?;
            match sys::make_folder(parent.as_fd(), folder.file_name()) {
                Ok(()) => made.push(folder),
                // Someone else was faster; what they made is judged when it is opened.
                Err(Errno::EXIST) => {}
                Err(Errno::NOENT) => return Err(moved()),
                Err(errno) => return Err(failed(errno)),
            }
        }
        Ok(())
    }
}

const LEFT_OVER: &str = "the temporary name holds something this change did not put there";

fn remove(place: &Place<'_>, name: &str) -> Result<(), Fault> {
    match sys::remove_file(place.dir()?, name) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(place.io("remove what is beside", errno)),
    }
}

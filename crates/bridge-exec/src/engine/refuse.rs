//! Refusals: the dead letter a document becomes.

use std::os::unix::ffi::OsStrExt;

use bridge::reason::Refusal;
use ops_core::failure::Failure;
use sha2::{Digest, Sha256};

use super::batch::Depends;
use super::{Considered, Engine};
use crate::decide;
use crate::decide::outcome::{self, Accepted, Letter};
use crate::journal::{Inbound, Plan};
use crate::observe::{Arrival, shown};

impl Engine<'_> {
    pub(super) fn refuse_unverified(
        &mut self,
        arrival: &Arrival,
        refusal: &Refusal,
    ) -> Result<Considered, Failure> {
        self.refuse(arrival, None, refusal)
    }

    pub(super) fn refuse(
        &mut self,
        arrival: &Arrival,
        verified: Option<(String, Option<[u8; 32]>)>,
        refusal: &Refusal,
    ) -> Result<Considered, Failure> {
        let inbound = Some(inbound(arrival));
        let plan = self.letter(arrival, verified, refusal, inbound, None)?;
        Ok(Considered::Ready { plan: Box::new(plan), depends: Depends::Nothing })
    }

    pub(super) fn refuse_accepted(
        &mut self,
        accepted: &Accepted,
        arrival: &Arrival,
        refusal: &Refusal,
        inbound: Option<Inbound>,
    ) -> Result<Plan, Failure> {
        let id = accepted.dated.command.id.clone();
        let releases = inbound.is_none().then(|| id.clone());
        self.letter(arrival, Some((id, Some(accepted.content))), refusal, inbound, releases)
    }

    pub(super) fn letter(
        &mut self,
        arrival: &Arrival,
        verified: Option<(String, Option<[u8; 32]>)>,
        refusal: &Refusal,
        inbound: Option<Inbound>,
        releases: Option<String>,
    ) -> Result<Plan, Failure> {
        let name = shown(&arrival.listed.name);
        let stem = match &verified {
            Some((id, _)) => id.clone(),
            None => decide::sanitised_stem(&name),
        };
        let letter = Letter {
            name,
            verified,
            head: &arrival.bytes,
            size: arrival.listed.size.max(arrival.bytes.len() as u64),
            cap: self.settings.max_command_bytes,
            file: self.desk.letter_name(&stem)?,
        };
        let refusal = Refusal::new(refusal.reason, self.context.clean(&refusal.detail));
        Ok(outcome::refusing(letter, &refusal, self.now(), inbound, releases))
    }
}

pub(super) fn inbound(arrival: &Arrival) -> Inbound {
    let listed = &arrival.listed;
    Inbound {
        name: listed.name.as_bytes().to_vec().into(),
        inode: listed.inode,
        written: (listed.modified_ns, listed.size),
        read: (Sha256::digest(&arrival.bytes).to_vec().into(), arrival.bytes.len() as u64),
    }
}

//! Cuts a bundle into packets: small files share one, large ones take several.

use ops_core::failure::Failure;

use crate::bundle::{Bundle, Count, FORMAT, LEGEND, Limits, points};
use crate::cut::cut;
use crate::manifest::{Manifest, PacketEntry, Part};
use crate::observe::Repository;
use crate::section::hex;

/// What a text may gain in tokens where two are joined.
const SEAM_TOKENS: u64 = 4;

/// A part of a bundle that is small enough for one text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Packet {
    /// What the manifest says of it.
    pub entry: PacketEntry,
    /// Its text.
    pub text: String,
}

impl Bundle {
    /// Cuts the bundle into packets and hands on each, in the order of the paths. Returns the
    /// manifest that says which packet holds what. A packet is larger than the limits only where a
    /// single path's name is.
    pub fn packets(
        &self,
        repository: &Repository,
        limits: Limits,
        count: Option<Count<'_>>,
        emit: &mut dyn FnMut(Packet) -> Result<(), Failure>,
    ) -> Result<Manifest, Failure> {
        limits.must_hold_a_packet()?;
        let mut packer = Packer::new(self.manifest(), limits, count, emit);
        let mut at = 0;
        self.each_section(repository, |_, text| {
            let done = packer.section(at, text);
            at += 1;
            done
        })?;
        packer.close()?;
        Ok(packer.manifest)
    }
}

struct Packer<'a> {
    manifest: Manifest,
    limits: Limits,
    count: Option<Count<'a>>,
    emit: &'a mut dyn FnMut(Packet) -> Result<(), Failure>,
    text: String,
    tokens: u64,
    /// The files in the packet, by their places in the manifest.
    parts: Vec<(usize, Part)>,
}

impl<'a> Packer<'a> {
    fn new(
        manifest: &Manifest,
        limits: Limits,
        count: Option<Count<'a>>,
        emit: &'a mut dyn FnMut(Packet) -> Result<(), Failure>,
    ) -> Self {
        let manifest = manifest.clone();
        let (text, tokens, parts) = (String::new(), 0, Vec::new());
        let mut packer = Self { manifest, limits, count, emit, text, tokens, parts };
        packer.open();
        packer
    }

    /// Starts a packet with its head.
    fn open(&mut self) {
        let number = self.manifest.packets.len() + 1;
        let Manifest { bundle_sha256, bundle_bytes, .. } = &self.manifest;
        self.text = format!(
            "aiops review packet {number}, bundle format {FORMAT}\n{}of the bundle of \
             {bundle_bytes} bytes, sha256 {bundle_sha256}\n{LEGEND}\n",
            points(&self.manifest)
        );
        self.tokens = self.tokens_of(&self.text);
    }

    fn section(&mut self, file: usize, text: &str) -> Result<(), Failure> {
        if !self.takes(text) && !self.parts.is_empty() {
            self.close()?;
            self.open();
        }
        if self.takes(text) {
            self.add(file, text, 1, true);
            return Ok(());
        }
        let parts = self.cut(text);
        let last = parts.len();
        for (part, text) in (1..).zip(&parts) {
            if part > 1 {
                self.close()?;
                self.open();
            }
            self.add(file, text, part, usize::try_from(part) == Ok(last));
        }
        Ok(())
    }

    /// Cuts a section so that each part fits an empty packet. A token has at least one byte, so
    /// parts of as many bytes as tokens are allowed always do.
    fn cut(&self, text: &str) -> Vec<String> {
        let room = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let whole = room(self.limits.max_bytes).saturating_sub(self.text.len());
        let Some(most) = self.limits.max_tokens.filter(|_| self.count.is_some()) else {
            return cut(text, whole);
        };
        let most = most.saturating_sub(self.tokens + SEAM_TOKENS);
        let least = room(most).min(whole);
        let mut room = whole;
        loop {
            let parts = cut(text, room);
            if room <= least || parts.iter().all(|part| self.tokens_of(part) <= most) {
                return parts;
            }
            room = (room / 2).max(least);
        }
    }

    /// Returns whether the packet has space for a section.
    fn takes(&self, text: &str) -> bool {
        if (self.text.len() + text.len()) as u64 > self.limits.max_bytes {
            return false;
        }
        let most = self.limits.max_tokens.filter(|_| self.count.is_some());
        most.is_none_or(|most| self.tokens + self.tokens_of(text) + SEAM_TOKENS <= most)
    }

    fn tokens_of(&self, text: &str) -> u64 {
        self.count.map_or(0, |count| count(text))
    }

    fn add(&mut self, file: usize, text: &str, part: u32, last: bool) {
        self.tokens += self.tokens_of(text) + SEAM_TOKENS;
        self.text.push_str(text);
        let path = self.manifest.files[file].path.clone();
        self.parts.push((file, Part { path, part, last }));
    }

    /// Hands on the packet.
    fn close(&mut self) -> Result<(), Failure> {
        if self.parts.is_empty() {
            return Ok(());
        }
        let number = u32::try_from(self.manifest.packets.len() + 1).unwrap_or(u32::MAX);
        let parts = std::mem::take(&mut self.parts);
        for (file, _) in &parts {
            self.manifest.files[*file].packets.push(number);
        }
        let text = std::mem::take(&mut self.text);
        let entry = PacketEntry {
            number,
            file: format!("packet_{number:03}.txt"),
            sha256: hex(text.as_bytes()),
            bytes: text.len() as u64,
            tokens: self.count.map(|count| count(&text)),
            parts: parts.into_iter().map(|(_, part)| part).collect(),
        };
        self.manifest.packets.push(entry.clone());
        (self.emit)(Packet { entry, text })
    }
}

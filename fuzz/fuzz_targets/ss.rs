//! Captured `ss` text: nothing panics, what is read is never empty, and judging it always answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use listeners::{Class, Context, Owners, Policy, Source, audit, parse_ss};

fuzz_target!(|bytes: &[u8]| {
    let found = match parse_ss(bytes) {
        Ok(found) => found,
        Err(why) => return assert!(!why.is_empty()),
    };
    assert!(!found.sockets.is_empty());
    assert_eq!(found.source, Source::SsText);
    for socket in &found.sockets {
        match &socket.owners {
            Owners::Known(owners) => assert!(!owners.is_empty()),
            Owners::Unknown(why) => assert!(!why.is_empty()),
            Owners::NotAsked => panic!("text tells or does not"),
        }
    }
    let judged = audit(Ok(&found), &Policy::default(), &Context::default()).judged;
    assert_eq!(judged.len(), found.sockets.len());
    for it in judged {
        let is_wildcard = it.socket.address.to_canonical().is_unspecified();
        assert!(!is_wildcard || it.class != Class::Private);
    }
    // Every socket is on a line of its own, so half of the lines cannot hold more of them.
    let half = bytes.iter().rposition(|&it| it == b'\n').map_or(0, |at| at + 1);
    if let Ok(fewer) = parse_ss(&bytes[..half]) {
        assert!(fewer.sockets.len() <= found.sockets.len());
    }
});

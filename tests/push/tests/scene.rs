//! What the tests share.

use push::{Format, Hermetic, Remote, Transport};

/// Runs a test over every transport that can be had here, and tells which cannot.
pub(crate) fn over_each(test: &str, format: Format, run: impl Fn(&Hermetic, &Remote)) {
    for transport in Transport::ALL {
        let world = Hermetic::new();
        match Remote::new(&world, "origin", transport, format) {
            Ok(remote) => run(&world, &remote),
            Err(why) => scenarios::skip(&format!("{test} over {transport:?}"), &why),
        }
    }
}

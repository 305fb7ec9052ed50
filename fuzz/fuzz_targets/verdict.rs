//! Envelopes: nothing panics, what is read is written and read as the same, and nobody vouches for
//! it when nobody may sign.
#![no_main]

use libfuzzer_sys::fuzz_target;
use verdict::dsse::{Envelope, VERDICT, WAIVER};
use verdict::signers::Signers;
use verdict::statement::Signed;
use verdict::trust;

fuzz_target!(|bytes: &[u8]| {
    for kind in [VERDICT, WAIVER] {
        let Ok(envelope) = Envelope::read(kind, bytes) else { continue };
        let again = Envelope::read(kind, &envelope.to_bytes()).expect("what is written is read");
        assert_eq!(again, envelope);
        assert!(trust::signer(&envelope, &Signers::default(), &[]).is_err());
    }
    match Signed::read(bytes) {
        Ok(signed) => {
            let text = serde_json::to_vec(signed.verdict()).expect("a verdict is JSON");
            let again = serde_json::from_slice(&text).expect("and read again");
            assert_eq!(*signed.verdict(), again);
            let _told = signed.verdict().objections();
        }
        Err(why) => assert!(!why.to_string().is_empty()),
    }
});

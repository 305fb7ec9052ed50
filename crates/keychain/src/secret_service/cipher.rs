//! What travels over the bus is encrypted: `dh-ietf1024-sha256-aes128-cbc-pkcs7` of the Secret
//! Service specification ("Transfer of Secrets").
//!
//! The bus is local and private, so this keeps no attacker out. It is here because the library's
//! message buffers cannot be wiped: this way only ciphertext is ever in them.

use aes::Aes128;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Odd, U1024};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

/// The name of the algorithm on the bus.
pub(crate) const ALGORITHM: &str = "dh-ietf1024-sha256-aes128-cbc-pkcs7";

/// RFC 2409, 6.2: the second Oakley group.
const PRIME: Odd<U1024> = Odd::<U1024>::from_be_hex(concat!(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74",
    "020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437",
    "4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED",
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
));

/// Bytes of a number of the group.
const WIDTH: usize = 128;

/// Bytes of a block, of a key and of an initialisation vector.
const BLOCK: usize = 16;

/// Our half of the exchange, until the other half is known.
pub(crate) struct Offer {
    exponent: Zeroizing<U1024>,
}

/// The key of one session.
pub(crate) struct Key(Zeroizing<[u8; BLOCK]>);

impl Offer {
    /// A new one, from random bytes.
    pub(crate) fn new(random: &Zeroizing<[u8; WIDTH]>) -> Self {
        Self { exponent: Zeroizing::new(U1024::from_be_slice(&random[..])) }
    }

    /// What the other side is told.
    pub(crate) fn public(&self) -> Vec<u8> {
        power(&U1024::from(2_u8), &self.exponent).to_be_bytes().as_ref().to_vec()
    }

    /// The key, from what the other side told; nothing when that is no number it may use.
    pub(crate) fn key(self, theirs: &[u8]) -> Option<Key> {
        let first = theirs.iter().position(|byte| *byte != 0)?;
        let theirs = &theirs[first..];
        let mut padded = [0; WIDTH];
        padded.get_mut(WIDTH.checked_sub(theirs.len())?..)?.copy_from_slice(theirs);
        let theirs = U1024::from_be_slice(&padded);
        // 0, 1 and -1 would make the key known to everyone.
        if theirs <= U1024::ONE || theirs >= PRIME.get().wrapping_sub(&U1024::ONE) {
            return None;
        }
        let shared = Zeroizing::new(power(&theirs, &self.exponent));
        let mut bytes = shared.to_be_bytes();
        let mut key = Zeroizing::new([0; BLOCK]);
        let expanded = Hkdf::<Sha256>::new(None, bytes.as_ref()).expand(&[], &mut key[..]);
        bytes.zeroize();
        expanded.ok()?;
        Some(Key(key))
    }
}

impl Key {
    /// Encrypts a secret; the random bytes become its initialisation vector, and must be new.
    pub(crate) fn seal(&self, start: &[u8; BLOCK], secret: &[u8]) -> Vec<u8> {
        cbc::Encryptor::<Aes128>::new((&*self.0).into(), start.into())
            .encrypt_padded_vec::<Pkcs7>(secret)
    }

    /// Decrypts a secret; nothing when it is not one of this session.
    pub(crate) fn open(&self, start: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let start: &[u8; BLOCK] = start.try_into().ok()?;
        let mut bytes = Zeroizing::new(sealed.to_vec());
        let length = cbc::Decryptor::<Aes128>::new((&*self.0).into(), start.into())
            .decrypt_padded::<Pkcs7>(&mut bytes)
            .ok()?
            .len();
        bytes.truncate(length);
        Some(bytes)
    }
}

fn power(base: &U1024, exponent: &U1024) -> U1024 {
    let group = FixedMontyParams::new(PRIME);
    FixedMontyForm::new(base, &group).pow(exponent).retrieve()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn offer(fill: u8) -> Offer {
        Offer::new(&Zeroizing::new([fill; WIDTH]))
    }

    #[test]
    fn two_sides_come_to_one_key() {
        let (ours, theirs) = (offer(7), offer(99));
        let (our_public, their_public) = (ours.public(), theirs.public());
        let sealed = ours.key(&their_public).unwrap().seal(&[3; BLOCK], b"a secret");
        let opened = theirs.key(&our_public).unwrap().open(&[3; BLOCK], &sealed);
        assert_eq!(*opened.unwrap(), b"a secret");
    }

    #[test]
    fn numbers_that_give_the_key_away_are_refused() {
        let last = PRIME.get().wrapping_sub(&U1024::ONE).to_be_bytes();
        let prime = PRIME.get().to_be_bytes();
        let cases: [&[u8]; 6] =
            [b"", b"\0", b"\x01", last.as_ref(), prime.as_ref(), &[1; WIDTH + 1]];
        for theirs in cases {
            assert!(offer(7).key(theirs).is_none(), "{theirs:?}");
        }
        assert!(offer(7).key(&[0, 0, 2]).is_some(), "leading zeros are no fault");
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_and_nothing_else_panics(
            secret in proptest::collection::vec(any::<u8>(), 0..100),
            start: [u8; BLOCK],
            garbage in proptest::collection::vec(any::<u8>(), 0..70),
        ) {
            let key = Key(Zeroizing::new([5; BLOCK]));
            let sealed = key.seal(&start, &secret);
            prop_assert_eq!(&*key.open(&start, &sealed).unwrap(), &secret);
            drop(key.open(&start, &garbage));
            prop_assert!(key.open(&start[1..], &sealed).is_none());
        }
    }
}

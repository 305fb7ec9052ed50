//! What every ops command shares.

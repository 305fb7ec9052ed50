//! A strict JSON reader, and the canonical text that bridge signatures are made over.
//!
//! Canonical means byte for byte what Python prints for
//! `json.dumps(json.loads(document), separators=(",", ":"), sort_keys=True)`. What two readers
//! could understand differently (duplicate keys, lone surrogates, NaN, floats beyond 64 bits,
//! deep nesting) is refused rather than guessed at.
//!
//! Nothing here knows about keys or signatures, and no document is read with `serde_json`: its
//! number handling depends on features that any other crate in the workspace can turn on.

mod convert;
mod fault;
mod number;
mod read;
mod value;
mod write;

pub use fault::{Fault, SyntaxError};
pub use read::{DEPTH_CEILING, MAX_DEPTH, parse, parse_with_depth};
pub use value::{Integer, Value};

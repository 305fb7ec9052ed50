//! Ships.

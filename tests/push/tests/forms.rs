//! Every form of a push that git knows, one test each: allowed where everything it brings was
//! reviewed, refused where anything was not.

mod baseline;
mod branches;
mod deletions;
mod history;
mod many;
mod places;
mod tags;
mod typed;
mod ways;

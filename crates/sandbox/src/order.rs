//! What is to run, and what the helper inside is told of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jobs::{Held, Layer, Limits};
use serde::{Deserialize, Serialize};

/// A file or folder of the machine and where the job sees it.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Where it is.
    pub from: PathBuf,
    /// Where the job sees it.
    pub to: PathBuf,
}

/// What walls can be had.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Walls {
    /// bubblewrap where it is there, else none.
    BestThereIs,
    /// None but what the helper itself can do: for machines without bubblewrap.
    None,
}

/// A program to run, what it sees, and what it may use.
#[derive(Clone, Debug)]
pub struct Job {
    /// Program, as the job sees it, and arguments.
    pub argv: Vec<String>,
    /// The working folder, as the job sees it; also where writing is tried and must fail.
    pub folder: PathBuf,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// The binary that has [`crate::inside`] as its call `inside`.
    pub helper: PathBuf,
    /// What it may read.
    pub readable: Vec<Mount>,
    /// Files and folders of the system that it may read where they are, if they are there.
    pub visible: Vec<PathBuf>,
    /// The one folder that it may write.
    pub writable: Mount,
    /// What it may use.
    pub limits: Limits,
    /// How long it may take.
    pub deadline: Duration,
    /// The layers without which it does not run.
    pub minimum: Vec<Layer>,
    /// What walls can be had.
    pub walls: Walls,
    /// The user it becomes, when this process is root.
    pub user: u32,
}

/// The first line that the helper reads.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Order {
    pub(crate) argv: Vec<String>,
    pub(crate) folder: PathBuf,
    pub(crate) env: BTreeMap<String, String>,
    /// Places where writing must fail.
    pub(crate) read_only: Vec<PathBuf>,
    /// Places where writing is allowed.
    pub(crate) writable: Vec<PathBuf>,
    /// A folder that only Landlock keeps from being written.
    pub(crate) spare: PathBuf,
    pub(crate) user: Option<u32>,
    pub(crate) limits: Limits,
}

/// The first line that the helper says.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Told {
    pub(crate) held: Vec<Held>,
}

//! What a job left: listed, and served from its folder alone.
//!
//! The folder was written by a job, so nothing in it is believed: the kernel opens every file
//! beneath it without following links, and what is served is never run by a browser.

use std::io::Read;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as With};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use confined_fs::{Fault, Listed, ListedKind, RelPath, Tree};
use run_queue::Job;

use crate::documents::{ArtifactFile, ArtifactList};

use super::answer::{Refusal, document};
use super::feed;
use super::jobs::find;
use super::{Shared, State};

/// The most files that are listed.
const MOST: usize = 10_000;

/// How deep folders are looked into.
const DEEPEST: usize = 16;

/// How much is read at a time, bytes.
const PIECE: usize = 64 * 1024;

/// `GET /jobs/{job_id}/artifacts`
pub(crate) async fn list(
    With(state): With<Shared>,
    job_id: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    let job = find(&state, job_id).await?;
    let (at, job_id) = (Shared::clone(&state), job.job_id.clone());
    let (files, is_cut) = state
        .work(move || match at.left(&job)? {
            Some(tree) => walk(&tree).map_err(|fault| unreadable(&fault)),
            None => Ok((vec![], false)),
        })
        .await?;
    let schema = "aiops.runner.artifacts/1".into();
    Ok(document(StatusCode::OK, &ArtifactList { schema, job_id, files, is_cut }))
}

/// `GET /jobs/{job_id}/artifacts/{path}`
pub(crate) async fn file(
    With(state): With<Shared>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Refusal> {
    let Path((job_id, path)) = path.map_err(|_| absent())?;
    let job = find(&state, Ok(Path(job_id))).await?;
    let path = RelPath::parse(&path).map_err(|_| absent())?;
    let (at, name) = (Shared::clone(&state), path.file_name().to_owned());
    let found = state
        .work(move || match at.left(&job)? {
            Some(tree) => tree.open_file(&path).map_err(|fault| refused(&fault)),
            None => Ok(None),
        })
        .await?;
    let (about, file) = found.ok_or_else(absent)?;
    Ok(served(&about, &name, file))
}

/// A file, as it is: nothing that a browser would show or run.
fn served(about: &Listed, name: &str, file: std::fs::File) -> Response {
    let (feed, body) = feed::channel();
    // No longer than was told: a job that still writes must not spoil the answer.
    let mut file = file.take(about.size);
    tokio::spawn(async move {
        // A thread for each piece, not for the whole: a reader that stalls must hold none.
        let next = |mut file| tokio::task::spawn_blocking(move || (piece(&mut file), file));
        while let Ok((read, rest)) = next(file).await {
            let is_last = !read.as_ref().is_ok_and(|bytes| bytes.len() == PIECE);
            // After a fault the answer ends short of its length, which the client sees.
            if feed.send(read).await.is_err() || is_last {
                return;
            }
            file = rest;
        }
    });
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(about.size));
    for (name, value) in [
        (CONTENT_TYPE, "application/octet-stream"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"),
        (CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let name: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    let disposition = format!("attachment; filename=\"{name}\"");
    if let Ok(disposition) = HeaderValue::try_from(disposition) {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    response
}

/// The next bytes of a file; none at its end.
fn piece(file: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut piece = Vec::with_capacity(PIECE);
    file.take(PIECE as u64).read_to_end(&mut piece)?;
    Ok(piece)
}

impl State {
    /// The folder of a job; `None` when it left none. Where it lies on another host, that is told:
    /// nobody may take it for empty, nor for it what a run that does not count left here.
    pub(crate) fn left(&self, job: &Job) -> Result<Option<Tree>, Refusal> {
        match &job.worker {
            Some(worker) if worker.host != self.host.name() => {
                let host = &worker.host;
                Err(Refusal::new(404, format!("this host has nothing of it: it ran on {host}")))
            }
            _ => self.folder(&job.job_id),
        }
    }

    /// The folder of that name; `None` when this host has none.
    fn folder(&self, job_id: &str) -> Result<Option<Tree>, Refusal> {
        // The id has the shape of one, so it is one plain name; a link in its place is not followed.
        let resolved = match self.host.resolve(&self.artifacts) {
            Ok(resolved) => resolved,
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(err) => return Err(Refusal::new(503, format!("the artifact folder: {err}"))),
        };
        match Tree::open_resolved(&resolved.join(job_id)) {
            Ok(tree) => Ok(Some(tree)),
            Err(Fault::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(fault) => Err(refused(&fault)),
        }
    }
}

/// Every regular file with a plain name, by path; and whether there are more.
fn walk(tree: &Tree) -> Result<(Vec<ArtifactFile>, bool), Fault> {
    let mut files = vec![];
    let mut open: Vec<(Option<RelPath>, usize)> = vec![(None, 0)];
    while let Some((at, depth)) = open.pop() {
        let listed = match &at {
            Some(path) => tree.folder(path, false)?.list()?,
            None => tree.top()?.list()?,
        };
        for it in listed {
            let Some(name) = it.name.to_str() else { continue };
            let path = at.as_ref().map_or(name.to_owned(), |at| format!("{}/{name}", at.as_str()));
            let Ok(path) = RelPath::parse(&path) else { continue };
            match it.kind {
                ListedKind::File if files.len() < MOST => {
                    files.push(ArtifactFile { path: path.as_str().to_owned(), bytes: it.size });
                }
                ListedKind::File => return Ok((files, true)),
                ListedKind::Folder if depth < DEEPEST => open.push((Some(path), depth + 1)),
                ListedKind::Folder | ListedKind::Link | ListedKind::Other => {}
            }
        }
    }
    files.sort();
    Ok((files, false))
}

fn absent() -> Refusal {
    Refusal::new(404, "there is no such file")
}

/// A path that leads elsewhere is told like one that leads nowhere; what cannot be read is not.
pub(crate) fn refused(fault: &Fault) -> Refusal {
    match fault {
        Fault::Io { .. } => unreadable(fault),
        _ => absent(),
    }
}

pub(crate) fn unreadable(why: &dyn std::fmt::Display) -> Refusal {
    Refusal::busy(format!("what the job left cannot be read: {why}"))
}

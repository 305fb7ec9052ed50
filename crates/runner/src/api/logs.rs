//! What a job said: the files `stdout.log` and `stderr.log` that orb-wrap writes into its artifact
//! folder.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State as With};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::Response;
use confined_fs::{RelPath, Tree};
use run_queue::Job;

use crate::args::Stream;

use super::answer::Refusal;
use super::artifacts::{refused, unreadable};
use super::jobs::find;
use super::query::Query;
use super::{Shared, State};

/// The most of an output that one answer or event brings, bytes.
pub(crate) const LONGEST: u64 = 256 * 1024;

/// The most lines that can be asked for.
pub(crate) const MOST_LINES: i64 = 100_000;

/// The lines that are told unless asked otherwise.
pub(crate) const USUAL_LINES: i64 = 1_000;

/// `GET /jobs/{job_id}/logs`
pub(crate) async fn tail(
    With(state): With<Shared>,
    job_id: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let query = Query::read(query.as_deref(), &["stream", "tail"])?;
    let name = query.text("stream").unwrap_or("stdout");
    let stream = Stream::ALL.into_iter().find(|it| it.name() == name);
    let stream = stream.ok_or_else(|| Refusal::field("stream", "expected stdout or stderr"))?;
    let lines = query.number("tail", 1..=MOST_LINES)?.unwrap_or(USUAL_LINES);
    let lines = usize::try_from(lines).unwrap_or(usize::MAX);
    let job = find(&state, job_id).await?;
    let at = Shared::clone(&state);
    let text = state
        .work(move || {
            let said = match at.left(&job)? {
                Some(tree) => end(&tree, stream)?,
                None => String::new(),
            };
            Ok(last_lines(&at.redactor.clean(&said), lines).to_owned())
        })
        .await?;
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// What was said from `from` on, at most [`LONGEST`] bytes, whole lines while the job still runs;
/// and where it ends. A refusal says why it cannot be read.
pub(crate) fn since(
    state: &State,
    job: &Job,
    stream: Stream,
    from: u64,
    has_ended: bool,
) -> Result<Option<(String, u64)>, Refusal> {
    let Some(tree) = state.left(job)? else { return Ok(None) };
    let Some((size, file)) = open(&tree, stream)? else { return Ok(None) };
    if size <= from {
        return Ok(None);
    }
    let mut bytes = read(file, from).map_err(|err| unreadable(&err))?;
    // A line that is still being written may hold half a key: it waits for its end.
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
    let is_full = bytes.len() as u64 == LONGEST;
    let length = match whole {
        Some(whole) if !has_ended || is_full => whole,
        None if !has_ended && !is_full => return Ok(None),
        _ => bytes.len(),
    };
    bytes.truncate(length);
    let text = state.redactor.clean(&String::from_utf8_lossy(&bytes));
    Ok(Some((text, from + length as u64)))
}

/// The end of what was said, from the beginning of a line.
fn end(tree: &Tree, stream: Stream) -> Result<String, Refusal> {
    let Some((size, file)) = open(tree, stream)? else { return Ok(String::new()) };
    let from = size.saturating_sub(LONGEST);
    let bytes = read(file, from).map_err(|err| unreadable(&err))?;
    let cut =
        if from == 0 { 0 } else { bytes.iter().position(|it| *it == b'\n').map_or(0, |at| at + 1) };
    Ok(String::from_utf8_lossy(bytes.get(cut..).unwrap_or_default()).into_owned())
}

/// The file of an output and how long it is; `None` when nothing was said.
fn open(tree: &Tree, stream: Stream) -> Result<Option<(u64, File)>, Refusal> {
    let name = format!("{}.log", stream.name());
    let name = RelPath::parse(&name).map_err(|why| unreadable(&why))?;
    let found = tree.open_file(&name).map_err(|fault| refused(&fault))?;
    Ok(found.map(|(about, file)| (about.size, file)))
}

fn read(mut file: File, from: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn last_lines(text: &str, lines: usize) -> &str {
    let body = text.strip_suffix('\n').unwrap_or(text);
    match body.rmatch_indices('\n').nth(lines.saturating_sub(1)) {
        Some((at, _)) => text.get(at + 1..).unwrap_or_default(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_counted_with_and_without_a_newline_at_the_end() {
        for (text, lines, want) in [
            ("a\nb\nc\n", 2, "b\nc\n"),
            ("a\nb\nc", 2, "b\nc"),
            ("a\nb\nc\n", 3, "a\nb\nc\n"),
            ("a\nb\nc\n", 9, "a\nb\nc\n"),
            ("a\n", 1, "a\n"),
            ("\n\n", 1, "\n"),
            ("", 1, ""),
        ] {
            assert_eq!(last_lines(text, lines), want, "{text:?} {lines}");
        }
    }
}

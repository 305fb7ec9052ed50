//! `llm ask`.

use std::io::{self, Write};
use std::path::Path;

use ops_core::cli::Context;
use ops_core::failure::{Exit, Failure, OrFail};
use ops_core::report::Report;
use serde_json::{Value, json};

use crate::args::AskArgs;
use crate::documents::Answered;
use crate::question::{AnswerSchema, Image, Instructions, Question};
use crate::router::{Router, Setup};
use crate::settings::Purpose;

/// The largest question and schema that are read, bytes.
const LARGEST_TEXT: u64 = 8 << 20;
/// The largest image, bytes.
const LARGEST_IMAGE: u64 = 20 << 20;

/// What came of it.
#[derive(Debug)]
pub(super) enum Asked {
    Answered(Box<Answered>),
    /// The tool worked and the answer is no: nothing was sent.
    Refused(String),
}

pub(super) fn ask(
    args: &AskArgs,
    context: &Context,
    secrets_dir: Option<&Path>,
) -> Result<Asked, Failure> {
    let host = &context.host;
    let setup = Setup::load(context)?;
    let user = match args.text.as_str() {
        "-" => {
            let doing = "read the question from standard input";
            let bytes = host.read_input(LARGEST_TEXT).or_fail(Exit::Malformed, doing)?;
            String::from_utf8(bytes).or_fail(Exit::Malformed, doing)?
        }
        text => text.to_owned(),
    };
    let read = |path: &Path, limit: u64| {
        host.resolve(path)
            .and_then(|path| host.read_plain(&path, limit))
            .map(|(_, bytes)| bytes)
            .or_fail(Exit::Malformed, format!("read {}", path.display()))
    };
    let image = match &args.image {
        Some(path) => Some(image(path, read(path, LARGEST_IMAGE + 1)?)?),
        None => None,
    };
    let schema = match &args.schema {
        Some(path) => {
            let doing = format!("read {}", path.display());
            let text =
                String::from_utf8(read(path, LARGEST_TEXT)?).or_fail(Exit::Malformed, doing)?;
            Some(AnswerSchema { name: "answer".into(), text })
        }
        None => None,
    };
    let folder = context.home.join("artifacts/llm").join(context.run_id());
    let artifact_dir = args.artifact_dir.clone().unwrap_or(folder);
    let purpose = Purpose::named(&args.purpose);
    if purpose.name() != args.purpose {
        context.say(&format!("{:?} is served as general", args.purpose));
    }
    let question = Question {
        purpose,
        system: Instructions { first: &args.system, last: "" },
        user: &user,
        image: image.as_ref(),
        schema: schema.as_ref(),
        max_output_tokens: args.max_output_tokens,
        temperature: args.temperature,
        review: None,
        model: None,
        artifact_dir: &artifact_dir,
    };
    let answer = match Router::new(context, setup, secrets_dir)?.ask(&question) {
        Ok(answer) => answer,
        Err(failure) if failure.exit == Exit::No => {
            return Ok(Asked::Refused(context.clean(&failure.lines().join("\n"))));
        }
        Err(failure) => return Err(failure),
    };
    for warning in &answer.warnings {
        context.say(&format!("warning: {warning}"));
    }
    Ok(Asked::Answered(Box::new(Answered::new(answer, &artifact_dir))))
}

/// An image by what its first bytes say it is.
fn image(path: &Path, bytes: Vec<u8>) -> Result<Image, Failure> {
    let refuse =
        |why: &str| Failure::new(Exit::Malformed, format!("use {}", path.display())).because(why);
    if bytes.len() as u64 > LARGEST_IMAGE {
        return Err(refuse("it is larger than 20 MiB"));
    }
    let kinds: [(&[u8], &str); 4] = [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF8", "image/gif"),
        (b"RIFF", "image/webp"),
    ];
    let found = kinds.iter().find(|(start, _)| bytes.starts_with(start));
    match found.filter(|(start, _)| *start != b"RIFF" || bytes.get(8..12) == Some(b"WEBP")) {
        Some((_, mime)) => Ok(Image { mime: (*mime).to_owned(), bytes }),
        None => Err(refuse("it is neither png, jpeg, gif nor webp")),
    }
}

impl Report for Asked {
    fn exit(&self) -> Exit {
        match self {
            Self::Answered(_) => Exit::Ok,
            Self::Refused(_) => Exit::No,
        }
    }

    fn write_human(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Answered(it) => writeln!(out, "{}", it.text.trim_end()),
            Self::Refused(why) => writeln!(out, "refused, nothing was sent: {why}"),
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Answered(it) => json!(it),
            Self::Refused(why) => json!(crate::documents::Refused {
                schema: "aiops.llm.refused/1".into(),
                why: why.clone(),
            }),
        }
    }
}

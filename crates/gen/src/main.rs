//! `gen schemas DIR`: writes configs/schemas/ anew.

use std::path::Path;
use std::process::ExitCode;

use ops_core::host::Host;

fn main() -> ExitCode {
    let argv = Host::real().argv();
    let words: Vec<&str> = argv.iter().skip(1).map(String::as_str).collect();
    let done = match words.as_slice() {
        ["schemas", folder] => write_schemas(Path::new(folder)),
        _ => Err("usage: gen schemas DIR".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            #[expect(clippy::print_stderr, reason = "a tool of the build, not one of the binaries")]
            {
                eprintln!("gen: {why}");
            }
            ExitCode::FAILURE
        }
    }
}

fn write_schemas(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    for (name, schema) in r#gen::schemas() {
        let mut text = serde_json::to_vec_pretty(&schema)?;
        text.push(b'\n');
        Host::real().replace_file(&folder.join(name), &text, 0o644)?;
    }
    Ok(())
}

//! `gen schemas|openapi|man|completions DIR`: writes them anew.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use clap_complete::Shell;
use ops_core::host::Host;

fn main() -> ExitCode {
    let argv = Host::real().argv();
    let words: Vec<&str> = argv.iter().skip(1).map(String::as_str).collect();
    let done = match words.as_slice() {
        ["schemas", folder] => schemas(Path::new(folder)),
        ["man", folder] => man(Path::new(folder)),
        ["openapi", folder] => openapi(Path::new(folder)),
        ["completions", folder] => completions(Path::new(folder)),
        _ => Err("usage: gen schemas|openapi|man|completions DIR".into()),
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

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    let host = Host::real();
    host.make_dir(folder, 0o755)?;
    Ok(host.replace_file(&folder.join(name), bytes, 0o644)?)
}

fn schemas(folder: &Path) -> Result<(), Box<dyn Error>> {
    for (name, schema) in r#gen::schemas() {
        let mut text = serde_json::to_vec_pretty(&schema)?;
        text.push(b'\n');
        write(folder, name, &text)?;
    }
    Ok(())
}

fn openapi(folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut text = serde_json::to_vec_pretty(&runner::api::openapi::document_of_api())?;
    text.push(b'\n');
    write(folder, "runner.openapi.json", &text)
}

/// One page per binary and per call: bridge-exec(1), bridge-exec-watch(1), …
fn man(folder: &Path) -> Result<(), Box<dyn Error>> {
    for command in r#gen::commands() {
        let host = Host::real();
        host.make_dir(folder, 0o755)?;
        clap_mangen::generate_to(command, folder)?;
    }
    Ok(())
}

fn completions(folder: &Path) -> Result<(), Box<dyn Error>> {
    for mut command in r#gen::commands() {
        let name = command.get_name().to_owned();
        for (shell, file) in [
            (Shell::Bash, name.clone()),
            (Shell::Zsh, format!("_{name}")),
            (Shell::Fish, format!("{name}.fish")),
        ] {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut command, name.as_str(), &mut text);
            write(folder, &file, &text)?;
        }
    }
    Ok(())
}

//! `api-figures HOST:PORT TOKEN-FILE COUNT`: how many `POST /jobs` a running API accepts in a second
//! from sixteen clients, as one JSON document. For ops/bench.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::ExitCode;

use ops_core::host::Host;

/// Clients at the same time, each with a connection that it keeps.
const CLIENTS: usize = 16;

/// Repositories among which the jobs are; the API's allowlist has them as `r0`, `r1` and so on.
const REPOSITORIES: usize = 20;

type Answer<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let host = Host::real();
    let argv = host.argv();
    let words: Vec<&str> = argv.iter().skip(1).map(String::as_str).collect();
    let told = match words.as_slice() {
        [address, token, count] => figures(&host, address, Path::new(token), count),
        _ => Err("usage: api-figures HOST:PORT TOKEN-FILE COUNT".into()),
    };
    match told {
        Ok(rate) => {
            #[expect(clippy::print_stdout, reason = "a tool of the benchmarks")]
            {
                println!("{{\"submissions_per_second\": {rate:.0}}}");
            }
            ExitCode::SUCCESS
        }
        Err(why) => {
            #[expect(clippy::print_stderr, reason = "a tool of the benchmarks")]
            {
                eprintln!("api-figures: {why}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Submissions a second, all clients together, each waiting for its answer before the next.
fn figures(host: &Host, address: &str, token: &Path, count: &str) -> Answer<f64> {
    let count: u32 = count.parse()?;
    let token = String::from_utf8(host.read(token, 1024)?)?;
    let token = token.trim();
    let began = host.ticks();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let numbers = (client..count as usize).step_by(CLIENTS);
                scope.spawn(move || submit(address, token, numbers))
            })
            .collect();
        clients.into_iter().try_for_each(|it| it.join().map_err(|_| "a client broke off")?)
    })?;
    Ok(f64::from(count) / host.ticks().saturating_sub(began).as_secs_f64())
}

/// Submits over one connection; each job must be a new one.
fn submit(address: &str, token: &str, numbers: impl Iterator<Item = usize>) -> Answer<()> {
    #[expect(clippy::disallowed_methods, reason = "a client of its own, as bare as can be")]
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut answers = BufReader::new(stream.try_clone()?);
    for number in numbers {
        let body = format!(
            r#"{{"job_type":"orb_doctor","repo_name":"r{}","sha":"{number:040x}"}}"#,
            number % REPOSITORIES
        );
        let length = body.len();
        let request = format!(
            "POST /jobs HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes())?;
        accepted(&mut answers)?;
    }
    Ok(())
}

/// Reads one answer, which must be 201.
fn accepted(answers: &mut impl BufRead) -> Answer<()> {
    let (mut status, mut length) = (String::new(), 0);
    answers.read_line(&mut status)?;
    loop {
        let mut line = String::new();
        answers.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    answers.read_exact(&mut body)?;
    if status.starts_with("HTTP/1.1 201") {
        return Ok(());
    }
    Err(format!("{}: {}", status.trim(), String::from_utf8_lossy(&body)).into())
}

//! Clients that mean no good: with and without the token.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

use crate::fixture::{Site, token, until};
use crate::http::{ask, raw};

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    stream
}

fn submission(act: &str) -> String {
    json!({"job_type": "stand_in", "repo_name": "r1", "sha": "a".repeat(40),
        "params": {"act": act}})
    .to_string()
}

/// Lets this process, and those it starts, have as many open files as it may.
fn many_files(wanted: u64) -> bool {
    let had = getrlimit(Resource::Nofile);
    let most = had.maximum.unwrap_or(u64::MAX).min(16_384);
    let current = Some(had.current.unwrap_or(most).max(most));
    setrlimit(Resource::Nofile, Rlimit { current, maximum: had.maximum }).unwrap();
    most >= wanted
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn nonsense_is_refused_by_name_and_never_breaks_anything() {
    let site = Site::new(None);
    let server = site.start("api", &[]);
    let (token, long) = (token(), "x".repeat(70_000));
    let auth = format!("Authorization: Bearer {token}\r\n");
    let json = format!("{auth}Content-Type: application/json\r\n");
    let head = |line: &str, more: &str| format!("{line}\r\nHost: x\r\n{more}\r\n");
    let piece = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let chunked = format!("{json}Transfer-Encoding: chunked\r\n");
    let deep = format!("{{\"params\": {}", "[".repeat(100_000));
    let post = |body: &[u8]| {
        let head =
            head("POST /jobs HTTP/1.0", &format!("{json}Content-Length: {}\r\n", body.len()));
        [head.as_bytes(), body].concat()
    };
    let key = |key: &str| {
        let mut it: serde_json::Value = serde_json::from_str(&submission("ok")).unwrap();
        it["idempotency_key"] = key.into();
        post(it.to_string().as_bytes())
    };
    let field = |text: &str| {
        post(submission("ok").replace("{\"job", &format!("{{{text},\"job")).as_bytes())
    };
    let get = |path: &str| head(&format!("GET {path} HTTP/1.0"), &auth).into_bytes();
    let mut wrong = vec![];
    for (name, request, allowed) in [
        ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n".to_vec(), vec![400]),
        ("a long address", get(&format!("/{long}")), vec![404, 414, 431]),
        (
            "a long header",
            head(
                "GET /jobs HTTP/1.0",
                &format!("{auth}X: {long}{long}{long}{long}{long}{long}{long}\r\n"),
            )
            .into_bytes(),
            vec![200, 431],
        ),
        (
            "many headers",
            head("GET /jobs HTTP/1.0", &"X: y\r\n".repeat(500)).into_bytes(),
            vec![431],
        ),
        ("NUL in the address", get("/jobs/\0"), vec![400]),
        ("a whole address", get("http://elsewhere.example/jobs"), vec![200]),
        ("two slashes", get("//jobs"), vec![404]),
        ("up and down", get("/healthz/../jobs"), vec![404]),
        (
            "CONNECT",
            head("CONNECT elsewhere.example:443 HTTP/1.0", &auth).into_bytes(),
            vec![400, 404, 405],
        ),
        ("TRACE", head("TRACE /jobs HTTP/1.0", &auth).into_bytes(), vec![405]),
        ("OPTIONS *", head("OPTIONS * HTTP/1.0", &auth).into_bytes(), vec![404, 405]),
        (
            "both lengths",
            (head(
                "POST /jobs HTTP/1.1",
                &format!("{chunked}Content-Length: 5\r\nConnection: close\r\n"),
            ) + "0\r\n\r\n")
                .into_bytes(),
            vec![400],
        ),
        (
            "two lengths",
            head(
                "POST /jobs HTTP/1.0",
                &format!("{json}Content-Length: 1\r\nContent-Length: 2\r\n"),
            )
            .into_bytes(),
            vec![400],
        ),
        (
            "a length below 0",
            head("POST /jobs HTTP/1.0", &format!("{json}Content-Length: -1\r\n")).into_bytes(),
            vec![400],
        ),
        (
            "a length beyond all",
            head("POST /jobs HTTP/1.0", &format!("{json}Content-Length: 18446744073709551615\r\n"))
                .into_bytes(),
            vec![400, 413, 431],
        ),
        (
            "chunks beyond 1 MiB",
            (head("POST /jobs HTTP/1.1", &format!("{chunked}Connection: close\r\n"))
                + &piece.repeat(17)
                + "0\r\n\r\n")
                .into_bytes(),
            vec![413],
        ),
        (
            "a broken chunk",
            (head("POST /jobs HTTP/1.1", &format!("{chunked}Connection: close\r\n")) + "zz\r\n")
                .into_bytes(),
            vec![400, 413],
        ),
        ("a deep document", post(deep.as_bytes()), vec![400]),
        ("no UTF-8", post(b"{\"idempotency_key\": \"\xff\xfe\"}"), vec![400]),
        ("half a surrogate", post(br#"{"idempotency_key": "\ud800"}"#), vec![400]),
        ("a huge key", key(&"k".repeat(1_000_000)), vec![422]),
        ("a key of 201", key(&"k".repeat(201)), vec![422]),
        ("a key with a newline", key("a\nb"), vec![422]),
        ("an empty key", key(""), vec![422]),
        ("a large priority", field("\"priority\": 1e999"), vec![400, 422]),
        ("a fraction", field("\"priority\": 0.5"), vec![422]),
        ("a number beyond 64 bits", field("\"priority\": 99999999999999999999999"), vec![422]),
        ("a name twice", field("\"job_type\": \"rm\""), vec![201, 422]),
        ("a deadline before time", field("\"deadline_at\": \"-9999-01-01T00:00:00Z\""), vec![422]),
        ("a deadline after time", field("\"deadline_at\": \"99999-01-01T00:00:00Z\""), vec![422]),
        ("the largest cursor", get("/jobs?before=9223372036854775807"), vec![200]),
        ("beyond it", get("/jobs?before=9223372036854775808"), vec![422]),
        ("a cursor of words", get("/jobs?before=%F0%9F%98%80"), vec![422]),
        ("no cursor", get("/jobs?before="), vec![422]),
        ("a limit below 0", get("/jobs?limit=-1"), vec![422]),
        ("a limit in hex", get("/jobs?limit=0x10"), vec![422]),
        ("a query of ampersands", get(&format!("/jobs?{}", "&".repeat(5_000))), vec![200]),
        ("many unknown names", get(&format!("/jobs?{}", "x&".repeat(5_000))), vec![422]),
        ("no UTF-8 in the query", get("/jobs?status=%ff"), vec![422]),
        (
            "a long token",
            head("GET /jobs HTTP/1.0", &format!("Authorization: Bearer {long}\r\n")).into_bytes(),
            vec![401],
        ),
        (
            "a token of bytes",
            [b"GET /jobs HTTP/1.0\r\nAuthorization: Bearer \xff\xfe\r\n\r\n".as_slice()].concat(),
            vec![401],
        ),
        (
            "no token's bytes",
            b"GET /jobs HTTP/1.0\r\nAuthorization: Bearer \r\n\r\n".to_vec(),
            vec![401],
        ),
    ] {
        let said = std::panic::catch_unwind(|| raw(&server.address, &request));
        let said = said.unwrap_or_else(|_| panic!("{name}: no answer"));
        let body = String::from_utf8_lossy(&said.body).into_owned();
        if !allowed.contains(&said.status) || body.len() >= 100_000 {
            wrong.push(format!("{name}: {} and {} bytes", said.status, body.len()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(ask(&server.address, &token, "GET", "/healthz", "").status, 200);
    let (code, said) = server.end();
    assert!(code == Some(0) && !said.contains("internal error"), "{said}");
}

#[test]
fn where_events_are_taken_up_is_believed_only_if_it_is_a_place() {
    let site = Site::new(None);
    let server = site.start("serve", &[]);
    let id = ask(&server.address, &token(), "POST", "/jobs", &submission("say say")).json();
    let id = id["job_id"].as_str().unwrap().to_owned();
    let path = format!("/jobs/{id}");
    until("it ends", || {
        ask(&server.address, &token(), "GET", &path, "").json()["status"] == "success"
    });
    for (last, has_text) in [
        (b"".as_slice(), true),
        (b"0.0", true),
        (b"nonsense", true),
        (b"-1.-1", true),
        (b"1e9.0", true),
        (b"\xff\xfe", true),
        (b"99999999999999999999.0", true),
        (b"18446744073709551615.18446744073709551615", false),
        (b"1000000.1000000", false),
    ] {
        let head = format!(
            "GET {path}/events HTTP/1.0\r\nAuthorization: Bearer {}\r\nLast-Event-ID: ",
            token()
        );
        let said = raw(&server.address, &[head.as_bytes(), last, b"\r\n\r\n"].concat());
        let body = String::from_utf8(said.body).unwrap();
        let last = String::from_utf8_lossy(last);
        assert_eq!(said.status, 200, "{last}");
        assert!(body.contains("event: end\n"), "{last}: {body}");
        assert_eq!(body.contains("event: stdout\n"), has_text, "{last}: {body}");
    }
}

#[test]
fn a_file_swapped_for_a_link_while_it_is_served_shows_nothing_else() {
    let site = Site::new(None);
    let server = site.start("serve", &[]);
    let id = ask(&server.address, &token(), "POST", "/jobs", &submission("links")).json();
    let id = id["job_id"].as_str().unwrap().to_owned();
    let path = format!("/jobs/{id}");
    until("it ends", || {
        ask(&server.address, &token(), "GET", &path, "").json()["status"] == "success"
    });
    let folder = site.at("home/artifacts/jobs").join(&id);
    fs::create_dir(site.at("evil")).unwrap();
    fs::write(site.at("evil/file.txt"), "secret\n").unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // The file for a link, and the folder above it for one.
            while !is_over.load(Ordering::SeqCst) {
                let (file, real) = (folder.join("sub/file.txt"), folder.join("sub/real"));
                fs::rename(&file, &real).unwrap();
                std::os::unix::fs::symlink(site.at("evil/file.txt"), &file).unwrap();
                fs::rename(&real, &file).unwrap();
                fs::rename(folder.join("sub"), folder.join("bus")).unwrap();
                std::os::unix::fs::symlink(site.at("evil"), folder.join("sub")).unwrap();
                fs::remove_file(folder.join("sub")).unwrap();
                fs::rename(folder.join("bus"), folder.join("sub")).unwrap();
            }
        });
        let (mut whole, mut asked) = (0, 0);
        while whole < 20 || asked < 300 {
            let said = ask(
                &server.address,
                &token(),
                "GET",
                &format!("{path}/artifacts/sub/file.txt"),
                "",
            );
            assert!([200, 404, 503].contains(&said.status), "{}", said.status);
            asked += 1;
            if said.status == 200 {
                whole += 1;
                assert_eq!(said.body, b"text\n");
            }
            let list = ask(&server.address, &token(), "GET", &format!("{path}/artifacts"), "");
            assert!([200, 503].contains(&list.status), "{}", list.status);
        }
        is_over.store(true, Ordering::SeqCst);
    });
}

#[test]
fn who_says_nothing_or_little_is_let_go_and_others_are_served() {
    let wanted = 1_200;
    if !many_files(wanted * 2 + 200) {
        return skipped::told(
            skipped::this_test(),
            format!("this process may not open {wanted} files"),
        );
    }
    let site = Site::new(None);
    let server = site.start("api", &[]);
    let silent: Vec<TcpStream> = (0..wanted)
        .map(|number| {
            let mut stream = connect(&server.address);
            // Some say nothing, some begin a head and stop.
            if number % 2 == 0 {
                stream.write_all(b"GET /jobs HTTP/1.1\r\nHost: x\r\nX-").unwrap();
            }
            stream
        })
        .collect();
    let health = ask(&server.address, "", "GET", "/healthz", "");
    assert_eq!(health.status, 200);
    for mut stream in silent {
        let mut said = Vec::new();
        // Closed: either with a word or without.
        let _reset = stream.read_to_end(&mut said).is_err();
    }
    let mut slow = connect(&server.address);
    let head = format!(
        "POST /jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        token()
    );
    slow.write_all(head.as_bytes()).unwrap();
    let mut said = String::new();
    slow.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
}

#[test]
fn followers_have_places_and_leave_others_theirs() {
    let places = 256;
    if !many_files(places * 2 + 200) {
        return skipped::told(skipped::this_test(), "this process may not open enough files");
    }
    let site = Site::new(None);
    let server = site.start("serve", &[]);
    let id = ask(&server.address, &token(), "POST", "/jobs", &submission("say wait")).json();
    let id = id["job_id"].as_str().unwrap().to_owned();
    let request =
        format!("GET /jobs/{id}/events HTTP/1.0\r\nAuthorization: Bearer {}\r\n\r\n", token());
    let mut followers: Vec<TcpStream> = (0..places)
        .map(|_| {
            let mut stream = connect(&server.address);
            stream.write_all(request.as_bytes()).unwrap();
            let mut status = [0; 12];
            stream.read_exact(&mut status).unwrap();
            assert_eq!(&status, b"HTTP/1.0 200");
            stream
        })
        .collect();
    let refused = raw(&server.address, request.as_bytes());
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("2")));
    assert_eq!(ask(&server.address, &token(), "GET", "/jobs", "").status, 200);
    // Who goes leaves a place, though nobody told it anything.
    drop(followers.pop());
    until("there is a place", || {
        let mut stream = connect(&server.address);
        stream.write_all(request.as_bytes()).unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        &status == b"HTTP/1.0 200"
    });
    site.let_go();
    for mut stream in followers {
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert!(said.contains("event: end\n"), "{said}");
    }
}

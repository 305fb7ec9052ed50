//! Calls that end with an answer, whole or not.

use std::io::Write;
use std::ops::ControlFlow;
use std::sync::mpsc;

use outbound::{Answer, Base, Client, Limits, Outcome, Request};

use crate::peer::{Act, SHORT, act, drip, peer, post, read_request, reset, send, until_gone};

fn answering(text: &str) -> Act {
    let text = text.to_owned();
    act(move |mut stream| {
        read_request(&mut stream);
        stream.write_all(text.as_bytes()).expect("the client reads");
    })
}

#[track_caller]
fn answered(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Answered(answer) => answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn answers_arrive_with_status_headers_and_body() {
    for (text, status, body) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nX-A: 1\r\n\r\nok", 200, "ok"),
        ("HTTP/1.1 200 \r\nX-A: 1\r\nconnection: close\r\n\r\nuntil the end", 200, "until the end"),
        ("HTTP/1.0 200 OK\r\nX-A: 1\r\n\r\nold", 200, "old"),
        (
            "HTTP/1.1 200 OK\r\nX-A: 1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n1\r\n!\r\n0\r\n\r\n",
            200,
            "ok!",
        ),
        ("HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n", 204, ""),
        ("HTTP/1.1 304 Not Modified\r\nX-A: 1\r\n\r\n", 304, ""),
        ("HTTP/1.1 429 Slow\r\nX-A: 1\r\ncontent-length: 2\r\n\r\nno", 429, "no"),
        ("HTTP/1.1 503 X\r\nX-A: 1\r\ncontent-length: 0\r\n\r\n", 503, ""),
        ("HTTP/1.1 599 X\r\nX-A: 1\r\ncontent-length: 0\r\n\r\n", 599, ""),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-A: 1\r\ncontent-length: 0\r\n\r\n",
            200,
            "",
        ),
    ] {
        let (address, peer) = peer(vec![answering(text)]);
        let answer = answered(post(address, SHORT));
        assert_eq!((answer.status, answer.body.as_slice()), (status, body.as_bytes()), "{text}");
        assert_eq!(answer.header("x-a"), Some("1"), "{text}");
        assert!(answer.complete, "{text}");
        peer.join().unwrap();
    }
}

#[test]
fn redirects_are_answers_and_not_followed() {
    for (status, more) in [
        (301, "location: http://127.0.0.1:1/\r\ncontent-length: 0\r\n"),
        (302, "location: http://127.0.0.1:1/\r\ncontent-length: 2\r\n"),
        (303, "location: /x\r\ncontent-length: 2\r\n"),
        (307, "location: https://evil.example/\r\ncontent-length: 2\r\n"),
        (308, "content-length: 2\r\n"),
    ] {
        let body = if more.contains(": 2") { "no" } else { "" };
        let (address, peer) =
            peer(vec![answering(&format!("HTTP/1.1 {status} X\r\n{more}\r\n{body}"))]);
        let answer = answered(post(address, SHORT));
        assert_eq!((answer.status, answer.body.as_slice()), (status, body.as_bytes()));
        peer.join().unwrap();
    }
}

#[test]
fn a_body_that_breaks_off_is_an_incomplete_answer() {
    let cases: [(&str, bool); 4] = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", false),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\n", false),
        ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", true),
        ("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabc", true),
    ];
    for (text, by_reset) in cases {
        let (address, peer) = peer(vec![act(move |mut stream| {
            read_request(&mut stream);
            stream.write_all(text.as_bytes()).unwrap();
            if by_reset {
                reset(stream);
            }
        })]);
        let answer = answered(post(address, SHORT));
        peer.join().unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (200, b"abc".as_slice()), "{text}");
        assert!(!answer.complete, "{text} {by_reset}");
        assert_eq!(answer.json(), None);
    }
}

#[test]
fn a_body_that_hangs_or_drips_ends_with_the_deadline() {
    let (address, peer) = peer(vec![
        act(|mut stream| {
            read_request(&mut stream);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc").unwrap();
            until_gone(stream);
        }),
        act(|mut stream| {
            read_request(&mut stream);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").unwrap();
            drip(stream, std::iter::repeat(b'a'));
        }),
    ]);
    let hung = answered(post(address, SHORT));
    assert_eq!((hung.complete, hung.body.as_slice()), (false, b"abc".as_slice()));
    let dripped = answered(post(address, SHORT));
    assert!(!dripped.complete && !dripped.body.is_empty());
    peer.join().unwrap();
}

#[test]
fn a_body_over_the_cap_is_cut_there() {
    let limits = Limits { body: 1000, ..Limits::default() };
    for (size, complete) in [(999, true), (1000, true), (1001, false), (10 << 20, false)] {
        let (address, peer) = peer(vec![act(move |mut stream| {
            read_request(&mut stream);
            drop(write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n"));
            drop(stream.write_all(&vec![b'a'; size]));
        })]);
        let answer = answered(post(address, limits));
        assert_eq!((answer.body.len(), answer.complete), (size.min(1000), complete));
        peer.join().unwrap();
    }
}

#[test]
fn a_connection_is_kept_and_a_dead_one_is_replaced() {
    let (dead, is_dead) = mpsc::channel();
    let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n";
    let (address, peer) = peer(vec![
        act(move |mut stream| {
            for byte in [b"1", b"2"] {
                read_request(&mut stream);
                stream.write_all(&[ok, byte.as_slice()].concat()).unwrap();
            }
            reset(stream);
            dead.send(()).unwrap();
        }),
        act(|mut stream| {
            read_request(&mut stream);
            stream.write_all(&[ok, b"3".as_slice()].concat()).unwrap();
        }),
    ]);
    let base = Base::parse(&format!("http://{address}/base")).unwrap();
    let mut client = Client::new(Limits::default());
    for body in ["1", "2", "3"] {
        if body == "3" {
            is_dead.recv().unwrap();
        }
        let answer = answered(send(&mut client, &base, Limits::default()));
        assert_eq!(answer.body, body.as_bytes());
    }
    peer.join().unwrap();
}

#[test]
fn what_an_earlier_call_sent_does_not_count_for_the_next() {
    let (address, peer) =
        peer(vec![answering("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")]);
    let base = Base::parse(&format!("http://{address}/base")).unwrap();
    let mut client = Client::new(SHORT);
    assert!(answered(send(&mut client, &base, SHORT)).complete);
    // The peer has ended, its port is free: the next call is refused.
    peer.join().unwrap();
    let outcome = send(&mut client, &base, SHORT);
    assert!(matches!(outcome, Outcome::NotSent(_)), "{outcome:?}");
}

#[test]
fn a_get_sends_just_this() {
    let (head, sent) = mpsc::channel();
    let (address, peer) = peer(vec![act(move |mut stream| {
        head.send(read_request(&mut stream).0).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
    })]);
    let base = Base::parse(&format!("http://{address}/v1/")).unwrap();
    let request = Request::get(&base, "/models").query("a", "b c").query("d", "&").bearer("x y");
    let answer = answered(Client::new(Limits::default()).call(request));
    assert_eq!(answer.json(), Some(serde_json::json!({})));
    peer.join().unwrap();
    let mut lines: Vec<String> = sent.recv().unwrap().lines().map(str::to_owned).collect();
    assert_eq!(lines.remove(0), "GET /v1/models?a=b+c&d=%26 HTTP/1.1");
    lines.sort();
    let agent = format!("user-agent: ai-ops-runner/{}", env!("CARGO_PKG_VERSION"));
    let host = format!("host: {address}");
    assert_eq!(lines, ["", "accept: */*", "authorization: Bearer x y", &host, &agent]);
}

#[test]
fn a_body_that_is_followed_comes_piece_by_piece_until_it_is_broken_off() {
    let (told, heard) = mpsc::channel::<()>();
    let script = act(move |mut stream| {
        read_request(&mut stream);
        let start = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n";
        stream.write_all(start.as_bytes()).expect("the client reads");
        // The rest is sent only after the first piece was seen.
        heard.recv().expect("the first piece came");
        stream.write_all(b"3\r\ntwo\r\n").expect("the client reads");
        until_gone(stream);
    });
    let (address, peer) = peer(vec![script]);
    let base = Base::parse(&format!("http://{address}")).unwrap();
    let mut client = Client::new(SHORT);
    let mut seen = Vec::new();
    let answer = answered(client.follow(Request::get(&base, "/x"), &mut |piece| {
        seen.extend_from_slice(piece);
        if seen == b"one" {
            told.send(()).unwrap();
        }
        if seen == b"onetwo" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }));
    assert_eq!((answer.status, answer.body.len(), answer.complete), (200, 0, false));
    assert_eq!(seen, b"onetwo");
    drop(client);
    peer.join().unwrap();
}

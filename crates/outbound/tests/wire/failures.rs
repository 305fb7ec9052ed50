//! Calls that end without an answer: what is certain, and what is not.
#![expect(clippy::disallowed_methods, reason = "tests listen on loopback")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use outbound::{Base, Cause, Client, Outcome, Request};
use proptest::prelude::*;

use crate::peer::{SHORT, act, drip, peer, post, read_request, reset, send, until_gone};

#[track_caller]
fn not_sent(outcome: &Outcome, because: &str) {
    match outcome {
        Outcome::NotSent(why) => assert!(why.contains(because), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn ambiguous(outcome: &Outcome, because: &str) {
    match outcome {
        Outcome::Ambiguous(why) => assert!(why.contains(because), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refused_connection_is_not_sent() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    not_sent(&post(address, SHORT), "refused");
}

#[test]
fn an_unknown_name_is_not_sent() {
    let base = Base::parse("https://nothing.invalid").unwrap();
    // Without a name server the look-up may also run into its limit.
    not_sent(&send(&mut Client::new(SHORT), &base, SHORT), "https://nothing.invalid: ");
}

#[test]
fn a_connection_that_nobody_takes_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        waiting.push(stream);
        assert!(waiting.len() < 100, "the queue never fills");
    }
    not_sent(&post(address, SHORT), "connecting took too long");
}

#[test]
fn a_service_that_does_not_speak_tls_is_not_sent() {
    let (address, peer) = peer(vec![act(|mut stream| {
        drop(stream.read(&mut [0; 100]));
        drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"));
        until_gone(stream);
    })]);
    let base = Base::parse(&format!("https://{address}")).unwrap();
    not_sent(&send(&mut Client::new(SHORT), &base, SHORT), "TLS failed");
    peer.join().unwrap();
}

#[test]
fn a_service_that_hangs_in_the_handshake_is_not_sent() {
    let (address, peer) = peer(vec![act(until_gone)]);
    let base = Base::parse(&format!("https://{address}")).unwrap();
    not_sent(&send(&mut Client::new(SHORT), &base, SHORT), "connecting took too long");
    peer.join().unwrap();
}

#[test]
fn a_request_that_cannot_be_built_is_not_sent() {
    let base = Base::parse("http://127.0.0.1:1").unwrap();
    let outcome = Client::new(SHORT).call(Request::get(&base, "/x").bearer("canary\n"));
    not_sent(&outcome, "a header's value");
    assert!(!format!("{outcome:?}").contains("canary"));
}

#[test]
fn a_connection_closed_without_a_word_is_never_an_answer() {
    let (address, peer) = peer(vec![act(drop)]);
    // The close may come before or after the request; only then does the difference show.
    assert!(!matches!(post(address, SHORT), Outcome::Answered(_)));
    peer.join().unwrap();
}

#[test]
fn what_may_pass_is_told_apart_from_what_will_not() {
    let after_request = |bytes: &'static [u8]| {
        act(move |mut stream| {
            read_request(&mut stream);
            drop(stream.write_all(bytes));
        })
    };
    let resets = act(|mut stream| {
        read_request(&mut stream);
        reset(stream);
    });
    let hangs = act(|mut stream| {
        read_request(&mut stream);
        until_gone(stream);
    });
    for (name, secure, play, want) in [
        ("closed", false, after_request(b""), Cause::Network),
        ("head cut at once", false, after_request(b"H"), Cause::Network),
        ("head cut", false, after_request(b"HTTP/1.1 200 OK\r\nx-a"), Cause::Network),
        ("reset", false, resets, Cause::Network),
        ("hangs", false, hangs, Cause::Network),
        ("not HTTP", false, after_request(b"SSH-2.0-x\r\n\r\n"), Cause::Protocol),
        ("closed in the handshake", true, act(drop), Cause::Network),
        ("reset in the handshake", true, act(reset), Cause::Network),
        ("not TLS", true, act(|mut it| drop(it.write_all(b"SSH-2.0-x\r\n"))), Cause::Tls),
    ] {
        let (address, peer) = peer(vec![play]);
        let scheme = if secure { "https" } else { "http" };
        let base = Base::parse(&format!("{scheme}://{address}")).unwrap();
        let mut client = Client::new(SHORT);
        let outcome = send(&mut client, &base, SHORT);
        assert_eq!(client.cause(), Some(want), "{name}: {outcome:?}");
        peer.join().unwrap();
    }
    let base = Base::parse("http://127.0.0.1:1").unwrap();
    let mut client = Client::new(SHORT);
    drop(client.call(Request::get(&base, "/x")));
    assert_eq!(client.cause(), Some(Cause::Network), "refused");
    drop(client.call(Request::get(&base, "/x").bearer("a\n")));
    assert_eq!(client.cause(), Some(Cause::Local));
}

#[test]
fn a_call_can_be_given_less_time_than_its_client() {
    let (address, peer) = peer(vec![act(|mut stream| {
        read_request(&mut stream);
        until_gone(stream);
    })]);
    let base = Base::parse(&format!("http://{address}")).unwrap();
    let mut client = Client::new(outbound::Limits::default());
    let started = Instant::now();
    let request = Request::post(&base, "/x").within(Duration::from_millis(200));
    ambiguous(&client.call(request), "time was over");
    assert!(started.elapsed() < outbound::Limits::default().total);
    peer.join().unwrap();
}

#[test]
fn a_close_after_the_request_is_ambiguous() {
    let (address, peer) = peer(vec![act(|mut stream| {
        let (head, body) = read_request(&mut stream);
        assert!(head.starts_with("POST /base/1/messages.json?token=canary-query HTTP/1.1\r\n"));
        assert_eq!(body, b"message=canary-form&to=%2B1+2");
    })]);
    ambiguous(&post(address, SHORT), "closed before an answer");
    peer.join().unwrap();
}

#[test]
fn a_reset_after_the_head_or_the_body_is_ambiguous() {
    let (address, peer) = peer(vec![
        act(|mut stream| {
            stream.read_exact(&mut [0; 20]).unwrap();
            reset(stream);
        }),
        act(|mut stream| {
            read_request(&mut stream);
            reset(stream);
        }),
    ]);
    ambiguous(&post(address, SHORT), "reset");
    ambiguous(&post(address, SHORT), "reset");
    peer.join().unwrap();
}

#[test]
fn no_answer_within_the_time_is_ambiguous() {
    let (address, peer) = peer(vec![act(|mut stream| {
        read_request(&mut stream);
        until_gone(stream);
    })]);
    ambiguous(&post(address, SHORT), "time was over");
    peer.join().unwrap();
}

#[test]
fn an_answer_cut_off_in_its_headers_is_ambiguous() {
    for part in ["H", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-a"] {
        let (address, peer) = peer(vec![act(move |mut stream| {
            read_request(&mut stream);
            stream.write_all(part.as_bytes()).unwrap();
        })]);
        ambiguous(&post(address, SHORT), "");
        peer.join().unwrap();
    }
}

#[test]
fn an_answer_that_is_not_http_is_ambiguous() {
    for garbage in
        ["SSH-2.0-x\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n", "\0\0\0\0\r\n\r\n", "<html>\r\n\r\n"]
    {
        let (address, peer) = peer(vec![act(move |mut stream| {
            read_request(&mut stream);
            drop(stream.write_all(garbage.as_bytes()));
            until_gone(stream);
        })]);
        ambiguous(&post(address, SHORT), "not an HTTP answer");
        peer.join().unwrap();
    }
}

#[test]
fn headers_without_end_are_ambiguous() {
    let (address, peer) = peer(vec![act(|mut stream| {
        read_request(&mut stream);
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\n"));
        while stream.write_all(b"x-a: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n").is_ok()
        {
        }
    })]);
    ambiguous(&post(address, SHORT), "");
    peer.join().unwrap();
}

#[test]
fn headers_that_drip_end_with_the_deadline() {
    let (address, peer) = peer(vec![act(|mut stream| {
        read_request(&mut stream);
        drip(stream, b"HTTP/1.1 200 OK\r\nx: ".iter().copied().chain(std::iter::repeat(b'a')));
    })]);
    ambiguous(&post(address, SHORT), "time was over");
    peer.join().unwrap();
}

#[test]
fn a_service_that_reads_slowly_ends_with_the_deadline() {
    let (address, peer) = peer(vec![act(|mut stream| {
        // Enough each time that the client's socket takes some more, for longer than any deadline.
        let (_keep, never) = mpsc::channel::<()>();
        let mut some = vec![0; 64 * 1024];
        while stream.read(&mut some).is_ok_and(|read| read > 0) {
            assert!(never.recv_timeout(Duration::from_millis(5)).is_err());
        }
    })]);
    let base = Base::parse(&format!("http://{address}")).unwrap();
    let body = vec![b'x'; 64 << 20];
    let started = Instant::now();
    let request = Request::post(&base, "/x").body("text/plain", &body);
    let outcome = Client::new(SHORT).call(request);
    let took = started.elapsed();
    ambiguous(&outcome, "time was over");
    assert!(took < Duration::from_secs(4), "{took:?}");
    peer.join().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_of_a_failure_carries_what_was_to_be_sent(
        value in "[ -~]{0,8}(canary)[\\PC\r\n]{0,8}", scheme in "https?", place in 0..7,
    ) {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let base = Base::parse(&format!("{scheme}://{free}/{}", if place == 0 { "canary" } else { "" }));
        let base = base.unwrap();
        let path = format!("/{}", if place == 1 { &value } else { "x" });
        let request = Request::post(&base, &path);
        let request = match place {
            2 => request.query(&value, &value),
            3 => request.basic(&value, &value),
            4 => request.bearer(&value),
            5 => request.header("x-key", &value).json(&value.clone().into()),
            _ => request.form(&[(&value, &value)]),
        };
        let shown = format!("{request:?}");
        prop_assert!(!shown.contains("canary"));
        let outcome = Client::new(SHORT).call(request);
        prop_assert!(matches!(outcome, Outcome::NotSent(_)));
        let shown = format!("{outcome:?}");
        prop_assert!(!shown.contains("canary"), "{}", shown);
    }
}

//! Proxies: asked only for https beyond loopback, and their failures are certain ones.

use std::io::Write;

use ops_host::host::Host;
use ops_host::time::Timestamp;
use outbound::{Base, Client, Limits, Outcome, Proxy};

use crate::peer::{SHORT, act, peer, read_request, send, until_gone};

fn client(proxy: std::net::SocketAddr) -> Client {
    let value = format!("http://canary-user:canary-pass@{proxy}");
    let host = Host::with([("HTTPS_PROXY", value.as_str())], Timestamp::UNIX_EPOCH);
    Client::through(SHORT, Proxy::from_environment(&host).expect("a usable proxy"))
}

#[test]
fn loopback_is_reached_without_the_proxy() {
    let (proxy, _never) = peer(vec![]);
    let (address, peer) = peer(vec![act(|mut stream| {
        read_request(&mut stream);
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    })]);
    let base = Base::parse(&format!("http://{address}")).unwrap();
    let outcome = send(&mut client(proxy), &base, Limits::default());
    assert!(matches!(outcome, Outcome::Answered(_)), "{outcome:?}");
    peer.join().unwrap();
}

#[test]
fn a_proxy_that_refuses_or_breaks_off_means_not_sent() {
    let (proxy, peer) = peer(vec![
        act(|mut stream| {
            let (head, _) = read_request(&mut stream);
            assert!(head.starts_with("CONNECT api.example.com:443 HTTP/1.1\r\n"), "{head}");
            assert!(!head.contains("canary-query"), "{head}");
            stream.write_all(b"HTTP/1.1 407 No\r\n\r\n").unwrap();
        }),
        act(|mut stream| drop(read_request(&mut stream))),
        act(|mut stream| {
            read_request(&mut stream);
            until_gone(stream);
        }),
        act(|mut stream| {
            read_request(&mut stream);
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nthis is not TLS").unwrap();
            until_gone(stream);
        }),
    ]);
    let base = Base::parse("https://api.example.com").unwrap();
    for because in ["proxy", "", "", "TLS failed"] {
        match send(&mut client(proxy), &base, SHORT) {
            Outcome::NotSent(why) => assert!(why.contains(because), "{why}"),
            other => panic!("{other:?}"),
        }
    }
    peer.join().unwrap();
}

//! Over TLS, with a certificate that only these tests trust.
#![expect(clippy::disallowed_methods, reason = "tests listen on loopback")]

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;

use rcgen::CertifiedKey;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts};
use ureq::unversioned::resolver::ResolvedSocketAddrs;
use ureq::unversioned::transport::NextTimeout;

use super::*;
use crate::base::Base;

const NAME: &str = "api.example.com";

type Secure = StreamOwned<ServerConnection, TcpStream>;

fn service(act: fn(Secure)) -> (SocketAddr, RootCerts, JoinHandle<()>) {
    service_behind(|_| {}, act)
}

/// The same, with something to be done before TLS begins.
fn service_behind(
    before: fn(&mut TcpStream),
    act: fn(Secure),
) -> (SocketAddr, RootCerts, JoinHandle<()>) {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), NAME.to_owned()])
            .expect("a key");
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let trusted = Certificate::from_der(cert.der()).to_owned();
    let player = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        before(&mut stream);
        act(StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream));
    });
    (address, RootCerts::new_with_certs(&[trusted]), player)
}

fn read_request(stream: &mut Secure) -> bool {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\nok=1") {
        if stream.read_exact(&mut byte).is_err() {
            return false;
        }
        head.extend(byte);
    }
    true
}

fn call(address: SocketAddr, roots: RootCerts) -> Outcome {
    let progress = Arc::new(Progress::default());
    let limits = Limits { total: Duration::from_secs(2), ..Limits::default() };
    let tls = TlsConfig::builder().root_certs(roots).build();
    let direct = agent(limits, None, &tls, DefaultResolver::default(), &progress);
    let mut client = Client { limits, progress, direct, by_proxy: None, cause: None };
    let base = Base::parse(&format!("https://{address}")).unwrap();
    client.call(Request::post(&base, "/x").form(&[("ok", "1")]))
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_not_sent() {
    let (address, _, player) = service(|mut stream| assert!(!read_request(&mut stream)));
    let base = Base::parse(&format!("https://{address}")).unwrap();
    let mut client = Client::new(Limits::default());
    let outcome = client.call(Request::get(&base, "/x").bearer("canary"));
    let Outcome::NotSent(why) = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("certificate") && !why.contains("canary"), "{why}");
    assert_eq!(client.cause(), Some(Cause::Tls));
    player.join().unwrap();
}

#[test]
fn an_answer_over_tls_is_whole_only_with_its_proper_end() {
    let (address, roots, player) = service(|mut stream| {
        assert!(read_request(&mut stream));
        stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabc").unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
    });
    let Outcome::Answered(whole) = call(address, roots) else { panic!() };
    assert_eq!((whole.body.as_slice(), whole.complete), (b"abc".as_slice(), true));
    player.join().unwrap();

    // The same without close_notify: someone in between may have cut it.
    let (address, roots, player) = service(|mut stream| {
        assert!(read_request(&mut stream));
        stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabc").unwrap();
    });
    let Outcome::Answered(cut) = call(address, roots) else { panic!() };
    assert_eq!((cut.body.as_slice(), cut.complete), (b"abc".as_slice(), false));
    player.join().unwrap();
}

#[test]
fn a_request_over_tls_without_an_answer_is_ambiguous() {
    let (address, roots, player) = service(|mut stream| assert!(read_request(&mut stream)));
    let outcome = call(address, roots);
    assert!(matches!(outcome, Outcome::Ambiguous(_)), "{outcome:?}");
    player.join().unwrap();
}

#[test]
fn bytes_before_the_request_do_not_count() {
    // The handshake wrote plenty; what counts begins with the request.
    let progress = Progress::default();
    progress.count(1000);
    assert!(!progress.may_have_left());
}

/// A name server, or a line in /etc/hosts, that sends `localhost` elsewhere.
#[derive(Debug)]
struct Elsewhere;

impl Resolver for Elsewhere {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        addresses.push("192.0.2.1:80".parse().expect("an address"));
        Ok(addresses)
    }
}

#[test]
fn a_name_for_plain_http_must_mean_this_machine() {
    let progress = Arc::new(Progress::default());
    let limits = Limits::default();
    let direct = agent(limits, None, &TlsConfig::default(), Elsewhere, &progress);
    let mut client = Client { limits, progress, direct, by_proxy: None, cause: None };
    let base = Base::parse("http://localhost").unwrap();
    let outcome = client.call(Request::get(&base, "/x"));
    let Outcome::NotSent(why) = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("must mean this machine"), "{why}");
}

/// A name server that sends every name to one place.
#[derive(Debug)]
struct To(SocketAddr);

impl Resolver for To {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        addresses.push(self.0);
        Ok(addresses)
    }
}

fn by_proxy(proxy: SocketAddr, exempt: &str, roots: RootCerts) -> Outcome {
    let progress = Arc::new(Progress::default());
    let limits = Limits { total: Duration::from_secs(2), ..Limits::default() };
    let tls = TlsConfig::builder().root_certs(roots).build();
    let direct = agent(limits, None, &tls, DefaultResolver::default(), &progress);
    let address = format!("http://{proxy}");
    let pairs = [("HTTPS_PROXY", address.as_str()), ("NO_PROXY", exempt)];
    let host = ops_host::host::Host::with(pairs, ops_host::time::Timestamp::UNIX_EPOCH);
    let named = Proxy::from_environment(&host).expect("a usable proxy");
    let by_proxy = Some(agent(limits, named, &tls, To(proxy), &progress));
    let mut client = Client { limits, progress, direct, by_proxy, cause: None };
    let base = Base::parse(&format!("https://{NAME}:{}", proxy.port())).expect("an address");
    client.call(Request::post(&base, "/x").form(&[("ok", "1")]))
}

#[test]
fn what_goes_through_a_proxy_counts_once_the_request_has_begun() {
    let tunnel = |stream: &mut TcpStream| {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        assert!(head.starts_with(b"CONNECT api.example.com:"));
        stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
    };
    let (proxy, roots, player) = service_behind(tunnel, |mut stream| {
        assert!(read_request(&mut stream));
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc").unwrap();
    });
    let Outcome::Answered(answer) = by_proxy(proxy, "", roots) else { panic!() };
    assert_eq!((answer.body.as_slice(), answer.complete), (b"abc".as_slice(), true));
    player.join().unwrap();

    let (proxy, roots, player) =
        service_behind(tunnel, |mut stream| assert!(read_request(&mut stream)));
    let outcome = by_proxy(proxy, "", roots);
    assert!(matches!(outcome, Outcome::Ambiguous(_)), "{outcome:?}");
    player.join().unwrap();
}

#[test]
fn a_host_that_is_exempt_from_the_proxy_is_watched_too() {
    let (address, roots, player) = service(|mut stream| assert!(read_request(&mut stream)));
    let outcome = by_proxy(address, NAME, roots);
    assert!(matches!(outcome, Outcome::Ambiguous(_)), "{outcome:?}");
    player.join().unwrap();
}

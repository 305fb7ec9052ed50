//! Tables over `parse_ss`, with text as several versions of `ss` print it.

use super::*;

/// iproute2 6.1, `ss -tulnp` on a dual-stack machine.
const NEW: &str = "\
Netid State  Recv-Q Send-Q      Local Address:Port Peer Address:PortProcess
udp   UNCONN 0      0           127.0.0.53%lo:53        0.0.0.0:*    users:((\"systemd-resolve\",pid=310,fd=13))
udp   UNCONN 0      0                 0.0.0.0:41641     0.0.0.0:*    users:((\"tailscaled\",pid=500,fd=12))
udp   UNCONN 0      0            [fe80::5]%eth0:546        [::]:*    users:((\"systemd-network\",pid=200,fd=9))
udp   ESTAB  0      0               192.0.2.1:40000  192.0.2.53:53   users:((\"dig\",pid=999,fd=3))
tcp   LISTEN 0      128               0.0.0.0:22        0.0.0.0:*    users:((\"sshd\",pid=601,fd=3),(\"systemd\",pid=1,fd=40))
tcp   LISTEN 0      128                  [::]:22           [::]:*    users:((\"sshd\",pid=601,fd=4))
tcp   LISTEN 0      4096                    *:9090            *:*    users:((\"systemd\",pid=1,fd=41))
tcp   LISTEN 0      4096   [::ffff:127.0.0.1]:8080            *:*
tcp   ESTAB  0      0              100.64.0.7:22     100.64.0.9:50122 users:((\"sshd\",pid=800,fd=4))
tcp   LISTEN 0      4096              *%wlan0:7000            *:*    users:((\"(my app), v2\",pid=9,fd=4),(\"(my app), v2\",pid=9,fd=5))
";

/// iproute2 3.16 to 4.14, `ss -tlnp` and `ss -ulnp`.
const OLD: &str = "\
State      Recv-Q Send-Q        Local Address:Port          Peer Address:Port
LISTEN     0      128                       *:22                       *:*      users:((\"sshd\",pid=601,fd=3))
LISTEN     0      128                      :::22                      :::*      users:((\"sshd\",pid=601,fd=4))
LISTEN     0      5                       ::1:631                     :::*
LISTEN     0      5          ::ffff:127.0.0.1:8080                    :::*
LISTEN     0      5             fe80::1%eth0:9000                     :::*
UNCONN     0      0                         *:68                       *:*      users:((\"dhclient\",pid=5,fd=6))
";

fn shown(text: &str) -> Vec<String> {
    let found = parse_ss(text.as_bytes()).unwrap();
    assert_eq!(found.source, Source::SsText);
    let owners = |it: &Socket| match &it.owners {
        Owners::Known(owners) => {
            owners.iter().map(|it| format!("{}={}", it.comm, it.pid)).collect::<Vec<_>>().join(" ")
        }
        Owners::Unknown(_) => "?".to_owned(),
        Owners::NotAsked => "!".to_owned(),
    };
    found.sockets.iter().map(|it| format!("{} {:?} {}", it.name(), it.v6only, owners(it))).collect()
}

#[test]
fn new_text_is_read_with_and_without_its_header() {
    let expected = [
        "tcp 0.0.0.0:22 None sshd=601 systemd=1",
        "tcp [::]:22 Some(true) sshd=601",
        "tcp [::]%wlan0:7000 Some(false) (my app), v2=9",
        "tcp [::]:9090 Some(false) systemd=1",
        "tcp [::ffff:127.0.0.1]:8080 None ?",
        "udp 0.0.0.0:41641 None tailscaled=500",
        "udp 127.0.0.53%lo:53 None systemd-resolve=310",
        "udp [fe80::5]%eth0:546 None systemd-network=200",
    ];
    assert_eq!(shown(NEW), expected);
    let (_, bare) = NEW.split_once('\n').unwrap();
    assert_eq!(shown(bare), expected);
    assert_eq!(shown(&NEW.replace('\n', "\r\n")), expected);
}

#[test]
fn old_text_is_read_and_its_star_is_ipv4() {
    let expected = [
        "tcp 0.0.0.0:22 None sshd=601",
        "tcp [::]:22 None sshd=601",
        "tcp [::1]:631 None ?",
        "tcp [::ffff:127.0.0.1]:8080 None ?",
        "tcp [fe80::1]%eth0:9000 None ?",
        "udp 0.0.0.0:68 None dhclient=5",
    ];
    assert_eq!(shown(OLD), expected);
    // Before iproute2 3.13 numbers stood without their names.
    let older = OLD.replace("pid=", "").replace("fd=", "");
    assert_eq!(shown(&older), expected);
}

#[test]
fn other_calls_of_ss_are_read_too() {
    for (line, expected) in [
        ("0      128         127.0.0.53%lo:1002 0.0.0.0:*", "tcp 127.0.0.53%lo:1002 None ?"),
        (
            "LISTEN 0 128 *:1004 *:* users:((\"a\",pid=2,fd=6)) ino:118 sk:1016 cgroup:/a/b v6only:0 <->",
            "tcp [::]:1004 Some(false) a=2",
        ),
        (
            "LISTEN 0 128 [::1]:1006 [::]:* uid:33 ino:118 sk:9 v6only:1 <->",
            "tcp [::1]:1006 Some(true) ?",
        ),
        ("sctp LISTEN 0 128 192.0.2.1:5000 *:*", "sctp 192.0.2.1:5000 None ?"),
        ("mptcp LISTEN 0 128 0.0.0.0:80 0.0.0.0:*", "tcp 0.0.0.0:80 None ?"),
        ("LISTEN 0 128 [fe80::1%eth0]:80 [::]:*", "tcp [fe80::1]%eth0:80 None ?"),
        (
            "tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n     users:((\"sshd\",pid=6,fd=3))",
            "tcp 0.0.0.0:22 None sshd=6",
        ),
        (
            "u_str LISTEN 0 128 /run/x sock 123 * 0 users:((\"x\",pid=6,fd=3))\nLISTEN 0 1 [::1]:1 [::]:*",
            "tcp [::1]:1 None ?",
        ),
    ] {
        assert_eq!(shown(line), [expected], "{line}");
    }
    let found = parse_ss(b"LISTEN 0 9 [::1]:6 [::]:* uid:33 ino:118 sk:9 v6only:1 <->").unwrap();
    assert_eq!((found.sockets[0].uid, found.sockets[0].inode), (Some(33), 118));
    assert!(found.not_looked_at.contains(&"udp".to_owned()));
}

#[test]
fn a_line_that_cannot_be_read_spoils_the_whole_text() {
    let good = "LISTEN 0 128 127.0.0.1:80 0.0.0.0:*\n";
    for (bad, why) in [
        ("ss: command not found", "two counts"),
        ("LISTEN 0 128 0.0.0.0:22", "too early"),
        ("LISTEN 0 128", "too early"),
        ("LISTEN", "too early"),
        ("LISTEN 0 x 0.0.0.0:22 0.0.0.0:*", "two counts"),
        ("LISTEN 0 128 0.0.0.0:ssh 0.0.0.0:*", "needs -n"),
        ("LISTEN 0 128 0.0.0.0:65536 0.0.0.0:*", "needs -n"),
        ("LISTEN 0 128 0.0.0.0:22 0.0.0.0:domain", "needs -n"),
        ("LISTEN 0 128 0.0.0.0 0.0.0.0:*", "no port"),
        ("LISTEN 0 128 host.example:22 0.0.0.0:*", "address is none"),
        ("LISTEN 0 128 [0.0.0.0]:22 0.0.0.0:*", "address is none"),
        ("LISTEN 0 128 [*]:22 *:*", "address is none"),
        ("LISTEN 0 128 [::1:22 *:*", "address is none"),
        ("LISTEN 0 128 [fe80::1%a]%b:22 *:*", "address is none"),
        ("LISTEN 0 128 127.0.0.1%:22 *:*", "address is none"),
        ("tcp LISTENING 0 128 127.0.0.1:22 *:*", "two counts"),
        ("??? LISTEN 0 128 127.0.0.1:22 *:*", "two counts"),
        ("LISTEN 0 128 127.0.0.1:22 *:* more", "what follows"),
        ("LISTEN 0 128 127.0.0.1:22 *:* ino:x", "no number"),
        ("\t cubic cwnd:10", "two counts"),
        ("LISTEN 0 128 0.0.0.0:22 *:* users:((", "the processes"),
        ("LISTEN 0 128 0.0.0.0:22 *:* users:()", "the processes"),
        ("LISTEN 0 128 0.0.0.0:22 *:* users:((\"a\",pid=1))", "the processes"),
        ("LISTEN 0 128 0.0.0.0:22 *:* users:((\"a\",pid=,fd=3))", "the processes"),
        ("LISTEN 0 128 0.0.0.0:22 *:* users:((\"a\",pid=1,fd=3)", "the processes"),
        ("LISTEN 0 128 0.0.0.0:22 *:* users:((\"a\",pid=1,fd=3))x", "the processes"),
    ] {
        for text in [format!("{good}{bad}"), format!("{bad}\n{good}")] {
            let said = parse_ss(text.as_bytes()).unwrap_err();
            assert!(said.contains(why) && said.starts_with("line "), "{bad}: {said}");
        }
    }
    let orphan = "    users:((\"sshd\",pid=6,fd=3))";
    assert!(parse_ss(orphan.as_bytes()).is_err(), "processes of no socket");
    let twice = format!("LISTEN 0 1 [::1]:1 [::]:*\n{orphan}\n{orphan}");
    assert!(parse_ss(twice.as_bytes()).is_err(), "processes of one socket twice");
}

#[test]
fn no_process_can_choose_a_name_that_passes_for_another_process() {
    for name in [
        "x\",pid=1,fd=3",
        "x\",pid=1,fd=3)",
        "\",pid=1,fd=3)",
        "a\"",
        "\"",
        "a\nb",
        "\n",
        "a\n0 0 [::1]:1 ",
    ] {
        let text = format!(
            "LISTEN 0 1 [::1]:80 [::]:*\nLISTEN 0 1 0.0.0.0:80 0.0.0.0:* users:((\"{name}\",pid=99,fd=3))"
        );
        assert!(parse_ss(text.as_bytes()).is_err(), "{name:?}");
    }
    for name in ["", " ", "users:((", "(sd-pam)", "a,b", "LISTEN 0", "é"] {
        let text = format!("LISTEN 0 1 [::1]:80 [::]:* users:((\"{name}\",pid=99,fd=3))");
        assert_eq!(shown(&text), [format!("tcp [::1]:80 None {name}=99")]);
    }
}

#[test]
fn no_listening_socket_at_all_is_not_an_answer() {
    let header = NEW.lines().next().unwrap();
    for text in [
        "",
        "\n\n",
        header,
        "ESTAB 0 0 192.0.2.1:22 192.0.2.9:50000\n",
        "tcp UNCONN 0 0 0.0.0.0:22 0.0.0.0:*\n",
        "u_str LISTEN 0 128 /run/x 123 * 0\n",
    ] {
        let said = parse_ss(text.as_bytes()).unwrap_err();
        assert!(said.contains("no listening socket"), "{text:?}: {said}");
    }
}

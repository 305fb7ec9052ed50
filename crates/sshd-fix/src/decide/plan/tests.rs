//! Tables over `plan`.

use super::*;
use crate::decide::sample::{self, ADDRESS};
use crate::decide::{Decision, decide};
use crate::facts::{Link, SshdConfig};
use crate::places;

const MAIN: &str = places::SSHD_CONFIG;
const CLOUD: &str = "/etc/ssh/sshd_config.d/50-cloud.conf";
const INCLUDE: &str = "Include /etc/ssh/sshd_config.d/*.conf\n";

/// File, line, pattern, what it matches.
type Include<'a> = (&'a str, usize, &'a str, &'a [&'a str]);
type Change = fn(&mut Facts);

fn planned(facts: &Facts) -> Plan {
    match decide(facts, &sample::policy()) {
        Decision::Planned(plan) => plan,
        Decision::Refused(refusal) => panic!("{refusal}"),
    }
}

fn refused(facts: &Facts) -> Refusal {
    match decide(facts, &sample::policy()) {
        Decision::Planned(plan) => panic!("{plan:?}"),
        Decision::Refused(refusal) => refusal,
    }
}

fn human(facts: &Facts) -> String {
    let mut out = Vec::new();
    planned(facts).write_human(facts, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// One line a step: its number and what it is about.
fn steps(facts: &Facts) -> Vec<String> {
    planned(facts).steps.iter().map(|step| format!("{} {}", step.number(), step.title())).collect()
}

fn with(config: SshdConfig) -> Facts {
    Facts { config: Ok(config), ..sample::public_sshd() }
}

#[test]
fn a_public_sshd_as_installed_gets_two_files_and_a_restart() {
    let facts = sample::public_sshd();
    assert_eq!(
        steps(&facts),
        [
            "5 write /etc/ssh/sshd_config.d/99-tailscale-only.conf",
            "6 sshd -t and sshd -T must agree",
            "8 write /etc/systemd/system/ssh.service.d/99-aiops-tailnet.conf",
            "8 systemctl daemon-reload",
            "9 systemctl restart ssh.service",
            "10 sshd must listen and answer on 100.64.1.2:22 and nowhere else",
        ]
    );
    let told = human(&facts);
    for part in ["+AddressFamily inet\n", "+ListenAddress 100.64.1.2\n", "tailscale wait --timeout"]
    {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(!told.to_lowercase().contains("authentication"), "{told}");
}

#[test]
fn conflicts_in_three_places_and_every_spelling_are_commented_out_and_nothing_else_is() {
    let main =
        format!("{INCLUDE}\tListenAddress=0.0.0.0\r\nPort 22\nUsePAM yes\n\"LISTENADDRESS\" ::");
    let cloud = "ADDRESSFAMILY any # x\nPasswordAuthentication no\nListen\"Address\" localhost\n";
    let other = "/etc/ssh/extra/x";
    let files = [
        (MAIN, main.as_str()),
        (CLOUD, cloud),
        (other, "= ListenAddress '0x0'\n#ListenAddress 1\n"),
    ];
    let includes: &[Include<'_>] =
        &[(MAIN, 1, places::DROP_INS, &[CLOUD]), (CLOUD, 9, "/etc/ssh/extra/*", &[other])];
    let facts = with(sample::config(&files, includes));
    let plan = planned(&facts);
    let marker = "# ai-ops-runner heal ssh, 2026-11-21T08:00:00Z: ";
    let after = |path: &str| {
        let step = plan.steps.iter().find(|step| step.path() == Some(Path::new(path)));
        let Some(Step::EditFile { edits, .. }) = step else { panic!("{path}: {step:?}") };
        let text = &facts.config.as_ref().unwrap().file(Path::new(path)).unwrap().text.0;
        String::from_utf8(crate::decide::edited(text, edits, &plan.marker())).unwrap()
    };
    assert_eq!(
        after(MAIN),
        format!(
            "{INCLUDE}{marker}\tListenAddress=0.0.0.0\r\nPort 22\nUsePAM yes\n{marker}\"LISTENADDRESS\" ::"
        )
    );
    assert_eq!(
        after(CLOUD),
        format!(
            "{marker}ADDRESSFAMILY any # x\nPasswordAuthentication no\n{marker}Listen\"Address\" localhost\n"
        )
    );
    assert_eq!(after(other), format!("{marker}= ListenAddress '0x0'\n#ListenAddress 1\n"));
}

#[test]
fn without_an_include_outside_any_match_one_is_put_on_top() {
    let rows: &[(&str, &[Include<'_>], &str)] = &[
        ("UsePAM yes\n", &[], "Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\n"),
        (
            "Match User x\nInclude /etc/ssh/sshd_config.d/*.conf\n",
            &[(MAIN, 2, places::DROP_INS, &[])],
            "Include /etc/ssh/sshd_config.d/*.conf\nMatch User x\n\
             # ai-ops-runner heal ssh, 2026-11-21T08:00:00Z: Include /etc/ssh/sshd_config.d/*.conf\n",
        ),
        (
            "Include /etc/ssh/sshd_config.d/10-*.conf\n",
            &[(MAIN, 1, "/etc/ssh/sshd_config.d/10-*.conf", &[])],
            "Include /etc/ssh/sshd_config.d/*.conf\nInclude /etc/ssh/sshd_config.d/10-*.conf\n",
        ),
    ];
    for (text, includes, want) in rows {
        let facts = with(sample::config(&[(MAIN, text)], includes));
        let plan = planned(&facts);
        let Some(Step::EditFile { number: 3, edits, .. }) = plan.steps.first() else {
            panic!("{text}: {:?}", plan.steps)
        };
        let after = crate::decide::edited(text.as_bytes(), edits, &plan.marker());
        assert_eq!(String::from_utf8(after).unwrap(), *want);
    }
    // Where it stands outside any Match it is left where it is: moving it would change which of
    // two settings comes first.
    let text = format!("UsePAM yes\n{INCLUDE}");
    let facts = with(sample::config(&[(MAIN, &text)], &[(MAIN, 2, places::DROP_INS, &[])]));
    assert!(
        !steps(&facts).iter().any(|step| step.contains("sshd_config\n")),
        "{:?}",
        steps(&facts)
    );
}

#[test]
fn a_match_scoped_include_of_more_than_the_drop_ins_is_refused_with_its_place() {
    let text = "Match User x\nInclude /etc/ssh/sshd_config.d/*.conf /etc/ssh/y\n";
    let includes: &[Include<'_>] =
        &[(MAIN, 2, places::DROP_INS, &[]), (MAIN, 2, "/etc/ssh/y", &[])];
    let told = refused(&with(sample::config(&[(MAIN, text)], includes)));
    assert_eq!(told.why, Why::Config);
    assert!(told.found.contains("/etc/ssh/sshd_config line 2"), "{told}");
}

#[test]
fn what_cannot_be_read_or_belongs_to_a_package_is_refused() {
    let mut unreadable = sample::public_sshd();
    unreadable.config = Err("x".into());
    let gone = with(sample::config(&[(MAIN, INCLUDE)], &[(MAIN, 1, places::DROP_INS, &[CLOUD])]));
    let nul = with(sample::config(&[(MAIN, "Include x\0\n")], &[]));
    let mut vendor = with(sample::config(
        &[(MAIN, INCLUDE), (CLOUD, "ListenAddress ::\n")],
        &[(MAIN, 1, places::DROP_INS, &[CLOUD])],
    ));
    vendor.config.as_mut().unwrap().files.last_mut().unwrap().real = "/usr/share/x.conf".into();
    let endless =
        with(sample::config(&[(MAIN, "Include sshd_config\n")], &[(MAIN, 1, MAIN, &[MAIN])]));
    for (facts, part) in [
        (unreadable, "x"),
        (gone, "50-cloud.conf was not read"),
        (nul, "NUL"),
        (vendor, "/usr/share/x.conf has to change and belongs to a package"),
        (endless, "nest too deep"),
    ] {
        let told = refused(&facts);
        assert_eq!(told.why, Why::Config);
        assert!(told.found.contains(part), "{told}");
    }
}

#[test]
fn every_port_gets_its_socket_and_lost_ports_are_noted() {
    let mut facts = sample::public_sshd();
    facts.effective = Ok(vec!["port 22".into(), "port 2222".into()]);
    facts.listening = Ok(vec!["0.0.0.0:2022".parse().unwrap()]);
    let plan = planned(&facts);
    let want: Vec<SocketAddr> =
        vec!["100.64.1.2:22".parse().unwrap(), "100.64.1.2:2222".parse().unwrap()];
    assert_eq!(plan.steps.last(), Some(&Step::Verify { listen: want }));
    assert!(plan.notes.iter().any(|note| note.contains("port 2022 now")), "{:?}", plan.notes);
    facts.effective = Err("sshd says no".into());
    let text = format!("{INCLUDE}Port 2200\n");
    facts.config = Ok(sample::config(&[(MAIN, &text)], &[(MAIN, 1, places::DROP_INS, &[])]));
    let want: Vec<SocketAddr> = vec!["100.64.1.2:2200".parse().unwrap()];
    assert_eq!(planned(&facts).steps.last(), Some(&Step::Verify { listen: want }));
}

/// The host after the fix.
fn fixed() -> Facts {
    let mut facts = sample::public_sshd();
    let address: Ipv4Addr = ADDRESS.parse().unwrap();
    let listen = super::config::listen_text(address);
    facts.config = Ok(sample::config(
        &[(MAIN, INCLUDE), (places::LISTEN_FILE, &listen)],
        &[(MAIN, 1, places::DROP_INS, &[places::LISTEN_FILE])],
    ));
    facts.listening = Ok(vec!["100.64.1.2:22".parse().unwrap(), "127.0.0.1:6010".parse().unwrap()]);
    let text = units::drop_in_text(&facts, &sample::policy(), address);
    let service = facts.units.as_mut().unwrap().services.first_mut().unwrap();
    let path = units::drop_in_path(service);
    service.drop_ins.push(sample::file(path.to_str().unwrap(), &text));
    facts
}

#[test]
fn a_host_already_right_needs_nothing_and_any_departure_from_it_something() {
    let facts = fixed();
    assert!(planned(&facts).is_empty(), "{:?}", steps(&facts));
    assert!(human(&facts).starts_with("nothing to do"));
    let rows: &[(Change, &str)] = &[
        (|it| it.listening = Ok(vec!["0.0.0.0:22".parse().unwrap()]), "9 "),
        (|it| it.listening = Ok(vec![]), "9 "),
        (|it| it.listening = Err("x".into()), "9 "),
        (|it| service(it).active_state = "failed".into(), "9 "),
        (|it| service(it).unit_file_state = "disabled".into(), "7 systemctl enable"),
        (|it| service(it).needs_reload = true, "8 systemctl daemon-reload"),
        (|it| service(it).drop_ins.clear(), "8 write"),
        (
            |it| {
                let socket = sample::socket("ssh.socket", "inactive", "disabled");
                it.units.as_mut().unwrap().sockets.push(socket);
            },
            "7 link /etc/systemd/system/ssh.socket -> /dev/null",
        ),
    ];
    for (change, part) in rows {
        let mut facts = fixed();
        change(&mut facts);
        let told = steps(&facts);
        assert!(told.iter().any(|step| step.starts_with(part)), "{part} in {told:?}");
        assert!(told.last().unwrap().starts_with("10 "), "{told:?}");
    }
}

fn service(facts: &mut Facts) -> &mut crate::facts::Service {
    facts.units.as_mut().unwrap().services.first_mut().unwrap()
}

fn link(path: &str, target: &str) -> Link {
    Link { path: path.into(), target: target.into() }
}

#[test]
fn socket_activation_is_taken_apart_before_it_is_masked() {
    let mut facts = sample::public_sshd();
    service(&mut facts).unit_file_state = "disabled".into();
    service(&mut facts).drop_ins = vec![
        sample::file(
            "/etc/systemd/system/ssh.service.d/00-socket.conf",
            "[Unit]\nAfter=ssh.socket\nRequires=ssh.socket other.service\n",
        ),
        sample::file(
            "/usr/lib/systemd/system/ssh.service.d/v.conf",
            "[Service]\nSockets=ssh.socket\n",
        ),
    ];
    let units = facts.units.as_mut().unwrap();
    units.sockets = vec![
        sample::socket("ssh.socket", "active", "enabled"),
        crate::facts::Socket {
            listens: vec!["/run/ssh-unix-local/socket (Stream)".into()],
            ..sample::socket("sshd-unix-local.socket", "active", "generated")
        },
    ];
    units.links = vec![
        link(
            "/etc/systemd/system/sockets.target.wants/ssh.socket",
            "/lib/systemd/system/ssh.socket",
        ),
        link(
            "/etc/systemd/system/ssh.service.requires/ssh.socket",
            "/lib/systemd/system/ssh.socket",
        ),
        link("/usr/lib/systemd/system/ssh.service.wants/ssh.socket", "../ssh.socket"),
    ];
    let told = steps(&facts);
    assert_eq!(
        told.get(2..).unwrap(),
        [
            "7 systemctl stop ssh.socket",
            "7 remove the link /etc/systemd/system/sockets.target.wants/ssh.socket -> /lib/systemd/system/ssh.socket",
            "7 remove the link /etc/systemd/system/ssh.service.requires/ssh.socket -> /lib/systemd/system/ssh.socket",
            "7 link /etc/systemd/system/ssh.service.wants/ssh.socket -> /dev/null",
            "7 change /etc/systemd/system/ssh.service.d/00-socket.conf",
            "7 write /etc/systemd/system/ssh.service.d/v.conf",
            "7 link /etc/systemd/system/ssh.socket -> /dev/null",
            "7 systemctl daemon-reload",
            "7 ssh.service must need no socket",
            "7 systemctl enable ssh.service",
            "8 write /etc/systemd/system/ssh.service.d/99-aiops-tailnet.conf",
            "8 systemctl daemon-reload",
            "9 systemctl restart ssh.service",
            "10 sshd must listen and answer on 100.64.1.2:22 and nowhere else",
        ]
    );
    let told = human(&facts);
    assert!(told.contains("+Requires=other.service\n"), "{told}");
    service(&mut facts).fragment = Some(sample::file(
        "/etc/systemd/system/ssh.service",
        "[Unit]\nRequires=ssh.socket\n[Service]\nExecStart=/usr/sbin/sshd -D\n",
    ));
    assert!(refused(&facts).found.contains("/etc/systemd/system/ssh.service line 2"));
}

#[test]
fn an_older_tailscale_waits_with_our_own_program() {
    for (version, part) in [
        (Some((1, 96)), "ExecStartPre=-/usr/bin/tailscale wait --timeout=60s\n"),
        (Some((2, 0)), "ExecStartPre=-/usr/bin/tailscale wait --timeout=60s\n"),
        (
            Some((1, 95)),
            "ExecStartPre=-/opt/ai-ops-runner/bin/heal wait-address 100.64.1.2 --seconds 60\n",
        ),
        (None, "ExecStartPre=-/opt/ai-ops-runner/bin/heal wait-address 100.64.1.2 --seconds 60\n"),
    ] {
        let mut facts = sample::public_sshd();
        facts.tailnet.version = version;
        assert!(human(&facts).contains(part), "{}", human(&facts));
    }
}

#[test]
fn which_service_is_sshd_must_be_clear() {
    let other = |active: &str, state: &str| crate::facts::Service {
        name: "sshd.service".into(),
        names: vec!["sshd.service".into()],
        load_state: "loaded".into(),
        active_state: active.into(),
        unit_file_state: state.into(),
        ..crate::facts::Service::default()
    };
    let mut facts = sample::public_sshd();
    facts.units.as_mut().unwrap().services.push(other("inactive", "disabled"));
    assert_eq!(planned(&facts).service, "ssh.service");
    facts.units.as_mut().unwrap().services.push(other("active", "enabled"));
    assert!(refused(&facts).found.contains("not clear"));
    for (change, part) in [
        (
            (|it: &mut Facts| service(it).load_state = "masked".into()) as fn(&mut Facts),
            "is masked",
        ),
        (|it| it.units.as_mut().unwrap().services.clear(), "no service is sshd"),
        (|it| it.units = Err("x".into()), "unknown: x"),
        (
            |it| {
                service(it).active_state = "inactive".into();
                service(it).unit_file_state = "disabled".into();
            },
            "switched off",
        ),
    ] {
        let mut facts = sample::public_sshd();
        change(&mut facts);
        let told = refused(&facts);
        assert_eq!(told.why, Why::Service);
        assert!(told.found.contains(part), "{told}");
    }
}

#[test]
fn plans_and_facts_survive_json() {
    let facts = sample::public_sshd();
    let json = serde_json::to_string(&facts).unwrap();
    assert_eq!(serde_json::from_str::<Facts>(&json).unwrap(), facts);
    let plan = planned(&facts);
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
}

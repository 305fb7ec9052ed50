//! A network that drops what is sent over it, and tells nobody.

use super::*;

/// A network of its own for a process, joined to this one by a cable that can be cut.
struct Island {
    name: String,
    cable: [String; 2],
    here: String,
    there: String,
}

/// Where packets go that nobody is to get: no interface has this address, so each drops them.
const NOWHERE: &str = "02:00:00:00:00:99";

impl Island {
    fn new() -> Result<Self, String> {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        if !rustix::process::geteuid().is_root() {
            return Err("making network namespaces takes root".to_owned());
        }
        if !postgres_cluster::has_program("ip") {
            return Err("ip (iproute2) is not installed".to_owned());
        }
        let number = std::process::id() * 4 + COUNT.fetch_add(1, Ordering::SeqCst) % 4;
        // A block of four addresses of 100.64.0.0/10 for each.
        let block = u32::from_be_bytes([100, 64, 0, 0]) + (number % (1 << 20)) * 4;
        let at = |host: u32| std::net::Ipv4Addr::from(block + host).to_string();
        let island = Self {
            name: format!("aiops-{number}"),
            cable: [format!("ai{number}"), format!("bi{number}")],
            here: at(1),
            there: at(2),
        };
        let Self { name, cable: [near, far], here, there } = &island;
        for line in [
            format!("netns add {name}"),
            format!("link add {near} type veth peer name {far} netns {name}"),
            format!("addr add {here}/30 dev {near}"),
            format!("link set {near} up"),
            format!("-n {name} addr add {there}/30 dev {far}"),
            format!("-n {name} link set {far} up"),
            format!("-n {name} link set lo up"),
        ] {
            ip(&line)?;
        }
        Ok(island)
    }

    /// Both ends send to where nobody is: no reset, no error, no carrier lost.
    fn cut(&self) {
        let Self { name, cable: [near, far], here, there } = self;
        ip(&format!("neigh replace {there} lladdr {NOWHERE} nud permanent dev {near}")).unwrap();
        ip(&format!("-n {name} neigh replace {here} lladdr {NOWHERE} nud permanent dev {far}"))
            .unwrap();
    }

    fn join(&self) {
        let Self { name, cable: [near, far], here, there } = self;
        ip(&format!("neigh del {there} dev {near}")).unwrap();
        ip(&format!("-n {name} neigh del {here} dev {far}")).unwrap();
    }

    /// Starts a process on the island, whose database is beyond the cable.
    fn start(&self, site: &mut Site, url: &str, call: &str, more: &[&str]) -> Service {
        let far = url.replace("127.0.0.1", &self.here);
        site.through = self.way();
        let service = site.start(call, &[more, &["--database-url", &far]].concat());
        site.through = vec![];
        service
    }

    fn way(&self) -> Vec<String> {
        ["ip", "netns", "exec", &self.name].map(str::to_owned).to_vec()
    }
}

impl Drop for Island {
    fn drop(&mut self) {
        let _gone = ip(&format!("link del {}", self.cable[0])).is_err();
        let _gone = ip(&format!("netns del {}", self.name)).is_err();
    }
}

fn ip(line: &str) -> Result<(), String> {
    let done = std::process::Command::new("ip").args(line.split(' ')).output();
    let done = done.map_err(|err| err.to_string())?;
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    if done.status.success() { Ok(()) } else { Err(format!("ip {line}: {said}")) }
}

/// An island and a server that it reaches; `None`, told, where there can be none.
fn island() -> Option<(Island, Cluster)> {
    let made = Island::new().and_then(|island| {
        let cluster = Cluster::start_on(&["127.0.0.1", &island.here])?;
        Ok((island, cluster))
    });
    made.map_err(|why| skipped::told(skipped::this_test(), why)).ok()
}

#[test]
fn workers_cut_off_under_load_lose_and_double_nothing() {
    let Some((island, cluster)) = island() else { return };
    let url = cluster.database();
    let mut site = Site::new(Some(url.clone()));
    let api = site.start("api", &[]);
    let audit = Audit::begin(&site);
    let _far = island.start(&mut site, &url, "work", &["--concurrency", "3"]);
    let _near = site.start("work", &["--concurrency", "2"]);
    let address = Mutex::new(api.address.clone());
    let accepted = std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=3 {
                until("some begin", || site.ran("begun").len() >= round * 4);
                island.cut();
                // Longer than a lease: what was cut off is lost and taken over.
                std::thread::sleep(Duration::from_secs(u64::from(LEASE_SECONDS) + 2));
                island.join();
            }
        });
        submit_all(&address, |_| "nap nap nap")
    });
    all_ended_once(&site, &api, &accepted, &audit);
}

#[test]
fn an_api_that_is_cut_off_says_so_and_accepts_again() {
    let Some((island, cluster)) = island() else { return };
    let url = cluster.database();
    let mut site = Site::new(Some(url.clone()));
    let api = island.start(&mut site, &url, "api", &[]);
    let line = ["submit", "--job", "stand_in", "--repo", "r1", "--sha", &"a".repeat(40)];
    let submit = |site: &Site, key: &str| {
        let key = ["--idempotency-key", key, "--json"];
        site.ask(&api, &[line.as_slice(), &key].concat())
    };
    site.through = island.way();
    let first = submit(&site, "one").expect(0).json();
    island.cut();
    let said = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| submit(&site, "two"));
        let list = || site.ask(&api, &["list"]);
        until("it says that it cannot answer", || list().code == Some(69));
        island.join();
        waiting.join().unwrap()
    });
    // The client tried again until it was heard; had it given up, the same key is safe.
    assert!([Some(0), Some(69)].contains(&said.code), "{}{}", said.out, said.err);
    let second = submit(&site, "two").expect(0).json();
    let list = site.ask(&api, &["list", "--json"]).expect(0).json();
    let ids: Vec<_> = list["jobs"].as_array().unwrap().iter().map(|it| &it["job_id"]).collect();
    assert_eq!(ids, [&second["job_id"], &first["job_id"]]);
}

#[test]
fn a_worker_cut_off_from_the_database_stops_its_job_before_another_begins_it() {
    let Some((island, cluster)) = island() else { return };
    let url = cluster.database();
    let mut site = Site::new(Some(url.clone()));
    let api = site.start("api", &[]);
    let mut cut_off = island.start(&mut site, &url, "work", &["--concurrency", "1"]);
    let body = json!({"job_type": "stand_in", "repo_name": "r1", "sha": "a".repeat(40),
        "params": {"act": "wait"}});
    let said = ask(&api.address, &token(), "POST", "/jobs", &body.to_string());
    let id = said.json()["job_id"].as_str().unwrap().to_owned();
    until("it runs", || site.ran("begun").len() == 1);
    island.cut();
    let other = site.start("work", &["--concurrency", "1"]);
    until("it is taken over", || site.ran("begun").len() == 2);
    // It needed nobody to tell it: its own clock did, and earlier than the queue's.
    assert!(cut_off.said().contains("was lost"), "{}", cut_off.said());
    site.let_go();
    let show = || ask(&api.address, &token(), "GET", &format!("/jobs/{id}"), "").json();
    until("it ends", || show()["status"] == "success");
    island.join();
    cut_off.wait_for("was lost");
    assert_eq!(other.end().0, Some(0));
    assert_eq!(site.ran("done").len(), 1);
    // Back on the network, it works again.
    let body = body.to_string().replace("wait", "ok");
    assert_eq!(ask(&api.address, &token(), "POST", "/jobs", &body).status, 201);
    until("it works again", || site.ran("done").len() == 2);
    assert_eq!(cut_off.end().0, Some(0));
}

//! The addresses that are really on interfaces: getifaddrs(3). No judgement here.

use crate::facts::Address;

pub(super) fn addresses() -> Result<Vec<Address>, String> {
    let found = if_addrs::get_if_addrs().map_err(|err| format!("getifaddrs: {err}"))?;
    let mut found: Vec<Address> =
        found.into_iter().map(|it| Address { address: it.ip(), interface: it.name }).collect();
    found.sort();
    found.dedup();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_there() {
        let found = addresses().unwrap();
        assert!(found.iter().any(|it| it.address.is_loopback()), "{found:?}");
    }
}

//! Where the client learns addresses: the check sits here, so that what was checked is what is connected to, and no second
//! look-up can come between (B11).

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{guard::Reach, names::Names};

/// A host has addresses, and none of them may be called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("host {host} leads to {found}, which is not allowed{hint}")]
pub(super) struct Refused {
    host: String,
    found: IpAddr,
    hint: &'static str,
}

/// Those of `addresses` that may be called.
pub(super) fn permitted(host: &str, addresses: &[IpAddr], reach: Reach) -> Result<Vec<IpAddr>, Refused> {
    let good: Vec<IpAddr> = addresses.iter().map(IpAddr::to_canonical).filter(|it| reach.permits(*it)).collect();
    match addresses.first() {
        Some(found) if good.is_empty() => Err(refused(host, *found)),
        Some(_) | None => Ok(good),
    }
}

pub(super) fn refused(host: &str, found: IpAddr) -> Refused {
    let hint = if Reach::PublicAndPrivate.permits(found) {
        ": list the host with private = true in [[egress.allow]] if it is meant to be called"
    } else {
        ": no call can go there"
    };
    Refused { host: host.to_owned(), found, hint }
}

#[derive(Debug)]
pub(super) struct GuardedResolver {
    pub(super) names: Arc<Names>,
    pub(super) reach: Reach,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (names, reach) = (Arc::clone(&self.names), self.reach);
        Box::pin(async move {
            let addresses = names.addresses(name.as_str()).await?;
            let permitted = permitted(name.as_str(), &addresses, reach)?;
            // Port 0: the URL's.
            Ok(Box::new(permitted.into_iter().map(|it| SocketAddr::new(it, 0))) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|it| it.parse().expect("an address")).collect()
    }

    #[test]
    fn b11_of_a_mixed_answer_only_the_permitted_addresses_are_used() {
        let found = addresses(&["127.0.0.1", "8.8.8.8", "10.0.0.1", "::ffff:9.9.9.9"]);
        assert_eq!(permitted("a.example", &found, Reach::Public), Ok(addresses(&["8.8.8.8", "9.9.9.9"])));
        assert_eq!(
            permitted("a.example", &found, Reach::PublicAndPrivate),
            Ok(addresses(&["127.0.0.1", "8.8.8.8", "10.0.0.1", "9.9.9.9"]))
        );
    }

    #[test]
    fn b11_an_answer_of_private_addresses_alone_is_refused_with_advice() {
        let error = permitted("a.example", &addresses(&["10.0.0.1", "::1"]), Reach::Public).expect_err("private");
        assert_eq!(
            error.to_string(),
            "host a.example leads to 10.0.0.1, which is not allowed: list the host with private = true in \
             [[egress.allow]] if it is meant to be called"
        );
        let error = permitted("a.example", &addresses(&["0.0.0.0"]), Reach::PublicAndPrivate).expect_err("nowhere");
        assert_eq!(error.to_string(), "host a.example leads to 0.0.0.0, which is not allowed: no call can go there");
    }
}

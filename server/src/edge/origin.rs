//! Where a request comes from, as far as that can be known.
//!
//! What `X-Forwarded-For` says anyone can write (RELIABILITY T25). It counts only when the
//! other end of the connection is a proxy that the configuration trusts, and only from the
//! right: each trusted proxy appended the address that it saw, so the last one that is not
//! a trusted proxy is the client; what stands before it is the client's own word.

use actix_web::{HttpRequest, http::header::X_FORWARDED_FOR};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    str::FromStr,
};

/// A network: an address and how many of its leading bits count, such as `10.1.0.0/16`. An
/// address alone is the network of just itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

/// A text that names no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address or a network such as 10.1.0.0/16")]
pub struct NoNetwork;

impl FromStr for Network {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NoNetwork)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| NoNetwork))?;
        if bits > most {
            return Err(NoNetwork);
        }
        Ok(Self { address, bits })
    }
}

impl Network {
    /// Whether the address is in the network. IPv4 written as IPv6 is IPv4.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        let same = |a: u128, b: u128, width: u32| {
            let free = width.saturating_sub(self.bits);
            (a ^ b).checked_shr(free).unwrap_or(0) == 0
        };
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
            _ => false,
        }
    }
}

/// Where the request comes from, seen through the proxies of the networks `trusted`.
#[must_use]
pub fn address(request: &HttpRequest, trusted: &[Network]) -> IpAddr {
    let peer = request
        .peer_addr()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    let is_proxy = |address: IpAddr| trusted.iter().any(|network| network.holds(address));
    let mut seen = peer.to_canonical();
    let headers: Vec<_> = request.headers().get_all(X_FORWARDED_FOR).collect();
    let mut hops = headers.into_iter().rev().flat_map(|header| {
        let text = header.to_str().unwrap_or_default();
        text.rsplit(',').map(hop)
    });
    while is_proxy(seen) {
        // A hop that is no address was not written by a proxy: the last that was counts.
        match hops.next().flatten() {
            Some(before) => seen = before,
            None => break,
        }
    }
    seen
}

/// One entry: an address, some proxies add the port.
fn hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let inner = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let alone = inner.unwrap_or(text).parse();
    let address = alone.or_else(|_| text.parse().map(|with_port: SocketAddr| with_port.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn from(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let peer = SocketAddr::new(peer.parse().unwrap(), 1);
        let mut request = TestRequest::default().peer_addr(peer);
        for value in forwarded {
            request = request.append_header((X_FORWARDED_FOR, *value));
        }
        let trusted: Vec<Network> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        address(&request.to_http_request(), &trusted).to_string()
    }

    #[test]
    fn what_a_stranger_writes_into_the_header_does_not_count() {
        assert_eq!(from("203.0.113.9", &["1.2.3.4"], &[]), "203.0.113.9");
        let proxies = ["127.0.0.1", "10.1.0.0/16"];
        assert_eq!(from("203.0.113.9", &["1.2.3.4"], &proxies), "203.0.113.9");
        assert_eq!(
            from("127.0.0.1", &["1.2.3.4, 203.0.113.9"], &proxies),
            "203.0.113.9"
        );
        assert_eq!(
            from("127.0.0.1", &["10.1.2.3", "1.2.3.4,203.0.113.9"], &proxies),
            "203.0.113.9"
        );
    }

    #[test]
    fn trusted_proxies_are_looked_through_from_the_right() {
        let proxies = ["127.0.0.1", "10.1.0.0/16", "fd00::/8"];
        for (forwarded, client) in [
            (&["203.0.113.9"][..], "203.0.113.9"),
            (&["203.0.113.9, 10.1.2.3"], "203.0.113.9"),
            (&["203.0.113.9", "fd00::1, 10.1.2.3"], "203.0.113.9"),
            (&["203.0.113.9:4711"], "203.0.113.9"),
            (&["[2001:db8::7]:4711"], "2001:db8::7"),
            (&["[2001:db8::7]"], "2001:db8::7"),
            (&["::ffff:203.0.113.9"], "203.0.113.9"),
            (&["10.2.0.1"], "10.2.0.1"),
            (&["10.1.2.3"], "10.1.2.3"),
            (&["unknown, 10.1.2.3"], "10.1.2.3"),
            (&[], "127.0.0.1"),
        ] {
            assert_eq!(
                from("127.0.0.1", forwarded, &proxies),
                client,
                "{forwarded:?}"
            );
        }
        assert_eq!(
            from("::ffff:127.0.0.1", &["203.0.113.9"], &proxies),
            "203.0.113.9"
        );
    }

    #[test]
    fn a_network_holds_what_its_leading_bits_say() {
        let holds = |network: &str, address: &str| {
            let network: Network = network.parse().unwrap();
            network.holds(address.parse().unwrap())
        };
        assert!(holds("0.0.0.0/0", "203.0.113.9") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("::/0", "::1") && holds("::1", "::1") && !holds("::1", "::2"));
        assert!(holds("10.1.255.0/16", "10.1.2.3") && !holds("10.1.0.0/16", "10.2.0.0"));
        for text in [
            "",
            "10.1.0.0/33",
            "10.1.0.0/",
            "::/129",
            "host",
            "10.1.0.0/-1",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NoNetwork), "{text}");
        }
    }
}

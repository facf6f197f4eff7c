//! Where calls may go: which addresses are public, and a resolver that hands out no others.
//!
//! The check is made on the address that is then connected to, so a name that changes its mind between
//! check and use gains nothing; and it is made again for each redirect.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Where calls may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Egress {
    /// Anywhere, as the engine we replace does.
    #[default]
    Anywhere,
    /// To public addresses only: not to this machine, its networks, or a cloud's metadata service.
    Public,
}

impl Egress {
    /// Whether a URL that has an address instead of a name may be called. Names are checked when resolved.
    pub(crate) fn allows(self, url: &Url) -> bool {
        match (self, url.host()) {
            (Self::Anywhere, _) | (Self::Public, Some(Host::Domain(_))) => true,
            (Self::Public, Some(Host::Ipv4(ip))) => is_public(ip.into()),
            (Self::Public, Some(Host::Ipv6(ip))) => is_public(ip.into()),
            (Self::Public, None) => false,
        }
    }
}

/// Whether an address belongs to the public Internet. Source: the IANA special-purpose registries;
/// forms that carry an IPv4 address inside (mapped, compatible, 6to4, NAT64) count as that address.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => match embedded_v4(ip) {
            Some(inner) => is_public_v4(inner),
            // 2000::/3 is all that was ever given out.
            None => {
                let [first, second, ..] = ip.segments();
                let is_teredo_or_reserved = first == 0x2001 && second < 0x0200;
                let is_documentation = (first == 0x2001 && second == 0x0db8) || first == 0x3fff;
                first & 0xe000 == 0x2000 && !is_teredo_or_reserved && !is_documentation
            }
        },
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_reserved = a == 0
        || a == 10
        || a == 127
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 169 && b == 254)
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && b == 168)
        || (a == 192 && b == 0 && (c == 0 || c == 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113)
        // A cloud's metadata service on an address that looks public.
        || ip == Ipv4Addr::new(168, 63, 129, 16);
    !is_reserved
}

fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [s0, s1, s2, s3, s4, s5, high, low] = ip.segments();
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match [s0, s1, s2, s3, s4, s5] {
        // Compatible and mapped; `::` and `::1` fall to 0.0.0.x, which is not public either.
        [0, 0, 0, 0, 0, 0 | 0xffff] | [0, 0, 0, 0, 0xffff, 0] | [0x0064, 0xff9b, 0, 0, 0, 0] => {
            Some(v4(high, low))
        }
        [0x2002, a, b, ..] => Some(v4(a, b)),
        _ => None,
    }
}

/// Said by the resolver; the client turns it into [`crate::SendError::Egress`].
#[derive(Debug, thiserror::Error)]
#[error("the egress policy refuses every address of this host")]
pub(crate) struct Refused;

/// Resolves names, and keeps addresses back that are not public.
#[derive(Debug)]
pub(crate) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<_> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(Refused.into());
            }
            let public: Addrs = Box::new(public.into_iter());
            Ok(public)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail loudly")]

    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.0.1",
            "192.167.1.1",
            "2606:4700::1",
            "2a00:1450::1",
            "2001:4860:4860::8888",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "127.0.0.1",
            "127.8.8.8",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "fec0::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }

    #[test]
    fn addresses_in_urls_are_seen_through_their_spellings() {
        for text in [
            "http://127.0.0.1/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://0177.0.0.1/",
            "http://[::ffff:7f00:1]/",
            "http://169.254.169.254/latest",
        ] {
            let url: Url = text.parse().unwrap();
            assert!(!Egress::Public.allows(&url), "{text}");
            assert!(Egress::Anywhere.allows(&url), "{text}");
        }
    }
}

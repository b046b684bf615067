//! Which addresses are on the public internet: the special-purpose registries of IANA for IPv4 and IPv6 as one table.
//!
//! Promise: what is not certainly public is special. IPv6 is judged by what is given out (2000::/3 less its special parts), so
//! a block that IANA opens tomorrow is refused until this table knows it. An IPv4 address inside an IPv6 one (mapped, NAT64,
//! 6to4, Teredo) is judged too: that is where the packets end. No IO, no names: resolving is the caller's.
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The registry's row that an address fell into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Special {
    /// The whole range.
    pub range: IpNet,
    /// What it is, with its article: `a loopback address`.
    pub name: &'static str,
}

/// `a loopback address (127.0.0.0/8)`
impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.range)
    }
}

/// (address, prefix length, name); the most specific of overlapping rows first.
type Row4 = ([u8; 4], u8, &'static str);
type Row6 = ([u16; 8], u8, &'static str);

/// RFC 6890 and what followed it; multicast from its own registry. The anycast services (AS112, AMT, 6to4 relays) are globally
/// reachable and still special: whoever answers there is the nearest relay, never a receiver.
const SPECIAL_V4: &[Row4] = &[
    ([0, 0, 0, 0], 8, "an address of this host or network"),
    ([10, 0, 0, 0], 8, "a private address"),
    ([100, 64, 0, 0], 10, "an address shared behind a carrier's NAT"),
    ([127, 0, 0, 0], 8, "a loopback address"),
    ([169, 254, 0, 0], 16, "a link-local address"),
    ([172, 16, 0, 0], 12, "a private address"),
    ([192, 0, 0, 0], 24, "an address of IETF protocols"),
    ([192, 0, 2, 0], 24, "an address for documentation"),
    ([192, 31, 196, 0], 24, "an address of the AS112 service"),
    ([192, 52, 193, 0], 24, "an address of multicast tunnels"),
    ([192, 88, 99, 0], 24, "an address of 6to4 relays"),
    ([192, 168, 0, 0], 16, "a private address"),
    ([192, 175, 48, 0], 24, "an address of the AS112 service"),
    ([198, 18, 0, 0], 15, "an address for benchmarks"),
    ([198, 51, 100, 0], 24, "an address for documentation"),
    ([203, 0, 113, 0], 24, "an address for documentation"),
    ([224, 0, 0, 0], 4, "a multicast address"),
    ([255, 255, 255, 255], 32, "the broadcast address"),
    ([240, 0, 0, 0], 4, "a reserved address"),
];

/// The wrappers of IPv4 (mapped, NAT64, 6to4, Teredo) are not in here: [`inner`] opens them first.
const SPECIAL_V6: &[Row6] = &[
    ([0, 0, 0, 0, 0, 0, 0, 0], 128, "the unspecified address"),
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, "a loopback address"),
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, "an address of local NAT64"),
    ([0, 0, 0, 0, 0, 0, 0, 0], 96, "an IPv4-compatible address"),
    ([0, 0, 0, 0, 0, 0, 0, 0], 8, "a reserved address"),
    ([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "a discard-only address"),
    ([0x100, 0, 0, 1, 0, 0, 0, 0], 64, "a dummy address"),
    ([0x2001, 2, 0, 0, 0, 0, 0, 0], 48, "an address for benchmarks"),
    ([0x2001, 3, 0, 0, 0, 0, 0, 0], 32, "an address of multicast tunnels"),
    ([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48, "an address of the AS112 service"),
    ([0x2001, 0x10, 0, 0, 0, 0, 0, 0], 28, "a cryptographic identifier (ORCHID)"),
    ([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28, "a cryptographic identifier (ORCHIDv2)"),
    ([0x2001, 0x30, 0, 0, 0, 0, 0, 0], 28, "a drone's identifier"),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "an address of IETF protocols"),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "an address for documentation"),
    ([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48, "an address of the AS112 service"),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "an address for documentation"),
    ([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, "a segment-routing identifier"),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "a private address"),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "a link-local address"),
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "a site-local address"),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "a multicast address"),
];

/// What IANA gives out as global unicast, by its three possible outer halves: all else is not public.
const NOT_GLOBAL: &[Row6] = &[
    ([0, 0, 0, 0, 0, 0, 0, 0], 3, "a reserved address"),
    ([0x4000, 0, 0, 0, 0, 0, 0, 0], 2, "a reserved address"),
    ([0x8000, 0, 0, 0, 0, 0, 0, 0], 1, "a reserved address"),
];

/// Says whether an address is public, and if not, what it is.
///
/// # Errors
///
/// The row of the registries that it falls into; of an IPv4 address inside an IPv6 one, the row of the inner.
pub fn classify(address: IpAddr) -> Result<(), Special> {
    match address {
        IpAddr::V4(v4) => classify_v4(v4),
        IpAddr::V6(v6) => classify_v6(v6),
    }
}

/// The form in which an address is compared with ranges: `::ffff:10.0.0.1` is 10.0.0.1, and reaches the same host.
#[must_use]
pub fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

fn classify_v4(address: Ipv4Addr) -> Result<(), Special> {
    let row = SPECIAL_V4.iter().find(|(network, bits, _)| net4(*network, *bits).contains(&address));
    row.map_or(Ok(()), |(network, bits, name)| Err(Special { range: net4(*network, *bits).into(), name }))
}

fn classify_v6(address: Ipv6Addr) -> Result<(), Special> {
    let wrapped = inner(address);
    for v4 in wrapped.into_iter().flatten() {
        classify_v4(v4)?;
    }
    if wrapped != [None, None] {
        return Ok(());
    }
    // ::127.0.0.1 is refused either way; named by what is inside it, the reason is plain. Not ::1, which is no IPv4 address.
    if let Some(v4) = compatible(address) {
        classify_v4(v4)?;
    }
    let row = SPECIAL_V6.iter().chain(NOT_GLOBAL).find(|(network, bits, _)| net6(*network, *bits).contains(&address));
    row.map_or(Ok(()), |(network, bits, name)| Err(Special { range: net6(*network, *bits).into(), name }))
}

/// The IPv4 addresses that a routed IPv6 address stands for: of Teredo its server and its client.
fn inner(address: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let segments = address.segments();
    let v4 = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => [v4(high, low), None],
        [0x2002, high, low, ..] => [v4(high, low), None],
        // The client's address is stored inverted, so that middleboxes do not rewrite it.
        [0x2001, 0, high, low, _, _, client_high, client_low] => [v4(high, low), v4(!client_high, !client_low)],
        _ => [None, None],
    }
}

fn compatible(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))),
        _ => None,
    }
}

fn net4(network: [u8; 4], bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::from_octets(network), bits)
}

fn net6(network: [u16; 8], bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::from_segments(network), bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(address: &str) -> Option<&'static str> {
        classify(address.parse().unwrap()).err().map(|special| special.name)
    }

    #[test]
    fn every_row_is_a_network_and_holds_its_own_ends() {
        for (network, bits, what) in SPECIAL_V4 {
            let net = net4(*network, *bits);
            assert_eq!(net.trunc(), net, "{net} has host bits");
            for end in [net.network(), net.broadcast()] {
                assert!(classify(end.into()).is_err(), "{end} of {what}");
            }
        }
        for (network, bits, what) in SPECIAL_V6.iter().chain(NOT_GLOBAL) {
            let net = net6(*network, *bits);
            assert_eq!(net.trunc(), net, "{net} has host bits");
            assert!(classify(net.network().into()).is_err(), "{net} of {what}");
        }
    }

    #[test]
    fn neighbours_of_the_ranges_are_public() {
        for address in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "191.255.255.255",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "8.8.8.8",
            "2000::1",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2001:db7:ffff::1",
            "2001:db9::1",
            "2606:4700::1111",
            "2620:4f:7fff::1",
            "3ffe:ffff::1",
            "3fff:1000::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
            "2001:0:808:808::f7f7:f7f7",
        ] {
            assert_eq!(name(address), None, "{address}");
        }
    }

    #[test]
    fn ipv4_inside_ipv6_is_named_by_what_is_inside() {
        for (address, want) in [
            ("::ffff:127.0.0.1", "a loopback address"),
            ("::127.0.0.1", "a loopback address"),
            ("::8.8.8.8", "an IPv4-compatible address"),
            ("64:ff9b::10.0.0.1", "a private address"),
            ("64:ff9b:1::8.8.8.8", "an address of local NAT64"),
            ("2002:7f00:1::1", "a loopback address"),
            ("2002:a9fe:a9fe::", "a link-local address"),
            ("2001:0:7f00:1::f7f7:f7f7", "a loopback address"),
            ("2001:0:808:808::80ff:fffe", "a loopback address"),
            ("::1", "a loopback address"),
            ("::", "the unspecified address"),
            ("::2", "an IPv4-compatible address"),
            ("::ffff:0:7f00:1", "a reserved address"),
            ("4000::1", "a reserved address"),
            ("fe00::1", "a reserved address"),
            ("255.255.255.255", "the broadcast address"),
        ] {
            assert_eq!(name(address), Some(want), "{address}");
        }
    }

    #[test]
    fn reads_with_its_range() {
        let special = classify("127.9.9.9".parse().unwrap()).unwrap_err();
        assert_eq!(special.to_string(), "a loopback address (127.0.0.0/8)");
    }
}

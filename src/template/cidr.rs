//! Whether one IPv4 range lies in another.

use std::net::Ipv4Addr;

/// First address and prefix length. Bits behind the prefix do not count, as they do not to EC2.
fn range(text: &str) -> Option<(u32, u32)> {
    let (address, prefix) = text.split_once('/')?;
    let prefix: u32 = prefix.parse().ok().filter(|prefix| *prefix <= 32)?;
    let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
    Some((u32::from(address.parse::<Ipv4Addr>().ok()?) & mask, prefix))
}

/// Whether every address of `inner` is one of `outer`; false where either is no range.
pub fn lies_in(inner: &str, outer: &str) -> bool {
    let (Some((inner, longer)), Some((outer, prefix))) = (range(inner), range(outer)) else { return false };
    let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
    longer >= prefix && inner & mask == outer
}

#[cfg(test)]
mod tests {
    use super::lies_in;

    #[test]
    fn ranges_hold_others() {
        for inside in ["10.66.0.0/16", "10.66.3.0/24", "10.66.255.255/32", "10.66.1.7/24"] {
            assert!(lies_in(inside, "10.66.0.0/16"), "{inside}");
        }
        for outside in
            ["10.0.0.0/8", "0.0.0.0/0", "10.67.0.0/16", "10.66.0.0", "10.66.0.0/33", "::/0", "x/1", ""]
        {
            assert!(!lies_in(outside, "10.66.0.0/16"), "{outside}");
        }
        assert!(lies_in("0.0.0.0/0", "0.0.0.0/0"));
    }
}

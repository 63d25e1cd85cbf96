//! IPv4 ranges: `10.66.0.0/16`.

use std::net::Ipv4Addr;
use std::str::FromStr;

use crate::ids::BadName;

/// A canonical IPv4 range: no bit is set behind the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    pub address: Ipv4Addr,
    pub prefix: u8,
}

impl FromStr for Cidr {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad =
            |help: &str| BadName { message: format!("`{text}` is not an IPv4 range"), help: help.to_owned() };
        let (address, prefix) = text.split_once('/').ok_or_else(|| bad("write it like `10.66.0.0/16`"))?;
        let address: Ipv4Addr = address.parse().map_err(|_| bad("write it like `10.66.0.0/16`"))?;
        let prefix: u8 = prefix.parse().map_err(|_| bad("the prefix is a number of bits: `10.66.0.0/16`"))?;
        if prefix > 32 {
            return Err(bad("the prefix has at most 32 bits: `10.66.0.0/16`"));
        }
        let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
        let canonical = Ipv4Addr::from(u32::from(address) & mask);
        if canonical != address {
            return Err(BadName {
                message: format!("`{text}` has bits behind its prefix"),
                help: format!("the range that holds it is `{canonical}/{prefix}`"),
            });
        }
        Ok(Self { address, prefix })
    }
}

impl Cidr {
    /// Whether it lies in one of the ranges of RFC 1918 or RFC 6598.
    pub fn is_private(self) -> bool {
        let shared = self.address.octets()[0] == 100 && self.address.octets()[1] & 0xc0 == 64;
        self.address.is_private() || shared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_read_and_others_do_not() {
        assert_eq!("10.66.0.0/16".parse(), Ok(Cidr { address: Ipv4Addr::new(10, 66, 0, 0), prefix: 16 }));
        assert!("0.0.0.0/0".parse::<Cidr>().is_ok());
        assert!("10.66.1.0/16".parse::<Cidr>().unwrap_err().help.contains("10.66.0.0/16"));
        for text in ["", "10.66.0.0", "10.66.0/16", "10.66.0.0/33", "10.66.0.0/x", "::/0", "10.66.0.0/-1"] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
    }
}

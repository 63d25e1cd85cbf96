//! IPv4 ranges in a playbook: `10.66.0.0/16`.

use ipnet::Ipv4Net;

use base::ids::BadName;

/// Parses a canonical range, with no bit set after the prefix. EC2 would drop such bits silently.
pub fn read(text: &str) -> Result<Ipv4Net, BadName> {
    // Reject `010.66.0.0/16`, which some programs read as octal: it prints differently.
    let range = text.parse::<Ipv4Net>().ok().filter(|range| range.to_string() == text);
    let range = range.ok_or_else(|| BadName {
        message: format!("`{text}` is not an IPv4 range"),
        help: "write an address and the number of bits that are fixed, 32 at most: `10.66.0.0/16`".to_owned(),
    })?;
    if range.trunc() != range {
        return Err(BadName {
            message: format!("`{text}` has bits set after its prefix"),
            help: format!("the range that holds it is `{}`", range.trunc()),
        });
    }
    Ok(range)
}

/// Whether the range is private by RFC 1918 or RFC 6598.
pub fn is_private(range: Ipv4Net) -> bool {
    let [first, second, ..] = range.addr().octets();
    range.addr().is_private() || first == 100 && second & 0xc0 == 64
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn ranges_read_and_others_do_not() {
        assert_eq!(read("10.66.0.0/16").unwrap().prefix_len(), 16);
        assert!(read("0.0.0.0/0").is_ok());
        assert!(read("10.66.1.0/16").unwrap_err().help.contains("10.66.0.0/16"));
        for text in [
            "",
            "10.66.0.0",
            "10.66.0/16",
            "10.66.0.0/33",
            "10.66.0.0/x",
            "::/0",
            "10.66.0.0/-1",
            "010.66.0.0/16",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}

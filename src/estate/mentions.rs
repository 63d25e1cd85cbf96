//! The regions and accounts that a configuration names. The text itself is never kept.

use std::collections::BTreeSet;

/// Finds names of regions and ids of accounts in a text. Only what can be told for certain counts:
/// an account id stands in an ARN, in a host name of AWS, or in a queue's URL. Twelve digits alone
/// may be anything.
pub fn in_text(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    for token in text.split(|c: char| !word(c)) {
        // The name of a zone names its region too.
        let region = token.strip_suffix(|c: char| c.is_ascii_lowercase()).unwrap_or(token);
        for name in [token, region] {
            if is_region(name) {
                found.insert(name.to_owned());
                break;
            }
        }
    }
    let host = |c: char| word(c) || matches!(c, ':' | '/' | '.' | '*' | '$' | '{' | '}');
    for token in text.split(|c: char| !host(c)) {
        let names_aws =
            token.contains("arn:aws") || token.contains(".amazonaws.com") || token.contains(".on.aws");
        if names_aws {
            let numbers = token.split(|c: char| !c.is_ascii_digit());
            found.extend(numbers.filter(|digits| digits.len() == 12).map(str::to_owned));
        }
    }
    found
}

/// Whether a word is the name of a region. The form alone would take `my-app-1` for one.
fn is_region(word: &str) -> bool {
    const AREAS: [&str; 11] = ["af", "ap", "ca", "cn", "eu", "eusc", "il", "me", "mx", "sa", "us"];
    const PARTS: [&str; 10] = [
        "north",
        "south",
        "east",
        "west",
        "central",
        "northeast",
        "northwest",
        "southeast",
        "southwest",
        "gov",
    ];
    let parts: Vec<&str> = word.split('-').collect();
    let area = parts.first().is_some_and(|area| AREAS.contains(area));
    let side = parts.iter().rev().nth(1).is_some_and(|side| PARTS.contains(side));
    area && side && word.parse::<base::ids::Region>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::in_text;

    #[test]
    fn regions_and_accounts_are_found_and_nothing_else() {
        let text = "DB=orders.c1a2.us-east-1.rds.amazonaws.com\nZONE='eu-west-1b' aws --region ap-southeast-2 \
            arn:aws:iam::111122223333:role/x https://sqs.us-west-2.amazonaws.com/444455556666/q \
            ORDER=123456789012 us-app-1 my-east-1 password=hunter2 us-gov-west-1";
        let found: Vec<String> = in_text(text).into_iter().collect();
        assert_eq!(
            found,
            [
                "111122223333",
                "444455556666",
                "ap-southeast-2",
                "eu-west-1",
                "us-east-1",
                "us-gov-west-1",
                "us-west-2"
            ]
        );
    }
}

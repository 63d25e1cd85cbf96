//! The addresses that a check asks, and whether they can prove anything. Validation judges them as
//! far as they are known. The run judges them again once they are rendered.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::check::{CheckKind, DnsType, split_host_port};
use super::connect_to::ConnectTo;
use base::ids::AzId;
use estate::file::EstateFile;
use estate::meaning::{Inside, Meaning};
use estate::production::{Objection, Production, canonical};
use estate::{Loss, bucket};

/// An address in a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target<'a> {
    /// The key of the check's own part that holds it.
    pub field: &'static str,
    pub text: &'a str,
    form: Form,
}

/// How an address is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Url,
    /// `host:port`
    HostPort,
    /// The name that a check of DNS looks up.
    Name,
    /// The server that it asks.
    Server,
    Bucket,
    /// An argument or a variable of a program: an address only if it looks like one.
    Word,
}

impl Target<'_> {
    /// The host and the port that the check dials. `None`: it is looked up, or no address.
    pub fn dialled(&self) -> Option<&str> {
        match self.form {
            Form::Url => Some(authority(self.text)),
            Form::HostPort => Some(self.text),
            Form::Name | Form::Server | Form::Bucket | Form::Word => None,
        }
    }

    pub fn is_bucket(&self) -> bool {
        self.form == Form::Bucket
    }
}

/// The addresses in a check's own part.
pub fn targets(kind: &CheckKind) -> Vec<Target<'_>> {
    let one = |field, text, form| vec![Target { field, text, form }];
    match kind {
        CheckKind::Http(spec) => one("url", &spec.url, Form::Url),
        CheckKind::Sql(spec) => one("url", &spec.url, Form::Url),
        CheckKind::Data(spec) => one("url", &spec.url, Form::Url),
        CheckKind::Tcp(spec) => one("address", &spec.address, Form::HostPort),
        CheckKind::Redis(spec) => one("address", &spec.address, Form::HostPort),
        CheckKind::Dns(spec) => {
            let server = spec.server.iter().map(|text| Target { field: "server", text, form: Form::Server });
            one("name", &spec.name, Form::Name).into_iter().chain(server).collect()
        }
        CheckKind::S3(spec) => one("bucket", &spec.bucket, Form::Bucket),
        CheckKind::Command(spec) => {
            let words = spec.run.iter().skip(1).map(|text| ("run", text));
            let env = spec.env.values().map(|text| ("env", text));
            words.chain(env).map(|(field, text)| Target { field, text, form: Form::Word }).collect()
        }
        // They can only name what the run created.
        CheckKind::Dynamodb(_) | CheckKind::State(_) => Vec::new(),
    }
}

/// A host, and what else of its address counts.
struct Asked<'a> {
    host: Cow<'a, str>,
    port: Option<u16>,
    path: &'a str,
}

/// What judges addresses: production, and the tunnels that lead elsewhere.
pub struct Addresses {
    production: Production,
    connect_to: Vec<ConnectTo>,
}

impl Addresses {
    /// `cidr` is the sandbox's range.
    pub fn new(
        loss: &Loss,
        estate: Option<&EstateFile>,
        cidr: Option<&str>,
        connect_to: Vec<ConnectTo>,
    ) -> Self {
        let sandbox = cidr.and_then(|cidr| cidr.parse().ok());
        Self { production: Production::new(loss, estate, sandbox), connect_to }
    }

    /// Takes in an address that AWS gave to something that the run made. It is not production's own,
    /// although its name may be the same.
    pub fn made(&self, address: &str) {
        for asked in hosts_in(address) {
            self.production.made(&asked.host);
        }
    }

    /// Whether the host of a URL is one that AWS gave to something that the run made.
    pub fn is_made(&self, host: &str) -> bool {
        self.production.is_made(host)
    }

    /// Takes in the names that the sandbox's account has for zones.
    pub fn name_zones(&self, zones: impl IntoIterator<Item = (String, AzId)>) {
        self.production.name_zones(zones);
    }

    /// What speaks against the first wrong address of a check.
    pub fn objection(&self, kind: &CheckKind) -> Option<Objection> {
        targets(kind).iter().find_map(|target| self.target(target, target.text))
    }

    /// Judges a target whose text, with its expressions rendered, is `text`.
    pub fn target(&self, target: &Target<'_>, text: &str) -> Option<Objection> {
        match target.form {
            Form::Url => self.url(text),
            Form::HostPort => {
                let (host, port) = split_host_port(text.trim())?;
                self.host(&Asked { host: host.into(), port: Some(port), path: "" }, true)
            }
            Form::Name => self.host(&Asked { host: text.into(), port: None, path: "" }, false),
            Form::Server => {
                let host = split_host_port(text.trim()).map_or(text, |(host, _)| host);
                self.host(&Asked { host: host.into(), port: None, path: "" }, true)
            }
            Form::Bucket => match bucket::check(text) {
                Ok(()) => self.production.bucket(text),
                Err(bad) => Some(Objection {
                    locus: "unknown".into(),
                    why: format!("{} ({})", bad.message, bad.help),
                    lost: false,
                }),
            },
            Form::Word => self.word(text),
        }
    }

    /// Judges a URL, such as the target of a redirect.
    pub fn url(&self, url: &str) -> Option<Objection> {
        hosts(url).iter().find_map(|asked| self.host(asked, true))
    }

    /// Judges what a name server answers: addresses and names, sorted and joined with `, `. They are
    /// looked at although the name that was asked for may be production's.
    pub fn answer(&self, kind: &CheckKind, answer: &str) -> Option<Objection> {
        let CheckKind::Dns(spec) = kind else { return None };
        let of = spec.record_type.as_ref().and_then(|of| of.get().ok()).copied().unwrap_or_default();
        if of == DnsType::Txt {
            return None;
        }
        // An MX or SRV answer ends in the host.
        let hosts = answer.split(", ").filter_map(|one| one.split(' ').next_back());
        hosts.into_iter().find_map(|host| self.production.host(host, "", true))
    }

    /// What speaks against a host as the answer to a name in the sandbox.
    pub fn answered(&self, host: &str) -> Option<Objection> {
        self.production.host(host, "", true)
    }

    /// What a name means that something in the sandbox looked up.
    pub fn meaning(&self, name: &str, inside: &Inside) -> Meaning {
        self.production.meaning(name, inside)
    }

    /// Whether the address leads to this machine, as the near end of a tunnel does.
    pub fn is_local(&self, target: &Target<'_>) -> bool {
        let local = |asked: &Asked<'_>| {
            let host = canonical(self.tunnel(asked).unwrap_or(&asked.host));
            host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
        };
        match target.form {
            Form::Url => hosts(target.text).iter().any(local),
            Form::HostPort => split_host_port(target.text.trim())
                .is_some_and(|(host, port)| local(&Asked { host: host.into(), port: Some(port), path: "" })),
            Form::Name | Form::Server | Form::Bucket | Form::Word => false,
        }
    }

    /// The other end of the tunnel that the connection goes through.
    fn tunnel(&self, asked: &Asked<'_>) -> Option<&str> {
        let port = asked.port?;
        let asked = canonical(&asked.host);
        let found = self.connect_to.iter().find(|tunnel| tunnel.applies(&asked, port));
        found.map(|tunnel| tunnel.to.0.as_str())
    }

    fn host(&self, asked: &Asked<'_>, own_names: bool) -> Option<Objection> {
        match self.tunnel(asked) {
            Some(to) => self.production.host(to, "", own_names),
            None => self.production.host(&asked.host, asked.path, own_names),
        }
    }

    /// A word of a command line. A program may look up production's names, so only places count.
    fn word(&self, word: &str) -> Option<Objection> {
        let value = word.rsplit_once('=').map(|(_, value)| value);
        std::iter::once(word).chain(value).find_map(|text| {
            if text.contains(char::is_whitespace) {
                return None;
            }
            if let Some(bucket) = text.strip_prefix("s3://") {
                return self.production.bucket(bucket.split('/').next().unwrap_or(bucket));
            }
            hosts_in(text).iter().find_map(|asked| self.host(asked, false))
        })
    }
}

/// The host and the port of a URL that may hold expressions, which are left whole.
pub fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (mut depth, mut start, mut end) = (0_usize, 0, rest.len());
    for (at, c) in rest.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '@' if depth == 0 => start = at + 1,
            '/' | '?' | '#' | '\\' if depth == 0 => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    rest.get(start..end).unwrap_or_default()
}

/// Whether an address names hosts, and each of them is such a one.
pub fn all_hosts(address: &str, is: impl Fn(&str) -> bool) -> bool {
    let hosts = hosts_in(address);
    !hosts.is_empty() && hosts.iter().all(|asked| is(&canonical(&asked.host)))
}

/// The hosts of a URL, of `host:port`, or of a host alone.
fn hosts_in(text: &str) -> Vec<Asked<'_>> {
    if text.contains("://") {
        return hosts(text);
    }
    let host = split_host_port(text).map_or(text, |(host, _)| host);
    vec![Asked { host: host.into(), port: None, path: "" }]
}

/// The hosts of a URL. A database URL may have several.
fn hosts(url: &str) -> Vec<Asked<'_>> {
    let Some((scheme, rest)) = url.split_once("://") else { return Vec::new() };
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let usual = match scheme.trim().to_ascii_lowercase().as_str() {
        "http" => Some(80),
        "https" => Some(443),
        "postgres" | "postgresql" => Some(5432),
        "mysql" | "mariadb" => Some(3306),
        _ => None,
    };
    let all = authority.split(',').filter(|host| !host.is_empty());
    all.map(|text| {
        let (host, port) = match split_host_port(text) {
            Some((host, port)) => (host, Some(port)),
            // An empty port is the usual one.
            None => (text.strip_suffix(':').unwrap_or(text), usual),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Asked { host: percent_decode_str(host).decode_utf8_lossy(), port, path }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use estate::meaning::Means;

    const ESTATE: &str = r#"
accounts: { "111122223333": { name: production }, "999988887777": { name: sandbox } }
regions: { eu-west-1: { azs: [euw1-az1] }, eu-central-1: { azs: [euc1-az1] } }
resources:
  - { id: "rds:db/ledger", account: "111122223333", region: eu-west-1, az: euw1-az1, addresses: [ledger.corp.example, 10.20.0.7, 10.66.0.9] }
  - { id: "rds:db/audit", account: "111122223333", region: eu-central-1 }
  - { id: "s3:bucket/invoices", account: "111122223333", region: eu-west-1 }
  - { id: "s3:bucket/invoices-copy", account: "999988887777", region: eu-central-1 }
"#;

    fn addresses(loss: &Loss, tunnels: &[&str]) -> Addresses {
        let estate: EstateFile = serde_saphyr::from_str(ESTATE).unwrap();
        let tunnels = tunnels.iter().map(|tunnel| tunnel.parse().unwrap()).collect();
        Addresses::new(loss, Some(&estate), Some("10.66.0.0/16"), tunnels)
    }

    fn region() -> Loss {
        Loss::Region("eu-west-1".parse().unwrap())
    }

    fn judged(addresses: &Addresses, check: &str) -> String {
        let kind: CheckKind = serde_saphyr::from_str(check).unwrap();
        addresses.objection(&kind).map(|found| found.why).unwrap_or_default()
    }

    #[test]
    fn each_kind_of_check_is_judged_by_where_it_asks() {
        let addresses = addresses(&region(), &[]);
        for (check, word) in [
            (
                "http: { url: 'https://a.execute-api.eu-west-1.amazonaws.com/v1' }",
                "region eu-west-1, which is lost",
            ),
            ("http: { url: 'HTTPS://u:p@A.Execute-API.EU-WEST-1.amazonaws.com.:8443' }", "region eu-west-1"),
            ("http: { url: 'https://a.execute-api.eu-west-1.amazonaws%2Ecom/v1' }", "region eu-west-1"),
            ("http: { url: 'https://s3.eu-central-1.amazonaws.com/invoices/1' }", "bucket `invoices`"),
            ("http: { url: 'https://s3.eu-central-1.amazonaws.com/invoices-copy/1' }", ""),
            ("http: { url: 'https://shop.example.com/' }", ""),
            ("http: { url: 'http://10.66.0.9/' }", ""),
            (
                "sql: { url: 'postgres://u@ledger.c1.eu-west-1.rds.amazonaws.com/l', query: q }",
                "region eu-west-1",
            ),
            (
                "sql: { url: 'postgres://u@audit.c1.eu-central-1.rds.amazonaws.com/l', query: q }",
                "own rds:db/audit",
            ),
            ("sql: { url: 'postgres://u@audit.c1.eu-west-3.rds.amazonaws.com/l', query: q }", ""),
            (
                "sql: { url: 'postgres://u@ok.example,ledger.corp.example:5433/l', query: q }",
                "own rds:db/ledger",
            ),
            ("sql: { url: 'mysql://u@10.20.0.7/l', query: q }", "own rds:db/ledger"),
            ("tcp: { address: 'ledger.corp.example:5432' }", "own rds:db/ledger"),
            ("tcp: { address: '[::ffff:10.20.0.7]:5432' }", "own rds:db/ledger"),
            ("tcp: { address: 'sessions.a1.euw1.cache.amazonaws.com:6379' }", "region eu-west-1"),
            ("dns: { name: ledger.corp.example }", ""),
            ("dns: { name: x.eu-west-1.elb.amazonaws.com }", "region eu-west-1"),
            ("dns: { name: shop.example.com, server: '10.20.0.7:53' }", "own rds:db/ledger"),
            ("s3: { bucket: invoices }", "bucket `invoices`"),
            ("s3: { bucket: invoices-copy }", ""),
            ("s3: { bucket: carts--euw1-az2--x-s3 }", "euw1-az2"),
            ("command: { run: [curl, 'https://a.lambda-url.eu-west-1.on.aws/'] }", "region eu-west-1"),
            ("command: { run: [psql, '--host=ledger.c1.eu-west-1.rds.amazonaws.com'] }", "region eu-west-1"),
            ("command: { run: [aws, s3, ls, 's3://invoices/2026'] }", "bucket `invoices`"),
            (
                "command: { run: [dig, ledger.corp.example], env: { PGHOST: x.c1.eu-west-1.rds.amazonaws.com } }",
                "region eu-west-1",
            ),
            ("command: { run: [sh, -c, '! grep eu-west-1.rds.amazonaws.com app.conf'] }", ""),
            ("state: { of: ledger }", ""),
        ] {
            let why = judged(&addresses, check);
            assert!(why.contains(word) && why.is_empty() == word.is_empty(), "{check}: `{why}`");
        }
    }

    #[test]
    fn a_lost_account_or_zone_is_judged_by_what_says_it() {
        let account = addresses(&Loss::Account("111122223333".parse().unwrap()), &[]);
        for (check, word) in [
            (
                "http: { url: 'https://sqs.eu-central-1.amazonaws.com/111122223333/q' }",
                "account 111122223333",
            ),
            (
                "http: { url: 'https://a-111122223333.s3-accesspoint.eu-central-1.amazonaws.com/' }",
                "account 1111",
            ),
            ("s3: { bucket: invoices }", "account 111122223333"),
            ("s3: { bucket: invoices-copy }", ""),
        ] {
            let why = judged(&account, check);
            assert!(why.contains(word) && why.is_empty() == word.is_empty(), "{check}: `{why}`");
        }
        let zone = addresses(&Loss::Az("euw1-az1".parse().unwrap()), &[]);
        for (check, word) in [
            (
                "http: { url: 'https://a--euw1-az1--x-s3.s3express-euw1-az1.eu-west-1.amazonaws.com/k' }",
                "zone euw1-az1",
            ),
            ("s3: { bucket: a--euw1-az1--x-s3 }", "euw1-az1"),
            ("s3: { bucket: a--euw1-az2--x-s3 }", ""),
            ("s3: { bucket: invoices }", ""),
            ("tcp: { address: 'x.execute-api.eu-west-1.amazonaws.com:443' }", ""),
        ] {
            let why = judged(&zone, check);
            assert!(why.contains(word) && why.is_empty() == word.is_empty(), "{check}: `{why}`");
        }
    }

    #[test]
    fn a_tunnel_is_judged_by_its_end() {
        let tunnels = ["ledger.corp.example:5432=127.0.0.1:15432", "*.example.org:443=10.20.0.7:443"];
        let addresses = addresses(&region(), &tunnels);
        assert_eq!(judged(&addresses, "tcp: { address: 'Ledger.corp.example:5432' }"), "");
        assert!(!judged(&addresses, "tcp: { address: 'ledger.corp.example:5433' }").is_empty());
        assert!(judged(&addresses, "http: { url: 'https://www.example.org/' }").contains("ledger"));
    }

    #[test]
    fn the_answers_of_a_name_server_are_judged_too() {
        let addresses = addresses(&region(), &[]);
        let judged = |of: &str, answer: &str| {
            let kind: CheckKind =
                serde_saphyr::from_str(&format!("dns: {{ name: shop.example.com, type: {of} }}")).unwrap();
            addresses.answer(&kind, answer).is_some()
        };
        assert!(judged("A", "10.1.2.3, 10.20.0.7") && judged("CNAME", "shop.eu-west-1.elb.amazonaws.com"));
        assert!(judged("SRV", "0 5 5432 ledger.corp.example"));
        assert!(!judged("A", "10.1.2.3") && !judged("TXT", "10.20.0.7"));
    }

    fn inside(names: &[&str]) -> Inside {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Inside { region: "eu-central-1".parse().unwrap(), names, made: "dm-1f3a5c7e-".into() }
    }

    #[test]
    fn a_name_means_where_it_leads() {
        let addresses = addresses(&region(), &[]);
        addresses.made("audit.c1.eu-central-1.rds.amazonaws.com:5432");
        let inside = inside(&["db.corp.example"]);
        for (name, means, why) in [
            ("sqs.eu-west-1.amazonaws.com", Means::Lost, "region eu-west-1"),
            ("ledger.c1.eu-west-1.rds.amazonaws.com", Means::Lost, "eu-west-1"),
            ("a.b.euw1.cache.amazonaws.com", Means::Lost, "eu-west-1"),
            ("ledger.corp.example", Means::Lost, "production's own rds:db/ledger, which is lost"),
            (
                "wal.ledger.corp.example",
                Means::Lost,
                "lies below a name of production: `ledger.corp.example`",
            ),
            ("invoices.s3.eu-central-1.amazonaws.com", Means::Lost, "the bucket `invoices`"),
            ("7.0.20.10.in-addr.arpa", Means::Lost, "rds:db/ledger"),
            ("audit.c9.eu-central-1.rds.amazonaws.com", Means::Production, "production's own rds:db/audit"),
            ("invoices-copy.s3.eu-central-1.amazonaws.com", Means::Production, "survives"),
            ("111122223333.dkr.ecr.eu-central-1.amazonaws.com", Means::Production, "account 111122223333"),
            ("ip-10-9-9-9.eu-west-3.compute.internal", Means::Production, "another region"),
            ("ldap.corp", Means::Production, "private name"),
            ("ledger-2", Means::Production, "private name"),
            ("smtp.hq.internal", Means::Production, "private name"),
            ("1.0.168.192.in-addr.arpa", Means::Production, "private address"),
            ("sqs.eu-central-1.amazonaws.com", Means::Aws, "eu-central-1"),
            ("organizations.amazonaws.com", Means::Aws, "global"),
            ("d111.cloudfront.net", Means::Aws, "global"),
            ("audit.c1.eu-central-1.rds.amazonaws.com", Means::Sandbox, "made it"),
            ("DB.Corp.example.", Means::Sandbox, "answers it"),
            ("9.0.66.10.in-addr.arpa", Means::Sandbox, "address of the sandbox"),
            ("ip-10-66-0-9.eu-central-1.compute.internal", Means::Sandbox, "own network"),
            ("ip-10-20-3-4.eu-central-1.compute.internal", Means::Production, "outside of the sandbox"),
            ("reports.c9.eu-central-1.rds.amazonaws.com", Means::Production, "did not make"),
            ("x.euc1.cache.amazonaws.com", Means::Production, "did not make"),
            ("fs-1.efs.eu-west-3.amazonaws.com", Means::Production, "did not make"),
            ("elasticfilesystem.eu-central-1.amazonaws.com", Means::Aws, "eu-central-1"),
            ("rds.eu-central-1.amazonaws.com", Means::Aws, "eu-central-1"),
            ("dm-1f3a5c7e-db-1.c9.eu-central-1.rds.amazonaws.com", Means::Sandbox, "the drill made"),
            ("localhost", Means::Sandbox, ""),
            ("corp.example", Means::World, "public name"),
            ("smtp.mailer.example", Means::World, "public name"),
            ("8.8.8.8.in-addr.arpa", Means::World, "public address"),
            ("sqs.eu-west-1.amazonaws.com.evil.example", Means::World, ""),
        ] {
            let found = addresses.meaning(name, &inside);
            assert!(found.means == means && found.why.contains(why), "{name}: {found:?}");
        }
    }

    /// A host of AWS in a region, by a form that names it.
    fn host(region: &str, form: usize) -> String {
        let forms = [
            "sqs.R.amazonaws.com",
            "x.c1.R.rds.amazonaws.com",
            "a.execute-api.R.amazonaws.com",
            "rds.R.api.aws",
        ];
        forms[form % forms.len()].replace('R', region)
    }

    proptest::proptest! {
        /// A name means one thing, however it is written, and whatever it is.
        #[test]
        fn the_writing_of_a_name_does_not_change_what_it_means(name in "[a-zA-Z0-9._*<é-]{0,40}") {
            let addresses = addresses(&region(), &[]);
            let one = addresses.meaning(&name, &inside(&[])).means;
            proptest::prop_assert_eq!(one, addresses.meaning(&name.to_ascii_uppercase(), &inside(&[])).means);
            proptest::prop_assert_eq!(one, addresses.meaning(name.trim_end_matches('.'), &inside(&[])).means);
        }

        /// What the sandbox answers is the sandbox's, and changes no other name.
        #[test]
        fn an_answer_changes_what_its_own_name_means_alone(name in "[a-z]{1,9}(\\.[a-z]{1,9}){1,3}", other in "[a-z]{1,9}\\.[a-z]{10,12}") {
            let addresses = addresses(&region(), &[]);
            proptest::prop_assert_eq!(addresses.meaning(&name, &inside(&[&name])).means, Means::Sandbox);
            let with = addresses.meaning(&other, &inside(&[&name]));
            proptest::prop_assert_eq!(with, addresses.meaning(&other, &inside(&[])));
        }

        /// An endpoint is lost with its region, and with no other.
        #[test]
        fn an_endpoint_is_lost_with_its_region_alone(at in 0_usize..4, lost in 0_usize..4, form in 0_usize..4) {
            let regions = ["eu-west-1", "eu-west-3", "us-east-1", "ap-southeast-2"];
            let loss = Loss::Region(regions[lost].parse().unwrap());
            let addresses = Addresses::new(&loss, None, Some("10.66.0.0/16"), Vec::new());
            let means = addresses.meaning(&host(regions[at], form), &inside(&[])).means;
            let survives = if host(regions[at], form).contains(".rds.") { Means::Production } else { Means::Aws };
            proptest::prop_assert_eq!(means, if at == lost { Means::Lost } else { survives });
        }

        /// What the run made is the sandbox's, unless it lies in what is lost.
        #[test]
        fn what_was_made_is_the_sandboxs(label in "[a-z]{1,8}", at in 0_usize..2) {
            let addresses = addresses(&region(), &[]);
            let name = format!("{label}.c1.{}.rds.amazonaws.com", ["eu-central-1", "eu-west-3"][at]);
            addresses.made(&name);
            proptest::prop_assert_eq!(addresses.meaning(&name, &inside(&[])).means, Means::Sandbox);
        }
    }
}

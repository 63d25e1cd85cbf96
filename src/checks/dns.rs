//! `dns`: looks up a name.

use std::collections::BTreeSet;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use super::dial::{Failure, Stage, bounded};
use super::observation::Secrets;
use super::{Net, Observation, judge_dns};
use base::causes::chain;
use playbook::asked;
use playbook::check::{DEFAULT_TIMEOUT, DnsCheck, DnsType, dns_server};

/// Makes one attempt of a DNS check. Uses no cache and no hosts file.
pub async fn dns(spec: &DnsCheck, _net: &Net) -> Observation {
    let stage = Stage::new();
    stage.enter("waiting for the name server");
    let server = spec.server.as_deref().unwrap_or("the system's name server");
    bounded(spec.timeout(), &stage, server, &Secrets::default(), attempt(spec)).await
}

async fn attempt(spec: &DnsCheck) -> Result<Observation, Failure> {
    let record_type = match &spec.record_type {
        Some(record_type) => *record_type.get()?,
        None => DnsType::default(),
    };
    let not_asked = |why: String| Failure::not_asked(why);
    let mut name = Name::from_ascii(asked::dns_name(&spec.name)?)
        .map_err(|e| not_asked(format!("`{}` is no name: {e}", spec.name)))?;
    name.set_fqdn(true);
    let resolver = resolver(spec, not_asked)?;

    let answers = match resolver.lookup(name, wire_type(record_type)).await {
        Ok(lookup) => {
            let mut answers: Vec<String> =
                lookup.answers().iter().filter_map(|record| record_text(&record.data, record_type)).collect();
            answers.sort();
            answers.dedup();
            answers
        }
        Err(e) if e.is_nx_domain() => {
            return Err(Failure::new(
                "no such name",
                format!("`{}` does not exist; has its record been created?", spec.name),
            ));
        }
        Err(e) if e.is_no_records_found() => Vec::new(),
        Err(e) => {
            let why = format!(
                "the name server gave no answer: {}; check `server` and that it is reachable from here",
                chain(&e)
            );
            return Err(Failure::new("no answer", why));
        }
    };
    Ok(judge_dns(spec, Some(&answers))?)
}

/// Looks up the addresses of a name as programs do: through the system, which may not follow an answer
/// that only leads to another name.
pub async fn find(name: &str) -> Observation {
    let stage = Stage::new();
    stage.enter("waiting for the name server");
    let found = async {
        let found = tokio::net::lookup_host((name, 0)).await;
        let found = found.map_err(|e| Failure::new("no address", format!("`{name}`: {e}")))?;
        let found: BTreeSet<String> = found.map(|address| address.ip().to_string()).collect();
        Ok(Observation::healthy(found.into_iter().collect::<Vec<_>>().join(", ")))
    };
    bounded(DEFAULT_TIMEOUT.0, &stage, name, &Secrets::default(), found).await
}

fn resolver(spec: &DnsCheck, not_asked: impl Fn(String) -> Failure) -> Result<TokioResolver, Failure> {
    let mut builder = match &spec.server {
        Some(server) => {
            let address = dns_server(server.trim()).ok_or_else(|| {
                not_asked(format!("`{server}` is not the address of a name server; write `ip:port`"))
            })?;
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = address.port();
                connection
            });
            let server = NameServerConfig::new(address.ip(), true, connections.into());
            TokioResolver::builder_with_config(
                ResolverConfig::from_parts(None, Vec::new(), vec![server]),
                TokioRuntimeProvider::default(),
            )
        }
        None => TokioResolver::builder_tokio().map_err(|e| {
            not_asked(format!("the system names no name server: {}; give `server`", chain(&e)))
        })?,
    };
    let options = builder.options_mut();
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    builder.build().map_err(|e| not_asked(chain(&e)))
}

fn wire_type(record_type: DnsType) -> RecordType {
    match record_type {
        DnsType::A => RecordType::A,
        DnsType::Aaaa => RecordType::AAAA,
        DnsType::Cname => RecordType::CNAME,
        DnsType::Txt => RecordType::TXT,
        DnsType::Srv => RecordType::SRV,
        DnsType::Mx => RecordType::MX,
        DnsType::Ns => RecordType::NS,
    }
}

/// Returns a record of the requested type as text. Leaves out the CNAMEs on the way to an address.
fn record_text(data: &RData, record_type: DnsType) -> Option<String> {
    let host = |name: &Name| name.to_utf8().trim_end_matches('.').to_lowercase();
    Some(match (record_type, data) {
        (DnsType::A, RData::A(ip)) => ip.to_string(),
        (DnsType::Aaaa, RData::AAAA(ip)) => ip.to_string(),
        (DnsType::Cname, RData::CNAME(name)) => host(name),
        (DnsType::Ns, RData::NS(name)) => host(name),
        (DnsType::Mx, RData::MX(mx)) => format!("{} {}", mx.preference, host(&mx.exchange)),
        (DnsType::Srv, RData::SRV(srv)) => {
            format!("{} {} {} {}", srv.priority, srv.weight, srv.port, host(&srv.target))
        }
        (DnsType::Txt, RData::TXT(txt)) => {
            txt.txt_data.iter().map(|part| String::from_utf8_lossy(part)).collect()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::net;
    use hickory_resolver::proto::op::{Message, ResponseCode};
    use hickory_resolver::proto::rr::Record;
    use hickory_resolver::proto::rr::rdata::{CNAME, MX, SRV, TXT};
    use hickory_resolver::proto::serialize::binary::{BinDecodable as _, BinEncodable as _};
    use tokio::net::UdpSocket;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    /// Starts a name server with a few records, on a free UDP port.
    async fn server() -> u16 {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let question = Message::from_bytes(&buffer[..length]).unwrap();
                let query = question.queries[0].clone();
                let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
                answer.add_query(query.clone());
                let mut add = |data: RData| {
                    answer.add_answer(Record::from_rdata(query.name().clone(), 60, data));
                };
                match (query.name().to_ascii().as_str(), query.query_type()) {
                    ("www.test.", RecordType::A) => {
                        add(RData::A("10.0.0.2".parse().unwrap()));
                        add(RData::A("10.0.0.10".parse().unwrap()));
                    }
                    ("www.test.", RecordType::AAAA) => add(RData::AAAA("fd00::1".parse().unwrap())),
                    ("www.test.", RecordType::CNAME) => add(RData::CNAME(CNAME(name("Edge.test.")))),
                    ("www.test.", RecordType::TXT) => {
                        add(RData::TXT(TXT::new(vec!["v=1 ".into(), "x".into()])));
                    }
                    ("www.test.", RecordType::MX) => add(RData::MX(MX::new(10, name("mail.test.")))),
                    ("www.test.", RecordType::SRV) => {
                        add(RData::SRV(SRV::new(0, 5, 5060, name("sip.test."))));
                    }
                    ("www.test.", _) => {}
                    ("broken.test.", _) => answer.metadata.response_code = ResponseCode::ServFail,
                    ("silent.test.", _) => continue,
                    _ => answer.metadata.response_code = ResponseCode::NXDomain,
                }
                socket.send_to(&answer.to_bytes().unwrap(), from).await.unwrap();
            }
        });
        port
    }

    async fn run(yaml: &str) -> Observation {
        let port = server().await;
        let yaml = format!("{{ server: '127.0.0.1:{port}', {yaml} }}");
        dns(&serde_saphyr::from_str(&yaml).unwrap(), &net()).await
    }

    #[tokio::test]
    async fn every_type_is_written_the_usual_way() {
        for (kind, expected) in [
            ("A", "10.0.0.10, 10.0.0.2"),
            ("AAAA", "fd00::1"),
            ("CNAME", "edge.test"),
            ("TXT", "v=1 x"),
            ("MX", "10 mail.test"),
            ("SRV", "0 5 5060 sip.test"),
        ] {
            let seen = run(&format!("name: www.test, type: {kind}, expect: '== {expected}'")).await;
            assert_eq!((seen.is_healthy(), seen.observed.as_str()), (true, expected), "{kind}: {seen:?}");
        }
    }

    #[tokio::test]
    async fn what_is_expected_must_be_there() {
        assert!(run("name: www.test, contains: [10.0.0.2]").await.is_healthy());
        assert!(run("name: www.test., type: CNAME, contains: [EDGE.test.]").await.is_healthy());
        let missing = run("name: www.test, contains: [10.0.0.2, 10.0.0.3]").await;
        assert!(!missing.is_healthy() && missing.why.unwrap().contains("10.0.0.3"));
        assert!(!run("name: www.test, expect: 10.0.0.2").await.is_healthy());
    }

    #[tokio::test]
    async fn failures_are_told_apart() {
        for (yaml, observed) in [
            ("name: gone.test", "no such name"),
            ("name: www.test, type: NS", "no records"),
            ("name: broken.test", "no answer"),
            ("name: silent.test, timeout: 300ms", "no answer within 0.3s"),
        ] {
            let seen = run(yaml).await;
            assert_eq!((seen.is_healthy(), seen.observed.as_str()), (false, observed), "{yaml}: {seen:?}");
            assert!(seen.why.is_some());
        }
    }
}

//! The HTTP clients of every call to AWS. They honour the proxies of the environment, by the rule of
//! [`https::proxy`].

use std::fmt;
use std::time::Duration;

use aws_smithy_http_client::pool::{self, ConnectionPool};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Builder, Connector, tls};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use https::proxy::{self, UnusableProxy};
use port::{CloudError, CloudResult, ErrorKind};

const RING: tls::Provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);

/// The variables that move a metadata service elsewhere.
const METADATA_VARIABLES: [&str; 2] =
    ["AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];

/// How long a connection of [`Http::patient`] may be silent before the other end is asked for a sign
/// of life. Network address translation of AWS forgets a connection after 350 s of silence.
const SILENT: Duration = Duration::from_secs(60);

/// The HTTP clients, which all accounts share.
#[derive(Debug, Clone)]
pub struct Http {
    pub usual: SharedHttpClient,
    /// For calls without a limit in time. The system asks a silent connection for a sign of life (TCP
    /// keepalive). On Linux, a connection whose other end is gone fails after about 12 minutes.
    pub patient: SharedHttpClient,
}

fn set(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.trim().is_empty())
}

/// Makes the clients. Refuses a variable that names no proxy: the SDK would pass over it, and connect
/// directly.
pub fn clients() -> CloudResult<Http> {
    proxy::check().map_err(|UnusableProxy { what, help }| {
        CloudError::new(ErrorKind::Invalid, "connect", what).help(help)
    })?;
    Ok(Http { usual: usual(), patient: patient()? })
}

/// The SDK's ordinary connector has no setting for keepalive. Its connection pool has one.
fn patient() -> CloudResult<SharedHttpClient> {
    let failed =
        |e: &dyn fmt::Display| CloudError::new(ErrorKind::Invalid, "connect", format!("no HTTP client: {e}"));
    let pool = ConnectionPool::builder().tcp_keepalive(SILENT).proxy_config(ProxyConfig::from_env());
    let pool = pool.tls_provider(RING).build_https().map_err(|e| failed(&e))?;
    Ok(SharedHttpClient::new(pool::Client::new(&pool).map_err(|e| failed(&e))?))
}

fn usual() -> SharedHttpClient {
    let direct = Builder::new().tls_provider(RING).build_https();
    if !proxy::is_set() {
        return direct;
    }
    let proxied = Builder::new().build_with_connector_fn(|settings, components| {
        let mut builder = Connector::builder().proxy_config(ProxyConfig::from_env());
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        builder.tls_provider(RING).build()
    });
    let metadata = METADATA_VARIABLES.iter().filter_map(|variable| set(variable));
    let metadata = metadata.map(|url| authority(&url).to_owned()).collect();
    SharedHttpClient::new(Client { direct, proxied, metadata })
}

/// Returns the host and port of a URL.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    rest.rsplit_once('@').map_or(rest, |(_, host)| host)
}

/// Returns the host of a host and port. An IPv6 address keeps its brackets.
fn host(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        Some(_) | None => authority,
    }
}

struct Client {
    direct: SharedHttpClient,
    proxied: SharedHttpClient,
    /// The hosts and ports to which variables move a metadata service.
    metadata: Vec<String>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("metadata", &self.metadata).finish_non_exhaustive()
    }
}

impl HttpClient for Client {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Route {
            direct: self.direct.http_connector(settings, components),
            proxied: self.proxied.http_connector(settings, components),
            metadata: self.metadata.clone(),
        })
    }
}

#[derive(Debug)]
struct Route {
    direct: SharedHttpConnector,
    proxied: SharedHttpConnector,
    metadata: Vec<String>,
}

impl HttpConnector for Route {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if is_metadata(request.uri(), &self.metadata) {
            self.direct.call(request)
        } else {
            self.proxied.call(request)
        }
    }
}

fn is_metadata(uri: &str, more: &[String]) -> bool {
    let authority = authority(uri);
    proxy::is_metadata(host(authority)) || more.iter().any(|known| known == authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_metadata_service_is_asked_through_a_proxy() {
        let more = ["127.0.0.1:1338".to_owned()];
        for uri in [
            "http://169.254.169.254/latest/api/token",
            "http://[fd00:ec2::254]/latest/meta-data",
            "http://[fd00:ec2::23]:80/v1/credentials",
            "http://169.254.170.2/v2/credentials/x",
            "http://127.0.0.1:1338/latest/meta-data",
        ] {
            assert!(is_metadata(uri, &more), "{uri}");
        }
        for uri in [
            "https://sts.us-west-2.amazonaws.com/",
            "http://127.0.0.1:5000/169.254.169.254",
            "https://169.254.169.254.example.com/",
        ] {
            assert!(!is_metadata(uri, &more), "{uri}");
        }
    }
}

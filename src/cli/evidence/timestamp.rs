//! The authority that stamps the time of evidence (RFC 3161).

use std::path::Path;

use super::signing::Unusable;
use crate::config::UserConfig;
use evidence::timestamp::{Authorities, TimeAuthority};

/// The authority at a URL. Nothing is asked yet.
///
/// # Errors
/// The URL is wrong, or the build has no network.
pub fn authority(url: &str) -> Result<Box<dyn TimeAuthority>, Unusable> {
    at(url).map_err(Unusable::wrong)
}

#[cfg(not(feature = "live"))]
fn at(_: &str) -> Result<Box<dyn TimeAuthority>, String> {
    Err("this build reaches no authority of time: build it with the cargo feature `live`".to_owned())
}

#[cfg(feature = "live")]
fn at(url: &str) -> Result<Box<dyn TimeAuthority>, String> {
    use std::time::Duration;

    use https::Asked;

    struct At(String);

    impl TimeAuthority for At {
        fn ask(&self, request: &[u8]) -> Result<Vec<u8>, String> {
            let asked = Asked {
                method: https::Method::POST,
                url: &self.0,
                headers: &[
                    ("content-type", "application/timestamp-query"),
                    ("accept", "application/timestamp-reply"),
                ],
                body: request.to_vec(),
                limit: Duration::from_secs(30),
            };
            https::send(asked)?.good()
        }
    }

    https::url(url)?;
    Ok(Box::new(At(url.to_owned())))
}

/// The authorities that the reader trusts: those of the command line, or else of the configuration.
///
/// # Errors
/// A file cannot be read, as a text for the user.
pub fn trusted(file: Option<&Path>, config: &UserConfig) -> Result<Authorities, String> {
    let configured = || {
        let file = config.evidence.timestamp_ca.as_ref()?;
        Some(("`evidence.timestamp_ca` of the configuration", config.folder().join(file)))
    };
    let mut all = Authorities::default();
    if let Some((who, path)) = file.map(|file| ("--timestamp-ca", file.to_owned())).or_else(configured) {
        let name = path.display();
        let text = std::fs::read_to_string(&path)
            .map_err(|error| format!("{who}: {name}: cannot be read: {error}"))?;
        all.add_pem(&text).map_err(|error| format!("{who}: {name}: {error}"))?;
    }
    Ok(all)
}

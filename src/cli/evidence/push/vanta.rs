//! The report as a document of Vanta (developer.vanta.com, "Documents").

use super::Proved;
use crate::config::UserConfig;
use base::duration::Time;

/// A build without a network has none.
#[cfg(not(feature = "live"))]
pub enum Vanta {}

#[cfg(not(feature = "live"))]
impl Vanta {
    pub fn of(_: &UserConfig) -> Result<Self, String> {
        Err("this build reaches no portal: build it with the cargo feature `live`".to_owned())
    }

    pub fn push(&self, _: &Proved<'_>, _: Time) -> Result<String, String> {
        match *self {}
    }
}

#[cfg(feature = "live")]
pub use live::Vanta;

#[cfg(feature = "live")]
mod live {
    use std::time::Duration;

    use serde::Deserialize;
    use serde_json::json;

    use super::{Proved, Time, UserConfig};
    use crate::cli::pdf;
    use base::redact;
    use base::secret;
    use evidence::EVIDENCE;
    use https::{Asked, Method};
    use record::report::{self, Format, Templates};

    const URL: &str = "https://api.vanta.com";
    const SCOPE: &str = "vanta-api.all:read vanta-api.all:write vanta-api.documents:upload";
    /// An upload may be megabytes on a slow line.
    const LIMIT: Duration = Duration::from_mins(2);

    pub struct Vanta {
        document: String,
        client_id: String,
        client_secret: String,
        url: String,
    }

    #[derive(Deserialize)]
    struct Token {
        access_token: String,
    }

    #[derive(Deserialize)]
    struct Uploaded {
        id: String,
    }

    impl Vanta {
        /// # Errors
        /// What is missing in the configuration.
        pub fn of(config: &UserConfig) -> Result<Self, String> {
            const WHERE: &str = "`evidence.vanta` of the configuration";
            let vanta = config.evidence.vanta.as_ref().ok_or_else(|| {
                format!("{WHERE} is missing: write `vanta: {{ document: ID, client_id: env:NAME, client_secret: env:NAME }}`")
            })?;
            let read = |key: &str, text: &str| {
                secret::read(text, &|name| std::env::var_os(name))
                    .map_err(|why| format!("{WHERE}: `{key}`: {why}"))
            };
            if vanta.document.is_empty() || !vanta.document.bytes().all(is_plain) {
                let document = &vanta.document;
                return Err(format!(
                    "{WHERE}: `{document}` is no id of a document: it stands in the document's address"
                ));
            }
            let url = vanta.url.as_deref().unwrap_or(URL);
            https::url(url).map_err(|why| format!("{WHERE}: `url`: {why}"))?;
            Ok(Self {
                document: vanta.document.clone(),
                client_id: read("client_id", &vanta.client_id)?,
                client_secret: read("client_secret", &vanta.client_secret)?,
                url: url.trim_end_matches('/').to_owned(),
            })
        }

        /// Uploads the report as PDF, and submits the document.
        ///
        /// # Errors
        /// There is no browser for the PDF, or Vanta refuses.
        pub fn push(&self, run: &Proved<'_>, now: Time) -> Result<String, String> {
            let file =
                format!("{}{}.pdf", if run.report.simulated { "REHEARSAL-" } else { "" }, run.report.run_id);
            let templates = Templates::load(None).map_err(|error| error.to_string())?;
            let html =
                report::render(run.report, Format::Html, &templates).map_err(|error| error.to_string())?;
            let pdf = pdf::print(&html)?;
            let digest = base::digest::sha256(run.read(EVIDENCE)?);
            let description =
                format!("{} Run {}. SHA-256 of {EVIDENCE}: {digest}", run.title(), run.report.run_id);
            let token = self.token()?;
            let uploaded = self.upload(&token, &file, &pdf, &description, now)?;
            self.submit(&token)?;
            Ok(format!(
                "Pushed: {file} as upload {uploaded} of the document `{}` of Vanta, and submitted it.\n{}\n",
                self.document,
                run.title()
            ))
        }

        fn token(&self) -> Result<String, String> {
            let asked = json!({ "client_id": self.client_id, "client_secret": self.client_secret,
                "grant_type": "client_credentials", "scope": SCOPE });
            let kind = ("content-type", "application/json");
            let body = self.post("/oauth/token", &[kind], asked.to_string().into_bytes())?;
            let Token { access_token } = serde_json::from_slice(&body)
                .map_err(|error| format!("Vanta answers without a token: {error}"))?;
            redact::register(&access_token);
            Ok(access_token)
        }

        fn upload(
            &self,
            token: &str,
            file: &str,
            pdf: &[u8],
            description: &str,
            now: Time,
        ) -> Result<String, String> {
            // It is not guessed by what stands in the parts.
            let boundary = format!("drillmaster-{:032x}", rand::random::<u128>());
            let mut body = Vec::new();
            for (name, value) in
                [("effectiveAtDate", now.to_rfc3339().as_str()), ("description", description)]
            {
                let part = format!(
                    "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
                );
                body.extend(part.into_bytes());
            }
            let head = format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{file}\"\r\n\
                 Content-Type: application/pdf\r\n\r\n"
            );
            body.extend(head.into_bytes());
            body.extend(pdf);
            body.extend(format!("\r\n--{boundary}--\r\n").into_bytes());
            let kind = format!("multipart/form-data; boundary={boundary}");
            let path = format!("/v1/documents/{}/uploads", self.document);
            let body = self.post(
                &path,
                &[("authorization", &format!("Bearer {token}")), ("content-type", &kind)],
                body,
            )?;
            let Uploaded { id } = serde_json::from_slice(&body)
                .map_err(|error| format!("Vanta does not say what it made of the upload: {error}"))?;
            Ok(id)
        }

        fn submit(&self, token: &str) -> Result<(), String> {
            let path = format!("/v1/documents/{}/submit", self.document);
            self.post(&path, &[("authorization", &format!("Bearer {token}"))], Vec::new()).map(drop).map_err(
                |why| {
                    format!("{why}; the file is uploaded, and the document is not submitted: do it in Vanta")
                },
            )
        }

        fn post(&self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Result<Vec<u8>, String> {
            let url = format!("{}{path}", self.url);
            let asked = Asked { method: Method::POST, url: &url, headers, body, limit: LIMIT };
            https::send(asked).and_then(https::Answer::good).map_err(|why| format!("{url}: {why}"))
        }
    }

    fn is_plain(byte: u8) -> bool {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
    }
}

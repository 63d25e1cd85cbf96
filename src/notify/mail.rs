//! Mail over SMTP.

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message as Mail, Tokio1Executor};

use playbook::notify::{Smtp, SmtpTls};

use crate::message::{Message, cut};
use crate::recipient::Run;

/// What fits a list of mails.
const LONGEST_SUBJECT: usize = 200;

pub(crate) async fn send(
    server: &Smtp,
    password: Option<&str>,
    message: &Message,
    run: &Run<'_>,
) -> Result<(), String> {
    let mail = mail(server, message, run)?;
    let host = server.host.as_str();
    let transport = match server.tls {
        SmtpTls::Starttls => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(host),
        SmtpTls::Implicit => AsyncSmtpTransport::<Tokio1Executor>::relay(host),
        SmtpTls::None => Ok(AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)),
    };
    let mut transport = transport.map_err(|error| told(&error))?.timeout(Some(run.limit));
    if let Some(port) = server.port {
        transport = transport.port(port);
    }
    if let (Some(name), Some(password)) = (&server.username, password) {
        transport = transport.credentials(Credentials::new(name.clone(), password.to_owned()));
    }
    transport.build().send(mail).await.map(drop).map_err(|error| told(&error))
}

fn mail(server: &Smtp, message: &Message, run: &Run<'_>) -> Result<Mail, String> {
    let mailbox = |text: &str| {
        let address =
            text.parse::<Address>().map_err(|error| format!("`{text}` is no mail address: {error}"));
        address.map(|address| Mailbox::new(None, address))
    };
    let from = mailbox(&server.from)?;
    let id = format!("<{}.{}@{}>", run.id, run.now.timestamp(), from.email.domain());
    let mut mail = Mail::builder().from(from).message_id(Some(id)).date(run.now.into());
    for to in &server.to {
        mail = mail.to(mailbox(to)?);
    }
    mail.subject(cut(&message.headline, LONGEST_SUBJECT))
        .header(ContentType::TEXT_PLAIN)
        .body(message.text())
        .map_err(|error| format!("no mail can be made: {error}"))
}

fn told(error: &lettre::transport::smtp::Error) -> String {
    use std::error::Error as _;
    let mut text = error.to_string();
    if let Some(cause) = error.source().map(ToString::to_string).filter(|cause| !text.contains(cause)) {
        text += &format!(": {cause}");
    }
    if error.is_tls() {
        text +=
            "; the server's certificate must be for its name, and of an authority that this machine trusts";
    }
    text
}

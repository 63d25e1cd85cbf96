//! Amazon SNS: messages about runs that ended.

use aws_sdk_sns::config::{Builder, Region};

use crate::access::{Access, assumed, http_clients, load};
use crate::error::OrCloud as _;

/// SNS refuses a longer subject. It takes ASCII alone.
const LONGEST_SUBJECT: usize = 100;
/// SNS refuses a longer text: 256 KiB.
const LONGEST_TEXT: usize = 256 * 1024;

/// Publishes a message. It belongs to no drill: no loss gate stands before it.
///
/// # Errors
/// It was not taken, as a text for the user.
pub async fn publish(
    access: &Access,
    region: &str,
    topic: &str,
    subject: &str,
    text: &str,
) -> Result<(), String> {
    let http = http_clients().map_err(|error| error.to_string())?;
    let config = load(access.profile.as_deref(), access.endpoint.as_deref(), None, &http.usual).await;
    // The topic says where it lies, whatever the profile says.
    let mut builder = Builder::from(&config).region(Region::new(region.to_owned()));
    if let Some(role) = &access.role {
        builder = builder.credentials_provider(assumed(role, access, aws_sdk_sts::Client::new(&config)));
    }
    let client = aws_sdk_sns::Client::from_conf(builder.build());
    let ordered = (topic.rsplit('.').next() == Some("fifo")).then(|| "drillmaster".to_owned());
    // Within five minutes, SNS takes the same message once.
    let once = ordered.as_ref().map(|_| base::digest::sha256(text));
    client
        .publish()
        .topic_arn(topic)
        .subject(plain(subject))
        .message(text.get(..text.floor_char_boundary(LONGEST_TEXT)).unwrap_or(text))
        .set_message_group_id(ordered)
        .set_message_deduplication_id(once)
        .send()
        .await
        .or_cloud("sns:Publish")
        .map(drop)
        .map_err(|error| format!("{error}; its role needs `sns:Publish` on {topic}"))
}

/// A subject as SNS takes it.
fn plain(subject: &str) -> String {
    let plain = subject.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' });
    let plain: String = plain.take(LONGEST_SUBJECT).collect();
    plain.trim().to_owned()
}

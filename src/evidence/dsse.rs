//! The envelope that is signed (DSSE v1.0).

/// The type of the payload: a statement of in-toto.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// What is signed: the payload, its type, and the lengths of both in bytes. So no other use of the
/// key can be mistaken for this one.
pub fn pre_authentication_encoding(payload: &[u8]) -> Vec<u8> {
    let mut message = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len()).into_bytes();
    message.extend_from_slice(payload);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_the_specification_says() {
        let message = pre_authentication_encoding(b"{}");
        assert_eq!(message, b"DSSEv1 28 application/vnd.in-toto+json 2 {}");
    }
}

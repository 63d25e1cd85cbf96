//! Keys of AWS KMS that sign evidence: `awskms:///alias/NAME`, as cosign names them.

use super::signing::Unusable;
use estate::Loss;
use evidence::Signer;

/// The key that is named behind `awskms://`. It is asked for, and signs once for trial, so that what is
/// wrong is told before a drill and not after it.
///
/// # Errors
/// The name is wrong, the playbook loses the key, or AWS does not let it sign.
pub fn signer(named: &str, loss: Option<&Loss>) -> Result<Box<dyn Signer>, Unusable> {
    let Some(id) = named.strip_prefix('/').filter(|id| !id.is_empty()) else {
        return Err(Unusable::wrong(format!(
            "`awskms://{named}` names no key: write awskms:///alias/NAME, awskms:///ID or awskms:///ARN, with three \
             strokes; AWS_ENDPOINT_URL_KMS names another endpoint"
        )));
    };
    asked(id, loss)
}

#[cfg(not(feature = "aws"))]
fn asked(_: &str, _: Option<&Loss>) -> Result<Box<dyn Signer>, Unusable> {
    Err(Unusable::wrong(crate::cli::wire::WITHOUT_AWS.to_owned()))
}

#[cfg(feature = "aws")]
use of_aws::asked;

#[cfg(feature = "aws")]
mod of_aws {
    use tokio::runtime::Runtime;

    use super::super::told;
    use super::Unusable;
    use crate::cli::wire;
    use ::aws::kms::SigningKey;
    use base::exit::Exit;
    use base::ids::AccountId;
    use estate::Loss;
    use evidence::Signer;
    use evidence::key::{Holder, PublicKey};
    use port::Place;

    /// What is signed for trial. A signature of a statement begins otherwise.
    const TRIAL: &[u8] = b"Drillmaster: may this key sign?";

    struct Kms {
        runtime: Runtime,
        key: SigningKey,
        public: PublicKey,
    }

    impl Signer for Kms {
        fn public_key(&self) -> &PublicKey {
            &self.public
        }

        fn holder(&self) -> Holder {
            Holder::Kept
        }

        fn sign(&self, message: &[u8]) -> Result<Vec<u8>, String> {
            let signature = self.runtime.block_on(self.key.sign(message)).map_err(|error| told(&error))?;
            if self.public.verifies(message, &signature) {
                Ok(signature)
            } else {
                Err("kms:Sign: AWS answers with a signature that is not of this key".to_owned())
            }
        }
    }

    pub fn asked(id: &str, loss: Option<&Loss>) -> Result<Box<dyn Signer>, Unusable> {
        let refused = |why: String| Unusable { exit: Exit::Error, why };
        let runtime = wire::runtime().map_err(refused)?;
        let key = runtime.block_on(SigningKey::open(id)).map_err(|error| refused(told(&error)))?;
        if let Some(loss) = loss
            && let Some(why) = lost(&key.place, &key.signer, loss)
        {
            return Err(Unusable::wrong(why));
        }
        let public = PublicKey::from_der(&key.public_key)
            .map_err(|error| refused(format!("kms:GetPublicKey: {error}")))?;
        let signer = Kms { runtime, key, public };
        signer.sign(TRIAL).map_err(refused)?;
        Ok(Box::new(signer))
    }

    /// Why a key is out of reach once this is lost. Evidence that only the lost place can sign is not
    /// signed on the day.
    fn lost(place: &Place, signer: &AccountId, loss: &Loss) -> Option<String> {
        let help = "sign with a key in an account and a region that survive";
        if loss.region() == Some(&place.region) || loss.account() == Some(&place.account) {
            return Some(format!("the key lies in {place}, and the playbook loses {loss}: {help}"));
        }
        (loss.account() == Some(signer)).then(|| {
            format!(
                "the credentials that sign are of account {signer}, which the playbook loses: {help}, and with \
                 credentials of such an account"
            )
        })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_key_that_the_drill_loses_is_refused() {
            let [evidence, production] =
                ["111111111111", "222222222222"].map(|id| id.parse::<AccountId>().unwrap());
            let place = Place { account: evidence.clone(), region: "eu-west-1".parse().unwrap() };
            let region = |name: &str| Loss::Region(name.parse().unwrap());
            let said = |signer: &AccountId, loss: Loss| lost(&place, signer, &loss);
            assert_eq!(said(&evidence, region("us-east-1")), None);
            assert_eq!(said(&evidence, Loss::Account(production.clone())), None);
            assert!(said(&evidence, region("eu-west-1")).unwrap().contains("the key lies in"));
            assert!(said(&production, Loss::Account(evidence.clone())).unwrap().contains("the key lies in"));
            let signer = said(&production, Loss::Account(production.clone())).unwrap();
            assert!(signer.contains("the credentials that sign"), "{signer}");
        }
    }
}

//! The order to remove what is on a handheld, and how it is heard and confirmed.
//!
//! A station orders it over HTTP. The handheld asks after a sync in which it reached the
//! server, `POST /api/v1/handhelds/{id}/wipe-order` with a [`WipeAsk`], and goes by the
//! [`WipeOrder`] of the answer only if the server's key signed it for this journal. When
//! everything is removed, it says so with the same question, signed before the key went.

use crate::{ids::JournalId, time::UnixMillis};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// When the handheld is to be wiped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WipeForm {
    /// When the server has everything that was recorded.
    WhenSafe,
    /// At once, whatever is lost by it.
    AtOnce,
}

impl WipeForm {
    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WhenSafe => "when_safe",
            Self::AtOnce => "at_once",
        }
    }

    /// From how it is stored.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::WhenSafe, Self::AtOnce]
            .into_iter()
            .find(|form| form.as_str() == text)
    }
}

/// An order to wipe, signed by the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WipeOrder {
    /// The handheld, by the journal that asked.
    pub journal: JournalId,
    /// When.
    pub form: WipeForm,
    /// When it was ordered.
    pub ordered_at: UnixMillis,
    /// Signature over all of the above, 128 hexadecimal digits.
    pub signature: String,
}

impl WipeOrder {
    /// Makes and signs an order.
    #[must_use]
    pub fn sign(
        journal: JournalId,
        form: WipeForm,
        ordered_at: UnixMillis,
        key: &SigningKey,
    ) -> Self {
        let signature = key.sign(&Self::signed_text(journal, form, ordered_at));
        Self {
            journal,
            form,
            ordered_at,
            signature: hex::encode(signature.to_bytes()),
        }
    }

    /// Whether `key` signed it.
    #[must_use]
    pub fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        let text = Self::signed_text(self.journal, self.form, self.ordered_at);
        is_signed(&text, &self.signature, key)
    }

    fn signed_text(journal: JournalId, form: WipeForm, ordered_at: UnixMillis) -> Vec<u8> {
        [
            &b"gridcrew wipe 1\0"[..],
            journal.0.as_bytes(),
            form.as_str().as_bytes(),
            &ordered_at.0.to_be_bytes(),
        ]
        .concat()
    }
}

/// A handheld asks whether it is to be wiped, or says that it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WipeAsk {
    /// Everything is removed.
    pub done: bool,
    /// Signature over `gridcrew wipe ask 1\0`, the journal's 16 bytes and a byte that is 1
    /// when it is done, by the journal's key; 128 hexadecimal digits.
    pub proof: String,
}

impl WipeAsk {
    /// Makes and signs the question.
    #[must_use]
    pub fn sign(journal: JournalId, done: bool, key: &SigningKey) -> Self {
        let proof = key.sign(&Self::signed_text(journal, done));
        let proof = hex::encode(proof.to_bytes());
        Self { done, proof }
    }

    /// Whether the journal's `key` signed it.
    #[must_use]
    pub fn is_signed_by(&self, journal: JournalId, key: &VerifyingKey) -> bool {
        is_signed(&Self::signed_text(journal, self.done), &self.proof, key)
    }

    fn signed_text(journal: JournalId, done: bool) -> Vec<u8> {
        [
            &b"gridcrew wipe ask 1\0"[..],
            journal.0.as_bytes(),
            &[u8::from(done)],
        ]
        .concat()
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WipeAnswer {
    /// What is ordered, if anything is.
    pub order: Option<WipeOrder>,
}

fn is_signed(text: &[u8], signature: &str, key: &VerifyingKey) -> bool {
    let mut bytes = [0; 64];
    hex::decode_to_slice(signature, &mut bytes).is_ok()
        && key
            .verify_strict(text, &Signature::from_bytes(&bytes))
            .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn an_order_counts_for_its_journal_and_form_only() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let journal = JournalId(Uuid::from_u128(1));
        let order = WipeOrder::sign(journal, WipeForm::WhenSafe, UnixMillis(5), &key);
        assert!(order.is_signed_by(&key.verifying_key()));
        let other = SigningKey::from_bytes(&[2; 32]).verifying_key();
        assert!(!order.is_signed_by(&other));
        let form = WipeForm::AtOnce;
        let changed = WipeOrder {
            form,
            ..order.clone()
        };
        assert!(!changed.is_signed_by(&key.verifying_key()));
        let journal = JournalId(Uuid::from_u128(2));
        let changed = WipeOrder { journal, ..order };
        assert!(!changed.is_signed_by(&key.verifying_key()));
    }

    #[test]
    fn a_question_cannot_be_made_a_confirmation() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let journal = JournalId(Uuid::from_u128(1));
        let ask = WipeAsk::sign(journal, false, &key);
        assert!(ask.is_signed_by(journal, &key.verifying_key()));
        let done = WipeAsk { done: true, ..ask };
        assert!(!done.is_signed_by(journal, &key.verifying_key()));
    }
}

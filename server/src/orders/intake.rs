//! What is sent to take an order in: its checks, and what counts as the same again.

use crate::edge::Problem;
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    ids::OrgId,
    position::{PositionInput, TypedPosition},
    record::OrderDetails,
    wire,
    workflow::AreaClass,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An order as it is sent.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// Where it comes from, such as `95598`, `hall`, `console`; at most 40 characters.
    pub source: String,
    /// Its number there, at most 80 characters. With the source it names the order once for
    /// all: sent again with the same content, it is the same order.
    pub outside_no: String,
    /// The workflow's code, such as `fault_repair`.
    pub template: String,
    /// The customer's account number as text, if known.
    #[serde(default)]
    pub account_no: Option<String>,
    /// The place with its datum, if known.
    #[serde(default)]
    #[schema(value_type = Option<TypedPosition>)]
    pub position: Option<PositionInput>,
    /// The address in words; may be empty.
    pub address: String,
    /// Whom to call; may be empty.
    pub contact_name: String,
    /// The number to call; may be empty.
    pub contact_phone: String,
    /// What is wrong, in the caller's words.
    pub phenomenon: String,
    /// Urban, rural or remote; by default that of the account's station area, else rural.
    #[serde(default)]
    pub area_class: Option<AreaClass>,
    /// The station whose desk gets the order when neither account nor place says whose it
    /// is; by default the caller's.
    #[serde(default)]
    pub station_id: Option<OrgId>,
}

/// An order that may be taken in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Intake {
    /// Where it comes from.
    pub source: String,
    /// Its number there.
    pub outside_no: String,
    /// The workflow's code.
    pub template: String,
    /// The account number, in ASCII digits.
    pub account_no: Option<String>,
    /// The place.
    pub position: Option<TypedPosition>,
    /// The address.
    pub address: String,
    /// Whom to call.
    pub contact_name: String,
    /// The number to call.
    pub contact_phone: String,
    /// What is wrong.
    pub phenomenon: String,
    /// The class of the place, if it was given.
    pub area_class: Option<AreaClass>,
    /// The station to fall back on, if it was given.
    pub station_id: Option<OrgId>,
}

impl NewOrder {
    /// Checks everything that can be checked without looking anything up.
    ///
    /// # Errors
    /// `request.invalid`, `position.*`.
    pub fn check(self) -> Result<Intake, Problem> {
        let account_no = self
            .account_no
            .map(|account| text("account_no", &ascii_digits(&account), 1, 32))
            .transpose()?;
        Ok(Intake {
            source: text("source", &self.source, 1, 40)?,
            outside_no: text("outside_no", &self.outside_no, 1, 80)?,
            template: text("template", &self.template, 1, 80)?,
            account_no,
            position: self.position.map(|input| input.check()).transpose()?,
            address: text("address", &self.address, 0, 500)?,
            contact_name: text("contact_name", &self.contact_name, 0, 100)?,
            contact_phone: text("contact_phone", &ascii_digits(&self.contact_phone), 0, 40)?,
            phenomenon: text("phenomenon", &self.phenomenon, 1, 2_000)?,
            area_class: self.area_class,
            station_id: self.station_id,
        })
    }
}

impl Intake {
    /// The hash by which the same content is known again.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&wire::encode(self))
    }

    /// The part that is personal data, kept beside the trace.
    #[must_use]
    pub fn details(&self, salt: [u8; 16]) -> OrderDetails {
        OrderDetails {
            phenomenon: self.phenomenon.clone(),
            contact_name: self.contact_name.clone(),
            contact_phone: self.contact_phone.clone(),
            address: self.address.clone(),
            account_no: self.account_no.clone(),
            salt: salt.to_vec(),
        }
    }
}

/// A text without the space around it, of so many characters and none for control but line
/// breaks.
fn text(what: &str, given: &str, least: usize, most: usize) -> Result<String, Problem> {
    let given = given.trim();
    let clean = given.chars().all(|c| !c.is_control() || c == '\n');
    if clean && (least..=most).contains(&given.chars().count()) {
        return Ok(given.to_owned());
    }
    let detail = format!("{what} must have {least} to {most} characters and none for control.");
    Err(Problem::new(Code::RequestInvalid, detail))
}

/// Full-width digits, as Chinese keyboards give them, as ASCII (DOMAIN section 7, row 32).
fn ascii_digits(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{ff10}'..='\u{ff19}' => char::from_digit(u32::from(c) - 0xff10, 10).unwrap_or(c),
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sent(change: serde_json::Value) -> NewOrder {
        let mut order = json!({
            "source": "95598", "outside_no": "1", "template": "fault_repair", "address": "",
            "contact_name": "", "contact_phone": "138 0013 8000", "phenomenon": "no power",
        });
        let change = change.as_object().unwrap().clone();
        order.as_object_mut().unwrap().extend(change);
        serde_json::from_value(order).unwrap()
    }

    fn refused(change: serde_json::Value) -> Code {
        sent(change).check().unwrap_err().code
    }

    #[test]
    fn a_position_needs_a_known_datum() {
        let place = |datum: serde_json::Value| json!({ "position": datum });
        assert_eq!(
            refused(place(json!({"lon": 104.0, "lat": 30.0}))),
            Code::PositionDatumMissing
        );
        assert_eq!(
            refused(place(
                json!({"lon": 104.0, "lat": 30.0, "datum": "EPSG:4326"})
            )),
            Code::PositionDatumUnknown
        );
    }

    #[test]
    fn texts_have_limits_and_no_control_characters() {
        assert_eq!(refused(json!({"source": "  "})), Code::RequestInvalid);
        assert_eq!(
            refused(json!({"outside_no": "a\u{0}b"})),
            Code::RequestInvalid
        );
        assert_eq!(
            refused(json!({"phenomenon": "x".repeat(2_001)})),
            Code::RequestInvalid
        );
    }

    #[test]
    fn the_same_content_is_known_again_and_other_content_is_not() {
        let digest = |change| sent(change).check().unwrap().digest();
        let plain = digest(json!({}));
        assert_eq!(digest(json!({"source": " 95598 "})), plain);
        assert_ne!(digest(json!({"phenomenon": "sparks"})), plain);
        assert_eq!(
            digest(json!({"account_no": "０１２３４５６７８９"})),
            digest(json!({"account_no": "0123456789"}))
        );
    }
}

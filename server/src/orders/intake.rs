//! What is sent to take an order in: its checks, and what counts as the same again.

use crate::{
    edge::Problem,
    territory::account::{account_no, ascii_digits},
};
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    ids::OrgId,
    position::{PositionInput, TypedPosition},
    record::OrderDetails,
    time::{Millis, UnixMillis},
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
    /// Its number there, at most 80 characters. With the source it names the order among those
    /// of the stations that you may see: sent again with the same content, it is the same order.
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
    /// Urban, rural or remote. By default that of the account's station area, else of the
    /// station area nearest to the place in its cell, else what the limits of dispatch assume.
    #[serde(default)]
    pub area_class: Option<AreaClass>,
    /// The station whose desk gets the order when neither account nor place says whose it
    /// is; by default the caller's.
    #[serde(default)]
    pub station_id: Option<OrgId>,
    /// When the customer reported it at the source, if that was before it is sent here:
    /// deadlines count from then. At most 30 days ago and, for clocks that differ, at most a
    /// minute from now.
    #[serde(default)]
    pub reported_at: Option<UnixMillis>,
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
    /// When it was reported at the source, if that was given. Only then is it part of the
    /// digest, so that what was taken in without it is known again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reported_at: Option<UnixMillis>,
}

/// How much later than here the clock of a source may be.
const AHEAD: Millis = Millis(60_000);
/// How long ago a report may be.
const LONGEST_AGO: Millis = Millis(30 * 24 * 3_600_000);

impl NewOrder {
    /// Checks everything that can be checked without looking anything up.
    ///
    /// # Errors
    /// `request.invalid`, `position.*`.
    pub fn check(self) -> Result<Intake, Problem> {
        let account = self
            .account_no
            .map(|given| text("account_no", &account_no(&given), 1, 32))
            .transpose()?;
        Ok(Intake {
            source: text("source", &self.source, 1, 40)?,
            outside_no: text("outside_no", &self.outside_no, 1, 80)?,
            template: text("template", &self.template, 1, 80)?,
            account_no: account,
            position: self.position.map(|input| input.check()).transpose()?,
            address: text("address", &self.address, 0, 500)?,
            contact_name: text("contact_name", &self.contact_name, 0, 100)?,
            contact_phone: text("contact_phone", &ascii_digits(&self.contact_phone), 0, 40)?,
            phenomenon: text("phenomenon", &self.phenomenon, 1, 2_000)?,
            area_class: self.area_class,
            station_id: self.station_id,
            reported_at: self.reported_at,
        })
    }
}

impl Intake {
    /// Refuses a report from the future or from long ago. Only for what is new: what was
    /// taken in before stays known however old it is.
    ///
    /// # Errors
    /// `request.invalid`
    pub fn check_reported(&self, now: UnixMillis) -> Result<(), Problem> {
        let Some(reported) = self.reported_at else {
            return Ok(());
        };
        if now.since(reported) <= LONGEST_AGO && reported.since(now) <= AHEAD {
            return Ok(());
        }
        let detail = "reported_at must be at most 30 days ago and not in the future.";
        Err(Problem::new(Code::RequestInvalid, detail))
    }

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
        assert_ne!(digest(json!({"reported_at": 5})), plain);
        assert_ne!(
            digest(json!({"reported_at": 6})),
            digest(json!({"reported_at": 5}))
        );
        // What was taken in before the field was known has this digest for good.
        let mut without = serde_json::to_value(sent(json!({})).check().unwrap()).unwrap();
        assert!(
            without
                .as_object_mut()
                .unwrap()
                .remove("reported_at")
                .is_none()
        );
    }

    #[test]
    fn a_report_lies_in_the_last_thirty_days() {
        let now = 1_767_225_600_000_i64;
        let day = 24 * 3_600_000;
        for (reported, good) in [
            (now, true),
            (now + 60_000, true),
            (now + 60_001, false),
            (now - 30 * day, true),
            (now - 30 * day - 1, false),
            (i64::MIN, false),
            (i64::MAX, false),
        ] {
            let intake = sent(json!({ "reported_at": reported })).check().unwrap();
            let outcome = intake.check_reported(UnixMillis(now));
            assert_eq!(outcome.is_ok(), good, "{reported}");
        }
    }
}

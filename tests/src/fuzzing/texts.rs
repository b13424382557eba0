//! What comes as text: GeoJSON, JSON, TOML and headers.

use gridcrew_server::{
    media::from_outside::upload_headers,
    orders::intake::NewOrder,
    territory::{draft::TerritoryDraft, import},
};
use gridcrew_sync_protocol::{
    enrol::{EnrolRequest, LoginRequest, RefreshRequest},
    order::fold,
    time::UnixMillis,
    wire,
    workflow::{PromptCards, Template},
};
use serde_json::Value;

use super::seeds;

/// The body of an import: boundary, station areas and cells with their datum, each read, then
/// put together as before they are stored.
pub fn territory(bytes: &[u8]) -> bool {
    let Ok(body) = serde_json::from_slice::<Value>(bytes) else {
        return false;
    };
    let datum = body.get("datum").and_then(Value::as_str);
    let part = |name: &str| body.get(name).map(Value::to_string).unwrap_or_default();
    let boundary = import::boundary(&part("boundary"), datum);
    let areas = import::station_areas(&part("station_areas"), datum);
    let cells = import::cells(&part("cells"), datum);
    let (Ok(boundary), Ok(areas), Ok(cells)) = (boundary, areas, cells) else {
        return false;
    };
    let drafted = TerritoryDraft::check(boundary.value, areas.value, cells.value);
    drafted.is_ok()
}

/// The body of an intake and the other bodies that come from outside the house.
pub fn intake(bytes: &[u8]) -> bool {
    let other = [
        serde_json::from_slice::<EnrolRequest>(bytes).is_ok(),
        serde_json::from_slice::<LoginRequest>(bytes).is_ok(),
        serde_json::from_slice::<RefreshRequest>(bytes).is_ok(),
    ];
    let Ok(order) = serde_json::from_slice::<NewOrder>(bytes) else {
        return other.contains(&true);
    };
    let Ok(intake) = order.clone().check() else {
        return false;
    };
    assert_eq!(
        order.check().map(|again| again.digest()).ok(),
        Some(intake.digest()),
        "the same content is known again"
    );
    // In time or not, it is said without a panic, at either end of the scale.
    for now in [UnixMillis(i64::MIN), seeds::NOW, UnixMillis(i64::MAX)] {
        let _said = intake.check_reported(now);
    }
    let details = wire::encode(&intake.details([7; 16]));
    !details.is_empty()
}

/// A workflow, or prompt cards. A workflow that is taken folds any order, whatever it asks for.
pub fn template(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let Ok(template) = Template::from_toml(text) else {
        return PromptCards::from_toml(text).is_ok();
    };
    let records = seeds::records();
    let state = fold(&template, &records);
    assert!(state.is_some(), "an accepted order has a state");
    true
}

/// The headers of an upload, a line each: `name: value`.
pub fn tus(bytes: &[u8]) -> bool {
    let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at(colon);
        Some((name, value.get(1..).unwrap_or_default().trim_ascii()))
    });
    let read = upload_headers(lines);
    if let Ok((metadata, length)) = &read.claim {
        // What is told again is what was claimed.
        let length = length.to_string();
        let again = [
            (&b"upload-length"[..], length.as_bytes()),
            (b"upload-metadata", metadata.as_bytes()),
        ];
        let again = upload_headers(again.into_iter());
        assert_eq!(again.claim.ok(), read.claim.clone().ok());
    }
    let chunk = read.offset.is_ok() && read.checksum.is_ok();
    read.version.is_ok() && (read.claim.is_ok() || chunk)
}

//! The questions asked of a template: what is next, and what is missing.

use super::template::{FieldCode, FieldKind, FieldSpec, SlotCode, StepCode, StepSpec, Template};
use crate::record::{PhotoRef, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Most characters of a text field.
const MAX_TEXT: usize = 2_000;

/// What keeps a step from being complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// A required field is empty.
    Field(FieldCode),
    /// A field holds something that it does not take.
    WrongValue(FieldCode),
    /// A field that the step does not have.
    UnknownField(FieldCode),
    /// A slot has too few photos.
    Photos {
        /// The slot.
        slot: SlotCode,
        /// How many it has.
        have: u32,
        /// How many it needs.
        need: u32,
    },
    /// A slot has too many photos, or the step has no such slot.
    TooManyPhotos(SlotCode),
    /// A step that comes before has not been done.
    StepBefore(StepCode),
}

/// The steps that are done, with what was filled in.
pub type Done<'d> = BTreeMap<&'d StepCode, &'d BTreeMap<FieldCode, Value>>;

/// The steps that can be done now, in the template's order: those not done whose
/// forerunners are done, optional or not needed.
#[must_use]
pub fn next_steps<'t>(template: &'t Template, done: &Done<'_>) -> Vec<&'t StepSpec> {
    template
        .steps
        .iter()
        .filter(|step| !done.contains_key(&step.code))
        .filter(|step| steps_before(template, step, done).is_empty())
        .collect()
}

/// Whether what was filled in before makes the step needless.
#[must_use]
pub fn is_needless(step: &StepSpec, done: &Done<'_>) -> bool {
    let Some(when) = &step.not_needed_when else {
        return false;
    };
    let answer = done
        .get(&when.step)
        .and_then(|values| values.get(&when.field));
    matches!(answer, Some(Value::Text(answer)) if when.is.contains(answer))
}

/// Everything that keeps `step` from being complete; empty when it is.
#[must_use]
pub fn missing(
    template: &Template,
    step: &StepSpec,
    done: &Done<'_>,
    values: &BTreeMap<FieldCode, Value>,
    photos: &[PhotoRef],
) -> Vec<Missing> {
    let mut found = steps_before(template, step, done);
    for field in &step.fields {
        match values.get(&field.code) {
            None if field.optional => {}
            None => found.push(Missing::Field(field.code.clone())),
            Some(value) if !takes(field, value) => {
                found.push(Missing::WrongValue(field.code.clone()));
            }
            Some(_) => {}
        }
    }
    for code in values.keys() {
        if !step.fields.iter().any(|field| field.code == *code) {
            found.push(Missing::UnknownField(code.clone()));
        }
    }
    let mut filled: BTreeMap<&SlotCode, u32> = BTreeMap::new();
    for photo in photos {
        let count = filled.entry(&photo.slot).or_default();
        *count = count.saturating_add(1);
    }
    for slot in &step.photos {
        let have = filled.remove(&slot.code).unwrap_or(0);
        if have < slot.min {
            found.push(Missing::Photos {
                slot: slot.code.clone(),
                have,
                need: slot.min,
            });
        } else if have > slot.max {
            found.push(Missing::TooManyPhotos(slot.code.clone()));
        }
    }
    found.extend(filled.into_keys().cloned().map(Missing::TooManyPhotos));
    found
}

fn steps_before(template: &Template, step: &StepSpec, done: &Done<'_>) -> Vec<Missing> {
    let can_be_left_out = |earlier: &StepSpec| earlier.optional || is_needless(earlier, done);
    step.after
        .iter()
        .filter(|code| !done.contains_key(code))
        .filter(|code| !template.step(code).is_some_and(can_be_left_out))
        .cloned()
        .map(Missing::StepBefore)
        .collect()
}

fn takes(field: &FieldSpec, value: &Value) -> bool {
    match (field.kind, value) {
        (FieldKind::Text, Value::Text(text)) => {
            !text.trim().is_empty() && text.chars().count() <= MAX_TEXT
        }
        (FieldKind::Choice, Value::Text(text)) => field.choices.contains(text),
        (FieldKind::Decimal, Value::Text(text)) => is_decimal(text),
        (FieldKind::Flag, Value::Flag(_))
        | (FieldKind::Whole | FieldKind::Decimal, Value::Whole(_)) => true,
        _ => false,
    }
}

/// Digits with at most one point between them, with a sign or without; no exponent.
fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let mut parts = digits.splitn(2, '.');
    let all_digits = |part: &str| {
        !part.is_empty() && part.len() <= 15 && part.bytes().all(|b| b.is_ascii_digit())
    };
    parts.next().is_some_and(all_digits) && parts.next().is_none_or(all_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_plain_numbers() {
        for good in ["0", "219.5", "-3", "007"] {
            assert!(is_decimal(good), "{good}");
        }
        for bad in ["", ".", "1.", ".5", "1e3", "NaN", "--1", "1.2.3", "１"] {
            assert!(!is_decimal(bad), "{bad}");
        }
    }

    const TEMPLATE: &str = r#"
code = "t"
version = 1
publisher = "test"
effective_from = 0
title = { zh = "测试", en = "test" }
decline_reasons = []

[[steps]]
code = "asked"
title = { zh = "询问", en = "asked" }
optional = true
fields = [{ code = "consent", title = { zh = "意见", en = "consent" }, kind = "choice", choices = ["agreed", "refused"] }]

[[steps]]
code = "repair"
title = { zh = "修", en = "repair" }
not_needed_when = { step = "asked", field = "consent", is = ["refused"] }

[[steps]]
code = "return"
title = { zh = "回单", en = "return" }
after = ["repair"]
closes = true

[[deadlines]]
code = "take"
title = { zh = "接单", en = "take" }
from = "accepted"
to = "taken"
urban_minutes = 3
rural_minutes = 3
remote_minutes = 3
source = "test"
"#;

    #[test]
    fn a_step_is_needless_after_the_answer_that_makes_it_so_and_only_then() {
        let template = Template::from_toml(TEMPLATE).unwrap();
        let asked = StepCode::from("asked");
        for (answer, next) in [
            ("agreed", vec!["repair"]),
            ("refused", vec!["repair", "return"]),
        ] {
            let values = BTreeMap::from([("consent".into(), Value::Text(answer.into()))]);
            let done = Done::from([(&asked, &values)]);
            let found: Vec<_> = next_steps(&template, &done)
                .iter()
                .map(|step| step.code.0.as_str())
                .collect();
            assert_eq!(found, next, "{answer}");
        }
        let impossible = TEMPLATE.replace(r#"is = ["refused"]"#, r#"is = ["perhaps"]"#);
        assert!(Template::from_toml(&impossible).is_err());
    }
}

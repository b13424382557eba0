//! The data of a workflow template, and its validation.

use crate::time::{Millis, UnixMillis};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt};
use utoipa::ToSchema;

macro_rules! code {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

code! {
    /// Code of a step, such as `arrived`.
    StepCode
}
code! {
    /// Code of a field of a step, such as `property_class`.
    FieldCode
}
code! {
    /// Code of a photo slot of a step, such as `site`.
    SlotCode
}

/// A text in the two languages of the screens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// Simplified Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// Names one edition of a template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct TemplateRef {
    /// The template, such as `fault_repair`.
    pub code: String,
    /// The edition, counting from 1.
    pub version: u32,
}

/// How the place of an order is classed; deadlines differ by it (DOMAIN 2.3: 01, 02, 03).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AreaClass {
    /// 01.
    Urban,
    /// 02.
    Rural,
    /// 03, special and remote.
    Remote,
}

/// One edition of a workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The template, such as `fault_repair`.
    pub code: String,
    /// The edition, counting from 1.
    pub version: u32,
    /// Who published it.
    pub publisher: String,
    /// From when new orders are accepted under it.
    pub effective_from: UnixMillis,
    /// What it is called.
    pub title: Words,
    /// The steps, in the order in which they are shown.
    pub steps: Vec<StepSpec>,
    /// The deadlines.
    pub deadlines: Vec<DeadlineRule>,
    /// Codes of the reasons for which an owner may decline.
    pub decline_reasons: Vec<Reason>,
}

/// A coded reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Stable code.
    pub code: String,
    /// What it is called.
    pub title: Words,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepSpec {
    /// Its code.
    pub code: StepCode,
    /// What it is called.
    pub title: Words,
    /// Steps that come before it.
    #[serde(default)]
    pub after: Vec<StepCode>,
    /// It may be left out.
    #[serde(default)]
    pub optional: bool,
    /// What was filled in before that makes it needless.
    #[serde(default)]
    pub not_needed_when: Option<Answer>,
    /// Doing it closes the work: only the present term may (DOMAIN section 7, row 9).
    #[serde(default)]
    pub closes: bool,
    /// It counts even when a previous owner did it: the earliest arrival counts.
    #[serde(default)]
    pub counts_from_previous_owner: bool,
    /// The prompt card shown with it.
    #[serde(default)]
    pub hint: Words,
    /// What is filled in.
    #[serde(default)]
    pub fields: Vec<FieldSpec>,
    /// What is photographed.
    #[serde(default)]
    pub photos: Vec<PhotoSlot>,
}

/// What was chosen in a field of a step that comes before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The step.
    pub step: StepCode,
    /// Its field, of kind [`FieldKind::Choice`].
    pub field: FieldCode,
    /// Any of these choices.
    pub is: Vec<String>,
}

/// A field of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldSpec {
    /// Its code.
    pub code: FieldCode,
    /// What it is called.
    pub title: Words,
    /// What goes into it.
    pub kind: FieldKind,
    /// It may stay empty.
    #[serde(default)]
    pub optional: bool,
    /// The codes to choose from, of a [`FieldKind::Choice`].
    #[serde(default)]
    pub choices: Vec<String>,
}

/// What goes into a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// Free text of at most 2,000 characters.
    Text,
    /// One of the choices.
    Choice,
    /// Yes or no.
    Flag,
    /// A whole number.
    Whole,
    /// A decimal number, as text such as `219.5`.
    Decimal,
}

/// A photo slot of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhotoSlot {
    /// Its code.
    pub code: SlotCode,
    /// What must be visible.
    pub title: Words,
    /// Fewest photos.
    pub min: u32,
    /// Most photos.
    pub max: u32,
}

/// An event of an order's life that a deadline starts from or ends at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Milestone {
    /// The customer reported it at its source; where the source does not say when, it was
    /// accepted.
    Reported,
    /// The order was accepted.
    Accepted,
    /// The order was taken by its owner.
    Taken,
    /// The step was done.
    Step(StepCode),
}

/// A deadline: so many minutes of the clock, day and night, from one milestone to another
/// (DOMAIN 3.1; fault repair counts only minutes and hours).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadlineRule {
    /// Its code, such as `arrive`.
    pub code: String,
    /// What it is called.
    pub title: Words,
    /// Where it starts.
    pub from: Milestone,
    /// Where it ends.
    pub to: Milestone,
    /// The limit in urban areas, minutes.
    pub urban_minutes: u32,
    /// The limit in rural areas, minutes.
    pub rural_minutes: u32,
    /// The limit in remote areas, minutes.
    pub remote_minutes: u32,
    /// Where the limit comes from.
    pub source: String,
}

impl DeadlineRule {
    /// The limit for a class of area.
    #[must_use]
    pub fn limit(&self, class: AreaClass) -> Millis {
        Millis::minutes(match class {
            AreaClass::Urban => self.urban_minutes,
            AreaClass::Rural => self.rural_minutes,
            AreaClass::Remote => self.remote_minutes,
        })
    }
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Not TOML of the expected shape.
    #[error("template: {0}")]
    Malformed(String),
    /// A code that stands twice.
    #[error("template {template}: the code `{code}` stands twice")]
    CodeTwice {
        /// The template.
        template: String,
        /// The code.
        code: String,
    },
    /// A reference to a step that comes later or does not exist.
    #[error("template {template}: `{at}` names the step `{step}`, which does not come before it")]
    UnknownStep {
        /// The template.
        template: String,
        /// Who names it.
        at: String,
        /// The name.
        step: String,
    },
    /// A condition on an answer that cannot be given before.
    #[error("template {template}: `{at}` waits for an answer that nobody can give before it")]
    ImpossibleAnswer {
        /// The template.
        template: String,
        /// Whose condition it is.
        at: String,
    },
    /// No step closes the work.
    #[error("template {0}: exactly one step must close the work")]
    NoClosingStep(String),
    /// No deadline, or more than one, ends at taking: it says how long each owner has to
    /// answer, and without it an order would wait for ever.
    #[error("template {0}: exactly one deadline must end at `taken`")]
    NoTakeDeadline(String),
    /// A photo slot whose fewest is above its most, or a choice without choices.
    #[error("template {template}: `{code}` can never be filled")]
    Unfillable {
        /// The template.
        template: String,
        /// The slot or field.
        code: String,
    },
}

impl Template {
    /// Reads and validates a template.
    ///
    /// # Errors
    /// [`TemplateError`] of the first thing that is wrong.
    pub fn from_toml(text: &str) -> Result<Self, TemplateError> {
        let template: Self =
            toml::from_str(text).map_err(|error| TemplateError::Malformed(error.to_string()))?;
        template.validate()?;
        Ok(template)
    }

    /// This edition's name.
    #[must_use]
    pub fn reference(&self) -> TemplateRef {
        TemplateRef {
            code: self.code.clone(),
            version: self.version,
        }
    }

    /// The step with that code.
    #[must_use]
    pub fn step(&self, code: &StepCode) -> Option<&StepSpec> {
        self.steps.iter().find(|step| step.code == *code)
    }

    fn validate(&self) -> Result<(), TemplateError> {
        let template = || self.code.clone();
        let mut known = BTreeSet::new();
        for step in &self.steps {
            for earlier in &step.after {
                if !known.contains(earlier) {
                    let (at, step) = (step.code.to_string(), earlier.to_string());
                    return Err(TemplateError::UnknownStep {
                        template: template(),
                        at,
                        step,
                    });
                }
            }
            if let Some(answer) = &step.not_needed_when
                && !(known.contains(&answer.step) && self.can_be_given(answer))
            {
                return Err(TemplateError::ImpossibleAnswer {
                    template: template(),
                    at: step.code.to_string(),
                });
            }
            if !known.insert(step.code.clone()) {
                let code = step.code.to_string();
                return Err(TemplateError::CodeTwice {
                    template: template(),
                    code,
                });
            }
            self.validate_content(step)?;
        }
        for rule in &self.deadlines {
            for milestone in [&rule.from, &rule.to] {
                if let Milestone::Step(step) = milestone
                    && !known.contains(step)
                {
                    let (at, step) = (rule.code.clone(), step.to_string());
                    return Err(TemplateError::UnknownStep {
                        template: template(),
                        at,
                        step,
                    });
                }
            }
        }
        let to_taken = |rule: &&DeadlineRule| rule.to == Milestone::Taken;
        if self.deadlines.iter().filter(to_taken).count() != 1 {
            return Err(TemplateError::NoTakeDeadline(template()));
        }
        if self.steps.iter().filter(|step| step.closes).count() == 1 {
            Ok(())
        } else {
            Err(TemplateError::NoClosingStep(template()))
        }
    }

    /// Whether the step has that field with all of those choices.
    fn can_be_given(&self, answer: &Answer) -> bool {
        let fields = self.step(&answer.step).map(|step| &step.fields);
        let mut fields = fields.into_iter().flatten();
        let field = fields.find(|field| field.code == answer.field);
        !answer.is.is_empty()
            && field.is_some_and(|field| {
                field.kind == FieldKind::Choice
                    && answer.is.iter().all(|one| field.choices.contains(one))
            })
    }

    fn validate_content(&self, step: &StepSpec) -> Result<(), TemplateError> {
        let template = || self.code.clone();
        let mut codes = BTreeSet::new();
        let fields = step.fields.iter().map(|field| {
            let fillable = field.kind != FieldKind::Choice || !field.choices.is_empty();
            (field.code.to_string(), fillable)
        });
        let slots = step
            .photos
            .iter()
            .map(|slot| (slot.code.to_string(), slot.min <= slot.max && slot.max > 0));
        for (code, fillable) in fields.chain(slots) {
            if !fillable {
                return Err(TemplateError::Unfillable {
                    template: template(),
                    code,
                });
            }
            if !codes.insert(code.clone()) {
                return Err(TemplateError::CodeTwice {
                    template: template(),
                    code,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
code = "t"
version = 1
publisher = "test"
effective_from = 0
title = { zh = "t", en = "t" }
decline_reasons = []

[[steps]]
code = "return"
title = { zh = "r", en = "r" }
closes = true
"#;

    fn to(milestone: &str) -> String {
        format!(
            r#"
[[deadlines]]
code = "d"
title = {{ zh = "d", en = "d" }}
from = "accepted"
to = {milestone}
urban_minutes = 3
rural_minutes = 3
remote_minutes = 3
source = "test"
"#
        )
    }

    #[test]
    fn exactly_one_deadline_says_how_long_an_owner_has_to_answer() {
        let step = to(r#"{ step = "return" }"#);
        let read = |taken: usize| {
            Template::from_toml(&[TEXT, &step, &to(r#""taken""#).repeat(taken)].concat())
        };
        assert!(read(1).is_ok());
        for wrong in [0, 2] {
            assert_eq!(
                read(wrong),
                Err(TemplateError::NoTakeDeadline("t".to_owned()))
            );
        }
    }
}

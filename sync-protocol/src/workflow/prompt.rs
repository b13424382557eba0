//! Prompt cards: what a person on site is reminded of at each step (DOMAIN C06 and 4.20).
//!
//! Data with editions, published beside the templates (I10). Unlike a template, an edition
//! binds no order: the newest that is in force is shown.

use super::template::{StepCode, Words};
use crate::time::UnixMillis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One edition of the prompt cards of a workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptCards {
    /// The code of the workflow's template, such as `fault_repair`.
    pub workflow: String,
    /// The edition, counting from 1.
    pub version: u32,
    /// Who published it.
    pub publisher: String,
    /// From when it is shown.
    pub effective_from: UnixMillis,
    /// The post that it is for.
    pub post: Words,
    /// What holds at every step.
    #[serde(default)]
    pub everywhere: Vec<Words>,
    /// The cards, one a step at most.
    pub cards: Vec<PromptCard>,
}

/// The card of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptCard {
    /// The step.
    pub step: StepCode,
    /// What to ask the customer.
    #[serde(default)]
    pub ask: Vec<Words>,
    /// What to take along, or have at hand.
    #[serde(default)]
    pub take_along: Vec<Words>,
    /// What safety demands.
    #[serde(default)]
    pub safety: Vec<Words>,
    /// How to behave.
    #[serde(default, rename = "do")]
    pub behaviour: Vec<Words>,
    /// What to say.
    #[serde(default)]
    pub say: Vec<Words>,
    /// What never to say or do.
    #[serde(default)]
    pub never: Vec<Words>,
}

/// What is wrong with prompt cards.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// Not TOML of the expected shape.
    #[error("prompt cards: {0}")]
    Malformed(String),
    /// Two cards for one step.
    #[error("prompt cards of {workflow}: the step `{step}` has two cards")]
    StepTwice {
        /// The workflow.
        workflow: String,
        /// The step.
        step: String,
    },
}

impl PromptCards {
    /// Reads and validates an edition.
    ///
    /// # Errors
    /// [`PromptError`] of the first thing that is wrong.
    pub fn from_toml(text: &str) -> Result<Self, PromptError> {
        let cards: Self =
            toml::from_str(text).map_err(|error| PromptError::Malformed(error.to_string()))?;
        let mut steps = BTreeSet::new();
        for card in &cards.cards {
            if !steps.insert(&card.step) {
                return Err(PromptError::StepTwice {
                    workflow: cards.workflow.clone(),
                    step: card.step.to_string(),
                });
            }
        }
        Ok(cards)
    }

    /// The card of a step.
    #[must_use]
    pub fn card(&self, step: &StepCode) -> Option<&PromptCard> {
        self.cards.iter().find(|card| card.step == *step)
    }

    /// The newest edition for a workflow that is in force at `now`, or the oldest while
    /// none is yet.
    #[must_use]
    pub fn in_force<'e>(
        editions: impl IntoIterator<Item = &'e Self>,
        workflow: &str,
        now: UnixMillis,
    ) -> Option<&'e Self> {
        editions
            .into_iter()
            .filter(|edition| edition.workflow == workflow)
            .max_by_key(|edition| {
                let begun = edition.effective_from <= now;
                let rank = i64::from(edition.version);
                (begun, if begun { rank } else { -rank })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edition(version: u32, effective_from: i64) -> PromptCards {
        let text = format!(
            r#"
workflow = "fault_repair"
version = {version}
publisher = "test"
effective_from = {effective_from}
post = {{ zh = "抢修", en = "repair" }}

[[cards]]
step = "arrived"
say = [{{ zh = "您好", en = "Good day" }}]
"#
        );
        PromptCards::from_toml(&text).unwrap()
    }

    #[test]
    fn the_newest_edition_in_force_is_shown_and_the_first_before_any_is() {
        let editions = [edition(1, 100), edition(2, 200), edition(3, 300)];
        let at = |now| {
            PromptCards::in_force(&editions, "fault_repair", UnixMillis(now)).map(|one| one.version)
        };
        assert_eq!([50, 100, 250, 300].map(at), [1, 1, 2, 3].map(Some));
        assert_eq!(
            PromptCards::in_force(&editions, "other", UnixMillis(0)),
            None
        );
    }

    #[test]
    fn a_step_has_one_card() {
        let cards = edition(1, 0);
        assert!(cards.card(&"arrived".into()).is_some());
        assert!(cards.card(&"return".into()).is_none());
        let twice = PromptCards {
            cards: vec![cards.cards[0].clone(); 2],
            ..cards
        };
        let text = toml::to_string(&twice).unwrap();
        assert!(matches!(
            PromptCards::from_toml(&text),
            Err(PromptError::StepTwice { .. })
        ));
    }
}

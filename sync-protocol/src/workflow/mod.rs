//! Workflows as data (I10): templates that say which steps an order has, what each asks
//! for, and by when; and the rules that both ends use to say what is next and what is
//! missing.
//!
//! A template is published once and never changed; a new edition has a new version and an
//! order keeps the one it was accepted under. [`template`] is the data and its validation,
//! [`check`] the questions asked of it. [`prompt`] is what a person is reminded of at a step,
//! with editions of its own: better advice reaches orders that are under way.

pub mod check;
pub mod prompt;
pub mod template;

pub use check::{Done, Missing, is_needless, missing, next_steps};
pub use prompt::{PromptCard, PromptCards, PromptError};
pub use template::{
    AreaClass, DeadlineRule, FieldCode, FieldKind, FieldSpec, Milestone, PhotoSlot, SlotCode,
    StepCode, StepSpec, Template, TemplateError, TemplateRef, Words,
};

//! The workflow templates in force: read once at start, never changed (I10).
//!
//! The editions that this build ships are published into the database at start; whatever
//! the database holds is then read into memory. A published edition is never replaced.

use super::rows::template;
use crate::{edge::Problem, store::Store};
use gridcrew_sync_protocol::{
    code::Code,
    time::UnixMillis,
    workflow::{Template, TemplateRef},
};
use sea_orm::{EntityTrait, Set, sea_query::OnConflict};
use std::{collections::BTreeMap, sync::Arc};

/// The editions that ship with this build.
const SHIPPED: [&str; 1] = [include_str!("../../rules/fault_repair.1.toml")];

/// All known editions.
#[derive(Clone, Debug, Default)]
pub struct Templates {
    editions: BTreeMap<TemplateRef, Arc<Template>>,
}

impl Templates {
    /// Publishes what ships with this build and reads everything that is published.
    ///
    /// # Errors
    /// When an edition cannot be read, or the database fails.
    pub async fn load(store: &Store) -> Result<Self, Problem> {
        let shipped = SHIPPED
            .iter()
            .map(|text| Template::from_toml(text).map(|template| (template, *text)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(Problem::internal)?;
        store
            .write(move |tx| {
                Box::pin(async move {
                    for (shipped, text) in shipped {
                        let row = template::ActiveModel {
                            code: Set(shipped.code),
                            version: Set(i64::from(shipped.version)),
                            effective_from: Set(shipped.effective_from.0),
                            body: Set(text.to_owned()),
                        };
                        template::Entity::insert(row)
                            .on_conflict(
                                OnConflict::columns([
                                    template::Column::Code,
                                    template::Column::Version,
                                ])
                                .do_nothing()
                                .to_owned(),
                            )
                            .exec_without_returning(tx)
                            .await?;
                    }
                    Ok(())
                })
            })
            .await?;
        let rows = template::Entity::find().all(store.read()).await?;
        let templates = rows
            .iter()
            .map(|row| Template::from_toml(&row.body))
            .collect::<Result<Vec<_>, _>>()
            .map_err(Problem::internal)?;
        Ok(Self::of(templates))
    }

    /// A set of editions.
    #[must_use]
    pub fn of(templates: Vec<Template>) -> Self {
        let editions = templates
            .into_iter()
            .map(|edition| (edition.reference(), Arc::new(edition)))
            .collect();
        Self { editions }
    }

    /// An edition by name.
    ///
    /// # Errors
    /// `order.unknown_template`
    pub fn edition(&self, reference: &TemplateRef) -> Result<&Arc<Template>, Problem> {
        self.editions.get(reference).ok_or_else(|| {
            let detail = format!(
                "There is no edition {} of the workflow `{}`.",
                reference.version, reference.code
            );
            Problem::new(Code::OrderUnknownTemplate, detail)
        })
    }

    /// The newest edition of `code` that is in force at `now`.
    ///
    /// # Errors
    /// `order.unknown_template`
    pub fn in_force(&self, code: &str, now: UnixMillis) -> Result<&Arc<Template>, Problem> {
        self.editions
            .values()
            .rfind(|edition| edition.code == code && edition.effective_from <= now)
            .ok_or_else(|| {
                let detail = format!("No workflow `{code}` is in force.");
                Problem::new(Code::OrderUnknownTemplate, detail)
            })
    }

    /// Every edition.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Template>> {
        self.editions.values()
    }
}

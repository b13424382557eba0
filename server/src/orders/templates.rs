//! The workflow templates in force, and the prompt cards beside them: each edition read once,
//! never changed (I10).
//!
//! The editions that this build ships are published into the database at start; whatever
//! the database holds is then read into memory. A published edition is never replaced.
//! Processes of a newer build may publish more while this one runs, and give handhelds orders
//! under them: so it looks again now and then, and at once when an order names an edition that
//! it does not know.

use super::rows::{prompt_card, template};
use crate::{app::App, edge::Problem, store::Store};
use arc_swap::ArcSwap;
use gridcrew_sync_protocol::{
    code::Code,
    time::UnixMillis,
    workflow::{PromptCards, Template, TemplateRef},
};
use sea_orm::{DatabaseTransaction, EntityTrait, QueryOrder, Set, sea_query::OnConflict};
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::sync::Notify;

/// The editions that ship with this build.
const SHIPPED: [&str; 2] = [
    include_str!("../../rules/fault_repair.1.toml"),
    include_str!("../../rules/fault_repair.2.toml"),
];

/// The editions of prompt cards that ship with this build.
const SHIPPED_CARDS: [&str; 1] = [include_str!("../../rules/fault_repair.cards.1.toml")];

/// How often a process looks for editions that others have published.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How long it waits after a look that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// All known editions.
#[derive(Debug, Default)]
pub struct Templates {
    first: Editions,
    /// Every edition of prompt cards, by workflow and version.
    cards: ArcSwap<Vec<PromptCards>>,
    /// Told when an edition is asked for that is not known.
    unknown: Notify,
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
        let cards = SHIPPED_CARDS
            .iter()
            .map(|text| PromptCards::from_toml(text).map(|cards| (cards, *text)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(Problem::internal)?;
        store
            .write(move |tx| {
                Box::pin(async move {
                    publish_cards(tx, cards).await?;
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
        let templates = Self::default();
        templates.read_again(store).await?;
        Ok(templates)
    }

    /// Reads what has been published since, by processes of a newer build. An edition that
    /// this build cannot read stays unknown here.
    ///
    /// # Errors
    /// A problem of the database.
    pub async fn read_again(&self, store: &Store) -> Result<(), Problem> {
        let mut new = BTreeMap::new();
        for row in template::Entity::find().all(store.read()).await? {
            let reference = TemplateRef {
                version: u32::try_from(row.version).unwrap_or(0),
                code: row.code,
            };
            if self.known(&reference).is_some() {
                continue;
            }
            match Template::from_toml(&row.body) {
                Ok(edition) => {
                    new.insert(reference, Arc::new(edition));
                }
                Err(error) => tracing::warn!(%error, "a published workflow cannot be read here"),
            }
        }
        if !new.is_empty() {
            self.first.add(new);
        }
        let mut cards = Vec::new();
        let rows = prompt_card::Entity::find()
            .order_by_asc(prompt_card::Column::Workflow)
            .order_by_asc(prompt_card::Column::Version);
        for row in rows.all(store.read()).await? {
            match PromptCards::from_toml(&row.body) {
                Ok(edition) => cards.push(edition),
                Err(error) => tracing::warn!(%error, "published cards cannot be read here"),
            }
        }
        self.cards.store(Arc::new(cards));
        Ok(())
    }

    /// Every edition of prompt cards.
    #[must_use]
    pub fn prompt_cards(&self) -> Arc<Vec<PromptCards>> {
        self.cards.load_full()
    }

    /// How many editions there are of both.
    #[must_use]
    pub fn count(&self) -> usize {
        self.all().count().saturating_add(self.cards.load().len())
    }

    /// Waits until an edition is asked for that is not known, or for the next look.
    async fn wait(&self) {
        // The time being over says the same as being called: look again.
        let _ = tokio::time::timeout(LOOK_EVERY, self.unknown.notified()).await;
    }

    fn known(&self, reference: &TemplateRef) -> Option<&Arc<Template>> {
        self.first.all().find_map(|some| some.get(reference))
    }

    /// An edition that an order names, which therefore is published.
    ///
    /// # Errors
    /// `unavailable` when a newer process has published it and this one has not read it yet;
    /// it then does so at once, and whoever asked shall ask again.
    pub fn edition(&self, reference: &TemplateRef) -> Result<&Arc<Template>, Problem> {
        self.known(reference).ok_or_else(|| {
            self.unknown.notify_one();
            Problem::unavailable(format!(
                "edition {} of the workflow `{}` is not known here yet",
                reference.version, reference.code
            ))
        })
    }

    /// The newest edition of `code` that is in force at `now`.
    ///
    /// # Errors
    /// `order.unknown_template`
    pub fn in_force(&self, code: &str, now: UnixMillis) -> Result<&Arc<Template>, Problem> {
        self.all()
            .filter(|edition| edition.code == code && edition.effective_from <= now)
            .max_by_key(|edition| edition.version)
            .ok_or_else(|| {
                let detail = format!("No workflow `{code}` is in force.");
                Problem::new(Code::OrderUnknownTemplate, detail)
            })
    }

    /// Every edition.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Template>> {
        self.first.all().flat_map(BTreeMap::values)
    }
}

/// Publishes editions of prompt cards that are not published yet.
async fn publish_cards(
    tx: &DatabaseTransaction,
    cards: Vec<(PromptCards, &'static str)>,
) -> Result<(), Problem> {
    for (edition, text) in cards {
        let row = prompt_card::ActiveModel {
            workflow: Set(edition.workflow),
            version: Set(i64::from(edition.version)),
            effective_from: Set(edition.effective_from.0),
            body: Set(text.to_owned()),
        };
        let known = [prompt_card::Column::Workflow, prompt_card::Column::Version];
        prompt_card::Entity::insert(row)
            .on_conflict(OnConflict::columns(known).do_nothing().to_owned())
            .exec_without_returning(tx)
            .await?;
    }
    Ok(())
}

/// Editions, and those that were read later. Editions are never replaced, so what was given
/// out stays true, and nobody waits for a lock.
#[derive(Debug, Default)]
struct Editions {
    read: BTreeMap<TemplateRef, Arc<Template>>,
    later: OnceLock<Box<Self>>,
}

impl Editions {
    fn all(&self) -> impl Iterator<Item = &BTreeMap<TemplateRef, Arc<Template>>> {
        std::iter::successors(Some(self), |one| one.later.get().map(Box::as_ref))
            .map(|one| &one.read)
    }

    fn add(&self, read: BTreeMap<TemplateRef, Arc<Template>>) {
        let mut last = self;
        let mut next = Box::new(Self {
            read,
            later: OnceLock::new(),
        });
        while let Err(back) = last.later.set(next) {
            next = back;
            match last.later.get() {
                Some(later) => last = later,
                None => return,
            }
        }
    }
}

/// Reads what newer processes publish, until the process ends.
pub fn watch(app: App) {
    tokio::spawn(async move {
        loop {
            app.templates.wait().await;
            if let Err(problem) = app.templates.read_again(&app.store).await {
                tracing::warn!(%problem, "the workflows could not be read; to be tried again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{orders::fixture::Township, people::fixture::Fixture};
    use serde_json::json;

    async fn publish(app: &App, version: u32, body: String) -> TemplateRef {
        let row = template::ActiveModel {
            code: Set("fault_repair".to_owned()),
            version: Set(i64::from(version)),
            effective_from: Set(0),
            body: Set(body),
        };
        app.store
            .write(move |tx| {
                Box::pin(async move {
                    template::Entity::insert(row)
                        .exec_without_returning(tx)
                        .await?;
                    Ok(())
                })
            })
            .await
            .unwrap();
        TemplateRef {
            code: "fault_repair".to_owned(),
            version,
        }
    }

    #[tokio::test]
    async fn the_shipped_cards_are_read_and_each_is_for_a_step_of_the_workflow() {
        let app = Fixture::new().await.app;
        let cards = app.templates.prompt_cards();
        assert_eq!(cards.len(), SHIPPED_CARDS.len());
        assert_eq!(
            app.templates.count(),
            app.templates.all().count() + cards.len()
        );
        for edition in cards.iter() {
            let workflow = app
                .templates
                .in_force(&edition.workflow, app.now())
                .unwrap();
            for card in &edition.cards {
                assert!(workflow.step(&card.step).is_some(), "{}", card.step);
            }
            assert_eq!(edition.cards.len(), workflow.steps.len());
        }
    }

    #[tokio::test]
    async fn what_another_process_publishes_is_asked_for_again_and_read_without_a_restart() {
        let app = Fixture::new().await.app;
        let first = app.templates.all().count();
        let held = app.templates.in_force("fault_repair", app.now()).unwrap();
        let body = SHIPPED[0].replace("version = 1", "version = 900");
        let newer = publish(&app, 900, body).await;
        let odd = publish(&app, 901, "from the future".to_owned()).await;
        let unknown = app.templates.edition(&newer).unwrap_err();
        assert_eq!(
            (unknown.code, unknown.retry_after),
            (Code::Unavailable, Some(2))
        );
        // It has been asked for, so nobody waits for the next look.
        app.templates.unknown.notified().await;
        app.templates.read_again(&app.store).await.unwrap();
        app.templates.read_again(&app.store).await.unwrap();
        assert_eq!(app.templates.edition(&newer).unwrap().version, 900);
        assert_eq!(app.templates.all().count(), first + 1);
        assert!(app.templates.edition(&odd).is_err());
        assert_eq!(app.templates.edition(&held.reference()).unwrap(), held);
        let newest = app.templates.in_force("fault_repair", app.now());
        assert_eq!(newest.unwrap().version, 900);
    }

    #[tokio::test]
    async fn an_order_keeps_the_edition_under_which_it_was_taken_in() {
        let town = Township::new().await;
        let order = town.take_in(json!({})).await;
        let before = town.state(order).await.template;
        let body = SHIPPED[0].replace("version = 1", "version = 900");
        publish(town.app(), 900, body).await;
        let app = town.app();
        app.templates.read_again(&app.store).await.unwrap();
        assert_eq!(town.state(order).await.template, before);
        let later = town.take_in(json!({ "outside_no": "2" })).await;
        assert_eq!(town.state(later).await.template.version, 900);
    }
}

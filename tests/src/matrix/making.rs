//! Making things over HTTP, each noted as a fact when it is there; and making one more like
//! another, for operations that use theirs up.

use super::{
    row::{Kind, Target},
    world::{Caller, Device, Leave, Order, Person, Role, Upload, World},
};
use crate::{
    client::Client,
    failure::{Failure, Fallible},
    raw::{RawHandheld, location},
    township::{PASSWORD, Township, id_of},
    wait,
};
use gridcrew_sync_protocol::{
    enrol::Tokens,
    ids::{JournalId, OrderId, OrgId, PersonId},
    media::MediaKind,
};
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

/// Length of the photos that are promised and never brought, bytes.
pub(super) const SPARE_BYTES: u64 = 8;

/// How long it may take until the orders of someone who left have gone to others.
const PASSED_ON: Duration = Duration::from_secs(30);

/// When the first leave begins: far ahead, so that none keeps anybody from his orders.
const LEAVES_BEGIN: u64 = 2_000_000_000_000;

/// Nobody has this: what is asked for is not there.
fn lost(what: &str) -> Failure {
    Failure::new(format!("the world has no {what}"))
}

impl World {
    /// The first administrator's client.
    pub(super) fn root(&self) -> Fallible<Client> {
        let root = self.caller("root").ok_or_else(|| lost("root"))?;
        Ok(root.client.clone())
    }

    /// Adds a person without a password.
    pub(super) async fn add_person(&mut self, unit: OrgId, role: Role) -> Fallible<PersonId> {
        let login = format!("p{}", self.number());
        let wish = json!({ "org": unit, "name": login, "login": login, "role": role.name() });
        let made = self.root()?.post("/people", &wish).await?.done()?;
        let id = id_of(&made, "id")?;
        self.people.push(Person {
            id,
            unit,
            role,
            disabled: false,
        });
        Ok(id)
    }

    /// Gives a person a password.
    pub(super) async fn give_password(&self, person: PersonId) -> Fallible<()> {
        let path = format!("/people/{person}/password");
        let wish = json!({ "password": PASSWORD });
        self.root()?.post(&path, &wish).await?.done()?;
        Ok(())
    }

    /// Begins a session with the password; notes it.
    pub(super) async fn sign_in(&mut self, person: PersonId) -> Fallible<(Tokens, Uuid)> {
        let path = format!("/people/{person}");
        let shown = self.root()?.get(&path).await?.done()?;
        let wish = json!({ "login": shown["login"], "password": PASSWORD });
        let reply = self.nobody.post("/auth/login", &wish).await?.done()?;
        let tokens: Tokens = serde_json::from_value(reply)?;
        let session = self.note_session(person, &tokens).await?;
        Ok((tokens, session))
    }

    /// Notes the session of tokens.
    pub(super) async fn note_session(
        &mut self,
        person: PersonId,
        tokens: &Tokens,
    ) -> Fallible<Uuid> {
        let client = self.nobody.with_token(&tokens.access_token);
        let me = client.get("/me").await?.done()?;
        let session: Uuid = id_of(&me, "session")?;
        self.sessions.push((person, session));
        Ok(session)
    }

    /// Enrols a new handheld of a manager; notes it and its session.
    pub(super) async fn enrol(&mut self, person: PersonId) -> Fallible<RawHandheld> {
        let root = self.root()?;
        let office = Township {
            administrator: root.clone(),
            staff: root,
            center: self.places.top,
            station: self.places.ding,
        };
        let raw = RawHandheld::enrol(&office, person).await?;
        let id = raw.journal;
        self.devices.push(Device { id, person });
        self.note_session(person, &raw.tokens).await?;
        Ok(raw)
    }

    /// Takes in an order as `by`: of the customer of a cell, or for a station's desk when
    /// nothing is known of the place.
    pub(super) async fn take_in(
        &mut self,
        by: &str,
        account: Option<&str>,
        desk: Option<OrgId>,
    ) -> Fallible<OrderId> {
        let caller = self.caller(by).ok_or_else(|| lost(by))?.clone();
        let wish = self.new_order(account, desk);
        let made = caller.client.post("/orders", &wish).await?.done()?;
        self.note_order(&caller, &made)
    }

    /// An order to be taken in, with a number that was not there before.
    pub(super) fn new_order(&self, account: Option<&str>, desk: Option<OrgId>) -> Value {
        json!({
            "source": "95598", "outside_no": format!("n{}", self.number()),
            "template": "fault_repair", "account_no": account, "station_id": desk,
            "address": "", "contact_name": "Li", "contact_phone": "13900001234",
            "phenomenon": "no light",
        })
    }

    /// Notes an order that was taken in.
    pub(super) fn note_order(&mut self, by: &Caller, shown: &Value) -> Fallible<OrderId> {
        let id = id_of(shown, "id")?;
        let owner = match &shown["owner"]["person"] {
            Value::Null => None,
            person => Some(id_of(person, "id")?),
        };
        let cell = match &shown["cell"] {
            Value::Null => None,
            cell => Some(id_of(cell, "id")?),
        };
        self.orders.push(Order {
            id,
            station: id_of(shown, "station")?,
            cell,
            owner,
            taken_in_by: by.person,
            given_to: owner.into_iter().collect(),
        });
        Ok(id)
    }

    /// Notes whose an order is after an act.
    pub(super) fn note_owner(&mut self, order: OrderId, acted: &Value) -> Fallible<()> {
        let owner = match &acted["owner"]["person"] {
            Value::Null => None,
            _ => Some(id_of(&acted["owner"], "person")?),
        };
        let known = self.orders.iter_mut().find(|known| known.id == order);
        let known = known.ok_or_else(|| lost("order"))?;
        known.owner = owner;
        known.given_to.extend(owner);
        Ok(())
    }

    /// Waits until the orders of someone who left have gone to others, and notes to whom.
    pub(super) async fn passed_on(&mut self, left: PersonId) -> Fallible<()> {
        let staff = self.caller("staff_ding").ok_or_else(|| lost("staff"))?;
        let staff = staff.client.clone();
        let his = self.orders.iter().filter(|order| order.owner == Some(left));
        let his: Vec<OrderId> = his.map(|order| order.id).collect();
        for order in his {
            let staff = &staff;
            let path = &format!("/orders/{order}");
            let owner: PersonId = wait::until("another owner", PASSED_ON, || async move {
                let shown = staff.get(path).await?.done()?;
                let owner = id_of(&shown["owner"]["person"], "id")?;
                Ok((owner != left).then_some(owner))
            })
            .await?;
            let known = self.orders.iter_mut().find(|known| known.id == order);
            let known = known.ok_or_else(|| lost("order"))?;
            known.owner = Some(owner);
            known.given_to.push(owner);
        }
        Ok(())
    }

    /// What a leave of one day is asked for with; no two are at one time.
    pub(super) fn new_leave(&self, person: PersonId) -> Value {
        const DAY: u64 = 86_400_000;
        let from = LEAVES_BEGIN + 2 * DAY * self.number();
        json!({ "person": person, "kind": "planned", "reason": "family",
            "from_at": from, "until_at": from + DAY })
    }

    /// Asks for leave for somebody, as the staff of his station.
    pub(super) async fn ask_leave(&mut self, by: &str, person: PersonId) -> Fallible<Uuid> {
        let caller = self.caller(by).ok_or_else(|| lost(by))?;
        let wish = self.new_leave(person);
        let made = caller.client.post("/leaves", &wish).await?.done()?;
        self.note_leave(&made)
    }

    /// Notes a leave that was asked for.
    pub(super) fn note_leave(&mut self, shown: &Value) -> Fallible<Uuid> {
        let id = id_of(shown, "id")?;
        self.leaves.push(Leave {
            id,
            person: id_of(shown, "person")?,
            station: id_of(shown, "station")?,
        });
        Ok(id)
    }

    /// Begins an upload of a photo that a handheld promised.
    pub(super) async fn begin_upload(&mut self, journal: JournalId) -> Fallible<String> {
        let hand = self.writer(journal).ok_or_else(|| lost("handheld"))?;
        let fresh = hand.spare.iter().find(|photo| !self.begun.contains(photo));
        let photo = *fresh.ok_or_else(|| lost("promised photo that was not begun"))?;
        let begun = hand
            .raw
            .begin_upload(photo, photo, MediaKind::Original, SPARE_BYTES)
            .await?;
        let path = location(&begun)?;
        let id = path.rsplit('/').next().unwrap_or_default().to_owned();
        self.begun.insert(photo);
        self.uploads.push(Upload {
            id: id.clone(),
            journal,
        });
        Ok(id)
    }

    /// One more thing like the target, to be used up.
    ///
    /// # Errors
    /// When the server refuses to make it, or things of that kind cannot be made.
    pub(super) async fn one_like(&mut self, kind: Kind, target: &Target) -> Fallible<Target> {
        let key = match kind {
            Kind::Person => {
                let like = self.person(target.id()).copied();
                let like = like.ok_or_else(|| lost("person"))?;
                self.add_person(like.unit, like.role).await?.to_string()
            }
            Kind::Device => {
                let like = self.device(target.id()).ok_or_else(|| lost("device"))?;
                let unit = self.person(like.person).map(|person| person.unit);
                let unit = unit.ok_or_else(|| lost("person"))?;
                let person = self.add_person(unit, Role::Manager).await?;
                self.enrol(person).await?.journal.to_string()
            }
            Kind::Session => {
                let id: Uuid = target.id();
                let like = self.sessions.iter().find(|(_, session)| *session == id);
                let person = like.ok_or_else(|| lost("session"))?.0;
                self.sign_in(person).await?.1.to_string()
            }
            Kind::FreshOrder => {
                let like = self.order(target.id()).ok_or_else(|| lost("order"))?;
                let desk = like.cell.is_none().then_some(like.station);
                let cell = like.cell.and_then(|cell| self.cell(cell));
                let account = cell.map(|cell| cell.account.clone());
                let order = self.take_in("center_top", account.as_deref(), desk).await?;
                order.to_string()
            }
            Kind::Leave => {
                let like = self.leave(target.id()).ok_or_else(|| lost("leave"))?;
                let (person, station) = (like.person, like.station);
                let staff = [
                    ("staff_ding", self.places.ding),
                    ("staff_sui", self.places.sui),
                    ("staff_meng", self.places.meng),
                ];
                let staff = staff.iter().find(|(_, place)| *place == station);
                let staff = staff.ok_or_else(|| lost("staff"))?.0;
                self.ask_leave(staff, person).await?.to_string()
            }
            Kind::Upload => {
                let like = self.uploads.iter().find(|upload| upload.id == target.key);
                let journal = like.ok_or_else(|| lost("upload"))?.journal;
                self.begin_upload(journal).await?
            }
            _ => return Err(Failure::new(format!("nothing like a {kind:?} can be made"))),
        };
        Ok(Target {
            key,
            place: target.place,
        })
    }
}

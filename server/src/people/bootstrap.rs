//! The first start: an empty database gets its first organisation and its first
//! administrator, with a password drawn on the spot and shown once. There is no default
//! account and no default password (RELIABILITY T35).

use super::{
    Role,
    account::{self, NewPerson},
    audit::{self, Outcome, Who},
    rows::person,
    session::Which,
    spoken,
    tree::UnitKind,
    unit::{self, NewUnit},
};
use crate::{app::App, edge::Problem};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{OrgId, PersonId},
};
use sea_orm::{EntityTrait, QuerySelect};

/// Five groups of four characters: 100 bits.
const GROUPS: usize = 5;

/// When there are no people yet: makes a management center called `organisation` and its
/// administrator, and returns his password. Otherwise does nothing and returns nothing.
///
/// # Errors
/// `request.invalid` when the name or the login is; problems of the database.
pub async fn bootstrap(
    app: &App,
    organisation: &str,
    login: &str,
) -> Result<Option<String>, Problem> {
    if !is_empty(app.store.read()).await? {
        return Ok(None);
    }
    let password = spoken::draw(GROUPS, app.randomness.as_ref());
    let hashing = app
        .gate
        .passwords
        .hash(login, password.clone(), app.randomness.as_ref());
    let hashed = hashing.await?;
    let top = NewUnit {
        parent: None,
        kind: UnitKind::Center,
        name: organisation.to_owned(),
        code: "1".to_owned(),
    };
    let (this, login) = (app.clone(), login.to_owned());
    let done = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                if !is_empty(tx).await? {
                    return Ok(false);
                }
                let top = unit::create_unit(tx, &this, top).await?;
                let first = NewPerson {
                    org: OrgId(top.id),
                    name: login.clone(),
                    login,
                    role: Role::Administrator,
                    base: None,
                };
                let first = account::create_person(tx, &this, first).await?;
                let id = PersonId(first.id);
                account::set_password(tx, id, hashed, Which::All, this.now()).await?;
                let who = Who::default();
                audit::record(tx, &this, who, "people.begun", id, Outcome::Done).await?;
                Ok(true)
            })
        })
        .await;
    match done {
        Ok(done) => Ok(done.then_some(password)),
        // Another process was quicker.
        Err(problem) if problem.code == Code::Conflict => Ok(None),
        Err(problem) => Err(problem),
    }
}

async fn is_empty<C: sea_orm::ConnectionTrait>(conn: &C) -> Result<bool, Problem> {
    let anyone: Option<uuid::Uuid> = person::Entity::find()
        .select_only()
        .column(person::Column::Id)
        .into_tuple()
        .one(conn)
        .await?;
    Ok(anyone.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::{fixture::Fixture, sign_in::sign_in};
    use gridcrew_sync_protocol::enrol::LoginRequest;
    use std::net::{IpAddr, Ipv4Addr};

    #[tokio::test]
    async fn the_first_start_makes_one_administrator_and_the_next_ones_none() {
        let fixture = Fixture::new().await;
        let password = bootstrap(&fixture.app, "Center", "admin").await.unwrap();
        let request = LoginRequest {
            login: "Admin".to_owned(),
            password: password.unwrap(),
            handheld: None,
        };
        let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert!(sign_in(&fixture.app, from, request).await.is_ok());
        assert_eq!(bootstrap(&fixture.app, "Center", "admin").await, Ok(None));
        assert_eq!(bootstrap(&fixture.app, "Other", "other").await, Ok(None));
    }
}

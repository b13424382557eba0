//! Those who may not ask at all, and what signing in is: the rows that a table cannot do.

use super::{
    row::{Kind, Who},
    walk::{Line, Wrong, made_up, refused},
    world::{Caller, Role, World},
};
use crate::{
    client::Client,
    failure::{Failure, Fallible, ensure},
    township::PASSWORD,
};
use gridcrew_sync_protocol::{
    enrol::Tokens,
    push::{PushOutcome, PushReply},
    wire,
};
use serde_json::{Value, json};

/// Most bytes of an answer that is unpacked.
const MOST: usize = 1024 * 1024;

/// Asks every row by nobody, with a token that is none, by who was disabled, with a revoked
/// handheld, and with tokens from before a move.
///
/// # Errors
/// The first operation that answered otherwise than with 401 and the right code; and the
/// first whose document says otherwise than its row whether it is public.
pub(super) async fn without_standing(world: &World, table: &[Line]) -> Fallible<()> {
    let fallen = world
        .fallen
        .as_ref()
        .ok_or_else(|| Failure::new("nobody has fallen"))?;
    let as_nobody = |client: Client| Caller {
        client,
        ..fallen.disabled.clone()
    };
    let cases = [
        (as_nobody(world.nobody.clone()), "auth.required"),
        (
            as_nobody(world.nobody.with_token("made.up.token")),
            "auth.required",
        ),
        (fallen.disabled.clone(), "auth.revoked"),
        (fallen.revoked.clone(), "auth.revoked"),
        (fallen.moved_staff.clone(), "auth.expired"),
        (fallen.moved_manager.clone(), "auth.expired"),
    ];
    let mut wrong = Wrong::default();
    for line in table {
        let (operation, row) = line;
        let public = matches!(row.who, Who::Anybody);
        let agreed = ensure(operation.public == public, || {
            "document and row disagree on whether it needs a token".to_owned()
        });
        wrong.note(agreed, || operation.id.clone());
        if public {
            continue;
        }
        for (caller, code) in &cases {
            let outcome = asked(world, line, caller, code).await;
            wrong.note(outcome, || {
                format!("{} with {code} ({})", operation.id, caller.name)
            });
        }
    }
    wrong.none()
}

async fn asked(world: &World, line: &Line, caller: &Caller, code: &str) -> Fallible<()> {
    let (operation, row) = line;
    let mut targets = world.targets(row.about, caller);
    targets.truncate(1);
    targets.push(made_up(row.about));
    if row.about == Kind::Journal {
        targets.extend(world.targets(Kind::Journal, caller).pop());
    }
    for target in targets {
        let reply = (row.ask)(world, caller, &target)
            .by(caller, operation)
            .await?;
        let journal = caller
            .hand
            .as_ref()
            .map(|hand| hand.raw.journal.to_string());
        let own = journal.as_ref() == Some(&target.key);
        if operation.id == "sync_push" && code == "auth.revoked" && own {
            // Its records are kept apart, not lost; nothing is applied.
            let reply: PushReply = wire::unpack(&reply.bytes, MOST)?;
            ensure(reply.outcome == PushOutcome::Revoked, || {
                format!("{reply:?}")
            })?;
        } else {
            refused(&reply, line, (401, code))?;
        }
    }
    Ok(())
}

/// Signs in, renews, changes the password, signs out and enrols, by every role and by those
/// who must not any more.
///
/// # Errors
/// The first that went otherwise.
pub(super) async fn by_hand(world: &World) -> Fallible<()> {
    let fallen = world
        .fallen
        .as_ref()
        .ok_or_else(|| Failure::new("nobody has fallen"))?;
    strangers(world, &fallen.disabled).await?;
    renewing(world, &fallen.disabled, "auth.revoked").await?;
    renewing(world, &fallen.revoked, "auth.revoked").await?;
    coming_back(world, &fallen.revoked).await?;
    for role in Role::ALL {
        let names = ["admin_ding", "center_north", "staff_ding", "wei_desk"];
        let known = names.iter().filter_map(|name| world.caller(name));
        let caller = known.into_iter().find(|caller| caller.role == role);
        let caller = caller.ok_or_else(|| Failure::new(format!("no {}", role.name())))?;
        let doing = |failure: Failure| failure.during(caller.name);
        session(world, caller).await.map_err(doing)?;
    }
    Ok(())
}

async fn login_of(world: &World, caller: &Caller) -> Fallible<Value> {
    let path = format!("/people/{}", caller.person);
    Ok(world.root()?.get(&path).await?.done()?["login"].clone())
}

/// Who was disabled, whose password is wrong and who is not there hear the same.
async fn strangers(world: &World, disabled: &Caller) -> Fallible<()> {
    let disabled = login_of(world, disabled).await?;
    let mut said = Vec::new();
    for login in [disabled, json!("nobody-at-all")] {
        let wish = json!({ "login": login, "password": PASSWORD });
        let reply = world.nobody.post("/auth/login", &wish).await?;
        reply.refused(401, "auth.wrong_password")?;
        said.push(reply.bytes);
    }
    ensure(said.windows(2).all(|two| two[0] == two[1]), || {
        "a disabled person's login is told from one that is not there".to_owned()
    })
}

async fn renewing(world: &World, caller: &Caller, code: &str) -> Fallible<()> {
    let wish = json!({ "refresh_token": caller.tokens.refresh_token });
    let reply = world.nobody.post("/auth/refresh", &wish).await?;
    reply.refused(401, code)
}

/// A revoked handheld does not come back with a new code.
async fn coming_back(world: &World, revoked: &Caller) -> Fallible<()> {
    use ed25519_dalek::Signer;
    use gridcrew_sync_protocol::enrol::EnrolRequest;
    let key = revoked.hand.as_ref().map(|hand| &hand.raw.key);
    let key = key.ok_or_else(|| Failure::new("no handheld"))?;
    let path = format!("/people/{}/enrolment-codes", revoked.person);
    let issued = world.root()?.post(&path, &json!({})).await?.done()?;
    for (code, wanted) in [
        (issued["code"].as_str().unwrap_or_default(), "auth.revoked"),
        ("0000-0000-0000", "enrol.bad_code"),
    ] {
        let proof = key.sign(&EnrolRequest::proof_text(code));
        let wish = json!({
            "code": code, "public_key": hex::encode(key.verifying_key().as_bytes()),
            "proof": hex::encode(proof.to_bytes()), "device_name": "again",
        });
        let reply = world.nobody.post("/handhelds/enrol", &wish).await?;
        reply.refused(401, wanted)?;
    }
    Ok(())
}

/// A session from its beginning to its end; last, as it ends the caller's other sessions.
async fn session(world: &World, caller: &Caller) -> Fallible<()> {
    let login = login_of(world, caller).await?;
    let wish = json!({ "login": login, "password": PASSWORD });
    let reply = world.nobody.post("/auth/login", &wish).await?.done()?;
    let first: Tokens = serde_json::from_value(reply)?;
    let client = world.nobody.with_token(&first.access_token);
    let wish = json!({ "current": PASSWORD, "new": "otter-lantern-quartz-77" });
    let reply = client.post("/me/password", &wish).await?;
    ensure(reply.status == 204, || reply.said())?;
    client.get("/me").await?.refused(401, "auth.expired")?;
    let wish = json!({ "refresh_token": first.refresh_token });
    let reply = world.nobody.post("/auth/refresh", &wish).await?.done()?;
    let second: Tokens = serde_json::from_value(reply)?;
    let client = world.nobody.with_token(&second.access_token);
    client.get("/me").await?.done()?;
    let reply = client.post("/auth/logout", &json!({})).await?;
    ensure(reply.status == 204, || reply.said())?;
    client.get("/me").await?.refused(401, "auth.required")?;
    // The sessions of before ended with the password.
    caller
        .client
        .get("/me")
        .await?
        .refused(401, "auth.required")
}

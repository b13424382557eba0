//! What a handheld answers without a network, filled by a real server: the scope comes page
//! by page, survives being killed between and within pages, and goes with its cell.

use gridcrew_mobile_core::{Budget, Handheld, List};
use gridcrew_sync_protocol::position::{Datum, TypedPosition};
use gridcrew_tests::{
    Fallible, both_databases,
    failure::ensure,
    postgres::TestDatabase,
    scene::{CORNER, SIDE, Scene},
    server::program,
};
use serde_json::{Value, json};
use std::{path::Path, process::Stdio, time::Duration};
use tokio::process::Command;

both_databases! {
    a_handheld_answers_from_its_scope_and_a_cell_that_changes_hands_takes_it_along,
    a_first_sync_that_is_killed_again_and_again_ends_with_the_same_scope,
}

/// Customers of the western cell.
async fn import(scene: &Scene, count: usize) -> Fallible<()> {
    let customers: Vec<Value> = (0..count)
        .map(|n| {
            let name = ["王建国", "曾秀英", "李长顺"][n % 3];
            json!({
                "account_no": format!("3408{n:09}"),
                "meter_no": format!("７７{n:06}"),
                "name": name,
                "phone": "13800138000",
                "address": format!("柳家庄村{n}号"),
                "station_area": format!("T{:03}", n % 3),
                "position": {
                    "lon": CORNER[0] + SIDE * 0.01, "lat": CORNER[1] + SIDE * 0.5,
                    "datum": "WGS-84",
                },
            })
        })
        .collect();
    for customers in customers.chunks(2_000) {
        let path = format!("/stations/{}/customers", scene.township.station);
        let body = json!({ "customers": customers });
        scene.township.staff.post(&path, &body).await?.done()?;
    }
    Ok(())
}

fn west() -> Fallible<TypedPosition> {
    let (lon, lat) = (CORNER[0] + SIDE * 0.05, CORNER[1] + SIDE * 0.5);
    Ok(TypedPosition::new(lon, lat, Datum::Wgs84)?)
}

fn found(handheld: &Handheld, text: &str) -> Fallible<Vec<String>> {
    let hits = handheld.search(text, 10_000)?.into_iter();
    Ok(hits.map(|hit| hit.customer.account_no).collect())
}

async fn a_handheld_answers_from_its_scope_and_a_cell_that_changes_hands_takes_it_along(
    database: TestDatabase,
) -> Fallible<()> {
    let scene = Scene::set(database).await?;
    import(&scene, 30).await?;
    let order = scene.order("1").await?;
    let owner = scene.owner(order).await?;
    let server = scene.server.url()?;
    let folder = scene.folder.path().join("a");
    let handheld = scene.township.handheld(owner, &server, &folder).await?;
    handheld.sync(Budget::default()).await?;

    // Nothing that follows needs the server.
    for (text, expected) in [
        ("王建国", 10),
        ("wjg", 10),
        ("zengxy", 10),
        ("cxy", 10),
        ("ljz", 30),
        ("3408000000007", 1),
        ("77000007", 1),
        ("７７０００００７", 1),
        ("nobody", 0),
    ] {
        let found = found(&handheld, text)?.len();
        ensure(found == expected, || {
            format!("{found} customers are {text}")
        })?;
    }
    let here = handheld.cell_at(west()?)?;
    let here = here.ok_or_else(|| gridcrew_tests::Failure::new("no cell"))?;
    let roles = (here.role_a, here.role_b);
    let (a, b) = match &roles {
        (Some(a), Some(b)) => (a.clone(), b.clone()),
        _ => return Err(gridcrew_tests::Failure::new("a role is vacant")),
    };
    ensure(here.distance.0 == 0.0 && a.person == owner, || {
        format!("{} m, A is {}", here.distance, a.name)
    })?;
    ensure(a.name.starts_with('a') && b.name.starts_with('b'), || {
        format!("A is {}, B is {}", a.name, b.name)
    })?;
    let near = handheld.orders_near(west()?)?;
    let metres = near.first().and_then(|order| order.distance);
    ensure(near.len() == 1 && metres.is_some_and(|m| m.0 < 1.0), || {
        format!("{near:?}")
    })?;
    let card = handheld.show(order)?;
    let prompts = card.next.iter().filter_map(|step| step.prompt.as_ref());
    let take_along: usize = prompts.map(|prompt| prompt.take_along.len()).sum();
    ensure(take_along > 0 && !card.everywhere.is_empty(), || {
        "no prompt card".to_owned()
    })?;
    let countdown = card.deadlines.iter().find(|one| one.code == "arrive");
    ensure(
        countdown.is_some_and(|one| one.left.is_some() && !one.unsure),
        || format!("{countdown:?}"),
    )?;

    // The cell goes to the people of the other one.
    let cells = &scene.cells;
    let other = cells.iter().find(|(_, a, _)| *a != owner);
    let west = cells.iter().find(|(_, a, _)| *a == owner);
    let (Some((_, c, d)), Some((west_cell, ..))) = (other, west) else {
        return Err(gridcrew_tests::Failure::new("not two cells"));
    };
    scene.township.set_roles(west_cell.id, *c, *d).await?;
    handheld.sync(Budget::default()).await?;
    ensure(found(&handheld, "wjg")?.is_empty(), || {
        "customers of a cell that he has no more".to_owned()
    })?;
    let none = handheld.cell_at(self::west()?)?;
    ensure(none.is_none(), || format!("{none:?}"))?;
    // His open order stays his.
    ensure(handheld.list(List::ToDo)?.len() == 1, || {
        "his own order went with the cell".to_owned()
    })?;
    let folder = scene.folder.path().join("c");
    let next = scene.township.handheld(*c, &server, &folder).await?;
    next.sync(Budget::default()).await?;
    ensure(found(&next, "wjg")?.len() == 10, || {
        "the new A has not all customers".to_owned()
    })
}

async fn a_first_sync_that_is_killed_again_and_again_ends_with_the_same_scope(
    database: TestDatabase,
) -> Fallible<()> {
    let scene = Scene::set(database).await?;
    import(&scene, 6_000).await?;
    for number in 0..20 {
        scene.order(&number.to_string()).await?;
    }
    let order = scene.order("20").await?;
    let owner = scene.owner(order).await?;
    let server = scene.server.url()?;
    let whole = scene.folder.path().join("whole");
    let whole = scene.township.handheld(owner, &server, &whole).await?;
    whole.sync(Budget::default()).await?;
    let killed = scene.folder.path().join("killed");
    drop(scene.township.handheld(owner, &server, &killed).await?);

    // Each time a little later, so that every page and what lies between is met.
    let (mut held, mut between) = (0, 0);
    for round in 0..200 {
        let ended = sync_and_kill(&killed, Duration::from_millis(30 + 10 * round)).await?;
        let handheld = Handheld::open(&killed)?;
        let customers = handheld.status()?.customers;
        ensure(customers >= held, || {
            format!("{customers} customers after {held}")
        })?;
        if customers > 0 && customers < 6_000 {
            between += 1;
        }
        if handheld.me()?.is_some() {
            let to_do = handheld.list(List::ToDo)?.len();
            ensure(to_do == 21, || format!("{to_do} orders after a page"))?;
        }
        held = customers;
        if ended {
            break;
        }
    }
    let handheld = Handheld::open(&killed)?;
    handheld.sync(Budget::default()).await?;
    ensure(found(&handheld, "34")? == found(&whole, "34")?, || {
        "other customers".to_owned()
    })?;
    ensure(handheld.states()? == whole.states()?, || {
        "other orders".to_owned()
    })?;
    ensure(between > 0, || "never killed between two pages".to_owned())
}

/// Syncs in a process of its own and kills it after a while; whether it was done before.
async fn sync_and_kill(data: &Path, after: Duration) -> Fallible<bool> {
    let mut child = Command::new(program("gridcrew-handheld", "GRIDCREW_HANDHELD_BIN")?)
        .arg("--data")
        .arg(data)
        .arg("sync")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    match tokio::time::timeout(after, child.wait()).await {
        Ok(status) => Ok(status?.success()),
        Err(_) => {
            child.kill().await?;
            Ok(false)
        }
    }
}

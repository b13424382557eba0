//! Before the storm: the township of the data, its managers, their handhelds and links.

use super::{
    ground::{boundary, clusters},
    requests::{Place, Request},
};
use crate::{
    failure::{Failure, Fallible, ensure},
    link::{Link, Quality, Trace},
    server::Server,
    township::{Area, Township},
};
use gridcrew_mobile_core::Handheld;
use gridcrew_sync_protocol::ids::PersonId;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Station areas for each cell, about.
const AREAS_PER_CELL: usize = 10;
/// One A manager in so many is off duty: his B works in his place.
const OFF_DUTY_ONE_IN: usize = 8;
/// A link breaks by itself after so many bytes.
const BREAKS_AFTER: std::ops::Range<u64> = 150_000..1_500_000;

/// A handheld that takes part, with its link.
#[derive(Debug)]
pub struct Crew {
    /// Who works with it.
    pub person: PersonId,
    /// Its folder.
    pub folder: PathBuf,
    /// The handheld, open.
    pub handheld: Handheld,
    /// Its way to the server.
    pub link: Arc<Link>,
}

/// Which recorded links there are: all of the folder, or those of one name.
///
/// # Errors
/// When there is none of that name.
pub fn links(data: &Path, name: Option<&str>) -> Fallible<Vec<(String, Trace, Trace)>> {
    let folder = data.join("net_traces");
    let mut names: Vec<String> = match name {
        Some(name) => vec![name.to_owned()],
        None => std::fs::read_dir(&folder)?
            .filter_map(|entry| {
                let name = entry.ok()?.file_name().into_string().ok()?;
                Some(name.strip_suffix(".up.gz")?.to_owned())
            })
            .collect(),
    };
    names.sort();
    ensure(!names.is_empty(), || {
        format!("no link in {}", folder.display())
    })?;
    names
        .into_iter()
        .map(|name| {
            // A name of the folder, or a path without `.up.gz`.
            let trace = |end: &str| Trace::read(&folder.join(format!("{name}.{end}.gz")));
            let (up, down) = (trace("up")?, trace("down")?);
            Ok((name, up, down))
        })
        .collect()
}

/// Founds the township of the requests, with so many cells; gives it with the people whose
/// handhelds work: the A of each cell, or its B where the A is off duty.
///
/// # Errors
/// When the server refuses.
pub async fn township(
    server: &Server,
    requests: &[Request],
    cells: usize,
) -> Fallible<(Township, Vec<PersonId>, usize)> {
    let places: Vec<Place> = requests
        .iter()
        .filter_map(|request| request.place)
        .collect();
    ensure(!places.is_empty(), || "no request has a place".to_owned())?;
    let areas: Vec<Area> = clusters(&places, cells * AREAS_PER_CELL, 1)
        .iter()
        .zip(1..)
        .map(|(cluster, number)| Area {
            code: format!("T{number:04}"),
            lon: cluster.middle.lon,
            lat: cluster.middle.lat,
            customers: cluster.requests,
        })
        .collect();
    let township = Township::found(server).await?;
    township.import(&boundary(&places), &areas).await?.done()?;
    let cells = township.split(cells).await?;
    let (mut working, mut off_duty) = (Vec::new(), 0);
    for (cell, number) in cells.iter().zip(1usize..) {
        let a = township.add_manager(&format!("a{number:02}")).await?;
        let b = township.add_manager(&format!("b{number:02}")).await?;
        township.set_roles(cell.id, a, b).await?;
        if number % OFF_DUTY_ONE_IN == 0 {
            township.off_duty(a).await?;
            off_duty += 1;
            working.push(b);
        } else {
            working.push(a);
        }
    }
    Ok((township, working, off_duty))
}

/// The people of `working`, those with most of the day's requests in their cells first: on a
/// quiet day too there is then enough to do for the handhelds that are killed at it.
///
/// # Errors
/// When the server refuses to say in which cell a place lies.
pub async fn busiest_first(
    township: &Township,
    working: Vec<PersonId>,
    todays: &[Request],
) -> Fallible<Vec<PersonId>> {
    let cells = township.cells().await?;
    let mut counts = vec![0_usize; cells.len()];
    for place in todays.iter().filter_map(|request| request.place) {
        let asked = json!({ "position": {
            "datum": "WGS-84", "lon": place.lon, "lat": place.lat,
        } });
        let located = township.staff.post("/territory/locate", &asked).await?;
        let located = located.done()?;
        let nearest = &located["candidates"][0]["cell"]["id"];
        if let Some(at) = cells.iter().position(|cell| *nearest == json!(cell.id))
            && let Some(count) = counts.get_mut(at)
        {
            *count += 1;
        }
    }
    let mut counted: Vec<(usize, PersonId)> = counts.into_iter().zip(working).collect();
    counted.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    Ok(counted.into_iter().map(|(_, person)| person).collect())
}

/// Gives each of `working` an enrolled handheld behind a link of its own.
///
/// # Errors
/// When a handheld cannot be enrolled.
pub async fn crews(
    server: &Server,
    township: &Township,
    working: &[PersonId],
    links: &[(String, Trace, Trace)],
    folder: &Path,
) -> Fallible<Vec<Crew>> {
    let mut crews = Vec::new();
    for (person, number) in working.iter().zip(0u64..) {
        let at = usize::try_from(number)? % links.len();
        let (_, up, down) = links.get(at).ok_or_else(|| Failure::new("no link"))?;
        let quality = Quality {
            up: up.clone(),
            down: down.clone(),
            delay: Duration::from_millis(15),
            breaks_after: Some(BREAKS_AFTER),
        };
        let link = Arc::new(Link::to(server.address()?, quality, number).await?);
        let folder = folder.join(format!("handheld-{number:02}"));
        let handheld = enrolled(township, *person, &link, &folder).await?;
        crews.push(Crew {
            person: *person,
            folder,
            handheld,
            link,
        });
    }
    Ok(crews)
}

/// Enrols over a link that may break meanwhile: a new try with a new code.
async fn enrolled(
    township: &Township,
    person: PersonId,
    link: &Link,
    folder: &Path,
) -> Fallible<Handheld> {
    let mut tries = 0;
    loop {
        tries += 1;
        match township.handheld(person, &link.url(), folder).await {
            Err(_) if tries < 5 => {}
            done => return done,
        }
    }
}

//! Merging cells.

use super::{Done, EditError, part::reachable, place_of};
use crate::territory::{content::Content, planar::rings_of, shape::Shape};
use std::collections::BTreeSet;

/// Neighbours become one cell: the borders between them go.
pub(super) fn merge(
    content: &mut Content,
    codes: &[String],
    into: Option<&str>,
) -> Result<Done, EditError> {
    let places: BTreeSet<usize> = codes
        .iter()
        .map(|code| place_of(content, code))
        .collect::<Result<_, _>>()?;
    let places: Vec<usize> = places.into_iter().collect();
    if places.len() < 2 {
        return Err(EditError::FewCells);
    }
    let stays = match into {
        Some(code) => {
            let place = place_of(content, code)?;
            if !places.contains(&place) {
                return Err(EditError::NotAmongThem(code.to_owned()));
            }
            place
        }
        None => with_most_customers(content, &places),
    };
    let together = reachable(content, &places);
    if let Some(apart) = places.iter().find(|place| !together.contains(place)) {
        let code = |place: usize| content.cells[place].code.clone();
        return Err(EditError::NotNeighbours {
            first: code(places[0]),
            second: code(*apart),
        });
    }
    let steps = places
        .iter()
        .flat_map(|place| content.cells[*place].outline.steps());
    let outline = Shape::of_grid(rings_of(steps))?;
    let code = content.cells[stays].code.clone();
    let gone: BTreeSet<String> = places
        .iter()
        .filter(|place| **place != stays)
        .map(|place| content.cells[*place].code.clone())
        .collect();
    content.cells[stays].outline = outline;
    content.cells.retain(|cell| !gone.contains(&cell.code));
    for area in &mut content.station_areas {
        if area.cell.as_ref().is_some_and(|cell| gone.contains(cell)) {
            area.cell = Some(code.clone());
        }
    }
    let gone: Vec<String> = gone.into_iter().collect();
    Ok(Done {
        said: format!("{} became part of {code}", gone.join(", ")),
        ..Done::default()
    })
}

fn with_most_customers(content: &Content, places: &[usize]) -> usize {
    let customers = |place: usize| -> u64 {
        let code = Some(content.cells[place].code.as_str());
        let areas = content.station_areas.iter();
        let own = areas.filter(|area| area.cell.as_deref() == code);
        own.map(|area| u64::from(area.customers)).sum()
    };
    let most = places
        .iter()
        .copied()
        .max_by_key(|place| (customers(*place), std::cmp::Reverse(*place)));
    most.unwrap_or(places[0])
}

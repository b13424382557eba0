//! Ground that goes with its station areas: moving them to another cell, and splitting a cell
//! by their weight. Each has the ground that a split would give it, all that lies nearest to
//! it within its cell.

use super::{Done, EditError, place_of, plane::around, points};
use crate::territory::{
    content::{CellContent, Content},
    grid::Grid,
    naming::name_cells,
    planar::rings_of,
    shape::Shape,
    split::{self, Size, SplitArea, Wish, drawn::drop_idle_cuts},
    tiles::{self, Place, TileError},
};
use gridcrew_sync_protocol::position::distance_m;
use std::collections::{BTreeMap, BTreeSet};

/// Station areas go to another cell with their ground.
pub(super) fn transfer(
    content: &mut Content,
    codes: &[String],
    to: &str,
) -> Result<Done, EditError> {
    place_of(content, to)?;
    let mut from: BTreeMap<Option<String>, BTreeSet<usize>> = BTreeMap::new();
    for code in codes {
        let found = content
            .station_areas
            .iter()
            .position(|area| area.code == *code);
        let area = found.ok_or_else(|| EditError::UnknownArea(code.clone()))?;
        let cell = content.station_areas[area].cell.clone();
        if cell.as_deref() == Some(to) {
            return Err(EditError::ThereAlready {
                area: code.clone(),
                cell: to.to_owned(),
            });
        }
        from.entry(cell).or_default().insert(area);
    }
    if from.is_empty() {
        return Err(EditError::HowMany);
    }
    for (cell, areas) in from {
        if let Some(cell) = cell {
            take_ground(content, &cell, &areas, to)?;
        }
        for area in areas {
            content.station_areas[area].cell = Some(to.to_owned());
        }
    }
    Ok(Done {
        said: format!("{} moved to {to}", codes.join(", ")),
        ..Done::default()
    })
}

/// The ground of station areas goes from their cell to another. Those that stand outside their
/// cell have none.
fn take_ground(
    content: &mut Content,
    cell: &str,
    moving: &BTreeSet<usize>,
    to: &str,
) -> Result<(), EditError> {
    let (giver, taker) = (place_of(content, cell)?, place_of(content, to)?);
    let inside = at_home(content, giver);
    let (goes, stays): (Vec<usize>, Vec<usize>) =
        inside.into_iter().partition(|area| moving.contains(area));
    if goes.is_empty() {
        return Ok(());
    }
    if stays.is_empty() {
        return Err(EditError::LosesGround {
            cell: cell.to_owned(),
        });
    }
    let outline = content.cells[giver].outline.clone();
    let (tiles, of_place) = tiles_of(content, &outline, &goes, &stays)?;
    let mut steps = [Vec::new(), Vec::new()];
    for (tile, goes) in tiles.steps.iter().zip(&of_place) {
        steps[usize::from(*goes)].extend(tile);
    }
    let mut rings: Vec<_> = steps.map(rings_of).into();
    drop_idle_cuts(&mut rings, &tiles.given);
    let steps_of = |rings: &Vec<Vec<Grid>>| -> Vec<(Grid, Grid)> {
        let pairs = rings.iter().flat_map(|ring| ring.windows(2));
        pairs.map(|pair| (pair[0], pair[1])).collect()
    };
    let (kept, gone) = (steps_of(&rings[0]), steps_of(&rings[1]));
    let inserts = points::put_in(&outline, kept.iter().chain(&gone).copied());
    points::share(content, &inserts, giver)?;
    let taken = content.cells[taker].outline.steps().chain(gone);
    content.cells[taker].outline = Shape::of_grid(rings_of(taken))?;
    content.cells[giver].outline = Shape::of_grid(rings_of(kept))?;
    around(content)
}

/// The ground of each place where station areas of one cell stand, and whether it goes.
fn tiles_of(
    content: &Content,
    outline: &Shape,
    goes: &[usize],
    stays: &[usize],
) -> Result<(tiles::Tiles, Vec<bool>), EditError> {
    // Areas that stand within about a metre have one ground, as in a split.
    let mut by_place: BTreeMap<(i64, i64), (Grid, usize, bool)> = BTreeMap::new();
    let all = goes.iter().map(|area| (*area, true));
    for (area, moves) in all.chain(stays.iter().map(|area| (*area, false))) {
        let at = Grid::of(content.station_areas[area].position);
        let metre = |v: i64| v.div_euclid(100_000);
        let place = by_place
            .entry((metre(at.x), metre(at.y)))
            .or_insert((at, area, moves));
        if place.2 != moves {
            let code = |area: usize| content.station_areas[area].code.clone();
            return Err(EditError::StandTogether {
                first: code(place.1),
                second: code(area),
            });
        }
    }
    let places: Vec<(Grid, usize, bool)> = by_place.into_values().collect();
    let wanting: Vec<Place<'_>> = places
        .iter()
        .map(|(at, ..)| Place {
            at: *at,
            outline: None,
        })
        .collect();
    let ground = tiles::Ground {
        boundary: outline,
        places: &wanting,
        locked: &[],
        barriers: &[],
    };
    let tiles = tiles::tiles(&ground).map_err(|error| match error {
        TileError::Unresolved => EditError::Unresolved,
        TileError::NoGround(place) => EditError::NoGround(
            places
                .get(place)
                .map(|(_, area, _)| content.station_areas[*area].code.clone())
                .unwrap_or_default(),
        ),
    })?;
    Ok((tiles, places.into_iter().map(|(.., goes)| goes).collect()))
}

/// The station areas of a cell that stand on its ground.
fn at_home(content: &Content, cell: usize) -> Vec<usize> {
    let ground = &content.cells[cell];
    let inside = ground.outline.searchable();
    let areas = content.station_areas.iter().enumerate();
    areas
        .filter(|(_, area)| area.cell.as_deref() == Some(&*ground.code))
        .filter(|(_, area)| inside.contains(area.position))
        .map(|(number, _)| number)
        .collect()
}

/// One cell becomes several by their weight: customers.
pub(super) fn split(
    content: &mut Content,
    cell: &str,
    (size, seed): (Size, u64),
    before: &BTreeSet<String>,
) -> Result<Done, EditError> {
    let place = place_of(content, cell)?;
    let home = at_home(content, place);
    let outline = content.cells[place].outline.clone();
    let areas: Vec<SplitArea> = home
        .iter()
        .map(|area| {
            let area = &content.station_areas[*area];
            SplitArea {
                at: area.position,
                outline: None,
                weight: u64::from(area.customers),
            }
        })
        .collect();
    let wish = Wish {
        size,
        ..Wish::plain(&outline, &areas, 1, seed)
    };
    let split = split::split(&wish, &|_| ()).map_err(|error| EditError::Split {
        cell: cell.to_owned(),
        error,
    })?;
    let mut groups: Vec<Vec<usize>> = split
        .cells
        .iter()
        .map(|part| part.areas.iter().map(|area| home[*area]).collect())
        .collect();
    take_in_strays(content, cell, &mut groups);
    let names = name_cells(&content.station_areas, &groups, &content.cells, before);
    let steps = split.cells.iter().flat_map(|part| part.shape.steps());
    let inserts = points::put_in(&outline, steps);
    points::share(content, &inserts, place)?;
    let mut new = Vec::new();
    for ((part, group), name) in split.cells.into_iter().zip(groups).zip(names) {
        for area in group {
            content.station_areas[area].cell = Some(name.code.clone());
        }
        if name.code == cell {
            content.cells[place].outline = part.shape;
        } else {
            new.push((name.code.clone(), cell.to_owned()));
            content.cells.push(CellContent {
                code: name.code,
                name: name.name,
                outline: part.shape,
            });
        }
    }
    around(content)?;
    let codes: Vec<&str> = new.iter().map(|(code, _)| code.as_str()).collect();
    let said = format!("{cell} was split; new are {}", codes.join(", "));
    Ok(Done {
        said,
        new,
        ..Done::default()
    })
}

/// Station areas of the cell that stand elsewhere go with the nearest that stands in it.
fn take_in_strays(content: &Content, cell: &str, groups: &mut [Vec<usize>]) {
    let placed: BTreeSet<usize> = groups.iter().flatten().copied().collect();
    for (number, area) in content.station_areas.iter().enumerate() {
        if area.cell.as_deref() != Some(cell) || placed.contains(&number) {
            continue;
        }
        let far =
            |other: &usize| distance_m(area.position, content.station_areas[*other].position).0;
        let nearest = |group: &Vec<usize>| group.iter().map(far).fold(f64::INFINITY, f64::min);
        let group = groups
            .iter_mut()
            .min_by(|a, b| nearest(a).total_cmp(&nearest(b)));
        if let Some(group) = group {
            group.push(number);
        }
    }
}

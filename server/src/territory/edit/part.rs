//! Lines: a new border between two neighbours, and one cell cut into two.

use super::{
    Called, Done, EditError, fresh_code, fresh_name, pieces, place_of, plane::Plane,
    standing::Standing,
};
use crate::territory::{
    content::{CellContent, Content},
    grid::Grid,
    shape::Shape,
};
use gridcrew_sync_protocol::position::Wgs84;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// The two sides of a line in the ground that it parts; a piece of ground that the line does
/// not meet is on neither.
type Sides = Vec<Option<bool>>;

/// Two neighbours get another border.
pub(super) fn border(
    content: &mut Content,
    cells: &[String; 2],
    line: &[Wgs84],
) -> Result<Done, EditError> {
    let [first, second] = [place_of(content, &cells[0])?, place_of(content, &cells[1])?];
    if first == second {
        return Err(EditError::FewCells);
    }
    if !beside(
        &content.cells[first].outline,
        &content.cells[second].outline,
    ) {
        let [first, second] = cells.clone();
        return Err(EditError::NotNeighbours { first, second });
    }
    let what = || format!("{} and {}", cells[0], cells[1]);
    let plane = Plane::by_line(content, line, [first, second])?;
    let ground = |face: usize| plane.cell[face] == Some(first);
    let sides = sides(&plane, ground, what)?;
    let standing = Standing::of(content, &plane);
    // Whose side is whose: by the customers of each cell's own station areas.
    let mut straight = 0i128;
    for (area, face) in &standing.areas {
        let (Some(face), area) = (*face, &content.station_areas[*area]) else {
            continue;
        };
        let Some(side) = sides[face].filter(|_| ground(face)) else {
            continue;
        };
        let weight = i128::from(area.customers) + 1;
        let of_first = area.cell.as_deref() == Some(&*cells[0]);
        straight += if of_first == side { -weight } else { weight };
    }
    let outlines = [first, second].map(|cell| content.cells[cell].outline.clone());
    let mut owner = plane.cell.clone();
    for face in (0..owner.len()).filter(|face| ground(*face)) {
        owner[face] = Some(match sides[face] {
            Some(side) if side == (straight < 0) => first,
            Some(_) => second,
            None if plane.lies_in(face, &outlines[1]) => second,
            None => first,
        });
    }
    divide(content, plane, owner, &standing, [first, second], None)?;
    let said = format!("{} have another border between them", what());
    Ok(Done {
        said,
        ..Done::default()
    })
}

/// One cell becomes two.
pub(super) fn split(
    content: &mut Content,
    cell: &str,
    line: &[Wgs84],
    (called, before): (&Called, &BTreeSet<String>),
) -> Result<Done, EditError> {
    let place = place_of(content, cell)?;
    let code = fresh_code(content, called, before)?;
    let plane = Plane::by_line(content, line, [place, place])?;
    let ground = |face: usize| plane.cell[face] == Some(place);
    let sides = sides(&plane, ground, || cell.to_owned())?;
    let standing = Standing::of(content, &plane);
    let mut customers = [0u64; 2];
    for (area, face) in &standing.areas {
        let area = &content.station_areas[*area];
        let own = area.cell.as_deref() == Some(cell);
        if let Some(side) = face
            .filter(|face| own && ground(*face))
            .and_then(|f| sides[f])
        {
            customers[usize::from(side)] += u64::from(area.customers) + 1;
        }
    }
    // The side with fewer customers is the new cell.
    let goes = customers[1] <= customers[0];
    let new = content.cells.len();
    let mut owner = plane.cell.clone();
    for face in (0..owner.len()).filter(|face| ground(*face) && sides[*face] == Some(goes)) {
        owner[face] = Some(new);
    }
    let name = code.clone();
    divide(content, plane, owner, &standing, [place, new], Some(name))?;
    content.cells[new].name = fresh_name(content, called, &code);
    Ok(Done {
        said: format!("{cell} was split along a line; {code} is new"),
        new: vec![(code, cell.to_owned())],
        ..Done::default()
    })
}

/// Gives the ground of two cells out anew; the second may be a new one with this code. Their
/// station areas go with the ground that they stand on.
fn divide(
    content: &mut Content,
    plane: Plane,
    mut owner: Vec<Option<usize>>,
    standing: &Standing,
    [first, second]: [usize; 2],
    new: Option<String>,
) -> Result<(), EditError> {
    let codes = [first, second].map(|cell| content.cells.get(cell).map(|cell| cell.code.clone()));
    let [Some(one), other] = codes else {
        return Err(EditError::FewCells);
    };
    let Some(other) = other.or_else(|| new.clone()) else {
        return Err(EditError::FewCells);
    };
    let both = [one, other];
    let of_both = |code: Option<&str>| both.iter().any(|one| Some(one.as_str()) == code);
    let home: Vec<(usize, usize)> = standing
        .areas
        .iter()
        .filter_map(|(area, face)| Some((*area, (*face)?)))
        .filter(|(area, face)| {
            let ours = plane.cell[*face] == Some(first);
            ours && of_both(content.station_areas[*area].cell.as_deref())
        })
        .collect();
    let held: BTreeSet<usize> = home.iter().map(|(_, face)| *face).collect();
    let before = plane.cell.clone();
    pieces::give_away(&plane, (&before, &mut owner), &held);
    for (area, face) in home {
        let to = if owner[face] == Some(second) {
            &both[1]
        } else {
            &both[0]
        };
        content.station_areas[area].cell = Some(to.clone());
    }
    let cell = new.map(|code| CellContent {
        name: code.clone(),
        code,
        outline: content.cells[first].outline.clone(),
    });
    plane.draw(content, &owner, cell.into_iter().collect())
}

/// On which side of the line each face of the ground lies: crossing it, and there is nothing
/// else within that ground to cross, changes the side.
fn sides(
    plane: &Plane,
    ground: impl Fn(usize) -> bool,
    what: impl FnOnce() -> String,
) -> Result<Sides, EditError> {
    let mut sides: Sides = vec![None; plane.cell.len()];
    let mut parted = false;
    for first in (0..sides.len()).filter(|face| ground(*face)) {
        let crossed = |face: usize| {
            let beside = plane.beside(face).iter().map(|(other, _)| *other);
            beside.filter(move |other| *other != face)
        };
        if sides[first].is_some() || !crossed(first).any(&ground) {
            continue;
        }
        sides[first] = Some(false);
        let mut open = vec![first];
        while let Some(face) = open.pop() {
            for other in crossed(face).filter(|other| ground(*other)) {
                let beyond = sides[face].map(|side| !side);
                match sides[other] {
                    None => {
                        sides[other] = beyond;
                        parted = true;
                        open.push(other);
                    }
                    side if side != beyond => return Err(EditError::LineCrossesItself),
                    Some(_) => {}
                }
            }
        }
    }
    if parted {
        Ok(sides)
    } else {
        Err(EditError::DoesNotPart { what: what() })
    }
}

/// Whether two outlines have a common border.
pub(super) fn beside(one: &Shape, other: &Shape) -> bool {
    let steps: HashSet<(Grid, Grid)> = one.steps().collect();
    other.steps().any(|(a, b)| steps.contains(&(b, a)))
}

/// The cells among `places` that hang together with the first by common borders.
pub(super) fn reachable(content: &Content, places: &[usize]) -> BTreeSet<usize> {
    let mut of_step: BTreeMap<(Grid, Grid), Vec<usize>> = BTreeMap::new();
    for place in places {
        for (a, b) in content.cells[*place].outline.steps() {
            of_step
                .entry((a.min(b), a.max(b)))
                .or_default()
                .push(*place);
        }
    }
    let mut found: BTreeSet<usize> = places.first().copied().into_iter().collect();
    loop {
        let before = found.len();
        for both in of_step.values() {
            if both.iter().any(|place| found.contains(place)) {
                found.extend(both);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

//! Drawing a new cell, and giving a cell another outline.

use super::{
    Called, Done, EditError, Remark, fresh_code, fresh_name, pieces, place_of,
    plane::{Plane, outside},
    standing::Standing,
};
use crate::territory::{
    content::{CellContent, Content},
    shape::Shape,
    tiling::SLIVER_M2,
};
use std::collections::{BTreeMap, BTreeSet};

/// A new cell takes the ground of an outline.
pub(super) fn draw(
    content: &mut Content,
    outline: &Shape,
    (called, before): (&Called, &BTreeSet<String>),
) -> Result<Done, EditError> {
    let code = fresh_code(content, called, before)?;
    let new = content.cells.len();
    let (done, took) = take(content, outline, new, Some(&code))?;
    let most = took
        .into_iter()
        .max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)));
    let Some((from, _)) = most else {
        return Err(EditError::LosesAreas { cell: code });
    };
    content.cells[new].name = fresh_name(content, called, &code);
    Ok(Done {
        said: format!("{code} was drawn"),
        new: vec![(code, content.cells[from].code.clone())],
        ..done
    })
}

/// A cell gets another outline.
pub(super) fn outline(
    content: &mut Content,
    cell: &str,
    outline: &Shape,
) -> Result<Done, EditError> {
    let place = place_of(content, cell)?;
    let (done, _) = take(content, outline, place, None)?;
    Ok(Done {
        said: format!("{cell} got another outline"),
        ..done
    })
}

/// Gives a cell all ground of an outline; a cell that was there before leaves the rest of its
/// ground to its neighbours. Tells from which cells it took station areas, and how many
/// customers these have.
fn take(
    content: &mut Content,
    drawn: &Shape,
    to: usize,
    new: Option<&str>,
) -> Result<(Done, BTreeMap<usize, u64>), EditError> {
    let plane = Plane::by_outline(content, drawn, new.is_none().then_some(to))?;
    let standing = Standing::of(content, &plane);
    let before = plane.cell.clone();
    let inside: Vec<usize> = (0..before.len())
        .filter(|face| plane.drawn[*face] && before[*face].is_some())
        .collect();
    if inside.is_empty() {
        return Err(outside(content, drawn.rings().flatten()));
    }
    let beyond = (0..before.len()).filter(|face| plane.drawn[*face] && before[*face].is_none());
    let beyond = plane.area_m2(beyond);
    let mut owner = before.clone();
    inside.iter().for_each(|face| owner[*face] = Some(to));
    leave_the_rest(&plane, &before, &mut owner, to);
    let codes: Vec<String> = content.cells.iter().map(|cell| cell.code.clone()).collect();
    let codes: Vec<String> = codes.into_iter().chain(new.map(str::to_owned)).collect();
    // Cells keep the pieces on which their own station areas stand, and those that come.
    let held: BTreeSet<usize> = standing
        .at_home(content, &before)
        .map(|(_, face)| face)
        .collect();
    let told = pieces::give_away(&plane, (&before, &mut owner), &held);
    let mut took: BTreeMap<usize, u64> = BTreeMap::new();
    for (area, face) in standing.at_home(content, &before) {
        if let Some(from) = before[face].filter(|_| owner[face] == Some(to)) {
            let customers = u64::from(content.station_areas[area].customers) + 1;
            *took.entry(from).or_default() += customers;
        }
    }
    standing.follow(content, (&before, &owner), &codes);
    let cell = new.map(|code| CellContent {
        code: code.to_owned(),
        name: code.to_owned(),
        outline: drawn.clone(),
    });
    plane.draw(content, &owner, cell.into_iter().collect())?;
    let mut remarks: Vec<Remark> = pieces::remarks(content, told).collect();
    if beyond > SLIVER_M2 {
        remarks.push(Remark::BeyondTerritory { area_m2: beyond });
    }
    let done = Done {
        remarks,
        ..Done::default()
    };
    Ok((done, took))
}

/// What a cell had and was not drawn goes to its neighbours, piece by piece; a piece that has
/// none but the cell itself stays.
fn leave_the_rest(
    plane: &Plane,
    before: &[Option<usize>],
    owner: &mut [Option<usize>],
    cell: usize,
) {
    let rest = |face: usize| before[face] == Some(cell) && !plane.drawn[face];
    for piece in plane.together(|face| rest(face).then_some(())) {
        if let Some(to) = pieces::neighbour(plane, owner, &piece, cell) {
            piece.iter().for_each(|face| owner[*face] = Some(to));
        }
    }
}

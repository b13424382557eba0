//! Ground that is cut off from its cell.
//!
//! A piece that an edit cuts off from the rest of its cell and that holds none of the cell's
//! station areas is no use to it: it goes to the neighbour with which it shares the longest
//! border. What lay apart before, such as an island, stays as it is.

use super::{Remark, plane::Plane};
use crate::territory::content::Content;
use std::collections::{BTreeMap, BTreeSet};

/// How often pieces are looked at anew: each time those that were beside others only.
const ROUNDS: usize = 16;

/// Gives away what was cut off. `held` are the faces on which a station area stands that goes
/// with its ground; `before` says whose each face was. Tells what went where.
pub(super) fn give_away(
    plane: &Plane,
    (before, owner): (&[Option<usize>], &mut [Option<usize>]),
    held: &BTreeSet<usize>,
) -> Vec<(usize, usize, f64)> {
    let apart: BTreeSet<BTreeSet<usize>> =
        plane.together(|face| before[face]).into_iter().collect();
    let mut told = Vec::new();
    for _ in 0..ROUNDS {
        let count = told.len();
        for (cell, faces) in cut_off(plane, owner) {
            if apart.contains(&faces) || faces.iter().any(|face| held.contains(face)) {
                continue;
            }
            if let Some(to) = neighbour(plane, owner, &faces, cell) {
                told.push((cell, to, plane.area_m2(faces.iter().copied())));
                faces.iter().for_each(|face| owner[*face] = Some(to));
            }
        }
        if told.len() == count {
            break;
        }
    }
    told
}

/// All pieces of cells but the largest of each, which stays whatever it holds.
fn cut_off(plane: &Plane, owner: &[Option<usize>]) -> Vec<(usize, BTreeSet<usize>)> {
    let mut of_cell: BTreeMap<usize, Vec<BTreeSet<usize>>> = BTreeMap::new();
    for faces in plane.together(|face| owner[face]) {
        let cell = faces.first().and_then(|face| owner[*face]);
        if let Some(cell) = cell {
            of_cell.entry(cell).or_default().push(faces);
        }
    }
    let size = |faces: &BTreeSet<usize>| -> i128 {
        faces.iter().map(|face| plane.doubled_area(*face)).sum()
    };
    let small = of_cell.into_iter().flat_map(|(cell, mut pieces)| {
        pieces.sort_by_key(size);
        pieces.pop();
        pieces.into_iter().map(move |faces| (cell, faces))
    });
    small.collect()
}

/// The cell other than `own` with which faces share the longest border.
pub(super) fn neighbour(
    plane: &Plane,
    owner: &[Option<usize>],
    faces: &BTreeSet<usize>,
    own: usize,
) -> Option<usize> {
    let mut shared: BTreeMap<usize, f64> = BTreeMap::new();
    for (beyond, length) in faces.iter().flat_map(|face| plane.beside(*face)) {
        if let Some(cell) = owner[*beyond].filter(|cell| *cell != own)
            && !faces.contains(beyond)
        {
            *shared.entry(cell).or_default() += length;
        }
    }
    let longest = shared.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
    longest.map(|(cell, _)| cell)
}

/// What was given away, for people; ground too little to see is not told.
pub(super) fn remarks(
    content: &Content,
    told: Vec<(usize, usize, f64)>,
) -> impl Iterator<Item = Remark> {
    let code = |cell: usize| content.cells.get(cell).map(|cell| cell.code.clone());
    told.into_iter()
        .filter(|(.., area_m2)| *area_m2 >= 1.0)
        .filter_map(move |(from, to, area_m2)| {
            Some(Remark::CutOff {
                from: code(from)?,
                to: code(to)?,
                area_m2,
            })
        })
}

//! Station areas go with the ground that they stand on.

use super::plane::Plane;
use crate::territory::{content::Content, grid::Grid};

/// Where the station areas of the cells that take part stand.
pub(super) struct Standing {
    /// Their places in the territory's list, with the face that each stands on, if any.
    pub(super) areas: Vec<(usize, Option<usize>)>,
}

impl Standing {
    pub(super) fn of(content: &Content, plane: &Plane) -> Self {
        let codes: std::collections::BTreeSet<&str> = plane
            .part
            .iter()
            .map(|cell| content.cells[*cell].code.as_str())
            .collect();
        let areas = content.station_areas.iter().enumerate();
        let own = areas.filter(|(_, area)| {
            let cell = area.cell.as_deref();
            cell.is_some_and(|cell| codes.contains(cell))
        });
        let (numbers, points): (Vec<usize>, Vec<Grid>) = own
            .map(|(number, area)| (number, Grid::of(area.position)))
            .unzip();
        let faces = plane.faces_of(&points);
        Self {
            areas: numbers.into_iter().zip(faces).collect(),
        }
    }

    /// Those that stand on ground of their own cell, with the face.
    pub(super) fn at_home<'s>(
        &'s self,
        content: &'s Content,
        before: &'s [Option<usize>],
    ) -> impl Iterator<Item = (usize, usize)> + 's {
        self.areas.iter().filter_map(move |(area, face)| {
            let face = (*face)?;
            let ground = &content.cells[before[face]?];
            let own = content.station_areas[*area].cell.as_deref() == Some(&*ground.code);
            own.then_some((*area, face))
        })
    }

    /// Gives each station area that stands on ground of its own cell to the cell that has that
    /// ground now; the others stay where they are. `codes` are those of all cells, the new ones
    /// last.
    pub(super) fn follow(
        &self,
        content: &mut Content,
        (before, now): (&[Option<usize>], &[Option<usize>]),
        codes: &[String],
    ) {
        let homes: Vec<(usize, usize)> = self.at_home(content, before).collect();
        for (area, face) in homes {
            if let Some(cell) = now[face].filter(|cell| before[face] != Some(*cell)) {
                content.station_areas[area].cell = Some(codes[cell].clone());
            }
        }
    }
}

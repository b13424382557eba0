//! The life of cells: draw one, move a border, split, merge, move station areas, rename.
//!
//! Every edit is an operation on the territory as it is and gives the territory as it would be
//! ([`apply`]); nothing is written. What is drawn is cut against the cells around it on the
//! grid (`plane`), each face of ground goes to a cell, ground that is cut off from its cell and
//! holds none of its station areas goes to a neighbour (`pieces`), and cells are drawn again
//! from their faces. Station areas go with the ground that they stand on (`standing`). Where
//! ground goes with station areas instead, it is what a split would give them (`tile`), and
//! neighbours get the points at which the new border meets theirs (`points`). So cells tile the
//! territory after every edit as before it, which is checked before anyone sees it (I12).
//!
//! A cell that goes on keeps its code, and with it its id, its A and B and its orders. Which
//! cells are new, and whose A and B answer for them until others are named, stands in
//! [`Edited::heirs`].

mod draw;
mod error;
mod join;
mod part;
mod pieces;
pub(in crate::territory) mod plane;
mod points;
mod standing;
mod tile;

pub use error::EditError;

use super::{content::Content, shape::Shape, split::Size, tiling};
use gridcrew_sync_protocol::position::Wgs84;
use std::collections::{BTreeMap, BTreeSet};

/// At most so many edits in one version.
pub const MAX_EDITS: usize = 50;

/// How much the area of all cells may differ from that of the territory, as a share of it.
pub const SAME_AREA: f64 = 1e-9;

/// What a new cell is called; the rules choose what is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Called {
    /// Its code, which no present cell has, nor one that the same edits took away.
    pub code: Option<String>,
    /// Its name.
    pub name: Option<String>,
}

/// One edit of a territory. Cells and station areas are named by their codes.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// A new cell takes this ground, and the station areas on it, from the cells that have it.
    Draw {
        /// Its ground; what lies beyond the territory is left out.
        outline: Shape,
        /// What it is called.
        called: Called,
    },
    /// A cell gets another outline: it takes what is new from others and leaves what it no
    /// longer has to the neighbours beside it.
    Outline {
        /// The cell.
        cell: String,
        /// Its ground afterwards.
        outline: Shape,
    },
    /// Two neighbours get another border between them.
    Border {
        /// The two cells.
        cells: [String; 2],
        /// The new border, from one end of their common ground to the other.
        line: Vec<Wgs84>,
    },
    /// One cell becomes several by their weight, as in a split of a whole territory.
    SplitInto {
        /// The cell.
        cell: String,
        /// Into how many, or how heavy each may be.
        size: Size,
        /// The same seed gives the same cells.
        seed: u64,
    },
    /// One cell becomes two along a line.
    SplitAlong {
        /// The cell.
        cell: String,
        /// The line, from one end of its ground to the other.
        line: Vec<Wgs84>,
        /// What the new one of the two is called.
        called: Called,
    },
    /// Neighbours become one cell.
    Merge {
        /// The cells.
        cells: Vec<String>,
        /// Which of them goes on; when left out, the one with most customers.
        into: Option<String>,
    },
    /// Station areas change their cell and take their ground along.
    Move {
        /// The station areas.
        station_areas: Vec<String>,
        /// The cell that they go to.
        to: String,
    },
    /// A cell gets another name.
    Rename {
        /// The cell.
        cell: String,
        /// Its name afterwards.
        name: String,
    },
}

/// Something to look at before accepting.
#[derive(Clone, Debug, PartialEq)]
pub enum Remark {
    /// A cell lies in several pieces.
    InPieces {
        /// Its code.
        cell: String,
        /// How many.
        pieces: usize,
    },
    /// A part of what was drawn lies beyond the territory and was left out.
    BeyondTerritory {
        /// How much, in square metres.
        area_m2: f64,
    },
    /// Ground that was cut off from its cell went to a neighbour.
    CutOff {
        /// The cell that had it.
        from: String,
        /// The cell that has it.
        to: String,
        /// How much, in square metres.
        area_m2: f64,
    },
}

/// A territory as it would be.
#[derive(Clone, Debug, PartialEq)]
pub struct Edited {
    /// All of it.
    pub content: Content,
    /// What was done, a sentence for each edit.
    pub said: Vec<String>,
    /// The codes of new cells, each with the code of the cell of before that it was cut from.
    pub heirs: BTreeMap<String, String>,
    /// What to look at.
    pub remarks: Vec<Remark>,
}

/// What one edit led to, beside the territory.
#[derive(Default)]
struct Done {
    said: String,
    /// New cells with what they were cut from.
    new: Vec<(String, String)>,
    remarks: Vec<Remark>,
}

/// Does the edits one after the other.
///
/// # Errors
/// Why one of them cannot be done, with its number from 1; nothing is done then.
pub fn apply(content: Content, edits: &[Edit]) -> Result<Edited, (usize, EditError)> {
    if edits.is_empty() || edits.len() > MAX_EDITS {
        return Err((edits.len().min(MAX_EDITS), EditError::HowMany));
    }
    sound(&content, true).map_err(|error| (1, error))?;
    let mut edited = Edited {
        content,
        said: Vec::with_capacity(edits.len()),
        heirs: BTreeMap::new(),
        remarks: Vec::new(),
    };
    let codes = edited.content.cells.iter().map(|cell| cell.code.clone());
    let codes: BTreeSet<String> = codes.collect();
    for (edit, number) in edits.iter().zip(1..) {
        edited.one(edit, &codes).map_err(|error| (number, error))?;
    }
    edited.remarks.extend(in_pieces(&edited.content));
    Ok(edited)
}

impl Edited {
    /// `codes` are those of the cells before all edits. None of them becomes that of another
    /// cell: the new one would have the id of the old, with its A and B and its orders.
    fn one(&mut self, edit: &Edit, codes: &BTreeSet<String>) -> Result<(), EditError> {
        let content = &mut self.content;
        let had = filled(content);
        let done = match edit {
            Edit::Draw { outline, called } => draw::draw(content, outline, (called, codes))?,
            Edit::Outline { cell, outline } => draw::outline(content, cell, outline)?,
            Edit::Border { cells, line } => part::border(content, cells, line)?,
            Edit::SplitAlong { cell, line, called } => {
                part::split(content, cell, line, (called, codes))?
            }
            Edit::SplitInto { cell, size, seed } => {
                tile::split(content, cell, (*size, *seed), codes)?
            }
            Edit::Merge { cells, into } => join::merge(content, cells, into.as_deref())?,
            Edit::Move { station_areas, to } => tile::transfer(content, station_areas, to)?,
            Edit::Rename { cell, name } => rename(content, cell, name)?,
        };
        let left = filled(content);
        let new: BTreeSet<&str> = done.new.iter().map(|(code, _)| code.as_str()).collect();
        let empty = content.cells.iter().find(|cell| {
            let code = cell.code.as_str();
            (had.contains(code) || new.contains(code)) && !left.contains(code)
        });
        if let Some(cell) = empty {
            return Err(EditError::LosesAreas {
                cell: cell.code.clone(),
            });
        }
        sound(content, false)?;
        for (code, from) in done.new {
            let first = self.heirs.get(&from).cloned().unwrap_or(from);
            self.heirs.insert(code, first);
        }
        self.said.push(done.said);
        self.remarks.extend(done.remarks);
        Ok(())
    }
}

/// The codes of cells that have station areas.
fn filled(content: &Content) -> BTreeSet<String> {
    let areas = content.station_areas.iter();
    areas.filter_map(|area| area.cell.clone()).collect()
}

/// Refuses cells that do not tile their territory: before an edit because nothing can be cut
/// exactly from them, after one because that is a fault of the program.
fn sound(content: &Content, before: bool) -> Result<(), EditError> {
    let shapes: Vec<&Shape> = content.cells.iter().map(|cell| &cell.outline).collect();
    if shapes.is_empty() {
        return Err(EditError::NoCells);
    }
    let report = tiling::check(&content.boundary, &shapes);
    match report.tiles() && report.difference.abs() <= SAME_AREA {
        true => Ok(()),
        false if before => Err(EditError::NotTiled),
        false => Err(EditError::CameOutUnsound),
    }
}

fn in_pieces(content: &Content) -> impl Iterator<Item = Remark> {
    let parted = content
        .cells
        .iter()
        .filter(|cell| cell.outline.polygons().len() > 1);
    parted.map(|cell| Remark::InPieces {
        cell: cell.code.clone(),
        pieces: cell.outline.polygons().len(),
    })
}

fn rename(content: &mut Content, cell: &str, name: &str) -> Result<Done, EditError> {
    let place = place_of(content, cell)?;
    let before = std::mem::replace(&mut content.cells[place].name, name.to_owned());
    let said = format!("{cell} is called {name:?}, before {before:?}");
    Ok(Done {
        said,
        ..Done::default()
    })
}

/// Where a cell stands in the list.
fn place_of(content: &Content, code: &str) -> Result<usize, EditError> {
    let found = content.cells.iter().position(|cell| cell.code == code);
    found.ok_or_else(|| EditError::UnknownCell(code.to_owned()))
}

/// The code of a new cell: the one wished for, else the first number that is free. `before` are
/// the codes that are not free although no cell may have them now.
fn fresh_code(
    content: &Content,
    called: &Called,
    before: &BTreeSet<String>,
) -> Result<String, EditError> {
    let present = |code: &str| content.cells.iter().any(|cell| cell.code == code);
    let taken = |code: &str| before.contains(code) || present(code);
    match &called.code {
        Some(code) if taken(code) => Err(EditError::CodeTaken(code.clone())),
        Some(code) => Ok(code.clone()),
        None => Ok((1..)
            .map(|number: u32| format!("G{number:02}"))
            .find(|code| !taken(code))
            .unwrap_or_default()),
    }
}

/// The name of a new cell: the one wished for, else that of its largest station area.
fn fresh_name(content: &Content, called: &Called, code: &str) -> String {
    let largest = || {
        let areas = content.station_areas.iter();
        let own = areas.filter(|area| area.cell.as_deref() == Some(code));
        own.max_by_key(|area| (area.customers, std::cmp::Reverse(area.code.as_str())))
            .map(|area| area.name.clone())
    };
    let name = called.name.clone().or_else(largest);
    name.unwrap_or_else(|| code.to_owned())
}

#[cfg(test)]
mod tests;

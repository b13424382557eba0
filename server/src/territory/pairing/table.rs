//! What people look at: each cell with who is and who would be A and B, each manager with
//! what he would have, who could not be placed and why, and figures of both sides.

use super::{Answer, PairCell, PairManager, Question, cost::Costs, neighbours, propose, second};
use crate::territory::{content::AreaContent, shape::Shape};
use gridcrew_sync_protocol::{
    ids::{CellId, PersonId},
    position::{Metres, Wgs84, distance_m},
};
use serde::Serialize;
use std::collections::HashMap;
use utoipa::ToSchema;

/// A present cell, as the question is put.
#[derive(Clone, Debug)]
pub struct CellToPair<'a> {
    /// Its id.
    pub id: CellId,
    /// Its code.
    pub code: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its outline.
    pub outline: &'a Shape,
    /// Its station areas with what they weigh.
    pub areas: Vec<(&'a AreaContent, u64)>,
    /// Who is A and who is B now.
    pub present: [Option<PersonId>; 2],
    /// Whether they stay.
    pub locked: bool,
}

/// A manager, as the question is put.
#[derive(Clone, Debug)]
pub struct ManagerToPair {
    /// Who.
    pub person: PersonId,
    /// His name.
    pub name: String,
    /// Where he sets out from.
    pub base: Option<Wgs84>,
    /// In how many cells he may be A.
    pub most_as_a: u32,
    /// In how many cells he may be B.
    pub most_as_b: u32,
    /// The cells that are not for him.
    pub not_for: Vec<CellId>,
}

/// A locked cell whose A or B is not among the managers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cell {0} cannot stay as it is: it has no A and B who are managers of the station")]
pub struct LockedWithoutPair(pub String);

/// A and B of a cell, now and as proposed.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct CellRow {
    /// The cell.
    pub cell: CellId,
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// What it weighs.
    pub weight: u64,
    /// Whether its pair stays because it was asked to.
    pub locked: bool,
    /// Its A now.
    pub present_a: Option<PersonId>,
    /// Its B now.
    pub present_b: Option<PersonId>,
    /// The A proposed.
    pub role_a: Option<PersonId>,
    /// The B proposed.
    pub role_b: Option<PersonId>,
    /// How far the proposed A's base is.
    pub way_a_m: Option<Metres>,
    /// How far the proposed B's base is.
    pub way_b_m: Option<Metres>,
    /// Whether the proposed B is the A of a neighbouring cell.
    pub b_is_neighbour: bool,
    /// Whether A or B would be another than now.
    pub changes: bool,
}

/// What a manager would have.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ManagerRow {
    /// Who.
    pub person: PersonId,
    /// His name.
    pub name: String,
    /// Whether his base is known; without it nothing is proposed for him.
    pub base_known: bool,
    /// In how many cells he is A now, and would be.
    pub as_a: [u32; 2],
    /// In how many cells he is B now, and would be.
    pub as_b: [u32; 2],
    /// What the cells weigh in which he is A now, and would be.
    pub weight_as_a: [u64; 2],
    /// The longest way from his base to a cell in which he would be A.
    pub longest_way_m: Option<Metres>,
}

/// Which of the two places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A's.
    RoleA,
    /// B's.
    RoleB,
}

/// Why nobody could be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnplacedWhy {
    /// There is no manager, or of none the base is known.
    NoManager,
    /// The cell is not for any of those whose base is known.
    NotForAnyone,
    /// Everyone who could has as many cells as he may.
    EveryoneFull,
    /// The A is the only one who could.
    NobodyButA,
}

/// A place that stays empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Unplaced {
    /// The cell.
    pub cell: CellId,
    /// Its code.
    pub code: String,
    /// Which place.
    pub place: Place,
    /// Why.
    pub why: UnplacedWhy,
}

/// What a choice of pairs amounts to.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Figures {
    /// Cells without an A.
    pub without_a: u32,
    /// Cells without a B.
    pub without_b: u32,
    /// Cells whose B is not the A of a neighbouring cell.
    pub b_not_neighbour: u32,
    /// Different pairs: so many double absences would leave a cell alone.
    pub pairs: u32,
    /// The ways of all As to their cells.
    pub way_m: Metres,
    /// What the heaviest and the lightest loaded of those who are A carry.
    pub heaviest: u64,
    /// The same, lightest.
    pub lightest: u64,
}

/// A proposal beside what is.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Pairing {
    /// The cells.
    pub cells: Vec<CellRow>,
    /// The managers.
    pub managers: Vec<ManagerRow>,
    /// The places that stay empty.
    pub unplaced: Vec<Unplaced>,
    /// What is now.
    pub present: Figures,
    /// What is proposed.
    pub proposed: Figures,
}

/// Proposes pairs and lays them out.
///
/// # Errors
/// A cell is to stay as it is but has no pair that can.
pub fn look(
    cells: &[CellToPair<'_>],
    managers: &[ManagerToPair],
    even_m: Metres,
) -> Result<Pairing, LockedWithoutPair> {
    let question = question(cells, managers, even_m)?;
    let answer = propose(&question);
    let costs = Costs::of(&question);
    let places = places(managers);
    let present = |role: usize| -> Vec<Option<usize>> {
        let now = cells.iter().map(|cell| cell.present[role]);
        now.map(|who| who.and_then(|who| places.get(&who).copied()))
            .collect()
    };
    let now = Answer {
        a: present(0),
        b: present(1),
    };
    Ok(Pairing {
        cells: cell_rows(cells, managers, &question, &answer),
        managers: manager_rows(cells, managers, &question, [&now, &answer]),
        unplaced: unplaced(cells, &question, &costs, &answer),
        present: figures(&question, &costs, &now),
        proposed: figures(&question, &costs, &answer),
    })
}

fn places(managers: &[ManagerToPair]) -> HashMap<PersonId, usize> {
    let people = managers.iter().enumerate();
    people
        .map(|(place, manager)| (manager.person, place))
        .collect()
}

fn question(
    cells: &[CellToPair<'_>],
    managers: &[ManagerToPair],
    even_m: Metres,
) -> Result<Question, LockedWithoutPair> {
    let places = places(managers);
    let outlines: Vec<&Shape> = cells.iter().map(|cell| cell.outline).collect();
    let mut beside = neighbours(&outlines);
    let numbers: HashMap<CellId, usize> = cells.iter().map(|c| c.id).zip(0..).collect();
    let asked = cells.iter().enumerate().map(|(number, cell)| {
        let place = |role: usize| places.get(&cell.present[role]?).copied();
        let locked = if cell.locked {
            let pair = place(0).zip(place(1)).filter(|(a, b)| a != b);
            let (a, b) = pair.ok_or_else(|| LockedWithoutPair(cell.code.to_owned()))?;
            Some([a, b])
        } else {
            None
        };
        Ok(PairCell {
            at: middle(cell),
            weight: cell.areas.iter().map(|(_, weight)| weight).sum(),
            beside: std::mem::take(&mut beside[number]),
            locked,
        })
    });
    let asked = asked.collect::<Result<_, _>>()?;
    let managers = managers.iter().map(|manager| {
        let not_for = manager
            .not_for
            .iter()
            .filter_map(|id| numbers.get(id).copied());
        let mut not_for: Vec<usize> = not_for.collect();
        not_for.sort_unstable();
        PairManager {
            base: manager.base,
            most_as_a: manager.most_as_a,
            most_as_b: manager.most_as_b,
            not_for,
        }
    });
    Ok(Question {
        cells: asked,
        managers: managers.collect(),
        even_m: even_m.0,
    })
}

/// Where the station areas of a cell lie on the average, each as heavy as it weighs; all
/// alike where nothing weighs anything.
fn middle(cell: &CellToPair<'_>) -> Wgs84 {
    let heavy = cell.areas.iter().any(|(_, weight)| *weight > 0);
    let (mut lon, mut lat, mut all) = (0.0, 0.0, 0.0);
    for (area, weight) in &cell.areas {
        let weight = if heavy { *weight as f64 } else { 1.0 };
        lon += area.position.lon() * weight;
        lat += area.position.lat() * weight;
        all += weight;
    }
    let inside = || cell.outline.point_inside();
    if all > 0.0 {
        Wgs84::new(lon / all, lat / all).unwrap_or_else(|_| inside())
    } else {
        inside()
    }
}

fn cell_rows(
    cells: &[CellToPair<'_>],
    managers: &[ManagerToPair],
    question: &Question,
    answer: &Answer,
) -> Vec<CellRow> {
    let rows = cells.iter().zip(&question.cells).enumerate();
    rows.map(|(number, (cell, asked))| {
        let (a, b) = (answer.a[number], answer.b[number]);
        let person = |place: Option<usize>| place.map(|place| managers[place].person);
        let way = |place: Option<usize>| Some(distance_m(managers[place?].base?, asked.at));
        let beside = asked.beside.iter();
        let near = beside
            .filter_map(|other| answer.a[*other])
            .any(|a| Some(a) == b);
        CellRow {
            cell: cell.id,
            code: cell.code.to_owned(),
            name: cell.name.to_owned(),
            weight: asked.weight,
            locked: cell.locked,
            present_a: cell.present[0],
            present_b: cell.present[1],
            role_a: person(a),
            role_b: person(b),
            way_a_m: way(a),
            way_b_m: way(b),
            b_is_neighbour: near,
            changes: cell.present != [person(a), person(b)],
        }
    })
    .collect()
}

fn manager_rows(
    cells: &[CellToPair<'_>],
    managers: &[ManagerToPair],
    question: &Question,
    answers: [&Answer; 2],
) -> Vec<ManagerRow> {
    let mut rows: Vec<ManagerRow> = managers
        .iter()
        .map(|manager| ManagerRow {
            person: manager.person,
            name: manager.name.clone(),
            base_known: manager.base.is_some(),
            as_a: [0; 2],
            as_b: [0; 2],
            weight_as_a: [0; 2],
            longest_way_m: None,
        })
        .collect();
    for (side, answer) in answers.into_iter().enumerate() {
        for number in 0..cells.len() {
            if let Some(a) = answer.a[number] {
                rows[a].as_a[side] += 1;
                rows[a].weight_as_a[side] += question.cells[number].weight;
                if side == 1
                    && let Some(base) = managers[a].base
                {
                    let way = distance_m(base, question.cells[number].at).0;
                    let longest = rows[a].longest_way_m.map_or(way, |known| known.0.max(way));
                    rows[a].longest_way_m = Some(Metres(longest));
                }
            }
            if let Some(b) = answer.b[number] {
                rows[b].as_b[side] += 1;
            }
        }
    }
    rows
}

fn unplaced(
    cells: &[CellToPair<'_>],
    question: &Question,
    costs: &Costs,
    answer: &Answer,
) -> Vec<Unplaced> {
    let mut list = Vec::new();
    for (number, cell) in cells.iter().enumerate() {
        for (place, chosen) in [
            (Place::RoleA, answer.a[number]),
            (Place::RoleB, answer.b[number]),
        ] {
            if chosen.is_none() {
                list.push(Unplaced {
                    cell: cell.id,
                    code: cell.code.to_owned(),
                    place,
                    why: why(question, costs, number, answer.a[number]),
                });
            }
        }
    }
    list
}

/// Why nobody else could have the cell.
fn why(question: &Question, costs: &Costs, cell: usize, a: Option<usize>) -> UnplacedWhy {
    let known = |place: &usize| question.managers[*place].base.is_some();
    let everyone = || (0..question.managers.len()).filter(known);
    if everyone().next().is_none() {
        UnplacedWhy::NoManager
    } else if everyone().all(|place| Some(place) == a) {
        UnplacedWhy::NobodyButA
    } else if everyone().any(|place| Some(place) != a && costs.open(cell, place)) {
        UnplacedWhy::EveryoneFull
    } else {
        UnplacedWhy::NotForAnyone
    }
}

fn figures(question: &Question, costs: &Costs, answer: &Answer) -> Figures {
    let [without_b, b_not_neighbour, pairs, _] =
        second::worth(question, costs, &answer.a, &answer.b);
    let mut loads: HashMap<usize, u64> = HashMap::new();
    let (mut way, mut without_a) = (0.0, 0);
    for (number, cell) in question.cells.iter().enumerate() {
        let Some(a) = answer.a[number] else {
            without_a += 1;
            continue;
        };
        *loads.entry(a).or_default() += cell.weight;
        way += question.managers[a]
            .base
            .map_or(0.0, |base| distance_m(base, cell.at).0);
    }
    let small = |figure: i64| u32::try_from(figure).unwrap_or(u32::MAX);
    Figures {
        without_a,
        without_b: small(without_b),
        b_not_neighbour: small(b_not_neighbour),
        pairs: small(pairs),
        way_m: Metres(way),
        heaviest: loads.values().copied().max().unwrap_or(0),
        lightest: loads.values().copied().min().unwrap_or(0),
    }
}

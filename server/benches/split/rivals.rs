//! Other ways of making cells from the same graph, and how good any of them is.

use crate::{field::Seeded, inputs::Input};
use gridcrew_server::territory::split::Adjacency;
use std::{
    io::{Read, Write},
    path::Path,
    process::{Command, Stdio},
};

/// How good cells are.
pub struct Quality {
    /// The greatest difference from an equal share, either way.
    pub off: f64,
    /// How much the heaviest is above an equal share: what METIS bounds.
    pub over: f64,
    /// The length of all borders between cells, in metres.
    pub border: f64,
    /// How many cells do not hang together, or are empty.
    pub broken: usize,
}

/// Looks at cells, given as the cell of each place.
pub fn quality(graph: &Adjacency, cell_of: &[usize], cells: usize) -> Quality {
    let mut weights = vec![0u64; cells];
    let mut members = vec![Vec::new(); cells];
    let mut border = 0.0;
    for (place, cell) in cell_of.iter().enumerate() {
        weights[*cell] += graph.weights[place];
        members[*cell].push(place);
        for (other, length) in &graph.beside[place] {
            if *other > place && cell_of[*other] != *cell {
                border += length;
            }
        }
    }
    let share = weights.iter().sum::<u64>() as f64 / cells as f64;
    let off: Vec<f64> = weights.iter().map(|w| *w as f64 / share - 1.0).collect();
    let mut seen = vec![false; cell_of.len()];
    let broken = members.iter().filter(|places| {
        let mut open: Vec<usize> = places.first().copied().into_iter().collect();
        let mut found = 0;
        while let Some(place) = open.pop() {
            if std::mem::replace(&mut seen[place], true) {
                continue;
            }
            found += 1;
            let beside = graph.beside[place].iter().map(|(other, _)| *other);
            open.extend(beside.filter(|other| cell_of[*other] == cell_of[place]));
        }
        found == 0 || found < places.len()
    });
    Quality {
        broken: broken.count(),
        off: off.iter().map(|off| off.abs()).fold(0.0, f64::max),
        over: off.iter().copied().fold(-1.0, f64::max),
        border,
    }
}

/// Plain k-means over the places: each belongs to the nearest of so many centres.
pub fn k_means(input: &Input, graph: &Adjacency) -> Vec<usize> {
    let places: Vec<[f64; 2]> = graph
        .areas
        .iter()
        .map(|members| {
            let at = input.areas[members[0]].at;
            [at.lon() * at.lat().to_radians().cos(), at.lat()]
        })
        .collect();
    let mut random = Seeded::new(9);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "below len"
    )]
    let mut any = || (random.next() * places.len() as f64) as usize;
    let mut centres: Vec<[f64; 2]> = (0..input.cells).map(|_| places[any()]).collect();
    let mut cell_of = vec![0; places.len()];
    for _ in 0..40 {
        for (place, at) in places.iter().enumerate() {
            let far = |cell: &usize| {
                let centre = centres[*cell];
                (centre[0] - at[0]).hypot(centre[1] - at[1])
            };
            let nearest = (0..input.cells).min_by(|a, b| far(a).total_cmp(&far(b)));
            cell_of[place] = nearest.unwrap();
        }
        let mut sums = vec![[0.0; 3]; input.cells];
        for (at, cell) in places.iter().zip(&cell_of) {
            let [x, y, n] = &mut sums[*cell];
            (*x, *y, *n) = (*x + at[0], *y + at[1], *n + 1.0);
        }
        for (centre, [x, y, n]) in centres.iter_mut().zip(sums) {
            if n > 0.0 {
                *centre = [x / n, y / n];
            }
        }
    }
    cell_of
}

/// METIS's k-way partition, by a Python that has `pymetis`.
pub fn metis(python: &Path, kind: &str, graph: &Adjacency, cells: usize) -> Vec<usize> {
    let mut text = format!("{kind} {cells}\n");
    for (weight, others) in graph.weights.iter().zip(&graph.beside) {
        text += &weight.to_string();
        for (other, length) in others {
            text += &format!(" {other} {:.0}", length.max(1.0));
        }
        text.push('\n');
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/split/metis.py");
    let script = std::env::var("GRIDCREW_METIS_SCRIPT").unwrap_or_else(|_| script.to_owned());
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let mut answer = String::new();
    let mut output = child.stdout.take().unwrap();
    output.read_to_string(&mut answer).unwrap();
    assert!(child.wait().unwrap().success());
    answer
        .split_whitespace()
        .map(|part| part.parse().unwrap())
        .collect()
}

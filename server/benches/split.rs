//! Splitting territories, measured.
//!
//! Balance and length of the inner borders against a plain k-means and METIS's k-way
//! partition of the same graph, time, and memory; on generated station areas, and on real
//! ones when `GRIDCREW_REAL_DATA` names a folder that has them. METIS is run by the Python
//! in `GRIDCREW_METIS_PYTHON` (`deploy/bench-split` sets one up); without it only the rest is
//! measured. It prints, and ends with an error if a bar is missed.

#![expect(
    clippy::print_stdout,
    reason = "a program that prints what it measured"
)]
#![expect(clippy::unwrap_used, reason = "made from a seed, and has been run")]
#![expect(clippy::cast_precision_loss, reason = "figures to look at")]

use gridcrew_server::territory::{
    split::{Size, Wish, adjacency, split},
    tiling,
};
use inputs::Input;
use rivals::{Quality, k_means, metis, quality};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

#[path = "../src/territory/field.rs"]
#[expect(dead_code, reason = "shared with the search")]
mod field;
#[path = "split/inputs.rs"]
mod inputs;
#[path = "split/rivals.rs"]
mod rivals;

/// At most this from an equal share, where no area forces it.
const BALANCE: f64 = 0.1;
/// A handful of station areas can be balanced at the price of longer borders, or the other way
/// round, and each program chooses for itself: up to so many, METIS only must not be better in
/// both.
const FEW_AREAS: usize = 40;
/// At most so many times METIS's borders.
const BORDERS: f64 = 1.05;

fn main() -> ExitCode {
    let only: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|part| name.contains(part));
    let python = std::env::var_os("GRIDCREW_METIS_PYTHON").map(PathBuf::from);
    let data = std::env::var_os("GRIDCREW_REAL_DATA").map(PathBuf::from);
    if python.is_none() {
        println!("without METIS: GRIDCREW_METIS_PYTHON names no Python that has pymetis");
    }
    let mut inputs: Vec<Input> = Vec::new();
    for seed in 1..=5 {
        inputs.push(inputs::generated(50, 4, seed));
        inputs.push(inputs::generated(200, 16, seed));
    }
    for seed in 1..=2 {
        inputs.push(inputs::generated(2_000, 160, seed));
    }
    inputs.push(inputs::generated(4_000, 320, 1));
    match &data {
        Some(data) => inputs.extend(real(data)),
        None => println!("without real data: GRIDCREW_REAL_DATA names no folder"),
    }
    let mut missed = 0;
    println!(
        "input | cells | way | farthest from a share | heaviest over | borders km | to METIS | broken | s"
    );
    for input in inputs.iter().filter(|input| wanted(&input.name)) {
        missed += measure(input, python.as_deref());
    }
    println!(
        "{missed} bars missed; memory {} MB at most",
        most_memory_mb()
    );
    if missed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn real(data: &Path) -> Vec<Input> {
    let regions = ["Austria", "Poland"].map(|region| inputs::nodes(data, region));
    let mut inputs = inputs::villages(data);
    inputs.extend(regions);
    inputs
}

/// Measures one input; says how many bars were missed.
fn measure(input: &Input, python: Option<&Path>) -> usize {
    let wish = Wish {
        size: Size::Cells(input.cells),
        ..Wish::plain(&input.boundary, &input.areas, input.cells, 1)
    };
    let graph = adjacency(&wish).unwrap();
    let row = |way: &str, q: &Quality, metis: Option<&Quality>, seconds: f64| {
        let to_metis = metis.map_or(f64::NAN, |metis| q.border / metis.border);
        println!(
            "{} | {} | {way} | {:.2} % | {:.2} % | {:.1} | {to_metis:.3} | {} | {seconds:.2}",
            input.name,
            input.cells,
            100.0 * q.off,
            100.0 * q.over,
            q.border / 1_000.0,
            q.broken
        );
    };
    let metis_way = |kind: &str| {
        let cells = metis(python?, kind, &graph, input.cells);
        Some(quality(&graph, &cells, input.cells))
    };
    let rival = metis_way("k-way");
    if let Some(rival) = &rival {
        row("METIS", rival, Some(rival), 0.0);
    }
    if let Some(connected) = metis_way("contiguous") {
        row("METIS contiguous", &connected, rival.as_ref(), 0.0);
    }
    let plain = quality(&graph, &k_means(input, &graph), input.cells);
    row("k-means", &plain, rival.as_ref(), 0.0);

    let begun = Instant::now();
    let made = split(&wish, &|_| ()).unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    let mut cell_of_area = vec![0; input.areas.len()];
    for (number, cell) in made.cells.iter().enumerate() {
        for area in &cell.areas {
            cell_of_area[*area] = number;
        }
    }
    let cell_of: Vec<usize> = graph
        .areas
        .iter()
        .map(|members| cell_of_area[members[0]])
        .collect();
    let own = quality(&graph, &cell_of, input.cells);
    row("gridcrew", &own, rival.as_ref(), seconds);

    let shapes: Vec<_> = made.cells.iter().map(|cell| &cell.shape).collect();
    let tiles = tiling::check(&made.boundary, &shapes);
    let uneven = |off: f64| {
        off > BALANCE
            && made
                .cells
                .iter()
                .any(|cell| cell.off_share.abs() > BALANCE && cell.forced.is_none())
    };
    let limit = if input.areas.len() <= 200 { 1.0 } else { 20.0 };
    let mut bars = vec![
        (
            "tiles exactly",
            tiles.tiles() && tiles.difference.abs() < 1e-9,
        ),
        ("contiguous", own.broken == 0),
        ("balance", !uneven(own.off)),
        ("time", seconds < limit),
    ];
    if let Some(rival) = &rival {
        if input.areas.len() <= FEW_AREAS {
            let behind = own.off > rival.off && own.border > rival.border;
            bars.push(("METIS is not better in both", !behind));
        } else {
            bars.push(("as balanced as METIS", own.off <= rival.off));
            bars.push(("borders to METIS", own.border <= BORDERS * rival.border));
        }
    }
    let missed = bars.iter().filter(|(_, held)| !held);
    missed
        .inspect(|(bar, _)| println!("{}: missed: {bar}", input.name))
        .count()
}

/// The most memory that this process ever held.
fn most_memory_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

//! Cells made from a seed, and the slow, plain search over them: what the fast search is
//! measured against. Plain numbers only, so that the benchmark can take this file in too.

use geographiclib_rs::{Geodesic, InverseGeodesic};

/// A ring of [lon, lat], its first point repeated at the end.
pub(crate) type Cell = Vec<[f64; 2]>;

/// Numbers that look random and follow from a seed.
pub(crate) struct Seeded(u64);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number, 0 to 1.
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Cells in rows, borders crooked and shared to the bit.
pub(crate) struct Field {
    /// South-west corner in degrees.
    pub(crate) corner: [f64; 2],
    /// Side of a cell in degrees.
    pub(crate) step: f64,
    /// Pieces of each of its four sides.
    pub(crate) parts: usize,
    /// Of a hundred cells so many are left out.
    pub(crate) lakes: u64,
    pub(crate) seed: u64,
}

impl Field {
    /// The cell in a column and a row, unless it is left out.
    pub(crate) fn cell(&self, column: usize, row: usize) -> Option<Cell> {
        let parts = self.parts;
        let (i, j) = (column * parts, row * parts);
        let mut random = Seeded::new(self.seed ^ 0xFACE ^ ((i as u64) << 32 | j as u64));
        random.next();
        if random.next() * 100.0 < self.lakes as f64 {
            return None;
        }
        let south = (0..parts).map(|k| self.point(i + k, j));
        let east = (0..parts).map(|k| self.point(i + parts, j + k));
        let north = (0..parts).map(|k| self.point(i + parts - k, j + parts));
        let west = (0..=parts).map(|k| self.point(i, j + parts - k));
        Some(south.chain(east).chain(north).chain(west).collect())
    }

    fn point(&self, i: usize, j: usize) -> [f64; 2] {
        let mut random = Seeded::new(self.seed ^ ((i as u64) << 32 | j as u64));
        random.next();
        let fine = self.step / self.parts as f64;
        let at = |n: usize, shift: f64| (n as f64 + 0.6 * (shift - 0.5)) * fine;
        let (x, y) = (random.next(), random.next());
        let to_grid = |degrees: f64| (degrees * 1e9).round() / 1e9;
        [
            to_grid(self.corner[0] + at(i, x)),
            to_grid(self.corner[1] + at(j, y)),
        ]
    }
}

/// Cells of 25 points each in so many rows and columns; `lakes` of a hundred are left out.
/// South-west corner and side of a cell in degrees.
pub(crate) fn cells(side: usize, corner: [f64; 2], step: f64, lakes: u64, seed: u64) -> Vec<Cell> {
    let field = Field {
        corner,
        step,
        parts: 6,
        lakes,
        seed,
    };
    (0..side * side)
        .filter_map(|number| field.cell(number % side, number / side))
        .collect()
}

/// Metres in a degree of latitude, to half a percent.
const ROUGH: f64 = 111_100.0;

/// The slow search: every cell, geodesics only.
pub(crate) struct Slow<'a> {
    cells: &'a [Cell],
    /// A middle and a radius in metres that no point of the cell lies beyond.
    discs: Vec<([f64; 2], f64)>,
    geodesic: Geodesic,
}

impl<'a> Slow<'a> {
    pub(crate) fn new(cells: &'a [Cell]) -> Self {
        let geodesic = Geodesic::wgs84();
        let discs = cells.iter().map(|cell| {
            let middle = cell[cell.len() / 4];
            let far = cell
                .iter()
                .map(|p| geodesic_m(&geodesic, middle, *p))
                .fold(0.0, f64::max);
            (middle, far * 1.01)
        });
        let discs = discs.collect();
        Self {
            cells,
            discs,
            geodesic,
        }
    }

    /// The cell that takes a point by the rules of the search, and its distance: among the
    /// cells within 1 mm of the least distance the first. Cells and pieces of border are
    /// left out only when a bound that is 2 % off on the safe side says that they cannot be
    /// meant.
    pub(crate) fn locate(&self, point: [f64; 2]) -> Option<(usize, f64)> {
        let shrink = point[1].to_radians().cos();
        let rough =
            |to: [f64; 2]| ((to[0] - point[0]) * shrink).hypot(to[1] - point[1]) * ROUGH * 0.98;
        let mut open: Vec<(f64, usize)> = self
            .discs
            .iter()
            .enumerate()
            .map(|(number, (middle, far))| (rough(*middle) - far, number))
            .filter(|(bound, _)| *bound < 55_000.0)
            .collect();
        open.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut least = f64::INFINITY;
        let mut measured: Vec<(usize, f64)> = Vec::new();
        for (bound, number) in open {
            if bound > least + 0.001 {
                break;
            }
            let distance = self.distance(point, &self.cells[number], least + 0.001);
            least = least.min(distance);
            measured.push((number, distance));
        }
        measured.sort_unstable_by_key(|(number, _)| *number);
        measured
            .into_iter()
            .find(|(_, d)| *d <= least + 0.001 && least <= 50_000.0)
    }

    fn distance(&self, point: [f64; 2], cell: &Cell, limit: f64) -> f64 {
        let mut inside = false;
        let shrink = point[1].to_radians().cos();
        let mut pieces: Vec<(f64, [f64; 2], [f64; 2])> = Vec::with_capacity(cell.len());
        let mut roughly = f64::INFINITY;
        for pair in cell.windows(2) {
            let [a, b] = [pair[0], pair[1]];
            if (a[1] > point[1]) != (b[1] > point[1])
                && point[0] < (b[0] - a[0]) * (point[1] - a[1]) / (b[1] - a[1]) + a[0]
            {
                inside = !inside;
            }
            let [ax, ay, bx, by] = [
                (a[0] - point[0]) * shrink,
                a[1] - point[1],
                (b[0] - point[0]) * shrink,
                b[1] - point[1],
            ];
            let (dx, dy) = (bx - ax, by - ay);
            let t = (-(ax * dx + ay * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
            let rough = (ax + t * dx).hypot(ay + t * dy) * ROUGH;
            roughly = roughly.min(rough);
            pieces.push((rough * 0.98, a, b));
        }
        if inside {
            return 0.0;
        }
        let limit = limit.min(roughly * 1.02 + 0.01);
        let near = pieces.into_iter().filter(|(bound, ..)| *bound <= limit);
        near.map(|(_, a, b)| self.to_piece(point, a, b))
            .fold(f64::INFINITY, f64::min)
    }

    /// The least geodesic to a piece that is straight in degrees, by thirds.
    fn to_piece(&self, point: [f64; 2], a: [f64; 2], b: [f64; 2]) -> f64 {
        let at = |t: f64| {
            let to = [a[0] * (1.0 - t) + b[0] * t, a[1] * (1.0 - t) + b[1] * t];
            geodesic_m(&self.geodesic, point, to)
        };
        let (mut low, mut high) = (0.0f64, 1.0f64);
        for _ in 0..30 {
            let (p, q) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
            if at(p) < at(q) { high = q } else { low = p }
        }
        at(0.0).min(at(1.0)).min(at((low + high) / 2.0))
    }
}

fn geodesic_m(geodesic: &Geodesic, a: [f64; 2], b: [f64; 2]) -> f64 {
    geodesic.inverse(a[1], a[0], b[1], b[0])
}

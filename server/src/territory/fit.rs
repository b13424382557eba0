//! Does the stated datum fit what is known of the ground?
//!
//! GCJ-02 and BD-09 lie 40 to 1,300 m from WGS-84 (DOMAIN section 7, row 2), and a file
//! does not show which it is in. What shows it is what lies there already. Two rules, each
//! asking whether under another datum the same numbers would fit plainly better:
//!
//! - the same things: station areas and accounts that are known by their codes. The middle
//!   of how far they moved, east and north, is near nothing, unless all moved together;
//! - borders: of neighbouring territories, and the own one of before. A good part of the
//!   boundary runs along them.
//!
//! A doubt is named and stops the import until somebody says that the datum is right; what
//! is given is never changed by a guess.

use super::shape::{Shape, metres_per_step};
use crate::territory::grid::PER_DEGREE;
use gridcrew_sync_protocol::position::{Datum, Metres, TypedPosition, Wgs84};
use rstar::{PointDistance, RTree, primitives::Line};
use std::fmt;

/// Something that is known by its place, and where it is said to be now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moved {
    /// Where it is known to be, or what it is known to be near.
    pub known: Wgs84,
    /// Where it is said to be, read by the stated datum.
    pub given: Wgs84,
}

/// What pairs are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairs {
    /// The same thing, before and now.
    Same,
    /// A customer and the transformer that supplies him, which stands amid its customers.
    Amid,
}

/// Coordinates that look like another datum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Doubt {
    /// What is stated.
    pub stated: Datum,
    /// What they look like.
    pub like: Datum,
    /// How far they are off as stated.
    pub off: Metres,
    /// What shows it, and how many.
    pub shown_by: ShownBy,
}

/// What shows a doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownBy {
    /// So many things that are known already.
    Known(usize),
    /// So many points of the boundary that would lie on borders which are known.
    Borders(usize),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            stated, like, off, ..
        } = self;
        write!(f, "these look like {like}, stated is {stated}: ")?;
        match self.shown_by {
            ShownBy::Known(count) => write!(
                f,
                "{count} places that are known lie {:.0} m off as {stated}, and fit as {like}",
                off.0
            )?,
            ShownBy::Borders(count) => write!(
                f,
                "{count} points of the boundary lie on known borders as {like}, and {:.0} m \
                 off as {stated}",
                off.0
            )?,
        }
        write!(
            f,
            "; state the datum that is true, or confirm that it is {stated}"
        )
    }
}

/// The datums whose numbers mean another place than the stated one's.
fn others(stated: Datum) -> impl Iterator<Item = Datum> {
    let plain = |datum| matches!(datum, Datum::Wgs84 | Datum::Cgcs2000);
    [Datum::Wgs84, Datum::Gcj02, Datum::Bd09]
        .into_iter()
        .filter(move |other| *other != stated && !(plain(*other) && plain(stated)))
}

/// Where the numbers of a place would be under another datum.
fn reread(given: Wgs84, stated: Datum, other: Datum) -> Option<Wgs84> {
    let numbers = TypedPosition::from_wgs84(given, stated);
    let typed = TypedPosition::new(numbers.lon(), numbers.lat(), other).ok()?;
    Some(typed.to_wgs84())
}

/// The first rule: whether things moved together as another datum would move them.
#[must_use]
pub fn by_places(pairs: &[Moved], worth: Pairs, stated: Datum) -> Option<Doubt> {
    let (least, far, better) = match worth {
        Pairs::Same => (3, 60.0, 4.0),
        Pairs::Amid => (20, 150.0, 3.0),
    };
    if pairs.len() < least {
        return None;
    }
    let off = middle_offset(pairs.iter().map(|pair| (pair.known, pair.given)));
    if off < far {
        return None;
    }
    let under = |other| {
        let reread = pairs
            .iter()
            .filter_map(|pair| Some((pair.known, reread(pair.given, stated, other)?)));
        (other, middle_offset(reread))
    };
    let (like, left) = others(stated)
        .map(under)
        .min_by(|a, b| a.1.total_cmp(&b.1))?;
    (left * better < off).then_some(Doubt {
        stated,
        like,
        off: Metres(off),
        shown_by: ShownBy::Known(pairs.len()),
    })
}

/// How far the middle of all offsets lies from nothing, metres: the middle of those to the
/// east, and of those to the north.
fn middle_offset(pairs: impl Iterator<Item = (Wgs84, Wgs84)>) -> f64 {
    let (mut east, mut north): (Vec<f64>, Vec<f64>) = pairs
        .map(|(known, given)| {
            let [x, y] = metres_per_degree(known.lat());
            (
                (given.lon() - known.lon()) * x,
                (given.lat() - known.lat()) * y,
            )
        })
        .unzip();
    middle(&mut east).hypot(middle(&mut north))
}

fn middle(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return f64::INFINITY;
    }
    let half = values.len() / 2;
    *values.select_nth_unstable_by(half, f64::total_cmp).1
}

fn metres_per_degree(lat: f64) -> [f64; 2] {
    metres_per_step(lat).map(|step| step * PER_DEGREE)
}

/// A point on a border, as survey and drawing go.
const ON: f64 = 20.0;
/// Farther than any datum is off: such a point has nothing to do with a border.
const NEAR: f64 = 1_500.0;
/// At most so many points of a boundary are looked at.
const LOOKED_AT: usize = 2_000;

/// The second rule: whether the boundary runs along known borders as another datum would have
/// it.
#[must_use]
pub fn by_borders(boundary: &Shape, known: &[&Shape], stated: Datum) -> Option<Doubt> {
    let [west, south, east, north] = boundary.bounds();
    let scale = metres_per_degree(f64::midpoint(south, north));
    let flat = |p: Wgs84| [(p.lon() - west) * scale[0], (p.lat() - south) * scale[1]];
    let (wide, high) = ((east - west) * scale[0], (north - south) * scale[1]);
    let close =
        |[x, y]: [f64; 2]| (-NEAR..wide + NEAR).contains(&x) && (-NEAR..high + NEAR).contains(&y);
    let steps = known.iter().flat_map(|shape| shape.rings());
    let steps: Vec<Line<[f64; 2]>> = steps
        .flat_map(|ring| ring.windows(2))
        .map(|pair| Line::new(flat(pair[0]), flat(pair[1])))
        .filter(|line| close(line.from) || close(line.to))
        .collect();
    let tree = RTree::bulk_load(steps);
    let distance = |p: Wgs84| {
        let nearest = tree.nearest_neighbor(&flat(p))?;
        Some(nearest.distance_2(&flat(p)).sqrt())
    };
    let all: Vec<Wgs84> = boundary
        .rings()
        .flat_map(|ring| &ring[1..])
        .copied()
        .collect();
    let each = all.len().div_ceil(LOOKED_AT).max(1);
    let near: Vec<Wgs84> = all
        .into_iter()
        .step_by(each)
        .filter(|p| distance(*p).is_some_and(|distance| distance < NEAR))
        .collect();
    let on = |other: Datum| {
        let reread = near.iter().filter_map(|p| reread(*p, stated, other));
        let on = reread.filter(|p| distance(*p).is_some_and(|distance| distance <= ON));
        (other, on.count())
    };
    let as_stated = on(stated).1;
    let (like, count) = others(stated).map(on).max_by_key(|(_, count)| *count)?;
    // A third of what is near would fit, and three times as much as fits now.
    if count < 8 || count * 3 < near.len() || count < as_stated * 3 {
        return None;
    }
    let mut off: Vec<f64> = near
        .iter()
        .filter_map(|p| {
            let [x, y] = flat(*p);
            let [a, b] = flat(reread(*p, stated, like)?);
            Some((a - x).hypot(b - y))
        })
        .collect();
    Some(Doubt {
        stated,
        like,
        off: Metres(middle(&mut off)),
        shown_by: ShownBy::Borders(count),
    })
}

#[cfg(test)]
#[path = "fit_tests.rs"]
mod tests;

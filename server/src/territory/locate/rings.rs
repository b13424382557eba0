//! A point and one ring: how often the ring goes round it, and whether it runs through it.

use gridcrew_sync_protocol::position::Wgs84;

/// How a ring lies to a point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Around {
    /// How often it goes round, counted along the ray to the east.
    pub(super) winding: i32,
    /// It comes within the margin.
    pub(super) touches: bool,
}

impl Around {
    /// Looks at a closed ring; the margin is in degrees.
    pub(super) fn of(ring: &[Wgs84], point: Wgs84, margin: f64) -> Self {
        let mut around = Self::default();
        let Some((first, rest)) = ring.split_first() else {
            return around;
        };
        let margin = margin * margin;
        let mut a = [first.lon() - point.lon(), first.lat() - point.lat()];
        for corner in rest {
            let b = [corner.lon() - point.lon(), corner.lat() - point.lat()];
            let turn = a[0] * b[1] - a[1] * b[0];
            let (x, y) = (b[0] - a[0], b[1] - a[1]);
            around.winding += crossing(a[1], b[1], turn);
            // The line through both ends is that near: so may the piece between them be.
            if turn * turn <= margin * (x * x + y * y) && square_to_piece(a, b) <= margin {
                around.touches = true;
            }
            a = b;
        }
        around
    }
}

/// How often a ring goes round a point.
pub(super) fn winding_around(ring: &[Wgs84], point: Wgs84) -> i32 {
    let mut winding = 0;
    let mut before: Option<[f64; 2]> = None;
    for corner in ring {
        let b = [corner.lon() - point.lon(), corner.lat() - point.lat()];
        if let Some(a) = before {
            winding += crossing(a[1], b[1], a[0] * b[1] - a[1] * b[0]);
        }
        before = Some(b);
    }
    winding
}

/// What a piece adds to the winding, by the heights of its ends and on which side of it the
/// point lies.
fn crossing(from: f64, to: f64, turn: f64) -> i32 {
    if (from <= 0.0) == (to <= 0.0) {
        0
    } else if to > 0.0 {
        i32::from(turn > 0.0)
    } else {
        -i32::from(turn < 0.0)
    }
}

/// The square of the distance of (0, 0) from a piece, in the unit of its ends.
fn square_to_piece(a: [f64; 2], b: [f64; 2]) -> f64 {
    let (x, y) = (b[0] - a[0], b[1] - a[1]);
    let length = x * x + y * y;
    let along = if length > 0.0 {
        (-(a[0] * x + a[1] * y) / length).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let foot = [a[0] + along * x, a[1] + along * y];
    foot[0] * foot[0] + foot[1] * foot[1]
}

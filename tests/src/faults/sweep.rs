//! How a sweep goes through the calls: one after the other, the first of its kind, the
//! second, until the program makes no more of them.

use super::strace::{Fault, Injection};
use std::time::{Duration, Instant};

/// System calls that change files, or make such changes durable. What a program merely reads
/// is left out: killed before a read, it leaves what it leaves when killed before the next
/// of these. So is opening, for the same reason.
pub const DISK: &[&str] = &[
    "pwrite64",
    "write",
    "fsync",
    "fdatasync",
    "ftruncate",
    "fallocate",
    "fchmod",
    "rename",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
];

/// System calls by which it talks to the other side.
pub const WIRE: &[&str] = &[
    "connect", "sendto", "recvfrom", "writev", "sendmsg", "recvmsg",
];

/// How much of a sweep is done.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Every how manieth call is tried; 1 for all.
    pub stride: u32,
    /// How long after its first point a sweep begins no further one.
    pub within: Option<Duration>,
}

impl Extent {
    /// Every point.
    pub const WHOLE: Self = Self {
        stride: 1,
        within: None,
    };

    /// The same, and at most every `stride`th call.
    #[must_use]
    pub fn at_least(self, stride: u32) -> Self {
        let stride = self.stride.max(stride);
        Self { stride, ..self }
    }

    /// A part: every `stride`th call, and no more after so long; the first in any case.
    #[must_use]
    pub fn part(stride: u32, within: Duration) -> Self {
        let within = Some(within);
        Self { stride, within }
    }
}

/// The points of a sweep: give it whether the last one happened, and it gives the next.
#[derive(Debug)]
pub struct Points<'a> {
    calls: std::slice::Iter<'a, &'static str>,
    call: Option<&'static str>,
    fault: Fault,
    at: u32,
    extent: Extent,
    /// When the first point was tried.
    began: Option<Instant>,
    /// How often in a row a point may be missed before its call is done with.
    patience: u32,
    missed: u32,
}

impl<'a> Points<'a> {
    /// The points of these calls. A call is done with when a point did not happen `patience`
    /// times in a row: once for a program that always does the same, more often for one in
    /// which other work goes on beside.
    #[must_use]
    pub fn of(calls: &'a [&'static str], fault: Fault, extent: Extent, patience: u32) -> Self {
        let mut calls = calls.iter();
        let call = calls.next().copied();
        Self {
            calls,
            call,
            fault,
            at: 1,
            extent,
            began: None,
            patience,
            missed: 0,
        }
    }

    /// The next point, or `None` when there is no more or the time is over.
    pub fn next_point(&self) -> Option<Injection> {
        let over = |(began, within): (Instant, Duration)| began.elapsed() >= within;
        if self.began.zip(self.extent.within).is_some_and(over) {
            return None;
        }
        Some(Injection {
            call: self.call?,
            fault: self.fault,
            at: Some(self.at),
        })
    }

    /// Says whether the point that was given happened.
    pub fn happened(&mut self, hit: bool) {
        self.began.get_or_insert_with(Instant::now);
        self.missed = if hit { 0 } else { self.missed + 1 };
        if self.missed < self.patience {
            self.at += self.extent.stride;
        } else {
            self.call = self.calls.next().copied();
            self.at = 1;
            self.missed = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks a program that makes so many of each call.
    fn walk(counts: &[(&'static str, u32)], stride: u32) -> Vec<(&'static str, u32)> {
        let calls: Vec<&'static str> = counts.iter().map(|(call, _)| *call).collect();
        let extent = Extent {
            stride,
            within: None,
        };
        let mut points = Points::of(&calls, Fault::Kill, extent, 1);
        let mut walked = Vec::new();
        while let Some(point) = points.next_point() {
            let at = point.at.unwrap();
            let made = counts.iter().find(|(call, _)| *call == point.call).unwrap();
            let hit = at <= made.1;
            if hit {
                walked.push((point.call, at));
            }
            points.happened(hit);
        }
        walked
    }

    #[test]
    fn every_call_of_every_kind_is_met_once() {
        let walked = walk(&[("a", 2), ("b", 0), ("c", 3)], 1);
        assert_eq!(walked, [("a", 1), ("a", 2), ("c", 1), ("c", 2), ("c", 3)]);
    }

    #[test]
    fn a_part_meets_the_first_of_every_kind() {
        assert_eq!(
            walk(&[("a", 5), ("c", 1)], 4),
            [("a", 1), ("a", 5), ("c", 1)]
        );
    }

    #[test]
    fn the_first_is_tried_in_any_case_and_no_other_when_the_time_is_over() {
        let extent = Extent::part(1, Duration::ZERO);
        let mut points = Points::of(&["a"], Fault::Kill, extent, 1);
        assert!(points.next_point().is_some());
        points.happened(true);
        assert_eq!(points.next_point(), None);
    }
}

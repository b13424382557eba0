//! When bytes may arrive on a link whose chances of sending were recorded on a real one.
//!
//! A trace in the format of mahimahi is a list of milliseconds; at each of them one packet
//! of 1,500 bytes may pass. After the last the trace begins anew. A chance that nobody
//! used is gone.

use crate::failure::{Failure, Fallible};
use std::{fs::File, io::Read, path::Path, sync::Arc};

/// Bytes of one packet.
pub const PACKET: u64 = 1_500;

/// A recorded link in one direction: sorted milliseconds, at least one packet, and longer
/// than nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    chances: Arc<[u64]>,
    length: u64,
}

impl Trace {
    /// Reads a trace from its text.
    ///
    /// # Errors
    /// When a line is no number, they go backwards, or all are zero.
    pub fn parse(text: &str) -> Fallible<Self> {
        let chances = text
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<Vec<u64>, _>>()?;
        let length = chances.last().copied().unwrap_or(0);
        if length == 0 || !chances.is_sorted() {
            return Err(Failure::new(
                "a link's trace is a list of milliseconds that never go backwards",
            ));
        }
        Ok(Self {
            chances: chances.into(),
            length,
        })
    }

    /// Reads a gzipped trace.
    ///
    /// # Errors
    /// As [`Trace::parse`], or when the file cannot be read.
    pub fn read(path: &Path) -> Fallible<Self> {
        let mut text = String::new();
        let file = File::open(path)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        flate2::read::GzDecoder::new(file).read_to_string(&mut text)?;
        Self::parse(&text)
    }

    /// A link that passes `packets` packets each millisecond.
    #[must_use]
    pub fn steady(packets: usize) -> Self {
        Self {
            chances: vec![1; packets.max(1)].into(),
            length: 1,
        }
    }
}

/// Where one direction of one link stands in its trace.
#[derive(Clone, Debug)]
pub struct Schedule {
    trace: Trace,
    /// How far into the trace the link's clock began.
    ahead: u64,
    /// The next unused chance.
    next: usize,
    /// The millisecond of the trace's clock at which its present round began.
    round_began: u64,
    /// Bytes that still go with the last used chance, and when that was.
    left: (u64, u64),
}

impl Schedule {
    /// Begins somewhere in the trace: after `skip` packets, so that links which share a
    /// trace do not stall together.
    #[must_use]
    pub fn beginning(trace: Trace, skip: usize) -> Self {
        let ahead = match skip % trace.chances.len() {
            0 => 0,
            skipped => trace.chances[skipped - 1],
        };
        Self {
            trace,
            ahead,
            next: 0,
            round_began: 0,
            left: (0, 0),
        }
    }

    /// Sends `bytes` at the millisecond `now` (which never goes backwards): the millisecond
    /// at which the last of them arrives.
    pub fn send(&mut self, now: u64, bytes: u64) -> u64 {
        self.send_in_trace(now + self.ahead, bytes) - self.ahead
    }

    fn send_in_trace(&mut self, now: u64, bytes: u64) -> u64 {
        let mut bytes = bytes;
        let (left, at) = self.left;
        let mut arrives = now.max(at);
        if at >= now {
            let with_it = left.min(bytes);
            self.left.0 -= with_it;
            bytes -= with_it;
        }
        while bytes > 0 {
            arrives = self.chance(now);
            let used = bytes.min(PACKET);
            bytes -= used;
            self.left = (PACKET - used, arrives);
        }
        arrives
    }

    /// Takes the first unused chance not before `now`.
    fn chance(&mut self, now: u64) -> u64 {
        let length = self.trace.length;
        // Whole rounds that nobody used; the last chance of a round may be this moment.
        let missed = now.saturating_sub(self.round_began + 1) / length;
        if missed > 0 {
            self.round_began += missed * length;
            self.next = 0;
        }
        loop {
            let rest = &self.trace.chances[self.next..];
            let skipped = rest.partition_point(|chance| self.round_began + chance < now);
            if let Some(chance) = rest.get(skipped) {
                self.next += skipped + 1;
                return self.round_began + chance;
            }
            self.round_began += length;
            self.next = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn packets_pass_at_the_recorded_milliseconds_and_the_trace_begins_anew() {
        let mut schedule = Schedule::beginning(Trace::parse("2\n2\n5\n").unwrap(), 0);
        let arrivals: Vec<u64> = (0..6).map(|_| schedule.send(0, PACKET)).collect();
        assert_eq!(arrivals, [2, 2, 5, 7, 7, 10]);
    }

    #[test]
    fn a_part_of_a_packet_leaves_room_for_more_and_an_unused_chance_is_gone() {
        let mut schedule = Schedule::beginning(Trace::parse("10\n20").unwrap(), 0);
        assert_eq!(schedule.send(0, 1_000), 10);
        assert_eq!(schedule.send(3, 500), 10);
        assert_eq!(schedule.send(11, 1), 20);
        assert_eq!(schedule.send(25, 1), 30);
    }

    proptest! {
        #[test]
        fn never_faster_than_the_trace_and_never_backwards(
            mut chances in prop::collection::vec(1u64..200, 1..20),
            skip in 0usize..40,
            sends in prop::collection::vec((0u64..300, 1u64..5_000), 1..40),
        ) {
            chances.sort_unstable();
            let trace = Trace { length: *chances.last().unwrap(), chances: chances.clone().into() };
            let mut schedule = Schedule::beginning(trace.clone(), skip);
            let (mut now, mut last, mut first, mut bytes) = (0, 0, None, 0);
            for (pause, sent) in sends {
                now += pause;
                let at = schedule.send(now, sent);
                prop_assert!(at >= now && at >= last);
                first.get_or_insert(now);
                last = at;
                bytes += sent;
            }
            let rounds = (last - first.unwrap()) / trace.length + 2;
            prop_assert!(bytes <= rounds * PACKET * chances.len() as u64);
        }
    }
}

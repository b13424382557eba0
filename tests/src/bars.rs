//! Bars: what a benchmark has to keep, said line by line, and its end when one was not.

use crate::{Fallible, failure::ensure};

/// The bars of a run.
#[derive(Debug, Default)]
pub struct Bars(Vec<(String, bool)>);

impl Bars {
    /// Holds a figure against its bar, and says how that went.
    #[expect(clippy::print_stdout, reason = "benchmarks print what they measured")]
    pub fn hold(&mut self, what: impl Into<String>, kept: bool) {
        let what = what.into();
        println!("{} {what}", if kept { "ok  " } else { "NOT " });
        self.0.push((what, kept));
    }

    /// The end of a run.
    ///
    /// # Errors
    /// When a bar was not kept, or none was held.
    pub fn verdict(self) -> Fallible<()> {
        ensure(!self.0.is_empty(), || "no bar was held".to_owned())?;
        let broken: Vec<&String> = self
            .0
            .iter()
            .filter(|(_, kept)| !kept)
            .map(|(what, _)| what)
            .collect();
        ensure(broken.is_empty(), || format!("not kept: {broken:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Bars;

    #[test]
    fn a_run_that_kept_nothing_or_broke_a_bar_ends_with_a_failure() {
        assert!(Bars::default().verdict().is_err());
        let mut bars = Bars::default();
        bars.hold("one", true);
        bars.hold("two", false);
        assert!(bars.verdict().unwrap_err().to_string().contains("two"));
    }
}

//! Sets that grow together.

/// Sets that grow together.
pub(in crate::territory) struct Sets {
    up: Vec<usize>,
}

impl Sets {
    pub(in crate::territory) fn new(count: usize) -> Self {
        Self {
            up: (0..count).collect(),
        }
    }

    pub(in crate::territory) fn root(&mut self, mut at: usize) -> usize {
        while self.up[at] != at {
            self.up[at] = self.up[self.up[at]];
            at = self.up[at];
        }
        at
    }

    /// Joins two; false when they were one already. The lower root stays.
    pub(in crate::territory) fn join(&mut self, a: usize, b: usize) -> bool {
        let (a, b) = (self.root(a), self.root(b));
        self.up[a.max(b)] = a.min(b);
        a != b
    }
}

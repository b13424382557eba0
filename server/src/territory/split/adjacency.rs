//! Which station areas lie beside each other: what a split works on, for comparing it with
//! other ways of making cells.

use super::{SplitError, Wish, ground, hang};

/// Places and the borders between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Adjacency {
    /// The station areas at each place, as places in the list given.
    pub areas: Vec<Vec<usize>>,
    /// What each place weighs.
    pub weights: Vec<u64>,
    /// The neighbours of each place, ascending, with the metres of border between them.
    pub beside: Vec<Vec<(usize, f64)>>,
}

/// Works out the ground of each station area and how they meet.
///
/// # Errors
/// Any [`SplitError`].
pub fn adjacency(wish: &Wish<'_>) -> Result<Adjacency, SplitError> {
    super::check(wish)?;
    let ground = ground::ground(wish)?;
    let graph = hang::graph(&ground);
    let lists = graph.beside.into_iter();
    Ok(Adjacency {
        areas: ground.members,
        weights: graph.weights,
        beside: lists.map(|others| others.into_iter().collect()).collect(),
    })
}

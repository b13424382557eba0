//! A packed tree over boxes in degrees, which shows its nodes, so that one walk goes through
//! the tree of stations and on through those of their cells.
//!
//! Boxes are named by their **place**: the order in which the tree has them, the nodes of one
//! level side by side. Whoever builds one asks [`Packed::order`] once which box came to which
//! place, and lays out by it what belongs to the boxes.

use static_aabb2d_index::{
    AABB, StaticAABB2DIndex, StaticAABB2DIndexBuildError, StaticAABB2DIndexBuilder,
};

/// Boxes of one node.
const NODE: usize = 16;

/// A tree that never changes.
#[derive(Debug)]
pub(in crate::territory) struct Packed {
    tree: StaticAABB2DIndex<f64>,
    count: usize,
}

/// A node of a tree.
#[derive(Clone, Copy, Debug)]
pub(in crate::territory) struct Node {
    /// The place of its first child.
    first: usize,
    /// The level of its children, 0 that of the boxes.
    level: usize,
}

impl Packed {
    /// A tree over boxes: west, south, east and north end of each.
    ///
    /// # Errors
    /// Why the boxes cannot be laid out.
    pub(super) fn build(
        boxes: impl ExactSizeIterator<Item = [f64; 4]>,
    ) -> Result<Self, StaticAABB2DIndexBuildError> {
        let count = boxes.len();
        let mut builder = StaticAABB2DIndexBuilder::new_with_node_size(count, NODE);
        for [west, south, east, north] in boxes {
            builder.add(west, south, east, north);
        }
        let tree = builder.build()?;
        Ok(Self { tree, count })
    }

    /// A tree over no boxes.
    #[expect(
        clippy::expect_used,
        reason = "as many boxes are added as are announced"
    )]
    pub(super) fn empty() -> Self {
        let tree = StaticAABB2DIndexBuilder::new_with_node_size(0, NODE)
            .build()
            .expect("no boxes were announced and none added");
        Self { tree, count: 0 }
    }

    /// For each place the number of the box that stands there.
    pub(super) fn order(&self) -> &[usize] {
        self.tree.item_indices()
    }

    /// West, south, east and north end of all boxes, if there are any.
    pub(super) fn bounds(&self) -> Option<[f64; 4]> {
        let all = self.tree.bounds()?;
        Some([all.min_x, all.min_y, all.max_x, all.max_y])
    }

    /// The topmost node, if there are any boxes.
    pub(in crate::territory) fn root(&self) -> Option<Node> {
        if self.count <= NODE {
            // Most stations: one node, and nothing to look up.
            return (self.count > 0).then_some(Node { first: 0, level: 0 });
        }
        let root = self.tree.all_boxes().len().checked_sub(1)?;
        let level = self.tree.level_bounds().len().checked_sub(2)?;
        Some(Node {
            first: self.tree.all_box_indices()[root],
            level,
        })
    }

    /// What is in a node: boxes with their places.
    pub(in crate::territory) fn children(
        &self,
        node: Node,
    ) -> impl Iterator<Item = (usize, &AABB<f64>)> {
        let level_end = match node.level {
            0 => self.count,
            level => self.tree.level_bounds()[level],
        };
        let end = (node.first + NODE).min(level_end);
        let boxes = &self.tree.all_boxes()[node.first..end];
        (node.first..end).zip(boxes)
    }

    /// The node at a place in a node; none where the place is that of a box.
    pub(in crate::territory) fn below(&self, node: Node, place: usize) -> Option<Node> {
        let level = node.level.checked_sub(1)?;
        Some(Node {
            first: self.tree.all_box_indices()[place],
            level,
        })
    }
}

//! Which of the segments that meet at an object are ordered by nothing.
//!
//! They are compared two by two, or, where very many change the object, by whole
//! rows of bits. Two segments of two actors that do the same as others of the
//! same two have nothing new to tell: of such, the first pair stands for all.

use std::collections::HashMap;

use super::deeds::{Deed, Item, changes};
use super::order::Order;
use super::segments::{Segments, Whose};
use crate::run::footprint::{PathNo, Traced};

/// Of so many kinds it is kept in mind which have met.
const KINDS: usize = 4096;

/// What a segment does where it meets others.
#[derive(Debug, Clone, Copy)]
pub struct Meeting<'i> {
    /// The segment.
    pub node: u32,
    /// What it does there.
    pub items: &'i [Item],
    /// Whether it changes anything.
    pub changes: bool,
}

/// Those of sorted items.
pub fn meetings(items: &[Item]) -> Vec<Meeting<'_>> {
    let own = items.chunk_by(|a, b| a.node == b.node);
    own.map(|items| Meeting {
        node: items[0].node,
        items,
        changes: items.iter().any(|item| changes(item.deed)),
    })
    .collect()
}

/// Tells of each two that nothing orders and of which one changes something,
/// until it is told that this is enough.
pub fn unordered(here: &[Meeting<'_>], order: &mut Order, tell: impl FnMut(usize, usize) -> bool) {
    let changing = here.iter().filter(|meeting| meeting.changes).count();
    if changing == 0 || here.len() < 2 {
        return;
    }
    if changing <= order.words() { by_pairs(here, order, tell) } else { by_rows(here, order, tell) }
}

fn by_pairs(here: &[Meeting<'_>], order: &mut Order, mut tell: impl FnMut(usize, usize) -> bool) {
    for (one, changer) in here.iter().enumerate().filter(|(_, meeting)| meeting.changes) {
        for (other, meeting) in here.iter().enumerate() {
            // Two changers meet once.
            let again = meeting.changes && other <= one;
            if !again && order.concurrent(changer.node, meeting.node) && !tell(one, other) {
                return;
            }
        }
    }
}

fn by_rows(here: &[Meeting<'_>], order: &mut Order, mut tell: impl FnMut(usize, usize) -> bool) {
    let words = order.words();
    let (mut all, mut changing) = (vec![0u64; words], vec![0u64; words]);
    for meeting in here {
        let (word, bit) = (meeting.node as usize / 64, 1 << (meeting.node % 64));
        all[word] |= bit;
        changing[word] |= if meeting.changes { bit } else { 0 };
    }
    let place = |node: u32| here.binary_search_by_key(&node, |meeting| meeting.node);
    for (one, Meeting { node, changes, .. }) in here.iter().enumerate() {
        let others = if *changes { &all } else { &changing };
        let behind = order.behind(*node);
        let first = *node as usize / 64;
        for word in first..words {
            let mut bits = others[word] & !behind[word];
            if word == first {
                // Only what has a higher number.
                bits &= !(u64::MAX >> (63 - node % 64));
            }
            while bits != 0 {
                let other = place(word as u32 * 64 + bits.trailing_zeros());
                bits &= bits - 1;
                if other.is_ok_and(|other| !tell(one, other)) {
                    return;
                }
            }
        }
    }
}

/// Which kinds of segments have met.
#[derive(Debug)]
pub struct Met {
    /// The kind of each.
    kinds: Vec<u32>,
    count: usize,
    bits: Vec<u64>,
}

impl Met {
    /// Nobody has.
    pub fn new(here: &[Meeting<'_>], segments: &Segments<'_>, traced: &Traced) -> Self {
        type Kind = (Whose, Vec<(PathNo, Deed, bool)>);
        let mut known: HashMap<Kind, u32> = HashMap::new();
        let kind = |meeting: &Meeting<'_>| {
            let line = |item: &Item| traced.accesses[item.shown as usize].at.is_some();
            let does = meeting.items.iter().map(|item| (item.path, item.deed, line(item)));
            let next = known.len() as u32;
            *known.entry((segments.whose(meeting.node), does.collect())).or_insert(next)
        };
        let kinds: Vec<u32> = here.iter().map(kind).collect();
        let count = known.len();
        let room = if count <= KINDS { (count * count).div_ceil(64) } else { 0 };
        Self { kinds, count, bits: vec![0; room] }
    }

    /// Whether the like of these two is new.
    pub fn is_new(&mut self, one: usize, other: usize) -> bool {
        if self.bits.is_empty() {
            return true;
        }
        let (one, other) = (self.kinds[one] as usize, self.kinds[other] as usize);
        let bit = one.min(other) * self.count + one.max(other);
        let new = self.bits[bit / 64] >> (bit % 64) & 1 == 0;
        self.bits[bit / 64] |= 1 << (bit % 64);
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::deeds::How;
    use crate::run::footprint::Op;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_ways_find_the_same(
            count in 1usize..200,
            pairs in proptest::collection::vec((0u32..200, 0u32..200), 0..300),
            here in proptest::collection::btree_map(0u32..200, any::<bool>(), 0..60),
        ) {
            let arrows: std::collections::BTreeSet<(u32, u32)> = pairs
                .into_iter()
                .filter(|(a, b)| a < b && (*b as usize) < count)
                .collect();
            let arrows: Vec<(u32, u32)> = arrows.into_iter().collect();
            let mut order = Order::new(count, &arrows);
            let items: Vec<Item> = here
                .into_iter()
                .filter(|(node, _)| (*node as usize) < count)
                .map(|(node, writes)| {
                    let op = if writes { Op::Write } else { Op::Read };
                    Item { path: 0, node, deed: Deed { op, how: How::Plain, held: 0 }, shown: 0 }
                })
                .collect();
            let here = meetings(&items);
            let mut found = [Vec::new(), Vec::new()];
            let both = |one: usize, other: usize| (one.min(other), one.max(other));
            by_pairs(&here, &mut order, |a, b| { found[0].push(both(a, b)); true });
            by_rows(&here, &mut order, |a, b| { found[1].push(both(a, b)); true });
            for pairs in &mut found {
                pairs.sort_unstable();
            }
            prop_assert_eq!(&found[0], &found[1]);
            let mut slowly = Vec::new();
            for a in 0..here.len() {
                for b in a + 1..here.len() {
                    let changes = here[a].changes || here[b].changes;
                    if changes && order.concurrent(here[a].node, here[b].node) {
                        slowly.push((a, b));
                    }
                }
            }
            prop_assert_eq!(&found[0], &slowly);
        }
    }
}

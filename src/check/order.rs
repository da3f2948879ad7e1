//! Which segments come before which: reachability along the arrows.
//!
//! Of a segment, the set of all that come behind it is a row of bits. A row is the union of the
//! rows of those that its arrows lead to. They are numbered so that arrows lead to higher
//! numbers; computed from the last to the first, all rows cost one union for each arrow, a few
//! milliseconds for ten thousand tasks. Where all would need too much memory, a row is found by
//! a search when it is asked for, and kept as long as there is room.

/// All rows together may have so many bytes.
const ROOM: usize = 128 << 20;

/// What comes before what.
#[derive(Debug, Default)]
pub struct Order {
    count: usize,
    /// Where the arrows of each segment begin in `to`.
    from: Vec<u32>,
    to: Vec<u32>,
    rows: Vec<Option<Box<[u64]>>>,
    kept: usize,
    most: usize,
}

impl Order {
    /// Of `count` segments, with sorted arrows to higher numbers.
    pub fn new(count: usize, arrows: &[(u32, u32)]) -> Self {
        Self::with_room(count, arrows, ROOM)
    }

    fn with_room(count: usize, arrows: &[(u32, u32)], room: usize) -> Self {
        let mut from = vec![0; count + 1];
        for (node, _) in arrows {
            from[*node as usize + 1] += 1;
        }
        for at in 0..count {
            from[at + 1] += from[at];
        }
        let to = arrows.iter().map(|(_, to)| *to).collect();
        let row = count.div_ceil(64) * 8;
        let most = (room / row.max(1)).max(1);
        let mut this = Self { count, from, to, rows: vec![None; count], kept: 0, most };
        if count <= most {
            for node in (0..count).rev() {
                this.behind(node as u32);
            }
        }
        this
    }

    /// How many words a row has.
    pub fn words(&self) -> usize {
        self.count.div_ceil(64)
    }

    /// Whether nothing orders the two.
    pub fn concurrent(&mut self, one: u32, other: u32) -> bool {
        let (low, high) = (one.min(other), one.max(other));
        low != high && !has(self.behind(low), high)
    }

    /// Whether an arrow after the other leads there.
    pub fn leads(&mut self, from: u32, to: u32) -> bool {
        from < to && has(self.behind(from), to)
    }

    /// All that come behind it, as bits.
    pub fn behind(&mut self, node: u32) -> &[u64] {
        if self.rows[node as usize].is_none() {
            if self.kept == self.most {
                self.rows.fill(None);
                self.kept = 0;
            }
            let row = self.search(node);
            self.rows[node as usize] = Some(row);
            self.kept += 1;
        }
        self.rows[node as usize].as_deref().unwrap_or_default()
    }

    fn search(&self, node: u32) -> Box<[u64]> {
        let mut row = vec![0; self.words()].into_boxed_slice();
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            let arrows = self.from[node as usize] as usize..self.from[node as usize + 1] as usize;
            for next in &self.to[arrows] {
                if has(&row, *next) {
                    continue;
                }
                row[*next as usize / 64] |= 1 << (next % 64);
                match &self.rows[*next as usize] {
                    Some(known) => row.iter_mut().zip(known).for_each(|(a, b)| *a |= b),
                    None => open.push(*next),
                }
            }
        }
        row
    }
}

fn has(row: &[u64], node: u32) -> bool {
    row.get(node as usize / 64).is_some_and(|word| word >> (node % 64) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Which comes before which, by adding arrows until there are no more to add.
    fn slowly(count: usize, arrows: &[(u32, u32)]) -> Vec<Vec<bool>> {
        let mut before = vec![vec![false; count]; count];
        for (from, to) in arrows {
            before[*from as usize][*to as usize] = true;
        }
        for via in 0..count {
            for from in 0..count {
                for to in 0..count {
                    before[from][to] |= before[from][via] && before[via][to];
                }
            }
        }
        before
    }

    proptest! {
        #[test]
        fn it_is_what_a_slow_search_finds(
            count in 1usize..40,
            pairs in proptest::collection::vec((0u32..40, 0u32..40), 0..80),
            room in 1usize..400,
        ) {
            let mut arrows: Vec<(u32, u32)> = pairs
                .into_iter()
                .filter(|(a, b)| a < b && (*b as usize) < count)
                .collect();
            arrows.sort_unstable();
            arrows.dedup();
            let before = slowly(count, &arrows);
            for room in [room, ROOM] {
                let mut order = Order::with_room(count, &arrows, room);
                for at in 0..count * count {
                    let (a, b) = (at / count, at % count);
                    let ordered = before[a][b] || before[b][a] || a == b;
                    prop_assert_eq!(order.concurrent(a as u32, b as u32), !ordered);
                    prop_assert_eq!(order.leads(a as u32, b as u32), before[a][b]);
                }
            }
        }
    }
}

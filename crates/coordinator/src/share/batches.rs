//! Putting batches of a state together.

use super::request::StateBatch;
use std::collections::BTreeMap;

/// How often something was delivered, and what came of it: of two statements about an offset the higher one holds, since
/// a delivery count only grows, and with it the state only goes on.
type Delivery = (i16, i8);

/// The batches that say what these say, of offsets from `start_offset` on (-1: all): in order, none overlapping another,
/// and neighbours that say the same as one.
pub(super) fn combine(batches: impl IntoIterator<Item = StateBatch>, start_offset: i64) -> Vec<StateBatch> {
    let mut edges: Vec<(i128, bool, Delivery)> = Vec::new();
    for batch in batches {
        let first =
            if start_offset == -1 { batch.first_offset } else { batch.first_offset.max(start_offset) };
        if first <= batch.last_offset {
            let delivery = (batch.delivery_count, batch.delivery_state);
            edges.push((i128::from(first), true, delivery));
            edges.push((i128::from(batch.last_offset) + 1, false, delivery));
        }
    }
    edges.sort_unstable_by_key(|(at, ..)| *at);
    let mut combined: Vec<StateBatch> = Vec::new();
    let mut open: BTreeMap<Delivery, usize> = BTreeMap::new();
    let mut edges = edges.into_iter().peekable();
    while let Some((at, begins, delivery)) = edges.next() {
        let count = open.entry(delivery).or_default();
        *count = if begins { *count + 1 } else { *count - 1 };
        if *count == 0 {
            open.remove(&delivery);
        }
        let Some((next, ..)) = edges.peek().filter(|(next, ..)| *next > at) else { continue };
        if let Some((delivery, _)) = open.last_key_value() {
            push(&mut combined, at, *next - 1, *delivery);
        }
    }
    combined
}

fn push(combined: &mut Vec<StateBatch>, first: i128, last: i128, (delivery_count, delivery_state): Delivery) {
    // They lie between offsets that fit.
    let (Ok(first_offset), Ok(last_offset)) = (i64::try_from(first), i64::try_from(last)) else { return };
    match combined.last_mut() {
        Some(before)
            if before.last_offset.checked_add(1) == Some(first_offset)
                && (before.delivery_count, before.delivery_state) == (delivery_count, delivery_state) =>
        {
            before.last_offset = last_offset;
        }
        _ => combined.push(StateBatch { first_offset, last_offset, delivery_count, delivery_state }),
    }
}

#[cfg(test)]
mod tests;

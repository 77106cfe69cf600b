//! Records that were fetched together.

use crate::delivery::Delivery;

/// A range of offsets and how it stands with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InFlightBatch {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) held: Held,
}

/// How it stands with the records of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Held {
    /// With all alike.
    Whole(Delivery),
    /// With each in its own way, from the first offset on.
    Each(Vec<Delivery>),
}

impl InFlightBatch {
    pub(crate) const fn new(first: i64, last: i64, delivery: Delivery) -> Self {
        Self { first, last, held: Held::Whole(delivery) }
    }

    /// How many offsets it has.
    pub(crate) const fn len(&self) -> i64 {
        self.last - self.first + 1
    }

    /// Whether all of it lies within a range.
    pub(crate) const fn is_within(&self, first: i64, last: i64) -> bool {
        self.first >= first && self.last <= last
    }

    /// Whether an offset lies in it, but not as its first.
    pub(crate) const fn is_cut_by(&self, offset: i64) -> bool {
        self.first < offset && self.last >= offset
    }

    /// What all of its records share; `None` if they are tracked one by one.
    pub(crate) const fn whole(&self) -> Option<&Delivery> {
        match &self.held {
            Held::Whole(delivery) => Some(delivery),
            Held::Each(_) => None,
        }
    }

    /// Tracks its records one by one from now on.
    pub(crate) fn explode(&mut self) -> &mut Vec<Delivery> {
        if let Held::Whole(delivery) = &self.held {
            let count = usize::try_from(self.len()).unwrap_or(0);
            self.held = Held::Each(vec![delivery.clone(); count]);
        }
        match &mut self.held {
            Held::Each(each) => each,
            Held::Whole(_) => unreachable!("it was exploded above"),
        }
    }

    /// What is tracked, as ranges of offsets.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (i64, i64, &Delivery)> {
        let (whole, each) = match &self.held {
            Held::Whole(delivery) => (Some((self.first, self.last, delivery)), &[][..]),
            Held::Each(each) => (None, each.as_slice()),
        };
        whole.into_iter().chain((self.first..).zip(each).map(|(offset, delivery)| (offset, offset, delivery)))
    }

    /// As [`Self::parts`], to change.
    pub(crate) fn parts_mut(&mut self) -> impl Iterator<Item = (i64, i64, &mut Delivery)> {
        let (whole, each) = match &mut self.held {
            Held::Whole(delivery) => (Some((self.first, self.last, delivery)), &mut [][..]),
            Held::Each(each) => (None, each.as_mut_slice()),
        };
        whole.into_iter().chain((self.first..).zip(each).map(|(offset, delivery)| (offset, offset, delivery)))
    }

    /// As [`Self::parts_mut`], of those only that have offsets in a range: what is tracked one by one is not gone through.
    pub(crate) fn parts_touching_mut(
        &mut self,
        from: i64,
        to: i64,
    ) -> impl Iterator<Item = (i64, i64, &mut Delivery)> {
        let base = self.first;
        let (from, to) = (from.max(base), to.min(self.last));
        let (whole, each) = match &mut self.held {
            Held::Whole(delivery) if from <= to => (Some((base, self.last, delivery)), &mut [][..]),
            Held::Whole(_) => (None, &mut [][..]),
            Held::Each(each) => {
                let place = |offset: i64| usize::try_from(offset - base).unwrap_or(0);
                (None, each.get_mut(place(from)..place(to + 1)).unwrap_or_default())
            }
        };
        whole.into_iter().chain((from..).zip(each).map(|(offset, delivery)| (offset, offset, delivery)))
    }

    /// The one at an offset, whether it is tracked by itself or not.
    pub(crate) fn at(&self, offset: i64) -> Option<&Delivery> {
        match &self.held {
            Held::Whole(delivery) => (self.first..=self.last).contains(&offset).then_some(delivery),
            Held::Each(each) => each.get(usize::try_from(offset - self.first).ok()?),
        }
    }
}

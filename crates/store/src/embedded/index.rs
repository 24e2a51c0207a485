//! What is due, and in whose hand: the schedule, in memory.
//!
//! It is loaded at start and follows every commit. A copy is in exactly one place:
//! among those that come later, among its lane's due ones, in somebody's hand, held
//! because it is damaged, or parked because nobody in it may be tried. What a claim
//! takes is written nowhere.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use gatepost_policy::id::MessageId;
use gatepost_wire::timestamp::Timestamp;
use ulid::Ulid;

use crate::{
    claim::{CopyKey, Lane, Ready},
    queue::NEVER,
};

/// The schedule.
#[derive(Debug, Default)]
pub(super) struct Index {
    copies: HashMap<CopyKey, Slot>,
    /// Copies that were not due when they were looked at last.
    later: BTreeSet<(Timestamp, CopyKey)>,
    lanes: BTreeMap<u32, Due>,
    by_lane: HashMap<Lane, u32>,
    /// Lanes with due copies.
    ready: BTreeSet<u32>,
    next_lane: u32,
    in_hand: usize,
    held: usize,
}

#[derive(Debug)]
struct Due {
    lane: Lane,
    copies: BTreeSet<(Timestamp, CopyKey)>,
    /// All copies of the lane, due or not.
    all: usize,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    lane: u32,
    due: Timestamp,
    place: Place,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Later,
    Due,
    InHand,
    Held,
    Parked,
}

/// A copy as the index knows it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: CopyKey,
    pub(super) lane: Lane,
    pub(super) due: Timestamp,
    pub(super) held: bool,
}

impl Index {
    /// Adds a copy, unless it is there.
    pub(super) fn insert(&mut self, entry: Entry) {
        let Entry { key, lane, due, held } = entry;
        if self.copies.contains_key(&key) {
            return;
        }
        let lane = self.lane(lane);
        // It is in no place yet; what counts is that it is moved to one.
        self.copies.insert(key, Slot { lane, due, place: Place::Later });
        self.place(key, due, if held { Place::Held } else { Place::Later });
    }

    /// Lanes with copies that are due, and how many.
    pub(super) fn ready(&mut self, now: Timestamp) -> Vec<Ready> {
        self.promote(now);
        self.ready
            .iter()
            .filter_map(|lane| self.lanes.get(lane))
            .map(|due| Ready { lane: due.lane.clone(), count: due.copies.len() })
            .collect()
    }

    /// When the next copy that nobody holds is due.
    pub(super) fn next_due(&self, after: Timestamp) -> Option<Timestamp> {
        let first = CopyKey { message: MessageId::from_ulid(Ulid::from_parts(0, 0)), number: 0 };
        let from = (after.plus(Duration::from_millis(1)), first);
        let due = self.ready.iter().filter_map(|lane| self.lanes.get(lane));
        let due = due.filter_map(|due| due.copies.range(from..).next());
        due.chain(self.later.range(from..).next()).map(|(at, _)| *at).min()
    }

    /// Takes due copies of a lane into somebody's hand, longest due first.
    pub(super) fn claim(&mut self, lane: &Lane, max: usize, now: Timestamp) -> Vec<CopyKey> {
        self.promote(now);
        let Some(number) = self.by_lane.get(lane).copied() else { return Vec::new() };
        let mut taken = Vec::new();
        if let Some(due) = self.lanes.get_mut(&number) {
            while taken.len() < max
                && let Some((_, key)) = due.copies.pop_first()
            {
                taken.push(key);
            }
            if due.copies.is_empty() {
                self.ready.remove(&number);
            }
        }
        for key in &taken {
            if let Some(slot) = self.copies.get_mut(key) {
                slot.place = Place::InHand;
            }
        }
        self.in_hand = self.in_hand.saturating_add(taken.len());
        taken
    }

    /// Puts a copy back that was in somebody's hand; it stays due.
    pub(super) fn take_back(&mut self, key: CopyKey) {
        if let Some(slot) = self.copies.get(&key).copied()
            && slot.place == Place::InHand
        {
            self.place(key, slot.due, Place::Later);
        }
    }

    /// A copy's attempt has ended: it is done, or due again at `next`. One that is
    /// held by now stays so.
    pub(super) fn settled(&mut self, key: CopyKey, next: Option<Timestamp>) {
        match next {
            Some(next) => {
                let held = self.copies.get(&key).is_some_and(|slot| slot.place == Place::Held);
                self.place(key, next, if held { Place::Held } else { Place::Later });
            }
            None => self.remove(key),
        }
    }

    /// A copy is kept and not tried any more.
    pub(super) fn hold(&mut self, key: CopyKey) {
        if let Some(slot) = self.copies.get(&key).copied() {
            self.place(key, slot.due, Place::Held);
        }
    }

    /// Keeps a copy from being claimed while its row is written, unless an attempt
    /// is going on. It ends with [`Self::settled`] or [`Self::thaw`].
    pub(super) fn freeze(&mut self, key: CopyKey) -> bool {
        let Some(slot) = self.copies.get(&key).copied() else { return true };
        if slot.place == Place::InHand {
            return false;
        }
        if slot.place != Place::Held {
            self.unplace(key, slot);
            self.held = self.held.saturating_add(1);
            self.copies.insert(key, Slot { place: Place::Parked, ..slot });
        }
        true
    }

    /// A frozen copy whose row was not written is as it was before.
    pub(super) fn thaw(&mut self, key: CopyKey) {
        if let Some(slot) = self.copies.get(&key).copied()
            && slot.place == Place::Parked
        {
            self.place(key, slot.due, Place::Later);
        }
    }

    /// The copies that are in somebody's hand.
    pub(super) fn all_in_hand(&self) -> Vec<CopyKey> {
        let all = self.copies.iter().filter(|(_, slot)| slot.place == Place::InHand);
        all.map(|(key, _)| *key).collect()
    }

    /// Whether an attempt is going on.
    pub(super) fn is_in_hand(&self, key: CopyKey) -> bool {
        self.copies.get(&key).is_some_and(|slot| slot.place == Place::InHand)
    }

    /// Copies that wait, are in somebody's hand, are held.
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        let rest = self.in_hand.saturating_add(self.held);
        (self.copies.len().saturating_sub(rest), self.in_hand, self.held)
    }

    fn promote(&mut self, now: Timestamp) {
        while let Some((due, key)) = self.later.first().copied()
            && due <= now
        {
            self.place(key, due, Place::Due);
        }
    }

    /// Moves a copy from wherever it is to `place`.
    fn place(&mut self, key: CopyKey, due: Timestamp, place: Place) {
        let Some(slot) = self.copies.get(&key).copied() else { return };
        self.unplace(key, slot);
        let place = match place {
            Place::Later | Place::Due if due == NEVER => Place::Parked,
            Place::Later | Place::Due | Place::InHand | Place::Held | Place::Parked => place,
        };
        match place {
            Place::Later => {
                self.later.insert((due, key));
            }
            Place::Due => {
                if let Some(lane) = self.lanes.get_mut(&slot.lane) {
                    lane.copies.insert((due, key));
                    self.ready.insert(slot.lane);
                }
            }
            Place::InHand => self.in_hand = self.in_hand.saturating_add(1),
            Place::Held | Place::Parked => self.held = self.held.saturating_add(1),
        }
        self.copies.insert(key, Slot { due, place, ..slot });
    }

    fn unplace(&mut self, key: CopyKey, slot: Slot) {
        match slot.place {
            Place::Later => {
                self.later.remove(&(slot.due, key));
            }
            Place::Due => {
                if let Some(lane) = self.lanes.get_mut(&slot.lane) {
                    lane.copies.remove(&(slot.due, key));
                    if lane.copies.is_empty() {
                        self.ready.remove(&slot.lane);
                    }
                }
            }
            Place::InHand => self.in_hand = self.in_hand.saturating_sub(1),
            Place::Held | Place::Parked => self.held = self.held.saturating_sub(1),
        }
    }

    fn remove(&mut self, key: CopyKey) {
        let Some(slot) = self.copies.remove(&key) else { return };
        self.unplace(key, slot);
        if let Some(due) = self.lanes.get_mut(&slot.lane) {
            due.all = due.all.saturating_sub(1);
            if due.all == 0
                && let Some(due) = self.lanes.remove(&slot.lane)
            {
                self.by_lane.remove(&due.lane);
            }
        }
    }

    /// The number of a lane, with one copy more in it.
    fn lane(&mut self, lane: Lane) -> u32 {
        let number = match self.by_lane.get(&lane) {
            Some(number) => *number,
            None => {
                while self.lanes.contains_key(&self.next_lane) {
                    self.next_lane = self.next_lane.wrapping_add(1);
                }
                self.by_lane.insert(lane.clone(), self.next_lane);
                let due = Due { lane, copies: BTreeSet::new(), all: 0 };
                self.lanes.insert(self.next_lane, due);
                self.next_lane
            }
        };
        if let Some(due) = self.lanes.get_mut(&number) {
            due.all = due.all.saturating_add(1);
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use gatepost_policy::direction::Direction;
    use gatepost_wire::address::AddressDomain;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn entry(number: u32, domain: &str, due: i64) -> Entry {
        let message = MessageId::from_ulid(Ulid::from_parts(1, u128::from(number)));
        let lane = Lane {
            direction: Direction::Outbound,
            domain: AddressDomain::parse(domain).unwrap(),
            fingerprint: String::new(),
        };
        Entry { key: CopyKey { message, number: 0 }, lane, due: at(due), held: false }
    }

    #[test]
    fn copies_become_ready_when_their_time_comes_longest_due_first() {
        let mut index = Index::default();
        let (late, early) = (entry(1, "a.test", 20), entry(2, "a.test", 10));
        index.insert(late.clone());
        index.insert(early.clone());
        assert!(index.ready(at(9)).is_empty());
        assert_eq!(index.next_due(at(0)), Some(at(10)));
        assert_eq!(index.next_due(at(10)), Some(at(20)), "what is due already hides nothing");
        assert_eq!(index.ready(at(10)).first().map(|r| r.count), Some(1));
        assert_eq!(index.ready(at(20)).first().map(|r| r.count), Some(2));
        assert_eq!(index.claim(&early.lane, 9, at(20)), [early.key, late.key]);
        assert!(index.ready(at(99)).is_empty());
        assert_eq!(index.counts(), (0, 2, 0));
    }

    #[test]
    fn a_lane_without_copies_is_forgotten() {
        let mut index = Index::default();
        let only = entry(1, "a.test", 0);
        index.insert(only.clone());
        assert_eq!(index.claim(&only.lane, 1, at(0)), [only.key]);
        index.settled(only.key, None);
        assert!(index.lanes.is_empty() && index.by_lane.is_empty() && index.copies.is_empty());
    }

    #[test]
    fn what_is_held_is_not_put_back() {
        let mut index = Index::default();
        let only = entry(1, "a.test", 0);
        index.insert(only.clone());
        index.claim(&only.lane, 1, at(0));
        index.hold(only.key);
        index.take_back(only.key);
        assert!(index.ready(at(99)).is_empty());
        assert_eq!(index.counts(), (0, 0, 1));
    }

    #[test]
    fn what_is_held_stays_so_when_its_attempt_ends() {
        let mut index = Index::default();
        let only = entry(1, "a.test", 0);
        index.insert(only.clone());
        index.claim(&only.lane, 1, at(0));
        index.hold(only.key);
        index.settled(only.key, Some(at(5)));
        assert!(index.ready(at(99)).is_empty());
        assert_eq!(index.counts(), (0, 0, 1));
    }
}

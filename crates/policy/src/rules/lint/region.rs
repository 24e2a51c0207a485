//! Reasoning about which mail Conditions let through, without any mail.
//!
//! A region is a conjunction of Conditions. [`Reasoner::contradict`] says of two of
//! them that they never hold together, and it says so only when that is certain:
//! where it cannot tell, regions overlap, rules are reachable, and the linter says
//! less about reachability and more about overlaps.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use super::super::{Action, Condition, DataSet, RuleSet, Test, condition::Comparison};
use crate::direction::Direction;

/// So many comparisons are spent on one question; after them the answer is "cannot tell".
const PATIENCE: usize = 20_000;

/// A test, and whether it must fail.
#[derive(Clone, Copy)]
pub(super) struct Literal<'r> {
    pub(super) test: &'r Test,
    pub(super) negated: bool,
}

impl<'r> Literal<'r> {
    pub(super) const fn of(condition: &'r Condition) -> Self {
        Self { test: &condition.test, negated: condition.negated }
    }

    /// Whether it says only that something is not in a set, or not there: two such never exclude each other.
    const fn is_mild(self) -> bool {
        self.negated
            && match self.test {
                Test::Sender(_)
                | Test::Recipient(_)
                | Test::Subject(_)
                | Test::HeaderThere(_)
                | Test::Header { .. }
                | Test::AnyHeader(_)
                | Test::ConnectionIp(_)
                | Test::OwnDomain => true,
                Test::Direction(_) | Test::RecipientCount(_) | Test::Size(_) => false,
            }
    }

    /// Whether it is plainly the same as another.
    fn is_same(self, other: Self) -> bool {
        self.negated == other.negated
            && match (self.test, other.test) {
                (Test::Direction(x), Test::Direction(y)) => x == y,
                (x, y) => std::ptr::eq(x, y),
            }
    }

    const fn turned(self) -> Self {
        Self { test: self.test, negated: !self.negated }
    }
}

/// Answers about regions for one set of rules.
pub(super) struct Reasoner<'r> {
    rules: &'r RuleSet,
    /// The names of fields that a rule writes or removes.
    touched: Vec<&'r str>,
    /// Comparisons of large sets, by their addresses.
    compared: RefCell<HashMap<(usize, usize), bool>>,
}

impl<'r> Reasoner<'r> {
    pub(super) fn new(rules: &'r RuleSet) -> Self {
        let mut touched: Vec<&str> = Vec::new();
        for name in rules.rules.iter().flat_map(|rule| &rule.actions).map(Action::touched) {
            if !touched.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                touched.push(name);
            }
        }
        Self { rules, touched, compared: RefCell::new(HashMap::new()) }
    }

    /// Whether no mail is in the region, as far as two Conditions at a time can tell.
    pub(super) fn is_empty(&self, region: &[Literal<'r>]) -> bool {
        region.iter().enumerate().any(|(at, literal)| {
            self.never(*literal)
                || region.iter().skip(at + 1).any(|other| self.contradict(*literal, *other))
        })
    }

    /// Whether every mail of a region is in at least one of the others: the search
    /// for a counterexample, which leaves each of the others by one of its Conditions.
    pub(super) fn is_covered(&self, region: &[Literal<'r>], others: &[Vec<Literal<'r>>]) -> bool {
        let mut patience = PATIENCE;
        let clauses: Vec<&[Literal<'r>]> = others.iter().map(Vec::as_slice).collect();
        self.has_no_way_out(&mut region.to_vec(), clauses, &mut patience)
    }

    fn has_no_way_out(
        &self,
        region: &mut Vec<Literal<'r>>,
        others: Vec<&[Literal<'r>]>,
        patience: &mut usize,
    ) -> bool {
        let mut open: Vec<Open<'_, 'r>> = Vec::with_capacity(others.len());
        for other in others {
            let cost = (other.len() + 1) * (region.len() + 1) * 2;
            let Some(left) = patience.checked_sub(cost) else { return false };
            *patience = left;
            // A Condition of the other that fails for the whole region: the region is outside already.
            if other.iter().any(|literal| self.fails(region, *literal)) {
                continue;
            }
            let ways: Vec<Literal<'r>> = other
                .iter()
                .map(|literal| literal.turned())
                .filter(|way| !self.fails(region, *way))
                .collect();
            if ways.is_empty() {
                return true;
            }
            open.push(Open { other, ways });
        }
        self.drop_easy(&mut open, patience);
        let narrowest = open.iter().enumerate().min_by_key(|(_, open)| open.ways.len());
        let Some(at) = narrowest.map(|(at, _)| at) else { return false };
        let Open { ways, .. } = open.swap_remove(at);
        let rest: Vec<&[Literal<'r>]> = open.iter().map(|open| open.other).collect();
        ways.into_iter().all(|way| {
            region.push(way);
            let closed = self.has_no_way_out(region, rest.clone(), patience);
            region.pop();
            closed
        })
    }

    /// Takes out neighbours that mail can leave by a way that excludes no way out of any other: whatever else it has
    /// to do, it can do that too. Of a thousand rules about different senders none is left.
    fn drop_easy(&self, open: &mut Vec<Open<'_, 'r>>, patience: &mut usize) {
        let mut sharp: Vec<Literal<'r>> = Vec::new();
        for way in open.iter().flat_map(|open| &open.ways).filter(|way| !way.is_mild()) {
            let Some(left) = patience.checked_sub(sharp.len()) else { return };
            *patience = left;
            if !sharp.iter().any(|known| known.is_same(*way)) {
                sharp.push(*way);
            }
        }
        let ways = open.iter().map(|open| open.ways.len()).sum::<usize>();
        let Some(left) = patience.checked_sub(ways.saturating_mul(sharp.len())) else { return };
        *patience = left;
        let is_free = |way: &Literal<'r>| {
            way.is_mild() && !sharp.iter().any(|other| self.contradict(*way, *other))
        };
        open.retain(|open| !open.ways.iter().any(is_free));
    }

    /// Whether a Condition fails for every mail of a region.
    fn fails(&self, region: &[Literal<'r>], literal: Literal<'r>) -> bool {
        self.never(literal) || region.iter().any(|held| self.contradict(*held, literal))
    }

    /// Whether a Condition never holds: nothing matches an empty set.
    fn never(&self, literal: Literal<'r>) -> bool {
        !literal.negated && set_of(literal.test).is_some_and(|set| set.is_empty())
    }

    /// Whether two Conditions never hold together.
    fn contradict(&self, a: Literal<'r>, b: Literal<'r>) -> bool {
        match (a.test, b.test) {
            (Test::Direction(x), Test::Direction(y)) => !ALL_DIRECTIONS
                .iter()
                .any(|d| x.contains(d) != a.negated && y.contains(d) != b.negated),
            (Test::Direction(x), Test::Recipient(set)) => self.direction_and(a, x, set, b.negated),
            (Test::Recipient(set), Test::Direction(x)) => self.direction_and(b, x, set, a.negated),
            (Test::Sender(x), Test::Sender(y))
            | (Test::Recipient(x), Test::Recipient(y))
            | (Test::ConnectionIp(x), Test::ConnectionIp(y)) => {
                self.sets_contradict(Side::of(x, a), Side::of(y, b))
            }
            (Test::OwnDomain, Test::Sender(set)) => {
                self.sets_contradict(Side::of(&self.rules.own, a), Side::of(set, b))
            }
            (Test::Sender(set), Test::OwnDomain) => {
                self.sets_contradict(Side::of(set, a), Side::of(&self.rules.own, b))
            }
            (Test::OwnDomain, Test::OwnDomain) => a.negated != b.negated,
            (Test::Subject(x), Test::Subject(y)) => {
                self.is_stable("Subject") && self.sets_contradict(Side::of(x, a), Side::of(y, b))
            }
            (Test::Header { name: m, set: x }, Test::Header { name: n, set: y }) => {
                // A message may have several fields of a name, so two sets that share no word both match.
                self.is_one_stable(m, n)
                    && a.negated != b.negated
                    && self.sets_contradict(Side::of(x, a), Side::of(y, b))
            }
            (Test::HeaderThere(m), Test::HeaderThere(n)) => {
                self.is_one_stable(m, n) && a.negated != b.negated
            }
            (Test::HeaderThere(m), Test::Header { name: n, .. }) => {
                self.is_one_stable(m, n) && a.negated && !b.negated
            }
            (Test::Header { name: m, .. }, Test::HeaderThere(n)) => {
                self.is_one_stable(m, n) && b.negated && !a.negated
            }
            (Test::RecipientCount(x), Test::RecipientCount(y)) | (Test::Size(x), Test::Size(y)) => {
                numbers_contradict(
                    &Counted { comparison: x, negated: a.negated },
                    &Counted { comparison: y, negated: b.negated },
                )
            }
            _ => false,
        }
    }

    /// Inbound is a recipient in our domains. Without any, Direction says nothing about addresses.
    fn direction_and(
        &self,
        direction: Literal<'r>,
        wanted: &[Direction],
        set: &'r Arc<DataSet>,
        set_negated: bool,
    ) -> bool {
        if self.rules.own.is_empty() {
            return false;
        }
        let may = |d: Direction| wanted.contains(&d) != direction.negated;
        let own = Side { set: &self.rules.own, negated: false };
        let others = Side { set: &self.rules.own, negated: true };
        let set = Side { set, negated: set_negated };
        (!may(Direction::Inbound) || self.sets_contradict(own, set))
            && (!may(Direction::Outbound) || self.sets_contradict(others, set))
    }

    fn sets_contradict(&self, a: Side<'r>, b: Side<'r>) -> bool {
        match (a.negated, b.negated) {
            (true, true) => false,
            (false, true) => self.is_within(a.set, b.set),
            (true, false) => self.is_within(b.set, a.set),
            (false, false) => self.is_disjoint(a.set, b.set),
        }
    }

    fn is_within(&self, a: &Arc<DataSet>, b: &Arc<DataSet>) -> bool {
        if Arc::ptr_eq(a, b) {
            return true;
        }
        match (&**a, &**b) {
            (DataSet::Domains(x), DataSet::Domains(y)) => self.once(a, b, 0, || x.is_within(y)),
            (DataSet::Networks(x), DataSet::Networks(y)) => self.once(a, b, 0, || x.is_within(y)),
            (DataSet::Text(x), DataSet::Text(y)) => self.once(a, b, 0, || x.is_within(y)),
            (DataSet::Regex(x), DataSet::Regex(y)) => x.is_same(y),
            _ => false,
        }
    }

    fn is_disjoint(&self, a: &Arc<DataSet>, b: &Arc<DataSet>) -> bool {
        if Arc::ptr_eq(a, b) {
            return a.is_empty();
        }
        match (&**a, &**b) {
            (DataSet::Domains(x), DataSet::Domains(y)) => self.once(a, b, 1, || x.is_disjoint(y)),
            (DataSet::Networks(x), DataSet::Networks(y)) => self.once(a, b, 1, || x.is_disjoint(y)),
            _ => false,
        }
    }

    /// Asks about two sets once. The addresses of two sets are even, so the lowest bit tells the questions apart.
    fn once(
        &self,
        a: &Arc<DataSet>,
        b: &Arc<DataSet>,
        question: usize,
        answer: impl FnOnce() -> bool,
    ) -> bool {
        let key = (Arc::as_ptr(a).addr() | question, Arc::as_ptr(b).addr());
        if let Some(known) = self.compared.borrow().get(&key) {
            return *known;
        }
        let answer = answer();
        self.compared.borrow_mut().insert(key, answer);
        answer
    }

    fn is_one_stable(&self, a: &str, b: &str) -> bool {
        a.eq_ignore_ascii_case(b) && self.is_stable(a)
    }

    /// Whether no rule changes the fields of a name, so that all rules see the same.
    fn is_stable(&self, name: &str) -> bool {
        !self.touched.iter().any(|touched| touched.eq_ignore_ascii_case(name))
    }
}

/// A region's neighbour that mail can still leave, and the ways to leave it.
struct Open<'o, 'r> {
    other: &'o [Literal<'r>],
    ways: Vec<Literal<'r>>,
}

#[derive(Clone, Copy)]
struct Side<'r> {
    set: &'r Arc<DataSet>,
    negated: bool,
}

impl<'r> Side<'r> {
    const fn of(set: &'r Arc<DataSet>, literal: Literal<'_>) -> Self {
        Self { set, negated: literal.negated }
    }
}

const ALL_DIRECTIONS: [Direction; 2] = [Direction::Inbound, Direction::Outbound];

fn set_of(test: &Test) -> Option<&Arc<DataSet>> {
    match test {
        Test::Sender(set)
        | Test::Recipient(set)
        | Test::Subject(set)
        | Test::Header { set, .. }
        | Test::AnyHeader(set)
        | Test::ConnectionIp(set) => Some(set),
        Test::Direction(_)
        | Test::RecipientCount(_)
        | Test::HeaderThere(_)
        | Test::Size(_)
        | Test::OwnDomain => None,
    }
}

/// A comparison, and whether it must fail.
struct Counted<'r> {
    comparison: &'r Comparison,
    negated: bool,
}

impl Counted<'_> {
    fn holds(&self, number: u64) -> bool {
        self.comparison.holds(number) != self.negated
    }
}

/// Whether no number satisfies both. A number that does is at a bound, beside one, or at an end.
fn numbers_contradict(a: &Counted<'_>, b: &Counted<'_>) -> bool {
    let mut tried = vec![0, u64::MAX];
    for Counted { comparison, .. } in [a, b] {
        let bounds = match comparison {
            Comparison::OneOf(numbers) => numbers.clone(),
            Comparison::Above(bound) | Comparison::Below(bound) => vec![*bound],
        };
        for bound in bounds {
            tried.extend([bound.saturating_sub(1), bound, bound.saturating_add(1)]);
        }
    }
    !tried.into_iter().any(|number| a.holds(number) && b.holds(number))
}

//! The difference between two texts, line by line, as `diff -u` shows it.

use std::ops::Range;

/// Lines around a change that are shown with it.
const CONTEXT: usize = 3;

/// So many lines may come and go before the changed middle is shown as a whole: the time for the smallest difference
/// grows with them times the length, and the memory with their square.
const STEPS: usize = 1500;

/// One step from the old text to the new one; the number is the line's in its own text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    Keep(usize, usize),
    Remove(usize),
    Add(usize),
}

/// The difference as text, empty where there is none.
pub fn unified(old: &str, new: &str, old_name: &str, new_name: &str) -> String {
    let (a, b): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    if a == b {
        return String::new();
    }
    let steps = steps(&a, &b);
    let mut text = format!("--- {old_name}\n+++ {new_name}\n");
    let (mut at, mut old_line, mut new_line) = (0, 1, 1);
    for hunk in hunks(&steps) {
        // between two hunks everything is kept
        let kept = hunk.start - at;
        let part = steps.get(hunk.clone()).unwrap_or_default();
        let old_here = part.iter().filter(|step| !matches!(step, Step::Add(_))).count();
        let new_here = part.iter().filter(|step| !matches!(step, Step::Remove(_))).count();
        (old_line, new_line) = (old_line + kept, new_line + kept);
        text.push_str(&format!("@@ -{old_line},{old_here} +{new_line},{new_here} @@\n"));
        (at, old_line, new_line) = (hunk.end, old_line + old_here, new_line + new_here);
        for step in part {
            let (mark, line) = match *step {
                Step::Keep(at, _) => (' ', a[at]),
                Step::Remove(at) => ('-', a[at]),
                Step::Add(at) => ('+', b[at]),
            };
            text.push(mark);
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// The runs of steps that are shown: every change with its context, overlapping ones joined.
fn hunks(steps: &[Step]) -> Vec<Range<usize>> {
    let mut hunks: Vec<Range<usize>> = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        if matches!(step, Step::Keep(..)) {
            continue;
        }
        let around = at.saturating_sub(CONTEXT)..(at + CONTEXT + 1).min(steps.len());
        match hunks.last_mut() {
            Some(last) if last.end >= around.start => last.end = around.end,
            Some(_) | None => hunks.push(around),
        }
    }
    hunks
}

fn steps(a: &[&str], b: &[&str]) -> Vec<Step> {
    let head = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let rest = a.len().min(b.len()) - head;
    let tail = a.iter().rev().zip(b.iter().rev()).take(rest).take_while(|(x, y)| x == y).count();
    let (old, new) = (head..a.len() - tail, head..b.len() - tail);
    let mut steps: Vec<Step> = (0..head).map(|at| Step::Keep(at, at)).collect();
    match shortest(&a[old.clone()], &b[new.clone()]) {
        Some(middle) => steps.extend(middle.into_iter().map(|step| match step {
            Step::Keep(x, y) => Step::Keep(x + head, y + head),
            Step::Remove(x) => Step::Remove(x + head),
            Step::Add(y) => Step::Add(y + head),
        })),
        None => steps.extend(old.map(Step::Remove).chain(new.map(Step::Add))),
    }
    steps.extend((0..tail).rev().map(|back| Step::Keep(a.len() - 1 - back, b.len() - 1 - back)));
    steps
}

/// The smallest difference, by Myers' greedy search (An O(ND) Difference Algorithm, 1986). `None` where it takes more
/// than [`STEPS`] lines.
///
/// A diagonal is all pairs of lines with one `x - y`, here plus `most` so that it is no negative number. After `d`
/// lines that came or went, `reach` holds for each diagonal how far the old text was matched on it.
fn shortest(a: &[&str], b: &[&str]) -> Option<Vec<Step>> {
    let most = (a.len() + b.len()).min(STEPS);
    let zero = most + 1;
    let mut reach = vec![0_usize; 2 * most + 3];
    let mut earlier: Vec<Vec<usize>> = vec![];
    for d in 0..=most {
        earlier.push(reach[zero - d - 1..=zero + d + 1].to_vec());
        for diagonal in (zero - d..=zero + d).step_by(2) {
            let mut x = entry(&reach, diagonal, zero - d, zero + d).1;
            let mut y = x + zero - diagonal;
            while x < a.len() && y < b.len() && a[x] == b[y] {
                (x, y) = (x + 1, y + 1);
            }
            reach[diagonal] = x;
            if x >= a.len() && y >= b.len() {
                return Some(path(&earlier, a.len(), b.len()));
            }
        }
    }
    None
}

/// From which diagonal this one is come to, and where on it: by an added line from above, by a removed one from below.
fn entry(reach: &[usize], diagonal: usize, lowest: usize, highest: usize) -> (usize, usize) {
    let added =
        diagonal == lowest || (diagonal != highest && reach[diagonal - 1] < reach[diagonal + 1]);
    if added {
        (diagonal + 1, reach[diagonal + 1])
    } else {
        (diagonal - 1, reach[diagonal - 1] + 1)
    }
}

/// Walks back from the end of both texts. `earlier[d]` holds the diagonals around the middle before step `d`.
fn path(earlier: &[Vec<usize>], mut x: usize, mut y: usize) -> Vec<Step> {
    let mut steps = vec![];
    for (d, reach) in earlier.iter().enumerate().skip(1).rev() {
        // in this slice the middle is at d + 1
        let zero = d + 1;
        let diagonal = x + zero - y;
        let (from, start) = entry(reach, diagonal, zero - d, zero + d);
        while x > start && y > start + zero - diagonal {
            (x, y) = (x - 1, y - 1);
            steps.push(Step::Keep(x, y));
        }
        if from > diagonal {
            y -= 1;
            steps.push(Step::Add(y));
        } else {
            x -= 1;
            steps.push(Step::Remove(x));
        }
    }
    while x > 0 {
        (x, y) = (x - 1, y - 1);
        steps.push(Step::Keep(x, y));
    }
    steps.reverse();
    steps
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_changed_line_is_shown_with_the_lines_around_it() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let new = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n10\n";
        assert_eq!(
            unified(old, new, "now", "file"),
            "--- now\n+++ file\n@@ -2,8 +2,9 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n 9\n+10\n"
        );
        assert_eq!(unified(old, old, "now", "file"), "");
    }

    proptest! {
        #[test]
        fn the_steps_lead_from_the_old_text_to_the_new_one(
            a in proptest::collection::vec("[ab]", 0..12),
            b in proptest::collection::vec("[ab]", 0..12),
        ) {
            let (a, b): (Vec<&str>, Vec<&str>) =
                (a.iter().map(String::as_str).collect(), b.iter().map(String::as_str).collect());
            let steps = steps(&a, &b);
            let old: Vec<&str> = steps.iter().filter_map(|step| match *step {
                Step::Keep(at, _) | Step::Remove(at) => Some(a[at]),
                Step::Add(_) => None,
            }).collect();
            let new: Vec<&str> = steps.iter().filter_map(|step| match *step {
                Step::Keep(_, at) | Step::Add(at) => Some(b[at]),
                Step::Remove(_) => None,
            }).collect();
            prop_assert_eq!(old, a);
            prop_assert_eq!(new, b);
        }
    }

    proptest! {
        #[test]
        fn no_difference_is_smaller(
            a in proptest::collection::vec("[ab]", 0..12),
            b in proptest::collection::vec("[ab]", 0..12),
        ) {
            let (a, b): (Vec<&str>, Vec<&str>) =
                (a.iter().map(String::as_str).collect(), b.iter().map(String::as_str).collect());
            let kept = steps(&a, &b).iter().filter(|step| matches!(step, Step::Keep(..))).count();
            prop_assert_eq!(kept, common(&a, &b));
        }
    }

    /// The length of the longest common subsequence, in the plainest way.
    fn common(a: &[&str], b: &[&str]) -> usize {
        match (a.split_first(), b.split_first()) {
            (Some((x, a)), Some((y, b))) if x == y => 1 + common(a, b),
            (Some((_, rest)), Some((_, other))) => common(rest, b).max(common(a, other)),
            (None, _) | (_, None) => 0,
        }
    }

    #[test]
    fn two_long_texts_that_have_nothing_in_common_are_shown_as_a_whole() {
        let old: String = (0..5000).map(|n| format!("a{n}\n")).collect();
        let new: String = (0..5000).map(|n| format!("b{n}\n")).collect();
        let text = unified(&old, &new, "now", "file");
        assert!(
            text.starts_with("--- now\n+++ file\n@@ -1,5000 +1,5000 @@\n-a0\n"),
            "{}",
            text.lines().nth(2).unwrap()
        );
        assert_eq!(text.lines().count(), 3 + 10_000);
    }

    #[test]
    fn changes_at_both_ends_of_a_long_text_are_two_hunks() {
        let old: String = (0..200_000).map(|n| format!("{n}\n")).collect();
        let new = format!("new\n{}last\n", old.replace("\n199000\n", "\n"));
        let text = unified(&old, &new, "now", "file");
        assert_eq!(text.lines().filter(|line| line.starts_with("@@")).count(), 3, "{text}");
        assert!(text.contains("@@ -198998,7 +198999,6 @@\n"), "{text}");
    }
}

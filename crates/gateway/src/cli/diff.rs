//! The difference between two texts, line by line, as `diff -u` shows it.

use std::ops::Range;

/// Lines around a change that are shown with it.
const CONTEXT: usize = 3;

/// Above this many pairs of lines the changed middle is shown as a whole, since finding the smallest difference
/// takes time and memory for each pair.
const PAIRS: usize = 16_000_000;

/// One step from the old text to the new one; the number is the line's in its own text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    Keep(usize, usize),
    Remove(usize),
    Add(usize),
}

/// The difference as text, empty where there is none.
pub(crate) fn unified(old: &str, new: &str, old_name: &str, new_name: &str) -> String {
    let (a, b): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    if a == b {
        return String::new();
    }
    let steps = steps(&a, &b);
    let mut text = format!("--- {old_name}\n+++ {new_name}\n");
    for hunk in hunks(&steps) {
        let part = steps.get(hunk.clone()).unwrap_or_default();
        let before = steps.get(..hunk.start).unwrap_or_default();
        let old_before = before.iter().filter(|step| !matches!(step, Step::Add(_))).count();
        let new_before = before.iter().filter(|step| !matches!(step, Step::Remove(_))).count();
        let old_here = part.iter().filter(|step| !matches!(step, Step::Add(_))).count();
        let new_here = part.iter().filter(|step| !matches!(step, Step::Remove(_))).count();
        text.push_str(&format!(
            "@@ -{},{old_here} +{},{new_here} @@\n",
            old_before + 1,
            new_before + 1
        ));
        for step in part {
            match *step {
                Step::Keep(at, _) => text.push_str(&format!(" {}\n", a[at])),
                Step::Remove(at) => text.push_str(&format!("-{}\n", a[at])),
                Step::Add(at) => text.push_str(&format!("+{}\n", b[at])),
            }
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
    steps.extend(middle(a, b, old, new));
    steps.extend((0..tail).rev().map(|back| Step::Keep(a.len() - 1 - back, b.len() - 1 - back)));
    steps
}

/// The smallest difference of the parts that differ, by the longest common subsequence.
fn middle(a: &[&str], b: &[&str], old: Range<usize>, new: Range<usize>) -> Vec<Step> {
    if old.len().saturating_mul(new.len()) > PAIRS {
        return old.map(Step::Remove).chain(new.map(Step::Add)).collect();
    }
    let width = new.len() + 1;
    let mut common = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i * width + j] = if a[old.start + i] == b[new.start + j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut steps = Vec::new();
    while i < old.len() || j < new.len() {
        let (x, y) = (old.start + i, new.start + j);
        let same = i < old.len() && j < new.len() && a[x] == b[y];
        if same {
            steps.push(Step::Keep(x, y));
            (i, j) = (i + 1, j + 1);
        } else if j >= new.len()
            || (i < old.len() && common[(i + 1) * width + j] >= common[i * width + j + 1])
        {
            steps.push(Step::Remove(x));
            i += 1;
        } else {
            steps.push(Step::Add(y));
            j += 1;
        }
    }
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
}

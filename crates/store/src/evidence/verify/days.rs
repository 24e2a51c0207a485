//! The days of a file: roots, and the records that lead from one to the next.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    super::{
        canonical::canonical,
        export::Addresses,
        form::{GENESIS, Hash, hex, leaf, link, opens, unhex},
        key::PublicKey,
        statement::{Root, Statement, name},
        survey::Sum,
        tally::{Class, Tally},
    },
    Findings, Header, number, text,
};

/// The days so far.
#[derive(Default)]
pub(super) struct Days {
    day: Option<Day>,
    /// Records that are shown as hashes.
    pub(super) unshown: u64,
    /// Revisions of the policy that records name.
    pub(super) revisions: BTreeSet<u64>,
}

/// The day whose records are read.
struct Day {
    root: Root,
    line: u64,
    /// The number of the record that comes next.
    next: u64,
    /// The chain so far; `None` where it is torn.
    chain: Option<Hash>,
    /// The sums of its records, where all of them are shown.
    tally: Option<Tally>,
}

impl Days {
    /// A day's root: the records behind it are its.
    pub(super) fn root(
        &mut self,
        value: &Value,
        header: &Header,
        sum: &mut Sum,
        findings: &mut Findings,
    ) {
        let before = self.day.take();
        if let Some(day) = &before {
            day.close(findings);
        }
        let Some(root) = read_root(value) else {
            findings.add("this is no root of a day");
            return;
        };
        let statement = &root.statement;
        let day = statement.day;
        findings.unless(root.is_signed(), || {
            format!("the signature of the root of {day} is not that of its key")
        });
        findings.unless(header.trusted.contains(&root.key.fingerprint()), || {
            format!(
                "the root of {day} is signed with the key {}, which is not trusted; if the instance was given a new key, name both",
                root.key.fingerprint()
            )
        });
        match &before {
            Some(before) => follows(before, &root, findings),
            None => begins(header, &root, findings),
        }
        says(statement, findings);
        sum.root(&root);
        self.day = Some(Day {
            next: statement.first,
            chain: unhex(&statement.before),
            tally: Some(Tally::default()),
            line: findings.line,
            root,
        });
    }

    /// A record that is shown.
    pub(super) fn record(
        &mut self,
        value: &Value,
        header: &Header,
        sum: &mut Sum,
        findings: &mut Findings,
    ) {
        let (Some(seq), Some(record), Some(stated)) =
            (number(value, "seq"), value.get("record"), text(value, "leaf").and_then(unhex::<32>))
        else {
            findings.add("this is no record");
            return;
        };
        let Some(day) = self.day.as_mut() else {
            findings.add(format!("record {seq} belongs to no day"));
            return;
        };
        day.expect(seq, findings);
        day.add(seq, &stated);
        findings.unless(leaf(canonical(record).as_bytes()) == stated, || {
            format!("record {seq} was changed: it is not what its hash stands over")
        });
        let domain = text(record, "domain").unwrap_or_default();
        let Some(class) = Class::read(record) else {
            findings.add(format!("record {seq} says nothing that can be understood"));
            return;
        };
        findings.unless(!class.is_breach(), || {
            format!("record {seq}: a message at an enforced level went to {domain} in clear text")
        });
        findings.unless(header.scope.takes(domain), || {
            format!("record {seq} is of {domain:?}, which is outside of the scope")
        });
        let opening = value.get("opening");
        match (header.addresses, opening) {
            (Addresses::Hidden, None) => {}
            (Addresses::Clear, Some(opening)) if opens(opening, record) => {}
            (Addresses::Clear, Some(_)) => findings.add(format!(
                "record {seq}: the address or the texts shown are not those that the record stands for"
            )),
            (Addresses::Hidden, Some(_)) | (Addresses::Clear, None) => findings
                .add(format!("record {seq} shows or hides its address otherwise than the header says")),
        }
        if let Some(tally) = &mut day.tally {
            tally.add(class, 1);
        }
        let decided = record.get("decided_by");
        self.revisions.extend(decided.and_then(|decided| number(decided, "revision")));
        sum.record(domain, class);
    }

    /// Records that are shown as hashes.
    pub(super) fn links(&mut self, value: &Value, findings: &mut Findings) {
        let leaves = value.get("leaves").and_then(Value::as_array);
        let leaves: Option<Vec<Hash>> = leaves.and_then(|leaves| {
            leaves.iter().map(|leaf| leaf.as_str().and_then(unhex::<32>)).collect()
        });
        let (Some(mut seq), Some(leaves), Some(day)) =
            (number(value, "first"), leaves, self.day.as_mut())
        else {
            findings.add("these are no hashes of records of a day");
            return;
        };
        day.expect(seq, findings);
        day.tally = None;
        for leaf in &leaves {
            day.add(seq, leaf);
            seq = seq.saturating_add(1);
        }
        self.unshown = self.unshown.saturating_add(super::len(leaves.len()));
    }

    /// Records that were missing when the file was made.
    pub(super) fn gap(&mut self, value: &Value, sum: &mut Sum, findings: &mut Findings) {
        let (Some(first), Some(last), Some(day)) =
            (number(value, "first"), number(value, "last"), self.day.as_mut())
        else {
            findings.add("this is no gap in a day");
            return;
        };
        day.expect(first, findings);
        findings.add(format!("records {first} to {last} were missing when the file was made"));
        sum.gap(first, last.max(first));
        day.next = last.saturating_add(1);
        (day.chain, day.tally) = (None, None);
    }

    /// There are no more days.
    pub(super) fn end(&mut self, header: &Header, findings: &mut Findings) {
        let last = self.day.take();
        if let Some(day) = &last {
            day.close(findings);
        }
        let last = last.map(|day| day.root.statement.day);
        findings.unless(last == header.to, || match header.to {
            Some(to) => {
                format!("the file says that it goes up to {to}, and its last root is another")
            }
            None => "the file says that it has no days, and has some".to_owned(),
        });
    }
}

impl Day {
    /// Looks whether the record with this number is the next one.
    fn expect(&mut self, seq: u64, findings: &mut Findings) {
        if seq > self.next {
            let (first, last) = (self.next, seq.saturating_sub(1));
            findings.add(format!("records {first} to {last} were taken out"));
        } else if seq < self.next {
            findings.add(format!("record {seq} does not belong here: {} is next", self.next));
        }
        if seq != self.next {
            (self.chain, self.tally, self.next) = (None, None, seq);
        }
    }

    fn add(&mut self, seq: u64, leaf: &Hash) {
        self.chain = self.chain.map(|chain| link(&chain, seq, leaf));
        self.next = seq.saturating_add(1);
    }

    /// Holds the day against its root.
    fn close(&self, findings: &mut Findings) {
        let Statement { day, first, records, after, totals, .. } = &self.root.statement;
        let there = self.next.saturating_sub(*first);
        if !self.root.kept {
            if there > 0 {
                findings.add_at(
                    self.line,
                    format!("{day} has records that are said to be no longer kept"),
                );
            }
            return;
        }
        if there != *records {
            findings.add_at(
                self.line,
                format!("{day} has {records} records by its root, and the file goes up to {there} of them"),
            );
        } else if let Some(chain) = &self.chain
            && hex(chain) != *after
        {
            let text = format!(
                "the records of {day} do not lead to its root: some were changed, added or taken out"
            );
            findings.add_at(self.line, text);
        }
        if there == *records && self.tally.is_some_and(|tally| tally != *totals) {
            findings.add_at(
                self.line,
                format!("the sums of the root of {day} are not those of its records"),
            );
        }
    }
}

fn read_root(value: &Value) -> Option<Root> {
    let statement = value.get("statement")?;
    Some(Root {
        text: canonical(statement),
        statement: serde_json::from_value(statement.clone()).ok()?,
        key: PublicKey::parse(text(value, "key")?)?,
        signature: text(value, "signature")?.to_owned(),
        kept: value.get("kept")?.as_bool()?,
    })
}

/// Whether a root is the one behind another.
fn follows(before: &Day, root: &Root, findings: &mut Findings) {
    let (last, this) = (&before.root.statement, &root.statement);
    let (was, day) = (last.day, this.day);
    findings.unless(day == was.next(), || format!("the root of {day} stands behind that of {was}"));
    findings.unless(this.previous == Some(name(&before.root.text)), || {
        format!("the root of {day} does not follow that of {was}")
    });
    findings.unless(this.before == last.after, || {
        format!("the chain of {day} does not begin where that of {was} ends")
    });
    findings.unless(this.first == last.first.saturating_add(last.records), || {
        format!("the numbers of {day} do not begin where those of {was} end")
    });
}

/// Whether a root can be the first of its file.
fn begins(header: &Header, root: &Root, findings: &mut Findings) {
    let statement = &root.statement;
    let day = statement.day;
    findings.unless(Some(day) == header.from, || {
        format!("the first root is that of {day}, which is not where the file says that it begins")
    });
    if header.chain_since == Some(day) {
        let genesis = statement.before == hex(&GENESIS)
            && statement.first == 1
            && statement.previous.is_none();
        findings.unless(genesis, || format!("the chain does not begin on {day}"));
    }
}

/// What a root says that is wrong by itself.
fn says(statement: &Statement, findings: &mut Findings) {
    let Statement { day, journal, records, totals, version, .. } = statement;
    findings.unless(*version == Statement::VERSION, || {
        format!("the root of {day} is of version {version}, which this program cannot judge")
    });
    findings.unless(totals.delivered == *journal, || {
        format!(
            "{day}: {journal} recipients left the queue as delivered, and {} have a record of it",
            totals.delivered
        )
    });
    findings.unless(totals.clear_under_enforced == 0, || {
        format!(
            "{day}: {} messages at an enforced level went in clear text",
            totals.clear_under_enforced
        )
    });
    let endings = [totals.delivered, totals.deferred, totals.bounced];
    let sum = endings.into_iter().fold(0, u64::saturating_add);
    findings.unless(sum == *records, || {
        format!("{day}: the root counts {records} records, and its sums are over {sum}")
    });
}

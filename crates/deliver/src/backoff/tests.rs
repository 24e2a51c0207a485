use gatepost_policy::{
    direction::Direction,
    evidence::{DecidedBy, Try},
    id::MessageId,
    tls::Level,
};
use gatepost_wire::address::AddressDomain;
use ulid::Ulid;

use super::*;

/// Mail that was tried before, and that nobody asks for.
const OLD: Waiting = Waiting { is_new: false, asked: None };

fn lane(fingerprint: &str) -> Lane {
    Lane {
        direction: Direction::Outbound,
        domain: AddressDomain::parse("d.test").unwrap(),
        fingerprint: fingerprint.into(),
    }
}

const fn minute(minute: i64) -> Timestamp {
    Timestamp::from_millis(minute * 60_000)
}

fn attempt(why: Why, stage: Stage) -> Attempt {
    Attempt {
        message: MessageId::from_ulid(Ulid::from_parts(1, 2)),
        recipient: "b@d.test".into(),
        at: minute(0),
        outcome: Ending::Deferred,
        level: Level::Require,
        decided_by: DecidedBy::default(),
        host: Some("mx.d.test".into()),
        address: None,
        tls: None,
        clear_because: None,
        why: Some(why),
        reply: None,
        status: why.status().into(),
        tries: vec![Try {
            host: "mx.d.test".into(),
            address: None,
            tls: None,
            clear_because: None,
            stage,
            why: Some(why),
            reply: None,
            detail: None,
        }],
        learned_from: None,
    }
}

/// Waits of 10, 20 and 60 minutes, with the luck that moves nothing.
struct Rig {
    backoff: Backoff,
    schedule: Schedule,
    attempt: Attempt,
}

impl Rig {
    fn new() -> Self {
        let waits = [10, 20, 60].map(|minutes| Duration::from_secs(60 * minutes));
        Self {
            backoff: Backoff::default(),
            schedule: Schedule::new(waits.to_vec()).unwrap(),
            attempt: attempt(Why::StartTlsNotOffered, Stage::Ehlo),
        }
    }

    fn fails(&self, began: i64, ends: i64) {
        let failed = Failed {
            attempt: &self.attempt,
            now: minute(ends),
            schedule: &self.schedule,
            luck: 5_000,
        };
        let _ = self.backoff.failed(&lane("require"), minute(began), &failed);
    }

    fn holds(&self, at: i64) -> bool {
        self.backoff.holds(&lane("require"), minute(at), OLD).is_some()
    }
}

#[test]
fn c23_a_lane_that_failed_waits_longer_each_time() {
    let rig = Rig::new();
    rig.fails(0, 0);
    assert!(rig.holds(9) && !rig.holds(10));
    rig.fails(10, 10);
    assert!(rig.holds(29) && !rig.holds(30));
    rig.fails(30, 30);
    rig.fails(90, 90);
    assert!(rig.holds(149) && !rig.holds(150), "the last wait repeats");
}

#[test]
fn c23_other_demands_are_not_set_back() {
    let rig = Rig::new();
    rig.fails(0, 0);
    assert!(rig.backoff.holds(&lane("try"), minute(1), OLD).is_none());
}

#[test]
fn attempts_that_fail_side_by_side_count_once() {
    let rig = Rig::new();
    rig.fails(0, 1);
    rig.fails(0, 2);
    assert!(!rig.holds(11), "still the first wait");
}

#[test]
fn a_failure_long_after_the_last_one_is_a_first_one() {
    let rig = Rig::new();
    rig.fails(0, 0);
    rig.fails(1_000, 1_000);
    assert!(!rig.holds(1_010));
}

#[test]
fn a_host_that_works_ends_it() {
    let rig = Rig::new();
    rig.fails(0, 0);
    rig.backoff.works(&lane("require"));
    assert!(!rig.holds(1));
}

#[test]
fn who_asks_gets_one_attempt() {
    let rig = Rig::new();
    rig.fails(0, 0);
    let lane = lane("require");
    let asked = Waiting { is_new: false, asked: Some(minute(2)) };
    assert!(rig.backoff.holds(&lane, minute(3), asked).is_none());
    rig.fails(3, 4);
    assert!(rig.backoff.holds(&lane, minute(5), asked).is_some(), "it had one");
}

#[test]
fn only_a_cause_that_is_about_the_hosts_counts() {
    assert!(is_about_hosts(&attempt(Why::ConnectTimeout, Stage::Connect)));
    assert!(is_about_hosts(&attempt(Why::TlsAlert, Stage::Tls)));
    assert!(!is_about_hosts(&attempt(Why::RemoteReply, Stage::Rcpt)), "a greylisted recipient");
    assert!(!is_about_hosts(&attempt(Why::NeedsUtf8, Stage::Ehlo)));
    assert!(!is_about_hosts(&attempt(Why::PolicyBroken, Stage::Plan)));
    let mut given_up = attempt(Why::ConnectTimeout, Stage::Connect);
    given_up.outcome = Ending::Bounced;
    assert!(is_about_hosts(&given_up), "its time was over");
    given_up.status = "5.7.4".into();
    assert!(!is_about_hosts(&given_up), "it was not allowed to wait");
}

#[test]
fn mail_that_was_never_tried_waits_no_longer_than_after_a_first_failure() {
    let rig = Rig::new();
    rig.fails(0, 0);
    rig.fails(10, 10);
    let new = Waiting { is_new: true, asked: None };
    let held = rig.backoff.holds(&lane("require"), minute(19), new).unwrap();
    assert_eq!(held.until, minute(20));
    assert!(rig.backoff.holds(&lane("require"), minute(20), new).is_none());
    assert!(rig.holds(20), "what has been tried waits on");
}

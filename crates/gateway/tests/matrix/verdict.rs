//! The vocabulary of the matrix: `SENT tls`, `SENT clear`, `DEFER x.y.z`, `FAIL x.y.z`, said about attempt records.

use gatepost_policy::evidence::{Attempt, Ending, NoTls, Why};

/// What an attempt must have ended in.
pub(crate) trait Verdict {
    /// `SENT tls`.
    fn is_sent_tls(&self);
    /// `SENT clear`, for this reason.
    fn is_sent_clear(&self, because: NoTls);
    /// `DEFER x.y.z`, for this cause.
    fn is_deferred(&self, status: &str, why: Why);
    /// `FAIL x.y.z`, for this cause.
    fn is_failed(&self, status: &str, why: Why);
}

impl Verdict for Attempt {
    #[track_caller]
    fn is_sent_tls(&self) {
        assert_eq!(self.outcome, Ending::Delivered, "{self:#?}");
        assert!(self.tls.is_some() && self.clear_because.is_none(), "{self:#?}");
        assert!(self.status.starts_with("2."), "{self:#?}");
        assert_eq!(self.why, None, "{self:#?}");
    }

    #[track_caller]
    fn is_sent_clear(&self, because: NoTls) {
        assert_eq!(self.outcome, Ending::Delivered, "{self:#?}");
        assert_eq!(self.tls, None, "{self:#?}");
        assert_eq!(self.clear_because, Some(because), "{self:#?}");
        assert!(!self.level.is_enforced(), "{self:#?}");
    }

    #[track_caller]
    fn is_deferred(&self, status: &str, why: Why) {
        assert_eq!(self.outcome, Ending::Deferred, "{self:#?}");
        assert_eq!(self.status, status, "{self:#?}");
        assert_eq!(self.why, Some(why), "{self:#?}");
    }

    #[track_caller]
    fn is_failed(&self, status: &str, why: Why) {
        assert_eq!(self.outcome, Ending::Bounced, "{self:#?}");
        assert_eq!(self.status, status, "{self:#?}");
        assert_eq!(self.why, Some(why), "{self:#?}");
    }
}

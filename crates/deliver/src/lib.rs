//! SMTP out: claim, plan, attempt, settle.

//! Accounts, tokens, sessions and the audit log on a real database.

use std::{sync::Arc, time::Duration};

use super::*;
use crate::audit::NewAudit;
use crate::{
    Audit as _, AuditSearch, Clock as _, ManualClock, Role, UserKind, Via,
    embedded::{Mode, open},
    samples as s,
};

struct Bench {
    dir: tempfile::TempDir,
    clock: Arc<ManualClock>,
    store: Embedded,
}

impl Bench {
    async fn new() -> Self {
        let (dir, clock) = (tempfile::tempdir().unwrap(), s::clock());
        let store = s::serve(dir.path(), &clock).await;
        Self { dir, clock, store }
    }

    async fn tool(&self) -> Embedded {
        open(self.dir.path(), s::options(&self.clock), Mode::Tool).await.unwrap()
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    async fn person(&self, name: &str, role: Role) -> User {
        self.store.create_user(person(name, role), &root()).await.unwrap()
    }

    /// The code of an authenticator at this moment.
    fn code(&self, setup: &TotpSetup) -> String {
        let key = totp_rs::Secret::try_from_base32(setup.secret_base32.expose()).unwrap();
        let totp = totp_rs::Builder::new().with_secret(key).build().unwrap();
        let seconds = u64::try_from(self.clock.now().millis()).unwrap() / 1000;
        totp.generate(seconds).to_string()
    }

    async fn sql(&self, sql: &'static str) {
        let connection = Connection::open(self.dir.path().join("gatepost.db")).unwrap();
        connection.execute_batch(sql).unwrap();
    }

    async fn words(&self) -> Vec<String> {
        let page = self.store.entries(&AuditSearch::default(), None, 1000).await.unwrap();
        page.entries.into_iter().rev().map(|entry| entry.what).collect()
    }
}

fn root() -> Author {
    Author::new("root", Some("ticket 4711"))
}

const PASSWORD: &str = "correct horse battery";

fn person(name: &str, role: Role) -> NewUser {
    let password = Some(Secret::new(PASSWORD));
    NewUser { name: name.into(), kind: UserKind::Person(role), password, sso: None }
}

fn smtp(name: &str) -> NewUser {
    NewUser { kind: UserKind::Smtp, ..person(name, Role::Viewer) }
}

fn new_token(role: Role, owner: Option<Ulid>) -> NewToken {
    NewToken { name: "backup".into(), role, expires_at: None, owner }
}

#[tokio::test]
async fn a_person_comes_in_with_the_password_and_by_no_other_door() {
    let bench = Bench::new().await;
    let anna = bench.person("Anna", Role::Admin).await;
    let scanner = bench.store.create_user(smtp("scanner"), &root()).await.unwrap();
    let try_in = async |name: &str, kind, password: &str| {
        let found = bench.store.verify_password(name, kind, &Secret::new(password)).await.unwrap();
        found.map(|user| user.id)
    };
    assert_eq!(try_in("anna", KindWanted::Person, PASSWORD).await, Some(anna.id));
    assert_eq!(try_in("anna", KindWanted::Person, "correct horse batterz").await, None);
    assert_eq!(try_in("anna", KindWanted::Smtp, PASSWORD).await, None);
    assert_eq!(try_in("scanner", KindWanted::Smtp, PASSWORD).await, Some(scanner.id));
    assert_eq!(try_in("scanner", KindWanted::Person, PASSWORD).await, None);
    let scanner = bench.store.user(scanner.id).await.unwrap().unwrap();
    assert_eq!(scanner.last_login, Some(bench.clock.now()));
    // What another process does holds here.
    let off = UserChange { disabled: Some(true), ..UserChange::default() };
    bench.tool().await.change_user(scanner.id, off, &root()).await.unwrap();
    assert_eq!(try_in("scanner", KindWanted::Smtp, PASSWORD).await, None);
}

#[tokio::test]
async fn an_unknown_name_and_a_wrong_password_take_the_same_path() {
    let bench = Bench::new().await;
    bench.person("anna", Role::Owner).await;
    bench.store.create_user(smtp("scanner"), &root()).await.unwrap();
    let sso = NewUser { password: None, sso: Some("idp#1".into()), ..person("sso", Role::Viewer) };
    bench.store.create_user(sso, &root()).await.unwrap();
    for (name, password) in [
        ("anna", "wrong"),
        ("nobody", "wrong"),
        ("nobody", PASSWORD),
        ("sso", "wrong"),
        ("scanner", PASSWORD),
        ("anna", &"x".repeat(5000)),
    ] {
        let before = bench.store.core.hasher.made();
        let password = Secret::new(password);
        let found = bench.store.verify_password(name, KindWanted::Person, &password).await.unwrap();
        assert!(found.is_none(), "{name}");
        // One hash of the same cost each time: the clock tells nothing.
        assert_eq!(bench.store.core.hasher.made(), before + 1, "{name}");
    }
}

#[tokio::test]
async fn names_are_one_whatever_their_case_and_bad_ones_are_refused() {
    let bench = Bench::new().await;
    bench.person("Anna", Role::Owner).await;
    let refused = async |new| bench.store.create_user(new, &root()).await.unwrap_err();
    let taken = refused(smtp("aNNA")).await;
    assert!(matches!(&taken, AccountError::NameTaken(name) if name == "Anna"), "{taken}");
    assert!(matches!(refused(person("", Role::Viewer)).await, AccountError::Name(_)));
    let short = NewUser { password: Some(Secret::new("short")), ..person("ben", Role::Viewer) };
    assert!(matches!(refused(short).await, AccountError::Password(_)));
    let none = NewUser { password: None, ..smtp("scanner") };
    assert!(matches!(refused(none).await, AccountError::NoWayIn));
    assert_eq!(bench.store.users().await.unwrap().len(), 1);
    assert_eq!(bench.words().await, ["user.create"]);
}

#[tokio::test]
async fn the_last_owner_cannot_be_deleted_disabled_or_demoted() {
    let bench = Bench::new().await;
    let anna = bench.person("anna", Role::Owner).await;
    let disabled = UserChange { disabled: Some(true), ..UserChange::default() };
    let demoted = UserChange { role: Some(Role::Admin), ..UserChange::default() };
    for change in [disabled.clone(), demoted.clone()] {
        let error = bench.store.change_user(anna.id, change, &root()).await.unwrap_err();
        assert!(matches!(error, AccountError::LastOwner), "{error}");
    }
    let error = bench.store.delete_user(anna.id, &root()).await.unwrap_err();
    assert!(matches!(error, AccountError::LastOwner), "{error}");
    // Nothing of what was refused is left, neither in the account nor in the log.
    assert_eq!(bench.store.user(anna.id).await.unwrap(), Some(anna.clone()));
    assert_eq!(bench.words().await, ["user.create"]);
    // A second owner who cannot come in is no owner.
    let ben = bench.person("ben", Role::Owner).await;
    bench.store.change_user(ben.id, disabled, &root()).await.unwrap();
    assert!(bench.store.delete_user(anna.id, &root()).await.is_err());
    let enabled = UserChange { disabled: Some(false), ..UserChange::default() };
    bench.store.change_user(ben.id, enabled, &root()).await.unwrap();
    bench.store.change_user(anna.id, demoted, &root()).await.unwrap();
    assert!(bench.store.delete_user(ben.id, &root()).await.is_err());
    bench.store.delete_user(anna.id, &root()).await.unwrap();
    assert!(bench.store.has_owner().await.unwrap());
}

#[tokio::test]
async fn an_smtp_client_has_a_password_and_nothing_else() {
    let bench = Bench::new().await;
    let scanner = bench.store.create_user(smtp("scanner"), &root()).await.unwrap();
    let change = UserChange { role: Some(Role::Owner), ..UserChange::default() };
    let error = bench.store.change_user(scanner.id, change, &root()).await.unwrap_err();
    assert!(matches!(error, AccountError::OnlySends), "{error}");
    assert!(matches!(bench.store.totp_begin(scanner.id).await, Err(AccountError::OnlySends)));
    assert!(bench.store.open_session(scanner.id, "", "").await.is_err());
    let (role, owner) = (Role::Viewer, Some(scanner.id));
    assert!(bench.store.create_token(new_token(role, owner), &root()).await.is_err());
    assert!(!bench.store.has_owner().await.unwrap());
}

#[tokio::test]
async fn an_idle_session_ends_after_half_an_hour_and_a_busy_one_after_twelve() {
    let bench = Bench::new().await;
    let anna = bench.person("anna", Role::Owner).await;
    let opened = bench.store.open_session(anna.id, "192.0.2.1", "Fire\r\nfox").await.unwrap();
    let told = bench.store.entries(&AuditSearch::default(), None, 1).await.unwrap().entries;
    let told = (told[0].what.as_str(), told[0].by.as_str(), told[0].from.as_deref());
    assert_eq!(told, ("session.login", anna.name.as_str(), Some("192.0.2.1")));
    let found = async || bench.store.session(&opened.token).await.unwrap();
    let session = found().await.unwrap();
    assert_eq!((session.id, &session.csrf, session.user.id), (opened.id, &opened.csrf, anna.id));
    assert_eq!((session.from.as_str(), session.agent.as_str()), ("192.0.2.1", "Firefox"));
    assert_eq!(session.user.last_login, Some(bench.clock.now()));
    assert_eq!(session.expires_at, bench.clock.now().plus(Duration::from_secs(1800)));
    assert!(bench.store.session(&Secret::new("x")).await.unwrap().is_none());
    bench.pass(1799);
    assert!(found().await.is_some());
    bench.pass(1799);
    assert!(found().await.is_some(), "its use was written down");
    bench.pass(1800);
    assert!(found().await.is_none());
    assert!(bench.store.sessions(None).await.unwrap().is_empty());

    let busy = bench.store.open_session(anna.id, "", "").await.unwrap();
    for _ in 0..12 * 6 - 1 {
        bench.pass(600);
        assert!(bench.store.session(&busy.token).await.unwrap().is_some());
    }
    bench.pass(600);
    assert!(bench.store.session(&busy.token).await.unwrap().is_none());
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions_and_disabling_ends_all() {
    let bench = Bench::new().await;
    bench.person("root", Role::Owner).await;
    let anna = bench.person("anna", Role::Viewer).await;
    let one = bench.store.open_session(anna.id, "", "").await.unwrap();
    let two = bench.store.open_session(anna.id, "", "").await.unwrap();
    let password = Some(Secret::new("another horse battery"));
    let change = UserChange { password, keep_session: Some(two.id), ..UserChange::default() };
    bench.store.change_user(anna.id, change, &root()).await.unwrap();
    assert!(bench.store.session(&one.token).await.unwrap().is_none());
    assert!(bench.store.session(&two.token).await.unwrap().is_some());
    let old = Secret::new(PASSWORD);
    let person = KindWanted::Person;
    assert!(bench.store.verify_password("anna", person, &old).await.unwrap().is_none());
    let off = UserChange { disabled: Some(true), ..UserChange::default() };
    bench.store.change_user(anna.id, off, &root()).await.unwrap();
    assert!(bench.store.session(&two.token).await.unwrap().is_none());
    let page = bench.store.entries(&AuditSearch::default(), None, 2).await.unwrap();
    let after: Vec<_> = page.entries.iter().map(|entry| entry.after.to_string()).collect();
    assert_eq!(
        after,
        [r#"{"disabled":true,"sessions_ended":1}"#, r#"{"password":"changed","sessions_ended":1}"#]
    );
}

#[tokio::test]
async fn an_account_has_so_many_sessions_and_only_those_of_others_are_noted_when_they_end() {
    let bench = Bench::new().await;
    let anna = bench.person("anna", Role::Owner).await;
    let first = bench.store.open_session(anna.id, "", "").await.unwrap();
    bench.pass(1);
    for _ in 0..32 {
        bench.store.open_session(anna.id, "", "").await.unwrap();
    }
    let open = bench.store.sessions(Some(anna.id)).await.unwrap();
    assert_eq!(open.len(), 32);
    assert!(bench.store.session(&first.token).await.unwrap().is_none());
    let own = Author::new("Anna", None);
    assert!(bench.store.close_session(open[0].id, &own).await.unwrap());
    assert!(!bench.store.close_session(open[0].id, &own).await.unwrap());
    assert!(bench.store.close_session(open[1].id, &root()).await.unwrap());
    let mut words = bench.words().await;
    words.retain(|word| word != "session.login");
    assert_eq!(words, ["user.create", "session.close"]);
}

#[tokio::test]
async fn a_token_is_good_until_it_expires_or_is_revoked() {
    let bench = Bench::new().await;
    let end = bench.clock.now().plus(Duration::from_secs(90));
    let new = NewToken { expires_at: Some(end), ..new_token(Role::Auditor, None) };
    let (token, secret) = bench.store.create_token(new, &root()).await.unwrap();
    assert_eq!((secret.expose().len(), secret.expose().starts_with("gp_")), (46, true));
    let found = bench.store.token(&secret).await.unwrap().unwrap();
    assert_eq!((found.id, found.role, found.last_used_at), (token.id, Role::Auditor, None));
    assert!(bench.store.token(&Secret::new("gp_x")).await.unwrap().is_none());
    bench.pass(89);
    let used = bench.store.token(&secret).await.unwrap().unwrap().last_used_at;
    assert_eq!(used, Some(s::start()));
    bench.pass(1);
    assert!(bench.store.token(&secret).await.unwrap().is_none());
    let late = NewToken { expires_at: Some(bench.clock.now()), ..new_token(Role::Viewer, None) };
    let late = bench.store.create_token(late, &root()).await.unwrap_err();
    assert!(matches!(late, AccountError::Expired), "{late}");

    let new = new_token(Role::Owner, None);
    let (token, secret) = bench.store.create_token(new, &root()).await.unwrap();
    assert!(bench.store.token(&secret).await.unwrap().is_some());
    assert!(bench.tool().await.revoke_token(token.id, &root()).await.unwrap());
    assert!(!bench.store.revoke_token(token.id, &root()).await.unwrap());
    assert!(bench.store.token(&secret).await.unwrap().is_none());
    assert_eq!(bench.words().await, ["token.create", "token.create", "token.revoke"]);
}

#[tokio::test]
async fn a_token_does_no_more_than_the_account_that_made_it() {
    let bench = Bench::new().await;
    bench.person("root", Role::Owner).await;
    let anna = bench.person("anna", Role::Admin).await;
    let own = Some(anna.id);
    let refused = bench.store.create_token(new_token(Role::Owner, own), &root()).await.unwrap_err();
    assert!(matches!(refused, AccountError::NotCovered), "{refused}");
    let new = new_token(Role::PolicyEditor, own);
    let (_, secret) = bench.store.create_token(new, &root()).await.unwrap();
    let works = async || bench.store.token(&secret).await.unwrap().is_some();
    let change = async |change| bench.store.change_user(anna.id, change, &root()).await.unwrap();
    assert!(works().await);
    change(UserChange { role: Some(Role::Viewer), ..UserChange::default() }).await;
    assert!(!works().await);
    change(UserChange { role: Some(Role::PolicyEditor), ..UserChange::default() }).await;
    assert!(works().await);
    change(UserChange { disabled: Some(true), ..UserChange::default() }).await;
    assert!(!works().await);
    change(UserChange { disabled: Some(false), ..UserChange::default() }).await;
    bench.store.delete_user(anna.id, &root()).await.unwrap();
    assert!(!works().await && bench.store.tokens().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_link_of_the_first_start_is_good_once_and_for_an_hour() {
    let bench = Bench::new().await;
    let set_up = async |token: &Secret, name: &str, password: &str| {
        bench.store.setup(token, name, Secret::new(password), Some("192.0.2.1")).await
    };
    let replaced = bench.store.setup_link().await.unwrap().unwrap();
    let link = bench.store.setup_link().await.unwrap().unwrap();
    for wrong in [&replaced, &Secret::new("x")] {
        let error = set_up(wrong, "anna", PASSWORD).await.unwrap_err();
        assert!(matches!(error, AccountError::SetupGone), "{error}");
    }
    bench.pass(3600);
    assert!(matches!(set_up(&link, "anna", PASSWORD).await, Err(AccountError::SetupGone)));
    let link = bench.store.setup_link().await.unwrap().unwrap();
    bench.pass(3599);
    // What was typed wrong does not use it up.
    assert!(matches!(set_up(&link, "anna", "short").await, Err(AccountError::Password(_))));
    let owner = set_up(&link, "anna", PASSWORD).await.unwrap();
    assert_eq!(owner.kind, UserKind::Person(Role::Owner));
    assert!(matches!(set_up(&link, "ben", PASSWORD).await, Err(AccountError::SetupGone)));
    assert!(bench.store.setup_link().await.unwrap().is_none());
    let page = bench.store.entries(&AuditSearch::default(), None, 9).await.unwrap();
    let entry = &page.entries[0];
    assert_eq!((entry.via, entry.by.as_str()), (Via::Setup, "anna"));
    assert_eq!(entry.from.as_deref(), Some("192.0.2.1"));
}

#[tokio::test]
async fn an_owner_made_at_the_command_line_takes_the_link_away() {
    let bench = Bench::new().await;
    let link = bench.store.setup_link().await.unwrap().unwrap();
    bench.tool().await.create_user(person("anna", Role::Owner), &root()).await.unwrap();
    let late = bench.store.setup(&link, "ben", Secret::new(PASSWORD), None).await;
    assert!(matches!(late, Err(AccountError::SetupGone)));
}

#[tokio::test]
async fn a_code_counts_once_and_so_does_each_recovery_code() {
    let bench = Bench::new().await;
    let anna = bench.person("an:na", Role::Owner).await;
    let verify = async |code: &str| bench.store.totp_verify(anna.id, code).await.unwrap();
    assert!(matches!(
        bench.store.totp_confirm(anna.id, "123456", &root()).await,
        Err(AccountError::TotpNotBegun)
    ));
    let setup = bench.store.totp_begin(anna.id).await.unwrap();
    assert!(setup.uri.expose().starts_with("otpauth://totp/Gatepost:an%3Ana?secret="));
    // Before it is confirmed, it is not there.
    assert!(!verify(&bench.code(&setup)).await);
    let wrong = bench.store.totp_confirm(anna.id, "000000x", &root()).await;
    assert!(matches!(wrong, Err(AccountError::WrongCode)));
    let code = bench.code(&setup);
    let recovery = bench.store.totp_confirm(anna.id, &code, &root()).await.unwrap();
    assert!(matches!(bench.store.totp_begin(anna.id).await, Err(AccountError::TotpOn)));
    assert!(!verify(&code).await, "the code that confirmed it was used");
    bench.pass(30);
    let code = bench.code(&setup);
    let (left, right) = code.split_at(3);
    let spaced = format!("{left} {right}");
    assert!(verify(&spaced).await);
    assert!(!verify(&code).await, "a replay");
    bench.pass(90);
    assert!(!verify(&code).await, "too old");
    let next = bench.code(&setup);
    bench.pass(30);
    assert!(verify(&next).await, "the step before");
    bench.clock.advance(Duration::from_secs(60));
    let now = bench.code(&setup);
    assert!(verify(&now).await);
    assert_eq!(recovery.len(), 10);
    let one = recovery[0].expose();
    assert!(verify(&one.to_lowercase()).await);
    assert!(!verify(one).await);
    assert!(!verify("AAAA-BBBB-CCCC-DDDD").await);
    assert_eq!(bench.store.user(anna.id).await.unwrap().unwrap().recovery_codes, 9);
    let off = UserChange { totp_off: true, ..UserChange::default() };
    assert!(!bench.store.change_user(anna.id, off, &root()).await.unwrap().totp);
    assert!(!verify(recovery[1].expose()).await);
    assert_eq!(
        bench.words().await,
        ["user.create", "user.change", "user.recovery-code", "user.change"]
    );
}

#[tokio::test]
async fn single_sign_on_finds_its_account_by_subject() {
    let bench = Bench::new().await;
    let new =
        NewUser { password: None, sso: Some("https://idp#42".into()), ..person("a", Role::Viewer) };
    let user = bench.store.create_user(new.clone(), &root()).await.unwrap();
    assert_eq!(bench.store.user_of_sso("https://idp#42").await.unwrap(), Some(user));
    assert!(bench.store.user_of_sso("https://idp#43").await.unwrap().is_none());
    let twice = bench.store.create_user(NewUser { name: "b".into(), ..new }, &root()).await;
    assert!(matches!(twice, Err(AccountError::IdentityTaken)));
}

/// A log of five entries.
async fn logged() -> Bench {
    let bench = Bench::new().await;
    for name in ["a", "b", "c", "d", "e"] {
        bench.person(name, Role::Viewer).await;
        bench.pass(60);
    }
    let whole = bench.store.verify().await.unwrap();
    assert_eq!((whole.checked, whole.broken_at), (5, None));
    bench
}

#[tokio::test]
async fn a_changed_entry_breaks_the_chain_and_is_named() {
    for sql in [
        "UPDATE audit SET json = replace(json, 'viewer', 'auditor') WHERE seq = 3",
        "UPDATE audit SET hash = upper(hash) WHERE seq = 3",
        "UPDATE audit SET author = 'somebody' WHERE seq = 3",
        "UPDATE audit SET at = at + 1000 WHERE seq = 3",
        "UPDATE audit SET what = x'00' WHERE seq = 3",
    ] {
        let bench = logged().await;
        bench.sql(sql).await;
        let check = bench.store.verify().await.unwrap();
        assert_eq!((check.checked, check.broken_at), (2, Some(3)), "{sql}");
    }
}

#[tokio::test]
async fn an_entry_that_was_made_to_fit_breaks_the_one_behind_it() {
    let bench = logged().await;
    let connection = Connection::open(bench.dir.path().join("gatepost.db")).unwrap();
    let row = |seq: i64| -> (String, String) {
        connection
            .query_row("SELECT json, hash FROM audit WHERE seq = ?1", [seq], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap()
    };
    let forged = row(3).0.replace("viewer", "auditor");
    let hash = crate::audit::hash(&row(2).1, &forged);
    connection
        .execute("UPDATE audit SET json = ?1, hash = ?2 WHERE seq = 3", [&forged, &hash])
        .unwrap();
    assert_eq!(bench.store.verify().await.unwrap().broken_at, Some(4));
}

#[tokio::test]
async fn a_deleted_entry_is_missed_wherever_it_was() {
    for (sql, missing) in [
        ("DELETE FROM audit WHERE seq = 1", 1),
        ("DELETE FROM audit WHERE seq = 3", 3),
        ("DELETE FROM audit WHERE seq = 5", 5),
        ("DELETE FROM audit", 1),
        ("DELETE FROM audit WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4", 3),
    ] {
        let bench = logged().await;
        bench.sql(sql).await;
        assert_eq!(bench.store.verify().await.unwrap().broken_at, Some(missing), "{sql}");
        let next = NewAudit::new("session.login", &Author::new("Anna", None));
        bench.store.note(next).await.unwrap();
        let healed = bench.store.verify().await.unwrap().broken_at;
        assert_eq!(healed, Some(missing), "{sql}: what is written later heals nothing");
    }
}

#[tokio::test]
async fn the_log_is_searched_and_paged_newest_first() {
    let bench = logged().await;
    bench.store.note(NewAudit::new("session.login", &Author::new("Anna", None))).await.unwrap();
    let find = async |wanted: &AuditSearch, before, most| {
        let page = bench.store.entries(wanted, before, most).await.unwrap();
        let seqs: Vec<u64> = page.entries.iter().map(|entry| entry.seq).collect();
        (seqs, page.next, page.total)
    };
    let all = AuditSearch::default();
    assert_eq!(find(&all, None, 4).await, (vec![6, 5, 4, 3], Some(3), 6));
    assert_eq!(find(&all, Some(3), 4).await, (vec![2, 1], None, 6));
    let by = AuditSearch { by: Some("anna".into()), ..all.clone() };
    assert_eq!(find(&by, None, 4).await, (vec![6], None, 1));
    let what = AuditSearch { what: Some("user".into()), ..all.clone() };
    assert_eq!(find(&what, None, 9).await.2, 5);
    let what = AuditSearch { what: Some("use".into()), ..all.clone() };
    assert_eq!(find(&what, None, 9).await.2, 0);
    let times = AuditSearch {
        since: Some(s::start().plus(Duration::from_secs(60))),
        until: Some(s::start().plus(Duration::from_secs(180))),
        ..all.clone()
    };
    assert_eq!(find(&times, None, 9).await, (vec![3, 2], None, 2));
    let text = AuditSearch { text: Some("TICKET 47".into()), ..all.clone() };
    assert_eq!(find(&text, None, 9).await.2, 5);
    for nothing in ["ticket%", "t_cket", "\\"] {
        let text = AuditSearch { text: Some(nothing.into()), ..all.clone() };
        assert_eq!(find(&text, None, 9).await.2, 0, "{nothing}");
    }
}

#[tokio::test]
async fn the_policy_the_queue_and_the_quarantine_write_their_entries_with_what_they_did() {
    use crate::{Inspect as _, NewMessage, Order, Selection, Settings as _};

    let bench = Bench::new().await;
    let store = &bench.store;
    let first = store.load(1).await.unwrap().unwrap().document;
    let toml = "[[domain]]\nname = \"acme.example\"";
    let changed =
        gatepost_policy::document::PolicyDocument::parse_toml(toml, "p").unwrap().document;
    let author = root().through(Via::Api, Some("192.0.2.1"));
    store.commit(Some(1), &changed, &author).await.unwrap();
    assert!(!store.commit(Some(2), &changed, &author).await.unwrap().changed);
    assert!(store.commit(Some(1), &first, &author).await.is_err());
    store.rollback(None, 1, &author).await.unwrap();

    let copies = vec![s::copy(&["anna@partner.example"], vec![])];
    let quarantined = vec![s::quarantined(&["ben@partner.example"], bench.clock.now())];
    let message = s::message(crate::Enqueue::mint(store), bench.clock.now());
    s::put(store, b"x\r\n", NewMessage { copies, quarantined, ..message }).await;
    store.queue_order(&Selection::All, Order::Hold, &author, Some(1)).await.unwrap();
    store.queue_order(&Selection::All, Order::Hold, &author, Some(2)).await.unwrap_err();
    store.quarantine_delete(&Selection::All, &author).await.unwrap();
    // What is gone already makes no entry.
    store.quarantine_delete(&Selection::All, &author).await.unwrap();

    let mut entries = store.entries(&AuditSearch::default(), None, 99).await.unwrap().entries;
    entries.reverse();
    let words: Vec<_> = entries.iter().map(|entry| entry.what.as_str()).collect();
    assert_eq!(words, ["policy.commit", "policy.rollback", "queue.hold", "quarantine.delete"]);
    assert_eq!((entries[0].revision, entries[1].revision), (Some(2), Some(3)));
    let targets = entries.iter().take(2).map(|entry| entry.target.as_deref());
    assert_eq!(targets.collect::<Vec<_>>(), [Some("revision 2"), Some("revision 1")]);
    assert_eq!(entries[0].before["domain"]["acme.example"], serde_json::Value::Null);
    assert_eq!(entries[0].after["domain"]["acme.example"]["name"], "acme.example");
    assert_eq!(entries[2].after["recipients"][0]["recipient"], "anna@partner.example");
    assert_eq!(entries[3].before["quarantined"][0]["recipient"], "ben@partner.example");
    for entry in &entries {
        assert_eq!((entry.via, entry.from.as_deref()), (Via::Api, Some("192.0.2.1")));
        assert_eq!(entry.reason.as_deref(), Some("ticket 4711"));
    }
    assert_eq!(store.verify().await.unwrap().broken_at, None);
}

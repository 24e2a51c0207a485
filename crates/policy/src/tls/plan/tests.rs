use proptest::prelude::*;

use super::*;

fn hop(route_level: Option<Level>) -> NextHop {
    NextHop { route_level, ..NextHop::mx("mx.d.test".into(), 25, 10) }
}

fn by_rule(asked: Asked) -> Demand {
    Demand { asked, source: Source::Rule { rule: "r".into(), field: "x-TLSLevel: v".into() } }
}

fn planned(demands: &[Demand], unknown: UnknownLevel, hop: NextHop) -> Result<Requirement, Broken> {
    let hosts = [hop];
    let domain = AddressDomain::parse("d.test").unwrap();
    let policies = &TlsPolicies::default();
    let now = Timestamp::from_millis(0);
    let input = PlanInput { demands, unknown, hosts: &hosts, domain: &domain, policies, now };
    let plan = plan(input)?;
    Ok(plan.attempts.into_iter().next().unwrap().1)
}

#[test]
fn a12_an_unknown_value_is_enforced() {
    let demands = [by_rule(Asked::Unknown("Requre".into()))];
    let requirement = planned(&demands, UnknownLevel::Require, hop(None)).unwrap();
    let Requirement::Enforced(enforced) = requirement else { panic!("opportunistic") };
    assert!(!enforced.needs_proof());
}

#[test]
fn a17_an_unknown_value_can_be_made_to_wait() {
    let demands = [by_rule(Asked::Unknown("Requre".into()))];
    let broken = planned(&demands, UnknownLevel::Defer, hop(None)).unwrap_err();
    assert_eq!(broken, Broken::Unknown { value: "Requre".into() });
}

#[test]
fn a_level_that_is_not_built_makes_no_plan() {
    let demands = [by_rule(Asked::Level(Level::Dane))];
    let broken = planned(&demands, UnknownLevel::Require, hop(None)).unwrap_err();
    assert_eq!(broken, Broken::NotBuilt { level: Level::Dane });
}

#[test]
fn plain_switches_the_attempt_off_only_where_nothing_is_demanded() {
    let plain = by_rule(Asked::Level(Level::Plain));
    let require = by_rule(Asked::Level(Level::Require));
    let alone = planned(std::slice::from_ref(&plain), UnknownLevel::Require, hop(None)).unwrap();
    let Requirement::Opportunistic(alone) = alone else { panic!("enforced") };
    assert_eq!(alone.preference(), Preference::Plain);
    assert!(planned(&[plain, require], UnknownLevel::Require, hop(None)).unwrap().is_enforced());
}

#[test]
fn a_routes_level_stands_in_for_the_default_and_never_for_a_rule() {
    let default = Demand::new(Level::Plain, Source::Default);
    let on_route = planned(&[default], UnknownLevel::Require, hop(Some(Level::Try))).unwrap();
    let Requirement::Opportunistic(on_route) = on_route else { panic!("enforced") };
    assert_eq!(on_route.preference(), Preference::Try);

    let default = Demand::new(Level::Require, Source::Default);
    let on_route = planned(&[default], UnknownLevel::Require, hop(Some(Level::Try))).unwrap();
    assert!(on_route.is_enforced(), "a route loosens no default that demands TLS");

    let rule = by_rule(Asked::Level(Level::Require));
    let on_route = planned(&[rule], UnknownLevel::Require, hop(Some(Level::Plain))).unwrap();
    assert!(on_route.is_enforced());
}

fn policies(entries: &[(Level, &str, Option<&str>)]) -> TlsPolicies {
    let mut policies = TlsPolicies::default();
    for (level, domain, until) in entries {
        let pattern = crate::domain_patterns::Pattern::parse(domain).unwrap();
        let until = until.map(|day| day.parse().unwrap());
        policies.add(*level, until, [(pattern, (*domain).to_owned())]);
    }
    policies
}

/// At 2026-11-24, for mail to `d.test`.
fn under(policies: &TlsPolicies, demands: &[Demand], hop: NextHop) -> Requirement {
    let domain = AddressDomain::parse("d.test").unwrap();
    let input = PlanInput {
        demands,
        unknown: UnknownLevel::Require,
        hosts: &[hop],
        domain: &domain,
        policies,
        now: crate::samples::NOW,
    };
    plan(input).unwrap().attempts.remove(0).1
}

#[test]
fn g02_the_stricter_of_header_and_policy_holds_whichever_it_is() {
    let require = by_rule(Asked::Level(Level::Require));
    let lax = policies(&[(Level::Try, "d.test", None)]);
    assert_eq!(under(&lax, &[require], hop(None)).fingerprint(), "require");
    let asked = by_rule(Asked::Level(Level::Try));
    let strict = policies(&[(Level::Verify, "d.test", None)]);
    assert_eq!(under(&strict, &[asked], hop(None)).fingerprint(), "verify");
}

#[test]
fn g12_every_policy_that_matches_holds() {
    let both = policies(&[(Level::Verify, "d.test", None), (Level::Require, ".test", None)]);
    let requirement = under(&both, &[by_rule(Asked::Level(Level::Try))], hop(None));
    let Requirement::Enforced(enforced) = &requirement else { panic!("opportunistic") };
    assert_eq!(enforced.clauses().len(), 2, "each with its source");
    assert_eq!(requirement.fingerprint(), "verify");
    let decided = strictest(requirement.demands()).unwrap();
    assert_eq!(decided.source, Source::TlsPolicy { domain: "d.test".into() });
}

#[test]
fn a_policy_holds_by_the_name_of_the_next_hop_too() {
    let by_host = policies(&[(Level::Require, "*.d.test", None)]);
    let asked = [by_rule(Asked::Level(Level::Try))];
    assert_eq!(under(&by_host, &asked, hop(None)).fingerprint(), "require");
    let elsewhere = NextHop::mx("mx.e.test".into(), 25, 10);
    assert_eq!(under(&by_host, &asked, elsewhere).fingerprint(), "try");
    let by_address = policies(&[(Level::Require, "[192.0.2.1]", None)]);
    let literal = NextHop::mx("192.0.2.1".into(), 25, 10);
    assert_eq!(under(&by_address, &asked, literal).fingerprint(), "require");
}

#[test]
fn a_policy_demands_nothing_after_its_last_day() {
    let asked = [by_rule(Asked::Level(Level::Try))];
    let last = policies(&[(Level::Require, "*", Some("2026-11-24"))]);
    assert_eq!(under(&last, &asked, hop(None)).fingerprint(), "require");
    let over = policies(&[(Level::Require, "*", Some("2026-11-23"))]);
    assert_eq!(under(&over, &asked, hop(None)).fingerprint(), "try");
}

#[test]
fn what_a_message_was_taken_with_holds_when_the_policy_is_gone() {
    let kept = Demand::new(Level::Require, Source::TlsPolicy { domain: "d.test".into() });
    let demands = [by_rule(Asked::Level(Level::Try)), kept];
    let gone = TlsPolicies::default();
    assert_eq!(under(&gone, &demands, hop(None)).fingerprint(), "require");
}

#[test]
fn a_plain_policy_switches_the_attempt_off_under_try_and_loses_to_any_demand() {
    let plain = policies(&[(Level::Plain, "d.test", None)]);
    let asked = by_rule(Asked::Level(Level::Try));
    let off = under(&plain, std::slice::from_ref(&asked), hop(None));
    assert_eq!(off.fingerprint(), "plain");
    let decided = strictest(off.demands()).unwrap();
    assert_eq!(decided.source, Source::TlsPolicy { domain: "d.test".into() });
    let require = by_rule(Asked::Level(Level::Require));
    assert_eq!(under(&plain, &[asked, require], hop(None)).fingerprint(), "require");
    // Of several policies the strictest decides, also between those that demand nothing.
    let both = policies(&[(Level::Plain, "d.test", None), (Level::Try, "*", None)]);
    let header = by_rule(Asked::Level(Level::Plain));
    assert_eq!(under(&both, &[header], hop(None)).fingerprint(), "try");
}

#[test]
fn a_login_or_tls_from_the_first_byte_leaves_no_clear_text() {
    let none = TlsPolicies::default();
    let login = Some(Login { username: "u".into(), password_file: "p".into() });
    let default = [Demand::new(Level::Plain, Source::Default)];
    let with_login = NextHop { login, ..hop(Some(Level::Plain)) };
    let requirement = under(&none, &default, with_login);
    assert_eq!(requirement.fingerprint(), "require");
    let source = &strictest(requirement.demands()).unwrap().source;
    assert_eq!(*source, Source::Login { host: "mx.d.test".into() });
    for level in [None, Some(Level::Try), Some(Level::Require)] {
        let implicit = NextHop { implicit_tls: true, ..hop(level) };
        assert_eq!(under(&none, &default, implicit).fingerprint(), "require");
    }
    let implicit = NextHop { implicit_tls: true, ..hop(Some(Level::Verify)) };
    assert_eq!(under(&none, &default, implicit).fingerprint(), "verify");
}

#[test]
fn a_fingerprint_says_what_is_asked_and_not_who_asked() {
    let rule = by_rule(Asked::Level(Level::Verify));
    let default = Demand::new(Level::Verify, Source::Default);
    let more = by_rule(Asked::Level(Level::Require));
    let none = TlsPolicies::default();
    let one = under(&none, &[rule, more], hop(None)).fingerprint();
    assert_eq!(one, under(&none, &[default], hop(None)).fingerprint());
    let plain = Demand::new(Level::Plain, Source::Default);
    assert_eq!(under(&none, &[plain], hop(None)).fingerprint(), "plain");
}

fn level() -> impl Strategy<Value = Level> {
    (0_usize..4).prop_map(|at| Level::ALL[at])
}

fn entry() -> impl Strategy<Value = (Level, &'static str, Option<&'static str>)> {
    let domain = prop::sample::select(vec!["*", "d.test", ".test", ".d.test", "mx.d.test"]);
    let until = prop::sample::select(vec![None, Some("2026-11-23"), Some("2026-11-24")]);
    (level(), domain, until)
}

proptest! {
    /// Nothing that is added loosens: neither a policy, nor a level on the way, nor a login.
    #[test]
    fn adding_a_policy_never_loosens(
        header in level(),
        entries in prop::collection::vec(entry(), 0..4),
        more in entry(),
        route in prop::option::of(level()),
    ) {
        let asked = [by_rule(Asked::Level(header))];
        let strictness = |requirement: &Requirement| match requirement {
            Requirement::Opportunistic(_) => 0,
            Requirement::Enforced(enforced) if enforced.needs_proof() => 2,
            Requirement::Enforced(_) => 1,
        };
        let before = under(&policies(&entries), &asked, hop(route));
        let mut all = entries.clone();
        all.push(more);
        let after = under(&policies(&all), &asked, hop(route));
        prop_assert!(strictness(&after) >= strictness(&before));
        // And what evidence says was wanted is what was asked of the session.
        let level = strictest(after.demands()).unwrap().level();
        prop_assert_eq!(level.word(), after.fingerprint());
    }
}

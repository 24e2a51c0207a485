use super::settings::{SETTINGS, commented_file};
use super::*;

/// The problems of a text as a person sees them.
fn problems(text: &str) -> String {
    match parse(text, Path::new("gatepost.toml")) {
        Ok(_) => "no problem".to_owned(),
        Err(found) => found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

fn config(text: &str) -> Config {
    parse(text, Path::new("/etc/gatepost/gatepost.toml")).unwrap()
}

#[test]
fn an_empty_file_is_the_built_in_defaults() {
    let read = parse("", Path::new("gatepost.toml")).unwrap();
    let built_in = Config::default();
    assert_eq!(Config { file: None, ..read }, built_in);
    assert_eq!(built_in.listeners.len(), 1);
    assert_eq!(built_in.listeners[0].address.to_string(), "127.0.0.1:2525");
    assert_eq!(built_in.admin.to_string(), "127.0.0.1:8025");
    assert_eq!(built_in.limits.message_size, 50 * 1024 * 1024);
    assert_eq!(built_in.delivery.expire, Duration::from_secs(5 * 86_400));
    assert_eq!(built_in.delivery.retry.len(), 6);
    assert_eq!(built_in.delivery.port, 25);
}

#[test]
fn every_setting_of_the_table_is_read_with_its_default_and_changes_nothing() {
    for profile in ["standard", "classic"] {
        let mut all_live = String::new();
        for line in commented_file(profile).lines() {
            let setting = line.strip_prefix('#').filter(|rest| !rest.starts_with(' '));
            let text = setting.unwrap_or(line);
            // what names a file of the machine cannot be read here
            if !["certificate", "private_key", "client_secret_file"]
                .iter()
                .any(|key| text.starts_with(key))
            {
                all_live.push_str(text);
                all_live.push('\n');
            }
        }
        let read = parse(&all_live, Path::new("gatepost.toml"))
            .unwrap_or_else(|found| panic!("{found:#?}\n{all_live}"));
        let standard = Config::default();
        assert_eq!(read.delivery.retry, standard.delivery.retry);
        assert_eq!(read.limits, standard.limits);
        assert_eq!(read.retention, standard.retention);
        assert_eq!(read.listeners, standard.listeners);
    }
}

#[test]
fn the_table_of_settings_names_exactly_what_reading_knows() {
    let mut text = String::new();
    for table in [
        "",
        "store",
        "listener",
        "tls",
        "admin",
        "admin.oidc",
        "limits",
        "dns",
        "delivery",
        "retention",
    ] {
        if !table.is_empty() {
            text.push_str(&if table == "listener" {
                "[[listener]]\n".to_owned()
            } else {
                format!("[{table}]\n")
            });
        }
        text.push_str("zzzzzzzz = 1\n");
        let found = parse(&text, Path::new("gatepost.toml")).unwrap_err();
        let remedy =
            &found.iter().rfind(|problem| problem.problem.contains("zzzzzzzz")).unwrap().remedy;
        let known = remedy.trim_start_matches("Known here: ").trim_end_matches('.');
        let mut known: Vec<&str> = known.split(", ").collect();
        let mut listed: Vec<&str> = SETTINGS
            .iter()
            .filter(|setting| setting.table() == table)
            .map(settings::Setting::key)
            .collect();
        if table.is_empty() {
            known.retain(|key| {
                !["store", "listener", "tls", "admin", "limits", "dns", "delivery", "retention"]
                    .contains(key)
            });
        }
        if table == "admin" {
            known.retain(|key| *key != "oidc");
        }
        known.sort_unstable();
        listed.sort_unstable();
        assert_eq!(known, listed, "table {table:?}");
    }
}

#[test]
fn every_problem_of_a_file_is_reported_with_its_place() {
    insta::assert_snapshot!(problems(
        r#"hostname = "not a host"
profile = "clasic"
postmaster = "nobody"
datadir = "x"

[store]
url = "postgres://u:p@h/d"

[[listener]]
address = "0.0.0.0"
tls = "starttl"
auth = true

[[listener]]
address = "127.0.0.1:25"
tls = "off"
require_tls = true
auth = true

[[listener]]
tls = "off"

[admin]
address = "0.0.0.0:8025"

[limits]
message_size = "50 bananas"
recipients = 0
connections = "many"

[dns]
servers = ["resolver.example"]
trust_ad = "auto"

[delivery]
port = 70000
retry = []
expire = "0s"
delay_warning = "0s"
default_tls_level = "dane"
submitted_tls_level = "rise"
dane = true
mta_sts = true

[smarthost]
"#
    ));
}

#[test]
fn what_is_no_toml_is_reported_beside_what_is_wrong_elsewhere() {
    insta::assert_snapshot!(problems(
        "hostname = \n[limits]\nrecipients = \"x\"\nconnections = 5 5\n"
    ));
}

#[test]
fn a_certificate_without_its_key_and_one_that_is_not_there_are_named() {
    insta::assert_snapshot!(problems("[tls]\ncertificate = \"mx1.pem\"\n"));
    insta::assert_snapshot!(problems(
        "[tls]\ncertificate = \"/nonexistent/a.pem\"\nprivate_key = \"/nonexistent/b.pem\"\n"
    ));
}

#[test]
fn the_value_that_is_off_is_always_taken() {
    let text = "[store]\nurl = \"embedded\"\n[[listener]]\naddress = \"[::1]:2525\"\nauth = false\n[dns]\ntrust_ad = \"never\"\n\
                [delivery]\ndane = false\nmta_sts = false\nexpire = \"2d\"\ndelay_warning = \"2d\"\n";
    assert_eq!(config(text).delivery.expire, Duration::from_secs(2 * 86_400));
}

#[test]
fn a_warning_about_delay_comes_after_four_hours_or_as_written() {
    let hour = Duration::from_secs(3600);
    assert_eq!(config("").delivery.delay_warning, 4 * hour);
    assert_eq!(
        config("[delivery]\ndelay_warning = \"90m\"\n").delivery.delay_warning,
        hour * 3 / 2
    );
    let never = config("[delivery]\nexpire = \"1d\"\ndelay_warning = \"9d\"\n");
    assert!(
        never.delivery.delay_warning > never.delivery.expire,
        "longer than the lifetime is taken"
    );
}

#[test]
fn every_duration_above_zero_is_taken() {
    let read =
        config("[delivery]\nexpire = \"1s\"\nenforced_expire = \"500ms\"\nretry = [\"1s\"]\n");
    assert_eq!(read.delivery.enforced_expire, Duration::from_millis(500));
    assert_eq!(read.delivery.retry, [Duration::from_secs(1)]);
}

#[test]
fn paths_are_relative_to_the_file() {
    let read = config("data_dir = \"store\"\n[delivery]\nca_bundle = \"roots.pem\"\n");
    assert_eq!(read.data_dir, Path::new("/etc/gatepost/store"));
    assert_eq!(read.delivery.ca_bundle.as_deref(), Some(Path::new("/etc/gatepost/roots.pem")));
    assert_eq!(
        config("data_dir = \"/var/lib/gatepost\"\n").data_dir,
        Path::new("/var/lib/gatepost")
    );
}

#[test]
fn a_listener_may_offer_auth_where_it_offers_tls() {
    for tls in ["starttls", "implicit"] {
        let text =
            format!("[[listener]]\naddress = \"127.0.0.1:587\"\ntls = \"{tls}\"\nauth = true\n");
        assert!(config(&text).listeners[0].auth);
    }
    assert!(!config("[[listener]]\naddress = \"127.0.0.1:25\"\n").listeners[0].auth);
    assert!(!config("").listeners[0].auth);
}

#[test]
fn a_provider_to_sign_in_with_is_read_and_what_is_wrong_with_it_is_said() {
    let text = "[admin]\npublic_url = \"https://gate.acme.example/\"\n[admin.oidc]\nissuer = \"https://id.acme.example\"\n\
                client_id = \"gatepost\"\nroles = { \"mail admins\" = \"admin\", staff = \"viewer\" }\n";
    let read = config(text);
    assert_eq!(read.public_url.as_deref(), Some("https://gate.acme.example"));
    let everywhere = SocketAddr::from(([0, 0, 0, 0], 8025));
    assert_eq!(read.console(everywhere, true), "https://gate.acme.example");
    let plain = Config { public_url: None, ..read.clone() };
    let named = format!("https://{}:8025", plain.hostname.as_str());
    assert_eq!(plain.console(everywhere, true), named);
    assert_eq!(plain.console(([127, 0, 0, 1], 8025).into(), false), "http://127.0.0.1:8025");
    let oidc = read.oidc.unwrap();
    assert_eq!((oidc.name.as_str(), oidc.groups_claim.as_str()), ("Single sign-on", "groups"));
    assert_eq!(oidc.scopes, ["profile", "email"]);
    assert_eq!(oidc.roles.len(), 2);
    assert_eq!(config("[admin.oidc]\n").oidc, None);
    insta::assert_snapshot!(problems(
        "[admin]\npublic_url = \"http://gate.acme.example\"\n[admin.oidc]\nissuer = \"http://id.acme.example\"\n\
         client_secret_file = \"/nonexistent/secret\"\nroles = { staff = \"reader\" }\n[admin.oidc.roles2]\n"
    ));
    insta::assert_snapshot!(problems("[admin.oidc]\nclient_id = \"gatepost\"\nroles = {}\n"));
}

#[test]
fn two_listeners_at_one_address_are_refused() {
    insta::assert_snapshot!(problems(
        "[[listener]]\naddress = \"127.0.0.1:2525\"\n[[listener]]\naddress = \"127.0.0.1:2525\"\n[admin]\naddress = \"127.0.0.1:2525\"\n"
    ));
}

#[test]
fn the_file_that_init_writes_is_taken_as_it_is() {
    for profile in ["standard", "classic"] {
        assert_eq!(problems(&commented_file(profile)), "no problem");
    }
    insta::assert_snapshot!(commented_file("standard"));
}

#[test]
fn a_file_that_is_no_utf8_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gatepost.toml");
    std::fs::write(&file, b"# caf\xc3\xa9\n# caf\xe9\n").unwrap();
    let Err(Unusable::Wrong(found)) = load(Some(&file)) else { panic!("it is taken") };
    assert_eq!((found.len(), found[0].line, found[0].column), (1, 2, 6));
}

#[test]
fn whoever_runs_this_has_a_name() {
    assert!(!user().is_empty() && user() != "command line");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_reading_panic(text in "(?s).{0,200}") {
        let _read = parse(&text, Path::new("gatepost.toml"));
    }

    #[test]
    fn no_mutation_of_a_good_file_makes_reading_panic(at in 0_usize..4000, with in "(?s).{0,6}", cut in 0_usize..40) {
        let mut text: Vec<char> = commented_file("standard").replace("\n#", "\n").chars().collect();
        let at = at.min(text.len());
        let end = (at + cut).min(text.len());
        text.splice(at..end, with.chars());
        let _read = parse(&text.into_iter().collect::<String>(), Path::new("gatepost.toml"));
    }
}

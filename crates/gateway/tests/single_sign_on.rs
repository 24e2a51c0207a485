//! Single sign-on with a provider that is not ours: the certified library `oidc-provider` under node, the real binary, and a person
//! who signs in. What a provider could lie about is tested in `web`; here both sides are honest and do not know each other.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

#[path = "outside/gateway.rs"]
mod gateway;
#[path = "outside/peers.rs"]
#[expect(dead_code, reason = "shared with tests that need other programs")]
mod peers;

use gateway::Gateway;

const TEST: &str = "single sign-on with a provider under node";

/// Where `tools/setup-sign-on.sh` puts the provider.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/sign-on")
}

/// Runs the story against a console; `None`, loudly, where there is no node or no provider.
fn story(issuer: &str, console: &str) -> Option<Value> {
    if !folder().join("node_modules/oidc-provider").is_dir() {
        peers::skip(TEST, "oidc-provider is not there; `make test` brings it in where it can");
        return None;
    }
    // beside its modules, where node looks for them
    let script = folder().join("story.mjs");
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/provider/story.mjs");
    std::fs::copy(ours, &script).expect("the story is copied");
    let command =
        Command::new("node").arg(&script).args([issuer, console]).stdin(Stdio::null()).output();
    let Ok(output) = command else {
        peers::skip(TEST, "node is not there");
        return None;
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "the story failed: {said}");
    // the provider itself says a word or two before
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = told.lines().next_back().unwrap_or_default();
    Some(serde_json::from_str(last).unwrap_or_else(|why| panic!("{why}: {told}")))
}

#[test]
fn a_person_signs_in_with_the_role_of_the_groups_at_a_certified_provider() {
    let mut gateway = Gateway::prepare("", &[]);
    let probe = std::net::TcpListener::bind((gateway.net.ip(3), 0)).expect("loopback can be bound");
    let at: SocketAddr = probe.local_addr().expect("a bound socket has an address");
    drop(probe);
    let (issuer, console) = (format!("http://{at}"), format!("http://{}", gateway.admin));
    let file = gateway.folder.path().join("gatepost.toml");
    let config = std::fs::read_to_string(&file).expect("the configuration is read");
    let oidc = format!(
        "[admin.oidc]\nname = \"Test\"\nissuer = \"{issuer}\"\nclient_id = \"gatepost\"\n\
         client_secret_file = \"oidc.secret\"\nroles = {{ \"mail-admins\" = \"admin\", staff = \"viewer\" }}\n"
    );
    std::fs::write(&file, config + &oidc).expect("the configuration is written");
    std::fs::write(gateway.folder.path().join("oidc.secret"), "the secret of the test\n")
        .expect("the secret is written");
    gateway.start();
    let Some(story) = story(&issuer, &console) else { return };

    let admin = &story["admin"];
    assert_eq!(
        (&admin["end"]["status"], &admin["end"]["body"]),
        (&303.into(), &"the console".into()),
        "{story}"
    );
    assert_eq!(
        (&admin["user"]["name"], &admin["user"]["role"]),
        (&"anna".into(), &"admin".into()),
        "{story}"
    );
    assert_eq!(admin["user"]["sso"], true, "{story}");
    let viewer = &story["viewer"]["user"];
    assert_eq!(
        (&viewer["id"], &viewer["role"]),
        (&admin["user"]["id"], &"viewer".into()),
        "{story}"
    );
    assert_eq!(
        (&story["nobody"]["end"]["status"], &story["nobody"]["user"]),
        (&403.into(), &Value::Null),
        "{story}"
    );
    assert!(story["nobody"]["end"]["body"].to_string().contains("no group"), "{story}");
    assert_eq!(story["replayed"]["status"], 400, "another browser: {story}");
    assert_eq!(story["stolen"]["status"], 403, "a code that was used: {story}");
    assert_eq!(story["challenge"], "S256", "{story}");
    let log = gateway.log();
    assert!(log.contains("signed in by single sign-on") && !log.contains("the secret of the test"));
}

//! `[admin.oidc]`: a provider that people sign in with. An empty table is none.

use std::path::Path;

use gatepost_policy::diagnostic::quote;
use gatepost_store::Role;
use toml::Spanned;

use super::super::SignOn;
use super::super::raw::{RawOidc, Written};
use super::super::settings::default_of;
use super::value::{Judge, Wrong};

/// The console's address as browsers see it, without a slash at its end.
pub(super) fn public_url(judge: &Judge<'_>, written: Written<String>) -> Option<String> {
    let address = judge.read(written, "admin.public_url", address)?;
    Some(address.trim_end_matches('/').to_owned())
}

pub(super) fn check(judge: &Judge<'_>, raw: RawOidc, base: &Path) -> Option<SignOn> {
    let at = |key: &str| format!("admin.oidc.{key}");
    let first = first(&raw)?;
    let RawOidc {
        name,
        issuer,
        client_id,
        client_secret_file,
        groups_claim,
        roles,
        scopes,
        audiences,
    } = raw;
    if cfg!(not(feature = "oidc")) {
        judge.absent(
            &first,
            "admin.oidc",
            "OpenID Connect, which this binary was built without,",
            "nothing here",
        );
        return None;
    }
    for (missing, key, example) in [
        (issuer.is_none(), "issuer", "issuer = \"https://id.acme.example\""),
        (client_id.is_none(), "client_id", "client_id = \"gatepost\""),
    ] {
        if missing {
            judge.problem(&first, &at(key), "A provider needs this.", format!("Write {example}."));
        }
    }
    let file = client_secret_file.map(|file| {
        let path = base.join(file.get_ref());
        if let Err(why) = std::fs::File::open(&path) {
            let problem = format!("{} cannot be read: {why}.", path.display());
            let remedy = "Name a file that holds the secret alone, on one line.";
            judge.problem(&file.span(), &at("client_secret_file"), problem, remedy);
        }
        path
    });
    let roles = check_roles(judge, roles, &first);
    let issuer = judge.read(issuer, &at("issuer"), address);
    let texts = |written: Written<Vec<Spanned<String>>>, key: &str| match written {
        Some(texts) => texts.into_inner().into_iter().map(Spanned::into_inner).collect(),
        None => default_of(&at(key))
            .split(", ")
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect(),
    };
    Some(SignOn {
        name: judge.text(name, &at("name")),
        issuer: issuer?,
        client_id: client_id.map(Spanned::into_inner)?,
        client_secret_file: file,
        groups_claim: judge.text(groups_claim, &at("groups_claim")),
        roles,
        scopes: texts(scopes, "scopes"),
        audiences: texts(audiences, "audiences"),
    })
}

/// Where the first setting stands; `None` where there is none.
fn first(raw: &RawOidc) -> Option<std::ops::Range<usize>> {
    let texts =
        [&raw.issuer, &raw.client_id, &raw.client_secret_file, &raw.name, &raw.groups_claim];
    let spans = texts.into_iter().flatten().map(Spanned::span);
    let roles = raw.roles.as_ref().map(Spanned::span);
    let lists = [&raw.scopes, &raw.audiences].into_iter().flatten().map(Spanned::span);
    spans.chain(roles).chain(lists).min_by_key(|span| span.start)
}

fn check_roles(
    judge: &Judge<'_>,
    written: Written<Vec<(String, Spanned<String>)>>,
    at: &std::ops::Range<usize>,
) -> Vec<(String, Role)> {
    let path = "admin.oidc.roles";
    let span = written.as_ref().map_or_else(|| at.clone(), Spanned::span);
    let given = written.map(Spanned::into_inner).unwrap_or_default();
    if given.is_empty() {
        let remedy = "Write roles = { \"mail-admins\" = \"admin\" }.";
        judge.problem(&span, path, "No group has a role, so nobody could sign in.", remedy);
    }
    let known: Vec<&str> = Role::ALL.iter().map(|role| role.word()).collect();
    let read = |(group, word): (String, Spanned<String>)| match Role::parse(word.get_ref()) {
        Some(role) => Some((group, role)),
        None => {
            judge.no_word(&word.span(), &format!("{path}.{group}"), word.get_ref(), &known);
            None
        }
    };
    given.into_iter().filter_map(read).collect()
}

/// An https address, or an http one of this machine's loopback.
fn address(text: &str) -> Result<String, Wrong> {
    let allowed = text.parse().is_ok_and(|uri| gatepost_net::http::is_allowed(&uri));
    if allowed && !text.contains(['?', '#', '@']) {
        return Ok(text.to_owned());
    }
    Err((
        format!("{} is not an https address (http is taken for loopback alone).", quote(text)),
        "Write one such as \"https://id.acme.example\".".to_owned(),
    ))
}

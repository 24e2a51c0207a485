//! Every setting of `gatepost.toml`, once: its default, whether a reload takes it, and what it is for.
//!
//! The defaults that `check` fills in, the file that `gatepost init` writes and the operator's reference all come
//! from this table; a test holds it against what reading knows.

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Table and key: `delivery.retry`. The tables of a list have no number here: `listener.address`.
    pub path: &'static str,
    /// How it is written.
    pub kind: Kind,
    /// Its default as text without quotes; items of a list are parted by `, `. Empty where it depends on the machine.
    pub default: &'static str,
    /// A value to show where there is no default.
    pub example: &'static str,
    /// Whether SIGHUP takes a change; otherwise it takes a restart.
    pub reload: bool,
    /// What it is for, in one sentence.
    pub doc: &'static str,
}

/// How a setting is written in TOML.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Text in double quotes.
    Text,
    /// A number, or true or false.
    Bare,
    /// An array of texts.
    List,
}

impl Setting {
    /// The key without its table.
    pub fn key(&self) -> &'static str {
        self.path.rsplit('.').next().unwrap_or(self.path)
    }

    /// The table, or nothing for the settings at the top of the file.
    pub fn table(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(table, _)| table)
    }

    /// The default, or the example where there is none, as TOML.
    pub fn toml(&self) -> String {
        let value = if self.default.is_empty() { self.example } else { self.default };
        match self.kind {
            Kind::Text => format!("{value:?}"),
            Kind::Bare => value.to_owned(),
            Kind::List => {
                let items: Vec<String> =
                    value.split(", ").map(|item| format!("{item:?}")).collect();
                format!("[{}]", items.join(", "))
            }
        }
    }
}

/// The default of a setting, empty where it has none.
pub fn default_of(path: &str) -> &'static str {
    SETTINGS.iter().find(|setting| setting.path == path).map_or("", |setting| setting.default)
}

const fn text(path: &'static str, default: &'static str, doc: &'static str) -> Setting {
    Setting { path, kind: Kind::Text, default, example: "", reload: true, doc }
}

const fn bare(path: &'static str, default: &'static str, doc: &'static str) -> Setting {
    Setting { path, kind: Kind::Bare, default, example: "", reload: true, doc }
}

const fn shown(path: &'static str, example: &'static str, doc: &'static str) -> Setting {
    Setting { path, kind: Kind::Text, default: "", example, reload: true, doc }
}

const fn list(
    path: &'static str,
    default: &'static str,
    example: &'static str,
    doc: &'static str,
) -> Setting {
    Setting { path, kind: Kind::List, default, example, reload: true, doc }
}

const fn at_start(setting: Setting) -> Setting {
    Setting { reload: false, ..setting }
}

/// All settings, in the order of the file.
pub const SETTINGS: &[Setting] = &[
    shown(
        "hostname",
        "gateway.acme.example",
        "Our name in EHLO, Received and delivery reports. Default: this machine's name.",
    ),
    at_start(text(
        "data_dir",
        "gatepost-data",
        "The store and the generated certificate. Relative paths start at the folder of this file.",
    )),
    at_start(text(
        "profile",
        "standard",
        "What a new store starts with. \"classic\": no Opportunistic TLS System Rule, and mail without a level goes in clear text.",
    )),
    shown(
        "postmaster",
        "postmaster@acme.example",
        "Gets alerts. Default: postmaster at the first domain of ours.",
    ),
    at_start(text("store.url", "embedded", "The store in data_dir. No other is in this version.")),
    text(
        "listener.address",
        "127.0.0.1:2525",
        "Where mail comes in. Add a [[listener]] for each address and port.",
    ),
    text(
        "listener.tls",
        "starttls",
        "\"off\", \"starttls\", or \"implicit\" for TLS from the first byte (port 465).",
    ),
    bare("listener.require_tls", "false", "true: refuse mail before TLS (530 5.7.0)."),
    bare(
        "listener.auth",
        "false",
        "true: offer AUTH PLAIN and LOGIN under TLS. Needs `gatepost admin create-smtp-user NAME`.",
    ),
    shown(
        "tls.certificate",
        "/etc/gatepost/fullchain.pem",
        "The gateway's own certificate, PEM, leaf first. Without it one is made in data_dir.",
    ),
    shown("tls.private_key", "/etc/gatepost/privkey.pem", "The key of the certificate, PEM."),
    at_start(text(
        "admin.address",
        "127.0.0.1:8025",
        "The console and the API. HTTP on loopback, elsewhere HTTPS with the gateway's certificate.",
    )),
    at_start(shown(
        "admin.public_url",
        "https://gateway.acme.example",
        "The console's address as browsers see it, behind a proxy. Default: that of admin.address.",
    )),
    at_start(text("admin.oidc.name", "Single sign-on", "What the button of the sign-in says.")),
    at_start(shown(
        "admin.oidc.issuer",
        "https://id.acme.example",
        "People may sign in with this OpenID Connect provider. Without it there is none.",
    )),
    at_start(shown("admin.oidc.client_id", "gatepost", "Our name at the provider.")),
    at_start(shown(
        "admin.oidc.client_secret_file",
        "oidc.secret",
        "The file with our secret at the provider, on one line.",
    )),
    at_start(text("admin.oidc.groups_claim", "groups", "The claim that names a person's groups.")),
    at_start(Setting {
        path: "admin.oidc.roles",
        kind: Kind::Bare,
        default: "",
        example: "{ \"mail-admins\" = \"admin\" }",
        reload: true,
        doc: "What members of a group may do: owner, admin, policy-editor, queue-operator, auditor, viewer.",
    }),
    at_start(list(
        "admin.oidc.scopes",
        "profile, email",
        "",
        "What the provider is asked for besides openid.",
    )),
    at_start(list(
        "admin.oidc.audiences",
        "",
        "account",
        "Audiences that an ID token may have besides client_id.",
    )),
    text("limits.message_size", "50MiB", "The largest message taken (552 5.3.4)."),
    bare("limits.recipients", "1000", "Recipients of one message (452 4.5.3)."),
    bare("limits.connections", "2000", "Sessions at once (421 4.7.0)."),
    bare("limits.connections_per_client", "50", "Sessions at once from one address (421 4.7.0)."),
    list(
        "dns.servers",
        "",
        "127.0.0.1:53",
        "The resolvers to ask. Default: those of /etc/resolv.conf.",
    ),
    text("dns.trust_ad", "never", "Trust in a resolver's DNSSEC verdict is not in this version."),
    bare("delivery.port", "25", "The port of MX hosts."),
    list(
        "delivery.retry",
        "5m, 5m, 10m, 20m, 20m, 1h",
        "",
        "Waits between attempts; the last one repeats. Each varies by 10 %.",
    ),
    text("delivery.expire", "5d", "How long mail is tried before it is reported to its sender."),
    text(
        "delivery.enforced_expire",
        "24h",
        "The same for mail that waits because TLS was required and could not be had.",
    ),
    text(
        "delivery.delay_warning",
        "4h",
        "How long mail waits before its sender is told that it does; one that is not below the lifetime means never.",
    ),
    text(
        "delivery.enforced_failure",
        "defer",
        "Mail that needs TLS and finds none: \"defer\" it, or \"bounce\" it at once.",
    ),
    shown(
        "delivery.default_tls_level",
        "try",
        "When a message has no x-TLSLevel: \"plain\", \"try\", \"require\" or \"verify\". Default: \"try\", in the classic profile \"plain\".",
    ),
    text("delivery.ca_bundle", "system", "Roots for Verify: those of the system, or a PEM file."),
    text(
        "delivery.submitted_tls_level",
        "ignore",
        "x-TLSLevel on arriving mail is always removed; \"raise\" also makes it a demand where it is stricter than the rules.",
    ),
    bare("delivery.strip_tls_level", "false", "true: take x-TLSLevel off before sending."),
    text(
        "delivery.unknown_tls_level",
        "require",
        "What an x-TLSLevel that nobody knows means: \"require\", or \"defer\" (it waits).",
    ),
    text(
        "delivery.try_fallback",
        "immediate",
        "Try after a failed handshake: clear text \"immediate\", \"after_backoff\" or \"never\".",
    ),
    text(
        "delivery.try_on_454",
        "clear",
        "Try when STARTTLS is refused with 4xx: \"clear\" or \"defer\".",
    ),
    text(
        "delivery.try_prefer_tls",
        "same_preference",
        "\"any_mx\": a less preferred host with TLS comes before a clear one.",
    ),
    bare("delivery.connections", "500", "Connections out at once."),
    bare("delivery.connections_per_site", "20", "Connections out at once to one site."),
    bare("delivery.messages_per_connection", "100", "Messages on one connection."),
    text("delivery.connect_timeout", "30s", "For the TCP connection."),
    text("delivery.tls_timeout", "30s", "For the reply to STARTTLS and for the handshake, each."),
    text(
        "delivery.command_timeout",
        "5m",
        "For the reply to every command; twice that after the final dot.",
    ),
    text(
        "delivery.private_addresses",
        "refuse",
        "An MX at a loopback, link-local or private address: \"refuse\" or \"allow\". Routes and smart hosts are exempt.",
    ),
    bare("delivery.dane", "false", "DANE is not in this version."),
    bare("delivery.mta_sts", "false", "MTA-STS is not in this version."),
    text("retention.history", "90d", "Messages that have ended."),
    text("retention.quarantine", "30d", "Quarantined messages."),
    text("retention.evidence", "2y", "Attempt records."),
];

/// What each table is for, in the words of the file that `init` writes.
fn heading(table: &str) -> &'static str {
    match table {
        "store" => "Where mail, policy and history are kept.",
        "listener" => "Where mail comes in.",
        "tls" => "The gateway's own certificate.",
        "admin" => "The console, the API, health and metrics.",
        "admin.oidc" => "Signing in with an OpenID Connect provider.",
        "limits" => "What a client may do.",
        "dns" => "Name resolution.",
        "delivery" => "How mail goes out.",
        "retention" => "How long things are kept.",
        _ => "",
    }
}

/// Settings that `init` writes as live lines; all others are comments that show their default.
const LIVE: [&str; 5] =
    ["data_dir", "profile", "listener.address", "listener.tls", "admin.address"];

/// The commented file that `gatepost init` writes: it says what the built-in defaults say, with `profile` as given.
pub fn commented_file(profile: &str) -> String {
    let mut out = String::from(
        "# Gatepost. What is commented out shows its default. `gatepost check` reads this file and says what is\n\
         # wrong with it; a running gateway takes most changes on SIGHUP.\n\n",
    );
    let mut table = "";
    for setting in SETTINGS {
        if setting.table() != table {
            table = setting.table();
            let (open, close) = if table == "listener" { ("[[", "]]") } else { ("[", "]") };
            out.push_str(&format!("\n# {}\n{open}{table}{close}\n", heading(table)));
        }
        for line in wrapped(setting.doc) {
            out.push_str(&format!("# {line}\n"));
        }
        if !setting.reload {
            out.push_str("# A change takes a restart.\n");
        }
        let live = LIVE.contains(&setting.path);
        let value = if setting.path == "profile" { format!("{profile:?}") } else { setting.toml() };
        let mark = if live { "" } else { "#" };
        out.push_str(&format!("{mark}{} = {value}\n", setting.key()));
    }
    out
}

/// Lines of at most 100 characters, broken at blanks.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < 100 => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

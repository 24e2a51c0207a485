//! What a `gatepost.toml` says, before anybody judged it: the first of the two types.
//!
//! Every setting is optional here and keeps the place where it stands. Reading goes on after a problem: a value
//! of the wrong kind and a key nobody knows are reported and left out, so one reading finds them all.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use gatepost_policy::diagnostic::{Position, suggest};

use super::report::Report;

/// A setting as written: its value and its place, or nothing.
pub(crate) type Written<T> = Option<Spanned<T>>;

#[derive(Default)]
pub(crate) struct RawConfig {
    pub(crate) hostname: Written<String>,
    pub(crate) data_dir: Written<String>,
    pub(crate) profile: Written<String>,
    pub(crate) postmaster: Written<String>,
    pub(crate) store_url: Written<String>,
    pub(crate) listeners: Option<Vec<RawListener>>,
    pub(crate) tls: RawTls,
    pub(crate) admin: RawAdmin,
    pub(crate) limits: RawLimits,
    pub(crate) dns: RawDns,
    pub(crate) delivery: RawDelivery,
    pub(crate) retention: RawRetention,
}

pub(crate) struct RawListener {
    pub(crate) at: Range<usize>,
    pub(crate) path: String,
    pub(crate) address: Written<String>,
    pub(crate) tls: Written<String>,
    pub(crate) require_tls: Written<bool>,
    pub(crate) auth: Written<bool>,
}

#[derive(Default)]
pub(crate) struct RawTls {
    pub(crate) certificate: Written<String>,
    pub(crate) private_key: Written<String>,
}

#[derive(Default)]
pub(crate) struct RawAdmin {
    pub(crate) address: Written<String>,
    pub(crate) public_url: Written<String>,
    pub(crate) oidc: RawOidc,
}

#[derive(Default)]
pub(crate) struct RawOidc {
    pub(crate) name: Written<String>,
    pub(crate) issuer: Written<String>,
    pub(crate) client_id: Written<String>,
    pub(crate) client_secret_file: Written<String>,
    pub(crate) groups_claim: Written<String>,
    pub(crate) roles: Written<Vec<(String, Spanned<String>)>>,
    pub(crate) scopes: Written<Vec<Spanned<String>>>,
    pub(crate) audiences: Written<Vec<Spanned<String>>>,
}

#[derive(Default)]
pub(crate) struct RawLimits {
    pub(crate) message_size: Written<String>,
    pub(crate) recipients: Written<i64>,
    pub(crate) connections: Written<i64>,
    pub(crate) connections_per_client: Written<i64>,
}

#[derive(Default)]
pub(crate) struct RawDns {
    pub(crate) servers: Written<Vec<Spanned<String>>>,
    pub(crate) trust_ad: Written<String>,
}

#[derive(Default)]
pub(crate) struct RawDelivery {
    pub(crate) port: Written<i64>,
    pub(crate) retry: Written<Vec<Spanned<String>>>,
    pub(crate) expire: Written<String>,
    pub(crate) enforced_expire: Written<String>,
    pub(crate) delay_warning: Written<String>,
    pub(crate) enforced_failure: Written<String>,
    pub(crate) default_tls_level: Written<String>,
    pub(crate) ca_bundle: Written<String>,
    pub(crate) submitted_tls_level: Written<String>,
    pub(crate) strip_tls_level: Written<bool>,
    pub(crate) unknown_tls_level: Written<String>,
    pub(crate) try_fallback: Written<String>,
    pub(crate) try_on_454: Written<String>,
    pub(crate) try_prefer_tls: Written<String>,
    pub(crate) connections: Written<i64>,
    pub(crate) connections_per_site: Written<i64>,
    pub(crate) messages_per_connection: Written<i64>,
    pub(crate) connect_timeout: Written<String>,
    pub(crate) tls_timeout: Written<String>,
    pub(crate) command_timeout: Written<String>,
    pub(crate) private_addresses: Written<String>,
    pub(crate) dane: Written<bool>,
    pub(crate) mta_sts: Written<bool>,
}

#[derive(Default)]
pub(crate) struct RawRetention {
    pub(crate) history: Written<String>,
    pub(crate) quarantine: Written<String>,
    pub(crate) evidence: Written<String>,
}

impl RawConfig {
    /// Reads the file of `report`. Syntax that cannot be read is reported with all the rest; what else is wrong
    /// on such a line is not, since it would be a guess.
    pub(crate) fn read(report: &Report<'_>) -> Self {
        let (table, errors) = DeTable::parse_recoverable(report.text());
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            let line = Position::of(report.text(), span.start).line;
            if !report.broken_lines().contains(&line) {
                let problem =
                    format!("This is not TOML: {}.", error.message().trim_end_matches('.'));
                report.problem(
                    &span,
                    "",
                    problem,
                    "A setting is written as `key = value`, text in double quotes.",
                );
            }
        }
        let broken = report.broken_lines();
        let mut top = Section::new(report, &broken, String::new(), table.get_ref());
        let raw = Self {
            hostname: top.text("hostname"),
            data_dir: top.text("data_dir"),
            profile: top.text("profile"),
            postmaster: top.text("postmaster"),
            store_url: top.within("store", |store| store.text("url")).flatten(),
            listeners: top.each("listener", RawListener::read),
            tls: top.within("tls", RawTls::read).unwrap_or_default(),
            admin: top.within("admin", RawAdmin::read).unwrap_or_default(),
            limits: top.within("limits", RawLimits::read).unwrap_or_default(),
            dns: top.within("dns", RawDns::read).unwrap_or_default(),
            delivery: top.within("delivery", RawDelivery::read).unwrap_or_default(),
            retention: top.within("retention", RawRetention::read).unwrap_or_default(),
        };
        top.finish();
        raw
    }
}

impl RawListener {
    fn read(section: &mut Section<'_>, at: Range<usize>) -> Self {
        Self {
            at,
            path: section.path.clone(),
            address: section.text("address"),
            tls: section.text("tls"),
            require_tls: section.flag("require_tls"),
            auth: section.flag("auth"),
        }
    }
}

impl RawTls {
    fn read(section: &mut Section<'_>) -> Self {
        Self { certificate: section.text("certificate"), private_key: section.text("private_key") }
    }
}

impl RawAdmin {
    fn read(section: &mut Section<'_>) -> Self {
        Self {
            address: section.text("address"),
            public_url: section.text("public_url"),
            oidc: section.within("oidc", RawOidc::read).unwrap_or_default(),
        }
    }
}

impl RawOidc {
    fn read(section: &mut Section<'_>) -> Self {
        Self {
            name: section.text("name"),
            issuer: section.text("issuer"),
            client_id: section.text("client_id"),
            client_secret_file: section.text("client_secret_file"),
            groups_claim: section.text("groups_claim"),
            roles: section.words("roles"),
            scopes: section.texts("scopes"),
            audiences: section.texts("audiences"),
        }
    }
}

impl RawLimits {
    fn read(section: &mut Section<'_>) -> Self {
        Self {
            message_size: section.text("message_size"),
            recipients: section.number("recipients"),
            connections: section.number("connections"),
            connections_per_client: section.number("connections_per_client"),
        }
    }
}

impl RawDns {
    fn read(section: &mut Section<'_>) -> Self {
        Self { servers: section.texts("servers"), trust_ad: section.text("trust_ad") }
    }
}

impl RawDelivery {
    fn read(section: &mut Section<'_>) -> Self {
        Self {
            port: section.number("port"),
            retry: section.texts("retry"),
            expire: section.text("expire"),
            enforced_expire: section.text("enforced_expire"),
            delay_warning: section.text("delay_warning"),
            enforced_failure: section.text("enforced_failure"),
            default_tls_level: section.text("default_tls_level"),
            ca_bundle: section.text("ca_bundle"),
            submitted_tls_level: section.text("submitted_tls_level"),
            strip_tls_level: section.flag("strip_tls_level"),
            unknown_tls_level: section.text("unknown_tls_level"),
            try_fallback: section.text("try_fallback"),
            try_on_454: section.text("try_on_454"),
            try_prefer_tls: section.text("try_prefer_tls"),
            connections: section.number("connections"),
            connections_per_site: section.number("connections_per_site"),
            messages_per_connection: section.number("messages_per_connection"),
            connect_timeout: section.text("connect_timeout"),
            tls_timeout: section.text("tls_timeout"),
            command_timeout: section.text("command_timeout"),
            private_addresses: section.text("private_addresses"),
            dane: section.flag("dane"),
            mta_sts: section.flag("mta_sts"),
        }
    }
}

impl RawRetention {
    fn read(section: &mut Section<'_>) -> Self {
        Self {
            history: section.text("history"),
            quarantine: section.text("quarantine"),
            evidence: section.text("evidence"),
        }
    }
}

/// One table of the file while it is read. It remembers which keys were asked for; the others are unknown.
struct Section<'s> {
    report: &'s Report<'s>,
    broken: &'s [usize],
    path: String,
    table: &'s DeTable<'s>,
    asked: Vec<&'static str>,
}

impl<'s> Section<'s> {
    const fn new(
        report: &'s Report<'s>,
        broken: &'s [usize],
        path: String,
        table: &'s DeTable<'s>,
    ) -> Self {
        Self { report, broken, path, table, asked: Vec::new() }
    }

    fn text(&mut self, key: &'static str) -> Written<String> {
        self.take(key, "text in double quotes", |value| match value {
            DeValue::String(text) => Some(text.clone().into_owned()),
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => None,
        })
    }

    fn flag(&mut self, key: &'static str) -> Written<bool> {
        self.take(key, "true or false", |value| value.as_bool())
    }

    fn number(&mut self, key: &'static str) -> Written<i64> {
        self.take(key, "a whole number", |value| {
            let integer = value.as_integer()?;
            i64::from_str_radix(integer.as_str(), integer.radix()).ok()
        })
    }

    fn texts(&mut self, key: &'static str) -> Written<Vec<Spanned<String>>> {
        self.take(key, "an array of texts, such as [\"a\", \"b\"]", |value| {
            let array = value.as_array()?;
            array
                .iter()
                .map(|item| Some(Spanned::new(item.span(), item.get_ref().as_str()?.to_owned())))
                .collect::<Option<Vec<_>>>()
        })
    }

    /// A table whose keys are the writer's own, each with a text.
    fn words(&mut self, key: &'static str) -> Written<Vec<(String, Spanned<String>)>> {
        self.take(key, "a table of texts, such as { \"staff\" = \"viewer\" }", |value| {
            let pair =
                |(key, value): (&Spanned<std::borrow::Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
                    let text = value.get_ref().as_str()?.to_owned();
                    Some((key.get_ref().to_string(), Spanned::new(value.span(), text)))
                };
            value.as_table()?.iter().map(pair).collect::<Option<Vec<_>>>()
        })
    }

    /// The table at `key`, read by `read`; `None` where the file has none.
    fn within<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> Option<T> {
        let (span, value) = self.entry(key)?;
        let path = self.at(key);
        let Some(table) = value.as_table() else {
            self.wrong_kind(&span, &path, value, &format!("a table, written as [{path}]"));
            return None;
        };
        let mut section = Section::new(self.report, self.broken, path, table);
        let read = read(&mut section);
        section.finish();
        Some(read)
    }

    /// Every table of the array at `key`; `None` where the file has none.
    fn each<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&mut Section<'_>, Range<usize>) -> T,
    ) -> Option<Vec<T>> {
        let (span, value) = self.entry(key)?;
        let path = self.at(key);
        let expected = format!("a list of tables, each written as [[{path}]]");
        let Some(array) = value.as_array() else {
            self.wrong_kind(&span, &path, value, &expected);
            return None;
        };
        let mut all = Vec::new();
        for (index, item) in array.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let Some(table) = item.get_ref().as_table() else {
                self.wrong_kind(&item.span(), &path, item.get_ref(), &expected);
                continue;
            };
            let mut section = Section::new(self.report, self.broken, path, table);
            all.push(read(&mut section, item.span()));
            section.finish();
        }
        Some(all)
    }

    /// Reports the keys that nobody asked for.
    fn finish(self) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if self.asked.contains(&name) || self.is_broken(&key.span()) {
                continue;
            }
            let remedy = match suggest(name, &self.asked) {
                Some(known) => format!("Did you mean `{known}`?"),
                None => format!("Known here: {}.", self.asked.join(", ")),
            };
            let place = if self.path.is_empty() {
                "at the top of the file".to_owned()
            } else {
                format!("in [{}]", self.path)
            };
            self.report.problem(
                &key.span(),
                &self.at(name),
                format!("There is no setting `{name}` {place}."),
                remedy,
            );
        }
    }

    fn take<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&DeValue<'_>) -> Option<T>,
    ) -> Written<T> {
        let (span, value) = self.entry(key)?;
        let taken = read(value);
        if taken.is_none() {
            self.wrong_kind(&span, &self.at(key), value, expected);
        }
        taken.map(|value| Spanned::new(span, value))
    }

    fn entry(&mut self, key: &'static str) -> Option<(Range<usize>, &'s DeValue<'s>)> {
        self.asked.push(key);
        let value = self.table.get(key)?;
        (!self.is_broken(&value.span())).then(|| (value.span(), value.get_ref()))
    }

    fn wrong_kind(&self, span: &Range<usize>, path: &str, value: &DeValue<'_>, expected: &str) {
        let found = match value {
            DeValue::String(_) => "text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a point",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        let found =
            if expected.starts_with(found) { "one that is too large or mixed" } else { found };
        self.report.problem(
            span,
            path,
            format!("This is {found}, which does not fit here."),
            format!("Write {expected}."),
        );
    }

    fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn is_broken(&self, span: &Range<usize>) -> bool {
        self.broken.contains(&Position::of(self.report.text(), span.start).line)
    }
}

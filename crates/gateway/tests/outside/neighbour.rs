//! Real mail servers beside the gateway: Postfix, Exim and OpenSMTPD, each as a site that takes mail and as a site
//! that sends it.
//!
//! Each runs from unpacked packages in a room: a mount and process namespace of its own, in which its compiled-in
//! paths and users exist and which ends with this value. What it took is what it says itself, in its log and in its
//! mailbox. Only root can make a room; where none can be had, the test is skipped, loudly.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gatepost_testkit::TestCa;

use super::gateway::{greets, say, wait_for};
use super::peers;

#[path = "neighbour/exim.rs"]
mod exim;
#[path = "neighbour/opensmtpd.rs"]
mod opensmtpd;
#[path = "neighbour/postfix.rs"]
mod postfix;

/// The domain whose mail a neighbour keeps; mail for others goes on to its next hop.
pub(crate) const DOMAIN: &str = "remote.test";

/// Which mail server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Postfix,
    Exim,
    OpenSmtpd,
}

pub(crate) const ALL: [Kind; 3] = [Kind::Postfix, Kind::Exim, Kind::OpenSmtpd];

/// TLS, as a mail server is told to handle it in one direction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Tls {
    None,
    /// Offered, or used where it is offered.
    Offered,
    Enforced,
}

/// How a neighbour is set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Tls,
    /// Where mail for other domains than its own goes.
    pub(crate) next_hop: SocketAddr,
    pub(crate) next_hop_tls: Tls,
}

/// What is different about each of them.
struct Flavour {
    name: &'static str,
    /// Where its packages are unpacked, below `target/peers`.
    packages: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    /// Users that it wants, each with a group of the same name.
    users: &'static [&'static str],
    groups: &'static [&'static str],
    /// Folders that it wants, with their modes and the first of whose owners in `users`, if not root.
    folders: &'static [(&'static str, u32, Option<&'static str>)],
    files: fn(&Setup) -> Vec<(&'static str, String)>,
    /// Its log in the room; without one, what it prints.
    log: Option<&'static str>,
    /// Who must be able to read the key.
    key_owner: Option<&'static str>,
    /// What its log has once a session has ended.
    ended: &'static str,
    envelopes: fn(&str) -> Vec<Envelope>,
    /// What the field that it puts on a message has where the message came under TLS 1.3.
    under_tls: &'static str,
    /// Whether it is, by its log, a version that offers STARTTLS and cannot do it.
    offers_broken_tls: fn(&str) -> bool,
}

/// One recipient of a message that a neighbour took, by its own log.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Envelope {
    pub(crate) from: String,
    pub(crate) to: String,
}

impl Kind {
    fn flavour(self) -> &'static Flavour {
        match self {
            Self::Postfix => &postfix::FLAVOUR,
            Self::Exim => &exim::FLAVOUR,
            Self::OpenSmtpd => &opensmtpd::FLAVOUR,
        }
    }
}

/// A running mail server; it ends with this value.
pub(crate) struct Neighbour {
    flavour: &'static Flavour,
    folder: tempfile::TempDir,
    child: Child,
}

const FIRST_ID: u32 = 20_001;
/// Who owns the mailbox.
const INBOX: &str = "inbox";

impl Neighbour {
    /// Starts one. None: it cannot run here, which has been said.
    pub(crate) fn start(test: &str, kind: Kind, setup: &Setup) -> Option<Self> {
        let flavour = kind.flavour();
        let packages = peers::folder().join(flavour.packages);
        if !packages.join(flavour.program.trim_start_matches('/')).is_file() {
            peers::skip(
                test,
                &format!("{} is not there; `make test` brings it in where it can", flavour.name),
            );
            return None;
        }
        let folder = room(flavour, setup);
        if let Err(why) = possible(&folder.path().join("trial"), &packages) {
            peers::skip(test, &format!("{} needs a room, and {why}", flavour.name));
            return None;
        }
        let output =
            File::create(folder.path().join("printed")).expect("a file for what it prints");
        let errors = output.try_clone().expect("the same file");
        let child = enter(&folder.path().join("root"), &packages)
            .arg(flavour.program)
            .args(flavour.arguments)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .expect("unshare runs");
        let mut neighbour = Self { flavour, folder, child };
        wait_for(flavour.name, Duration::from_secs(60), || {
            let status = neighbour.child.try_wait().expect("the process can be asked");
            assert!(status.is_none(), "{} ended: {}", flavour.name, neighbour.whole_log());
            greets(setup.address)
        });
        // That probe is in its log; what follows is looked at alone.
        wait_for("the probe in its log", Duration::from_secs(30), || {
            neighbour.whole_log().contains(flavour.ended)
        });
        Some(neighbour)
    }

    fn whole_log(&self) -> String {
        let file = match self.flavour.log {
            Some(path) => self.root().join(path),
            None => self.folder.path().join("printed"),
        };
        fs::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// Its log behind the probe with which the test saw that it listens.
    pub(crate) fn log(&self) -> String {
        let all = self.whole_log();
        all.split_once(self.flavour.ended)
            .and_then(|(_, rest)| rest.split_once('\n'))
            .map_or_else(String::new, |(_, rest)| rest.to_owned())
    }

    /// How many sessions have ended behind that probe.
    pub(crate) fn sessions(&self) -> usize {
        self.log().matches(self.flavour.ended).count()
    }

    /// Every recipient of every message that it took, by its log, sorted.
    pub(crate) fn envelopes(&self) -> Vec<Envelope> {
        let mut envelopes = (self.flavour.envelopes)(&self.log());
        envelopes.sort();
        envelopes
    }

    /// What was put into the mailbox: a file for each recipient.
    pub(crate) fn mailbox(&self) -> Vec<String> {
        let new = self.root().join("var/mail/inbox/box/new");
        let mut files: Vec<PathBuf> = fs::read_dir(new)
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        files.sort();
        files
            .iter()
            .map(|file| String::from_utf8_lossy(&fs::read(file).expect("a message")).into_owned())
            .collect()
    }

    /// The messages in the mailbox, once there are `count` of them.
    pub(crate) fn messages(&self, count: usize) -> Vec<String> {
        wait_for("the messages in the neighbour's mailbox", Duration::from_secs(60), || {
            self.mailbox().len() >= count
        });
        let messages = self.mailbox();
        assert_eq!(messages.len(), count, "{messages:#?}");
        messages
    }

    /// Whether this version offers STARTTLS and then fails every handshake, as sites out there do as well.
    pub(crate) fn offers_broken_tls(&self) -> bool {
        (self.flavour.offers_broken_tls)(&self.whole_log())
    }

    /// Whether the neighbour says of this message that it came under TLS 1.3.
    pub(crate) fn came_under_tls(&self, message: &str) -> bool {
        message.contains(self.flavour.under_tls)
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        if std::thread::panicking() {
            say(&format!("the log of {}:\n{}", self.flavour.name, self.whole_log()));
        }
        // With the first process of its namespace all others in it end.
        let told = self.child.kill();
        let ended = self.child.wait();
        assert!((told.is_ok() && ended.is_ok()) || std::thread::panicking(), "{told:?} {ended:?}");
    }
}

/// A command that goes on in a room.
fn enter(root: &Path, packages: &Path) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outside/room.sh");
    let packages = packages.canonicalize().expect("the unpacked packages are there");
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child", "sh"]);
    command.arg(script).arg(root).arg(packages);
    command
}

/// Whether a room can be made here; if not, why.
fn possible(root: &Path, packages: &Path) -> Result<(), String> {
    fs::create_dir_all(root.join("etc")).expect("a folder");
    let tried = enter(root, packages).arg("/bin/true").stdin(Stdio::null()).output();
    match tried {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(format!("unshare does not run: {error}")),
    }
}

/// A folder with the root of a room as the mail server wants it.
fn room(flavour: &Flavour, setup: &Setup) -> tempfile::TempDir {
    let mode = fs::Permissions::from_mode;
    let folder =
        tempfile::Builder::new().permissions(mode(0o755)).tempdir().expect("a temporary folder");
    let root = folder.path().join("root");
    let id_of = |name: &str| {
        let place = flavour.users.iter().position(|user| *user == name);
        let nth = place.map_or(flavour.users.len(), |place| place);
        FIRST_ID + u32::try_from(nth).expect("a few users")
    };
    let everybody =
        [("var/mail/inbox", 0o755, Some(INBOX)), ("var/mail/inbox/box", 0o755, Some(INBOX))];
    let certificate = ["etc", "var", "etc/tls"].map(|name| (name, 0o755, None));
    for (name, bits, owner) in certificate.iter().chain(flavour.folders).chain(&everybody) {
        let path = root.join(name);
        fs::create_dir_all(&path).expect("a folder");
        fs::set_permissions(&path, mode(*bits)).expect("permissions");
        let id = owner.map(&id_of);
        // Where the test does not run as root, the room cannot be made and the test is skipped.
        chown(&path, id, id).unwrap_or_default();
    }
    for (name, text) in (flavour.files)(setup).into_iter().chain(system(flavour, id_of)) {
        let path = root.join(name);
        fs::write(&path, text).expect("a file of the room");
        fs::set_permissions(&path, mode(0o600)).expect("permissions");
        if path.parent().is_some_and(|parent| parent == root.join("etc"))
            && name != "etc/smtpd.conf"
        {
            fs::set_permissions(&path, mode(0o644)).expect("permissions");
        }
    }
    std::os::unix::fs::symlink("../run", root.join("var/run")).expect("a link");
    // What most sites have that only want to be encrypted. This OpenSMTPD uses no key but RSA.
    let (chain, key) = TestCa::rsa_self_signed(&format!("mx.{DOMAIN}"));
    for (name, text) in [("chain.pem", &chain), ("key.pem", &key)] {
        let path = root.join("etc/tls").join(name);
        fs::write(&path, text).expect("the certificate is written");
        fs::set_permissions(&path, mode(0o600)).expect("permissions");
        let id = flavour.key_owner.map(&id_of);
        chown(&path, id, id).unwrap_or_default();
    }
    folder
}

/// The files that programs find users, groups and libraries by.
fn system(flavour: &Flavour, id_of: impl Fn(&str) -> u32) -> Vec<(&'static str, String)> {
    let machine = format!("{}-linux-gnu", std::env::consts::ARCH);
    let mut users =
        "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n"
            .to_owned();
    let mut groups = "root:x:0:\nmail:x:8:\nnogroup:x:65534:\n".to_owned();
    for name in flavour.users.iter().copied().chain([INBOX]) {
        let id = id_of(name);
        users.push_str(&format!("{name}:x:{id}:{id}::/nonexistent:/bin/sh\n"));
        groups.push_str(&format!("{name}:x:{id}:\n"));
    }
    for (nth, name) in flavour.groups.iter().enumerate() {
        groups.push_str(&format!("{name}:x:{}:\n", 20_101 + nth));
    }
    vec![
        ("etc/passwd", users),
        ("etc/group", groups),
        ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n".to_owned()),
        ("etc/hosts", "127.0.0.1 localhost\n".to_owned()),
        ("etc/services", "smtp 25/tcp\n".to_owned()),
        (
            "etc/ld.so.conf",
            format!("/usr/lib/postfix\n/usr/lib/{machine}\n/lib/{machine}\n/usr/local/lib\n"),
        ),
    ]
}

/// The text between two marks, if both are there.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(found, _)| found)
}

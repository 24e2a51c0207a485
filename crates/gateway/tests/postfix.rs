//! A real Postfix as the remote site: its TLS security level none, may and encrypt, each under Try and Require.
//!
//! It runs from unpacked packages with a configuration and a queue of its own, under users that Debian always has.
//! What went over the wire is what Postfix says: its log counts the commands of a session, and the `Received` field
//! of the message it took names the TLS version or does not.

use std::fs::{self, File};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gatepost_testkit::{Cert, TestCa};
use outside::gateway::{Gateway, wait_for};
use outside::{hand_over, programs};

mod outside {
    pub(crate) mod gateway;
    pub(crate) mod programs;

    /// Hands one message over, as a sending server would.
    pub(crate) fn hand_over(gateway: &gateway::Gateway, to: &str) {
        use std::io::{BufRead, BufReader, Write};
        let stream = std::net::TcpStream::connect(gateway.smtp).expect("the gateway listens");
        let mut replies = BufReader::new(&stream).lines();
        let mut expect = |code: &str| loop {
            let line = replies.next().expect("a reply").expect("a reply");
            assert!(line.starts_with(code), "{line}");
            if line.as_bytes().get(3) != Some(&b'-') {
                break;
            }
        };
        expect("220");
        // two lines that begin with dots, stuffed
        let message = "From: <you@acme.test>\r\nSubject: to a real Postfix\r\n\r\n..dots and text\r\n...\r\n.\r\n";
        let to = format!("RCPT TO:<{to}>\r\n");
        for (line, code) in [
            ("EHLO acme.test\r\n", "250"),
            ("MAIL FROM:<you@acme.test>\r\n", "250"),
            (to.as_str(), "250"),
            ("DATA\r\n", "354"),
            (message, "250"),
            ("QUIT\r\n", "221"),
        ] {
            (&stream).write_all(line.as_bytes()).expect("the gateway reads");
            expect(code);
        }
    }
}

const DOMAIN: &str = "remote.test";
const RECIPIENT: &str = "anna@remote.test";

fn policy(level: &str) -> String {
    format!(
        "[[outbound_source]]\nnetwork = \"127.0.0.0/8\"\n\
         [[rule]]\nname = \"Level of this test\"\nactions = [{{ action = \"add_message_header\", value = \"x-TLSLevel: {level}\" }}]\n"
    )
}

#[test]
fn postfix_without_tls_gets_mail_in_clear_under_try() {
    let Some((gateway, postfix)) = deliver_to("postfix at none, Try", "none", "Try") else {
        return;
    };
    let record = delivered(&gateway);
    assert!(record["tls"].is_null(), "{record}");
    assert_eq!(record["clear_because"], "not_offered");
    let message = postfix.message();
    assert!(!message.contains("using TLS"), "{message}");
    assert!(message.contains("\n.dots and text\n..\n"), "{message}");
}

#[test]
fn postfix_without_tls_gets_nothing_under_require() {
    let Some((gateway, postfix)) = deliver_to("postfix at none, Require", "none", "Require") else {
        return;
    };
    wait_for("an attempt that waits", Duration::from_secs(60), || {
        gateway.list(&["queue", "list"]).iter().any(|entry| !entry["last"].is_null())
    });
    let queue = gateway.list(&["queue", "list"]);
    assert_eq!(queue.len(), 1, "{queue:?}");
    assert_eq!(queue[0]["last"]["status"], "4.7.4", "{queue:?}");
    assert_eq!(queue[0]["last"]["why"], "starttls-not-offered", "{queue:?}");
    // Not one command of a transaction: Postfix counts those of each session.
    wait_for("postfix to log the end of the session", Duration::from_secs(20), || {
        postfix.log().contains("ehlo=1 quit=1 commands=2")
    });
    let log = postfix.log();
    assert!(!log.contains("mail=") && !log.contains("client="), "{log}");
    assert!(postfix.messages().is_empty());
}

#[test]
fn postfix_with_tls_gets_mail_under_tls_by_try() {
    let Some((gateway, postfix)) = deliver_to("postfix at may, Try", "may", "Try") else { return };
    over_tls(&gateway, &postfix);
}

#[test]
fn postfix_with_tls_gets_mail_under_tls_by_require() {
    let Some((gateway, postfix)) = deliver_to("postfix at may, Require", "may", "Require") else {
        return;
    };
    over_tls(&gateway, &postfix);
}

#[test]
fn postfix_that_insists_on_tls_gets_mail_by_try() {
    let Some((gateway, postfix)) = deliver_to("postfix at encrypt, Try", "encrypt", "Try") else {
        return;
    };
    over_tls(&gateway, &postfix);
}

#[test]
fn postfix_that_insists_on_tls_gets_mail_by_require() {
    let Some((gateway, postfix)) = deliver_to("postfix at encrypt, Require", "encrypt", "Require")
    else {
        return;
    };
    over_tls(&gateway, &postfix);
}

fn over_tls(gateway: &Gateway, postfix: &Postfix) {
    let record = delivered(gateway);
    let version = record["tls"]["version"].as_str().unwrap_or_default();
    assert!(version.starts_with("TLSv1.3"), "{record}");
    assert!(record["clear_because"].is_null(), "{record}");
    let message = postfix.message();
    assert!(message.contains("using TLSv1.3 with cipher"), "{message}");
    assert!(message.contains("\n.dots and text\n..\n"), "{message}");
    // One connection: TLS was not tried twice, and nothing followed in clear.
    assert_eq!(postfix.log().matches("]: connect from").count(), 1, "{}", postfix.log());
}

/// Starts both, hands over one message. None: Postfix cannot run here, which has been said.
fn deliver_to(test: &str, security: &str, level: &str) -> Option<(Gateway, Postfix)> {
    let mut gateway = Gateway::prepare(&policy(level), &[(DOMAIN, 10)]);
    let postfix = Postfix::start(test, gateway.net.ip(10), gateway.net.port(), security)?;
    gateway.start();
    hand_over(&gateway, RECIPIENT);
    Some((gateway, postfix))
}

/// The record of the delivery, once it is there.
fn delivered(gateway: &Gateway) -> serde_json::Value {
    let mut found = None;
    wait_for("the record of a delivery", Duration::from_secs(60), || {
        found = gateway.list(&["messages", "search", "--outcome", "delivered"]).into_iter().next();
        found.is_some()
    });
    found.unwrap_or_default()
}

/// A running Postfix; it ends with this value.
struct Postfix {
    folder: tempfile::TempDir,
    starter: Child,
}

/// Users that base-passwd makes on every Debian and that nothing here uses otherwise: (name, id).
const OWNER: (&str, u32) = ("uucp", 10);
const GROUP: &str = "news";

impl Postfix {
    fn start(test: &str, address: IpAddr, port: u16, security: &str) -> Option<Self> {
        let mut command = programs::command(test, "postfix", &["usr/sbin/postfix"])?;
        // Its master gives up root's rights for each service, so it needs them.
        let me = fs::metadata("/proc/self")
            .map(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata));
        if me.ok() != Some(0) {
            programs::skip(test, "Postfix starts as root only");
            return None;
        }
        let folder =
            tempfile::Builder::new().permissions(public()).tempdir().expect("a temporary folder");
        for name in ["etc", "spool", "data", "mail", "tls"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
            fs::set_permissions(folder.path().join(name), public()).expect("permissions");
        }
        for name in ["data", "mail"] {
            chown(folder.path().join(name), Some(OWNER.1), Some(OWNER.1))
                .expect("root may give files away");
        }
        fs::write(folder.path().join("etc/main.cf"), main_cf(folder.path(), security))
            .expect("main.cf");
        fs::write(folder.path().join("etc/master.cf"), master_cf(&SocketAddr::new(address, port)))
            .expect("master.cf");
        let output = File::create(folder.path().join("log")).expect("the log");
        let errors = output.try_clone().expect("the log, twice");
        let starter = command
            .args(["-c".into(), folder.path().join("etc"), "start-fg".into()])
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .expect("postfix runs");
        let postfix = Self { folder, starter };
        wait_for("postfix to listen", Duration::from_secs(60), || {
            TcpStream::connect_timeout(&SocketAddr::new(address, port), Duration::from_secs(1))
                .is_ok_and(|_| true)
        });
        // That probe is in its log; what follows is looked at alone.
        wait_for("postfix to log the probe", Duration::from_secs(30), || {
            postfix.log_of_all().contains("]: disconnect from")
        });
        Some(postfix)
    }

    fn log_of_all(&self) -> String {
        let bytes = fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The log behind the probe.
    fn log(&self) -> String {
        let all = self.log_of_all();
        all.split_once("]: disconnect from")
            .and_then(|(_, rest)| rest.split_once('\n'))
            .map_or_else(String::new, |(_, rest)| rest.to_owned())
    }

    /// What was put into the mailbox.
    fn messages(&self) -> Vec<PathBuf> {
        let inbox = self.folder.path().join("mail/inbox/new");
        fs::read_dir(inbox)
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default()
    }

    /// The one message in the mailbox, once it is there.
    fn message(&self) -> String {
        wait_for("postfix to put the message into the mailbox", Duration::from_secs(30), || {
            !self.messages().is_empty()
        });
        let messages = self.messages();
        assert_eq!(messages.len(), 1, "one message was sent");
        String::from_utf8_lossy(&fs::read(&messages[0]).expect("the message")).into_owned()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        if std::thread::panicking() {
            outside::gateway::say(&format!("the log of postfix:\n{}", self.log_of_all()));
        }
        // SIGTERM makes the master end its services; SIGKILL would leave them to find out by themselves. The process
        // that was started is the one that waits for the master, which is in a session of its own.
        let master =
            fs::read_to_string(self.folder.path().join("spool/pid/master.pid")).unwrap_or_default();
        let master = master.trim().to_owned();
        let told = Command::new("sh").arg("-c").arg(format!("kill -TERM {master}")).status();
        let ended = self.starter.wait();
        wait_for("postfix to end", Duration::from_secs(20), || {
            !Path::new("/proc").join(&master).exists()
        });
        assert!((told.is_ok() && ended.is_ok()) || std::thread::panicking(), "{told:?} {ended:?}");
    }
}

fn public() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o755)
}

fn main_cf(folder: &Path, security: &str) -> String {
    let root = programs::root();
    let root = root.canonicalize().unwrap_or(root);
    let (folder, root) = (folder.display(), root.display());
    let certificate =
        if security == "none" { String::new() } else { certificate(&folder.to_string()) };
    format!(
        "compatibility_level = 3.6\n\
         queue_directory = {folder}/spool\ndata_directory = {folder}/data\n\
         command_directory = {root}/usr/sbin\ndaemon_directory = {root}/usr/lib/postfix/sbin\n\
         shlib_directory = {root}/usr/lib/postfix\nmeta_directory = {root}/etc/postfix\n\
         sendmail_path = {root}/usr/sbin/sendmail\n\
         import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C LD_LIBRARY_PATH={libraries}\n\
         mail_owner = {owner}\nsetgid_group = {GROUP}\ndefault_privs = nobody\n\
         maillog_file = /dev/stdout\ninet_interfaces = all\ninet_protocols = ipv4\nmyhostname = mx.{DOMAIN}\n\
         mydestination =\nlocal_recipient_maps =\nalias_maps =\nalias_database =\nmynetworks =\n\
         virtual_mailbox_domains = {DOMAIN}\nvirtual_mailbox_base = {folder}/mail\n\
         virtual_mailbox_maps = static:inbox/\nvirtual_uid_maps = static:{id}\nvirtual_gid_maps = static:{id}\n\
         virtual_minimum_uid = 1\n\
         smtpd_tls_security_level = {security}\nsmtpd_tls_received_header = yes\nsmtpd_tls_loglevel = 1\n{certificate}",
        libraries = programs::libraries(),
        owner = OWNER.0,
        id = OWNER.1,
    )
}

/// A self-signed certificate, as most sites that only want to be encrypted have.
fn certificate(folder: &str) -> String {
    let made = TestCa::new().issue(&Cert::SelfSigned, &format!("mx.{DOMAIN}"));
    let (chain, key) = (format!("{folder}/tls/chain.pem"), format!("{folder}/tls/key.pem"));
    fs::write(&chain, made.chain_pem).expect("the certificate is written");
    fs::write(&key, made.key_pem).expect("the key is written");
    format!("smtpd_tls_cert_file = {chain}\nsmtpd_tls_key_file = {key}\n")
}

fn master_cf(address: &SocketAddr) -> String {
    format!(
        "{address} inet n - n - - smtpd\n\
         pickup unix n - n 60 1 pickup\ncleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n\
         tlsmgr unix - - n 1000? 1 tlsmgr\nrewrite unix - - n - - trivial-rewrite\n\
         bounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\ntrace unix - - n - 0 bounce\n\
         proxymap unix - - n - - proxymap\nvirtual unix - n n - - virtual\nerror unix - - n - - error\n\
         retry unix - - n - - error\nanvil unix - - n - 1 anvil\npostlog unix-dgram n - n - 1 postlogd\n"
    )
}

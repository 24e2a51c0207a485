//! Passwords for logins at smart hosts, in files that the policy names and nobody else sees.
//!
//! A file is read at each login, so a changed password is used at once; its content is never kept, stored, exported
//! or shown, and no sentence about a file quotes it. It holds the password alone, on one line, so that no other file
//! can be sent to a smart host by naming it.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use gatepost_deliver::Secrets;
use gatepost_net::auth::Password;
use gatepost_policy::snapshot::SmartHost;

use crate::config::Config;

/// The longest password that is taken, in bytes; what is longer is another kind of file.
const LONGEST: usize = 1024;
/// Enough of a file to see that it is longer.
const MOST_READ: u64 = 1024 + 3;

/// Password files beside the configuration.
#[derive(Clone, Debug)]
pub(crate) struct PasswordFiles {
    folder: PathBuf,
}

impl PasswordFiles {
    /// Those of a configuration: relative names start at its folder.
    pub(crate) fn of(config: &Config) -> Self {
        let folder = config.file.as_deref().and_then(Path::parent);
        Self { folder: folder.map(Path::to_owned).unwrap_or_default() }
    }

    fn read(&self, file: &str) -> Result<Password, String> {
        let path = self.folder.join(file);
        let told = |what: &str| format!("the password file {} {what}", path.display());
        let unreadable = |why: &std::io::Error| told(&format!("cannot be read: {why}"));
        // asked first: opening a pipe would wait for somebody to write into it
        let there = fs::metadata(&path).map_err(|why| unreadable(&why))?;
        if !there.is_file() {
            return Err(told("is no file"));
        }
        let mut text = Vec::new();
        let opened = File::open(&path).map_err(|why| unreadable(&why))?;
        opened.take(MOST_READ).read_to_end(&mut text).map_err(|why| unreadable(&why))?;
        let Ok(text) = String::from_utf8(text) else { return Err(told("is no text in UTF-8")) };
        let password = text.strip_suffix('\n').unwrap_or(&text);
        let password = password.strip_suffix('\r').unwrap_or(password);
        if password.is_empty() {
            return Err(told("is empty: write the password into it, on one line"));
        }
        if password.len() > LONGEST || password.chars().any(char::is_control) {
            return Err(told("must hold the password alone, on one line"));
        }
        Ok(Password::new(password.to_owned()))
    }

    /// What is odd about the files that these smart hosts name.
    pub(crate) fn remarks(&self, hosts: &[SmartHost]) -> Vec<String> {
        let mut remarks = Vec::new();
        for SmartHost { host, password_file, .. } in hosts {
            let Some(file) = password_file else { continue };
            if let Err(why) = self.read(file) {
                remarks.push(format!("mail for the smart host {host} will wait: {why}"));
                continue;
            }
            let path = self.folder.join(file);
            let mode = fs::metadata(&path).map_or(0, |there| there.permissions().mode());
            if mode & 0o006 != 0 {
                remarks.push(format!(
                    "the password file {} is open to everybody on this machine; set its mode to 0600",
                    path.display()
                ));
            }
        }
        remarks.dedup();
        remarks
    }
}

impl Secrets for PasswordFiles {
    fn password(&self, file: &str) -> Result<Password, String> {
        self.read(file)
    }
}

#[cfg(test)]
mod tests {
    use gatepost_policy::tls::Level;

    use super::*;

    struct Folder {
        directory: tempfile::TempDir,
        files: PasswordFiles,
    }

    fn folder() -> Folder {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("gatepost.toml");
        let files = PasswordFiles::of(&Config { file: Some(file), ..Config::default() });
        Folder { directory, files }
    }

    impl Folder {
        fn write(&self, name: &str, text: impl AsRef<[u8]>, mode: u32) {
            let path = self.directory.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }

        fn refusal(&self, name: &str) -> String {
            self.files.password(name).map(|_| ()).unwrap_err()
        }
    }

    fn host(file: &str) -> SmartHost {
        SmartHost {
            domains: vec!["*".to_owned()],
            host: "relay.test".to_owned(),
            port: 587,
            tls: Level::Require,
            implicit_tls: false,
            username: Some("acme".to_owned()),
            password_file: Some(file.to_owned()),
        }
    }

    #[test]
    fn a_password_is_read_beside_the_configuration_at_each_login() {
        let folder = folder();
        for text in ["s3cret with blanks ", "s3cret\n", "s3cret\r\n", "pässwörd"] {
            folder.write("relay.password", text, 0o600);
            assert!(folder.files.password("relay.password").is_ok(), "{text:?}");
        }
        let whole = folder.directory.path().join("relay.password");
        assert!(folder.files.password(whole.to_str().unwrap()).is_ok(), "an absolute path");
        fs::remove_file(whole).unwrap();
        assert!(folder.refusal("relay.password").contains("cannot be read"));
    }

    #[test]
    fn what_holds_no_password_alone_is_refused_and_not_quoted() {
        let folder = folder();
        let long = "k".repeat(1025);
        for (text, what) in [
            ("", "is empty"),
            ("\n", "is empty"),
            ("root:hash1\nbin:hash2\n", "on one line"),
            ("two\0words", "on one line"),
            (long.as_str(), "on one line"),
        ] {
            folder.write("p", text, 0o600);
            let refusal = folder.refusal("p");
            assert!(refusal.contains(what), "{refusal}");
            assert!(!refusal.contains("hash") && !refusal.contains("kkk"), "{refusal}");
        }
        folder.write("p", b"\xff\xfe", 0o600);
        assert!(folder.refusal("p").contains("UTF-8"));
        assert!(folder.refusal("").contains("is no file"), "the folder itself");
    }

    #[test]
    fn a_file_that_is_missing_or_open_to_everybody_is_worth_a_word() {
        let folder = folder();
        assert!(folder.files.remarks(&[host("p")])[0].contains("will wait"));
        folder.write("p", "s3cret", 0o644);
        let remarks = folder.files.remarks(&[host("p"), host("p")]);
        assert_eq!(remarks.len(), 1);
        assert!(remarks[0].contains("open to everybody") && !remarks[0].contains("s3cret"));
        folder.write("p", "s3cret", 0o640);
        assert_eq!(folder.files.remarks(&[host("p")]), Vec::<String>::new());
    }
}

//! The files that settings name.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::{Unusable, provider};

/// How the settings are named in errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names {
    /// The file with root certificates.
    pub roots: &'static str,
    /// The file with the certificate of the client, and the certificates of its issuers.
    pub certificate: &'static str,
    /// The file with the key of that certificate.
    pub key: &'static str,
}

/// The files of a client; all of them are optional.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The names of the settings.
    pub names: Names,
    /// Root certificates.
    pub roots: Option<PathBuf>,
    /// The certificate of the client, and the certificates of its issuers.
    pub certificate: Option<PathBuf>,
    /// The key of that certificate.
    pub key: Option<PathBuf>,
}

/// The content of the files.
#[derive(Clone, Debug)]
pub struct Read {
    /// Root certificates, at least one; `None` if no file is set.
    pub roots: Option<Vec<CertificateDer<'static>>>,
    /// The certificate of the client with its key.
    pub identity: Option<Arc<CertifiedKey>>,
}

const CERTIFICATES: &str = "name a file of certificates in PEM";
const MALFORMED: &str = "it contains a malformed certificate";
const KEY: &str = "name a file with a private key in PEM, without a passphrase";

impl Files {
    /// Whether no file is set.
    pub fn is_empty(&self) -> bool {
        self.set().next().is_none()
    }

    /// The names of the settings that are set.
    pub fn set(&self) -> impl Iterator<Item = &'static str> {
        let Names { roots, certificate, key } = self.names;
        [(roots, &self.roots), (certificate, &self.certificate), (key, &self.key)]
            .into_iter()
            .filter_map(|(name, path)| path.is_some().then_some(name))
    }

    /// Checks the settings without reading a file: a certificate needs a key.
    pub fn check(&self) -> Result<(), Unusable> {
        let Names { certificate, key, .. } = self.names;
        let (set, missing) = match (&self.certificate, &self.key) {
            (Some(_), None) => (certificate, key),
            (None, Some(_)) => (key, certificate),
            (Some(_), Some(_)) | (None, None) => return Ok(()),
        };
        Err(Unusable(format!("{set} is set, and {missing} is not; set both or neither")))
    }

    /// Reads and checks all files that are set.
    pub fn read(&self) -> Result<Read, Unusable> {
        Ok(Read { roots: self.read_roots()?, identity: self.read_identity()? })
    }

    fn read_roots(&self) -> Result<Option<Vec<CertificateDer<'static>>>, Unusable> {
        let Some(path) = &self.roots else { return Ok(None) };
        let name = self.names.roots;
        let roots = certificates(name, path)?;
        for root in &roots {
            let added = RootCertStore::empty().add(root.clone());
            added.map_err(|_| wrong(name, path, MALFORMED, CERTIFICATES))?;
        }
        Ok(Some(roots))
    }

    /// Reads the certificate of the client and its key.
    pub(crate) fn read_identity(&self) -> Result<Option<Arc<CertifiedKey>>, Unusable> {
        self.check()?;
        let (Some(path), Some(key_path)) = (&self.certificate, &self.key) else { return Ok(None) };
        let Names { certificate: name, key: key_name, .. } = self.names;
        let chain = certificates(name, path)?;
        let key = private_key(key_name, key_path)?;
        let provider = provider();
        let key = provider
            .key_provider
            .load_private_key(key)
            .map_err(|_| wrong(key_name, key_path, "it contains no RSA, ECDSA or Ed25519 key", KEY))?;
        let identity = CertifiedKey::new(chain, key);
        match identity.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
                Ok(Some(Arc::new(identity)))
            }
            Err(rustls::Error::InconsistentKeys(_)) => Err(wrong(
                key_name,
                key_path,
                format!("it is not the key of the certificate in {name} {}", path.display()),
                "name the key of that certificate",
            )),
            Err(_) => Err(wrong(name, path, MALFORMED, CERTIFICATES)),
        }
    }
}

fn wrong(name: &str, path: &Path, why: impl Display, help: &str) -> Unusable {
    Unusable(format!("{name} {}: {why}; {help}", path.display()))
}

fn certificates(name: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let text = std::fs::read(path).map_err(|error| wrong(name, path, error, CERTIFICATES))?;
    let found: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(name, path, error, CERTIFICATES))?;
    if found.is_empty() {
        return Err(wrong(name, path, "it contains no certificate", CERTIFICATES));
    }
    Ok(found)
}

fn private_key(name: &str, path: &Path) -> Result<PrivateKeyDer<'static>, Unusable> {
    use rustls::pki_types::pem::Error::NoItemsFound;
    let text = std::fs::read(path).map_err(|error| wrong(name, path, error, KEY))?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        NoItemsFound if is_encrypted(&text) => wrong(name, path, "its key is encrypted", KEY),
        NoItemsFound => wrong(name, path, "it contains no private key", KEY),
        error => wrong(name, path, error, KEY),
    })
}

/// Whether a key in PEM has a passphrase: PKCS #8, or the older form of OpenSSL.
fn is_encrypted(text: &[u8]) -> bool {
    String::from_utf8_lossy(text).contains("ENCRYPTED")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const NAMES: Names = Names { roots: "x.ca_file", certificate: "x.cert_file", key: "x.key_file" };

    /// A folder with two certificates and their keys, and files that are neither.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            fs::write(folder.path().join(format!("{name}.crt")), made.cert.pem()).unwrap();
            fs::write(folder.path().join(format!("{name}.key")), made.signing_key.serialize_pem()).unwrap();
        }
        for (name, text) in [
            ("empty", ""),
            ("cut", "-----BEGIN CERTIFICATE-----\nhunter2"),
            ("not.crt", "-----BEGIN CERTIFICATE-----\naHVudGVyMg==\n-----END CERTIFICATE-----\n"),
            ("not.key", "-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n"),
            (
                "locked.key",
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\naHVudGVyMg==\n-----END ENCRYPTED PRIVATE KEY-----\n",
            ),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn files(folder: &Path, roots: &str, certificate: &str, key: &str) -> Files {
        let path = |name: &str| (!name.is_empty()).then(|| folder.join(name));
        Files { names: NAMES, roots: path(roots), certificate: path(certificate), key: path(key) }
    }

    #[test]
    fn files_that_are_set_are_read() {
        let folder = folder();
        let read = files(folder.path(), "a.crt", "b.crt", "b.key").read().unwrap();
        assert_eq!((read.roots.unwrap().len(), read.identity.unwrap().cert.len()), (1, 1));
        let none = files(folder.path(), "", "", "");
        let read = none.read().unwrap();
        assert!(none.is_empty() && read.roots.is_none() && read.identity.is_none());
    }

    /// Root certificates, certificate, key, and what is said of them.
    const UNUSABLE: &[(&str, &str, &str, &str)] = &[
        (
            "none",
            "",
            "",
            "x.ca_file PATH/none: No such file or directory (os error 2); name a file of certificates in PEM",
        ),
        ("", "", "", "x.ca_file PATH/: Is a directory (os error 21); name a file of certificates in PEM"),
        ("empty", "", "", "x.ca_file PATH/empty: it contains no certificate; name a file"),
        ("a.key", "", "", "x.ca_file PATH/a.key: it contains no certificate; name a file"),
        ("cut", "", "", "x.ca_file PATH/cut: missing section end marker"),
        ("not.crt", "", "", "x.ca_file PATH/not.crt: it contains a malformed certificate; name a file"),
        ("", "a.crt", "", "x.cert_file is set, and x.key_file is not; set both or neither"),
        ("", "", "a.key", "x.key_file is set, and x.cert_file is not; set both or neither"),
        (
            "",
            "none",
            "a.key",
            "x.cert_file PATH/none: No such file or directory (os error 2); name a file of cert",
        ),
        (
            "",
            "a.crt",
            "none",
            "x.key_file PATH/none: No such file or directory (os error 2); name a file with a pr",
        ),
        (
            "",
            "a.crt",
            "a.crt",
            "x.key_file PATH/a.crt: it contains no private key; name a file with a private key",
        ),
        ("", "a.crt", "locked.key", "x.key_file PATH/locked.key: its key is encrypted; name a file"),
        (
            "",
            "a.crt",
            "not.key",
            "x.key_file PATH/not.key: it contains no RSA, ECDSA or Ed25519 key; name a file",
        ),
        (
            "",
            "not.crt",
            "a.key",
            "x.cert_file PATH/not.crt: it contains a malformed certificate; name a file",
        ),
        (
            "",
            "a.crt",
            "b.key",
            "x.key_file PATH/b.key: it is not the key of the certificate in x.cert_file PATH/a.crt;",
        ),
    ];

    #[test]
    fn an_unusable_file_is_named_with_its_setting_and_what_to_do() {
        let folder = folder();
        for (roots, certificate, key, told) in UNUSABLE {
            let mut files = files(folder.path(), roots, certificate, key);
            if files.is_empty() {
                files.roots = Some(folder.path().join(""));
            }
            let says = files.read().unwrap_err().to_string();
            let told = told.replace("PATH", folder.path().to_str().unwrap());
            assert!(says.contains(&told) && !says.contains("hunter2"), "{says}\n{told}");
        }
    }
}

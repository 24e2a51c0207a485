//! Signing in with a provider: `web` knows the protocol, `net` asks the provider.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use axum::http::{Request, Response};
use gatepost_net::http::{Client, Limits};
use gatepost_store::Secret;
use gatepost_web::oidc::{Oidc, Provider};
use gatepost_web::{Fetch, SignOn};

use super::Refused;
use super::settings;
use crate::config::{self, Config};

/// The longest secret that is taken, in bytes; what is longer is another kind of file.
const LONGEST: usize = 1024;

/// Asks the provider over `net`.
struct Asks(Client);

#[async_trait]
impl Fetch for Asks {
    async fn fetch(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, String> {
        self.0.send(request).await.map_err(|why| why.to_string())
    }
}

/// The provider of a configuration. `admin` is where the console is, and whether it speaks TLS. Reads files.
///
/// # Errors
/// What is wrong with its settings or its secret.
pub(crate) fn provider(
    config: &Config,
    (admin, tls): (SocketAddr, bool),
) -> Result<Option<Arc<dyn SignOn>>, Refused> {
    let Some(settings) = &config.oidc else { return Ok(None) };
    let wrong = |why: String| Refused::Configuration(format!("[admin.oidc] {why}"));
    let console = config.console(admin, tls);
    let config::SignOn {
        name,
        issuer,
        client_id,
        client_secret_file,
        groups_claim,
        roles,
        scopes,
        audiences,
    } = settings.clone();
    let client_secret = client_secret_file.map(|file| secret(&file)).transpose().map_err(wrong)?;
    let provider = Provider {
        name,
        issuer,
        client_id,
        client_secret,
        redirect: format!("{console}/api/v1/oidc/callback"),
        groups_claim,
        roles,
        scopes,
        audiences,
    };
    let asks = Asks(Client::new(&settings::roots(config), Limits::default()));
    let oidc = Oidc::new(provider, Arc::new(asks)).map_err(|why| wrong(why.to_string()))?;
    Ok(Some(Arc::new(oidc)))
}

/// The secret, which stands in its file alone, on one line. No sentence quotes it.
fn secret(file: &std::path::Path) -> Result<Secret, String> {
    let told = |what: &str| format!("client_secret_file {} {what}", file.display());
    let text = fs::read_to_string(file).map_err(|why| told(&format!("cannot be read: {why}")))?;
    let secret = text.strip_suffix('\n').unwrap_or(&text);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    if secret.is_empty() || secret.len() > LONGEST || secret.chars().any(char::is_control) {
        return Err(told("must hold the secret alone, on one line"));
    }
    Ok(Secret::new(secret))
}

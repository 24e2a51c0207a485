//! OpenID Connect: the code flow with PKCE, state and nonce (OpenID Connect Core 1.0 section 3.1, RFC 7636, RFC 9207).
//!
//! What holds: an ID token counts only with a signature by a key that the provider publishes, by a public-key algorithm, for this
//! client, from this issuer, with the nonce of this very sign-in; the code goes to the provider with the verifier that only the
//! browser's sealed cookie has. Roles come from groups at each sign-in, and from nothing that was before. The provider's documents
//! are kept for five minutes, and fetched again when a key is not among them.

mod seal;
#[cfg(test)]
mod tests;
mod token;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gatepost_store::{Role, Secret};
use gatepost_wire::timestamp::Timestamp;
use openidconnect::core::{CoreAuthenticationFlow, CoreProviderMetadata};
use openidconnect::{
    AsyncHttpClient, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest,
    HttpResponse, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
};
use subtle::ConstantTimeEq as _;
use tokio::sync::Mutex;

use crate::sign_on::{Back, Begun, Fetch, Identity, Refusal, RefusalKind, SignOn};
use seal::{Seal, Sealed};
use token::Known;

/// How long a sign-in may take.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// How long the provider's documents are kept.
const KEPT: Duration = Duration::from_secs(5 * 60);

/// How a provider is used.
#[derive(Clone, Debug)]
pub struct Provider {
    /// What the button says.
    pub name: String,
    /// The issuer, as the provider writes it.
    pub issuer: String,
    /// Our name at the provider.
    pub client_id: String,
    /// Our secret at the provider; a public client has none.
    pub client_secret: Option<Secret>,
    /// Where the provider sends browsers back to: the address of `/api/v1/oidc/callback` as browsers see it.
    pub redirect: String,
    /// The claim that names a person's groups.
    pub groups_claim: String,
    /// What members of a group may do.
    pub roles: Vec<(String, Role)>,
    /// What is asked for, besides `openid`.
    pub scopes: Vec<String>,
    /// Audiences that an ID token may have besides us.
    pub audiences: Vec<String>,
}

/// Sign-in by OpenID Connect.
pub struct Oidc {
    provider: Provider,
    issuer: IssuerUrl,
    redirect: RedirectUrl,
    asks: Asks,
    seal: Seal,
    metadata: Mutex<Option<(Timestamp, CoreProviderMetadata)>>,
}

/// Why a provider cannot be used as it is written down.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unusable {
    /// An address is none.
    #[error("{0} is not an address: {1}")]
    Address(String, String),
    /// There is no randomness.
    #[error("there is no source of random bytes")]
    Randomness,
}

/// Who is asked over HTTP, as the protocol's crate wants it.
struct Asks(Arc<dyn Fetch>);

impl<'c> AsyncHttpClient<'c> for Asks {
    type Error = NoAnswer;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, NoAnswer>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move { self.0.fetch(request).await.map_err(NoAnswer) })
    }
}

/// No answer, with the words of whoever fetched.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NoAnswer(String);

impl Oidc {
    /// Uses a provider. It is asked when somebody signs in, and not before.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn new(provider: Provider, fetch: Arc<dyn Fetch>) -> Result<Self, Unusable> {
        let unusable = |text: &str, why: String| Unusable::Address(text.to_owned(), why);
        let issuer = IssuerUrl::new(provider.issuer.clone())
            .map_err(|why| unusable(&provider.issuer, why.to_string()))?;
        let redirect = RedirectUrl::new(provider.redirect.clone())
            .map_err(|why| unusable(&provider.redirect, why.to_string()))?;
        let seal = Seal::new().ok_or(Unusable::Randomness)?;
        Ok(Self { provider, issuer, redirect, asks: Asks(fetch), seal, metadata: Mutex::new(None) })
    }

    /// The provider as its documents have it.
    async fn known(&self, now: Timestamp) -> Result<Known, Refusal> {
        let mut kept = self.metadata.lock().await;
        let fresh = kept.as_ref().filter(|(at, _)| *at <= now && now.since(*at) < KEPT);
        let metadata = if let Some((_, metadata)) = fresh {
            metadata.clone()
        } else {
            let metadata = CoreProviderMetadata::discover_async(self.issuer.clone(), &self.asks)
                .await
                .map_err(|why| Refusal::new(RefusalKind::Unreachable, chain(&why)))?;
            *kept = Some((now, metadata.clone()));
            metadata
        };
        let at = metadata.authorization_endpoint().url();
        let plain = self.issuer.url().scheme() == "http";
        if at.scheme() != "https" && !(plain && at.scheme() == "http") {
            let detail = format!("browsers would be sent to {at}, which is no https address");
            return Err(Refusal::new(RefusalKind::Untrusted, detail));
        }
        let secret = self.provider.client_secret.as_ref();
        let secret = secret.map(|secret| ClientSecret::new(secret.expose().to_owned()));
        let id = ClientId::new(self.provider.client_id.clone());
        Ok(Known::from_provider_metadata(metadata, id, secret)
            .set_redirect_uri(self.redirect.clone()))
    }

    async fn forget(&self) {
        *self.metadata.lock().await = None;
    }

    /// Opens what the browser kept, if it belongs to what came back.
    fn begun(&self, back: &Back<'_>, now: Timestamp) -> Option<Sealed> {
        let sealed = self.seal.open(back.kept?)?;
        let same = bool::from(sealed.state.as_bytes().ct_eq(back.state?.as_bytes()));
        (same && sealed.until > now.millis()).then_some(sealed)
    }

    /// The role of somebody in these groups: the one that may most.
    fn role(&self, groups: &[String]) -> Option<Role> {
        let theirs = |role: Role| {
            self.provider.roles.iter().any(|(group, of)| *of == role && groups.contains(group))
        };
        Role::ALL.iter().copied().find(|role| theirs(*role))
    }
}

#[async_trait]
impl SignOn for Oidc {
    fn name(&self) -> &str {
        &self.provider.name
    }

    async fn begin(&self, now: Timestamp) -> Result<Begun, Refusal> {
        let known = self.known(now).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let scopes = self.provider.scopes.iter().cloned().map(Scope::new);
        let (address, state, nonce) = known
            .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
            .add_scopes(scopes)
            .set_pkce_challenge(challenge)
            .url();
        let sealed = Sealed {
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
            until: now.plus(PATIENCE).millis(),
        };
        let kept = self.seal.close(&sealed);
        let kept = kept.ok_or_else(|| {
            Refusal::new(RefusalKind::Unreachable, "there is no source of random bytes")
        })?;
        Ok(Begun { address: address.into(), kept })
    }

    async fn finish(&self, back: Back<'_>, now: Timestamp) -> Result<Identity, Refusal> {
        let Some(sealed) = self.begun(&back, now) else {
            let detail = "the state is not that of a sign-in that began in this browser";
            return Err(Refusal::new(RefusalKind::NotBegun, detail));
        };
        // RFC 9207 section 2.4: an answer that another provider gave is not for this one.
        if back.issuer.is_some_and(|issuer| issuer != self.issuer.as_str()) {
            return Err(Refusal::new(RefusalKind::Untrusted, "the answer is of another issuer"));
        }
        if let Some(error) = back.error {
            let error = gatepost_wire::escape::printable(error.as_bytes(), 100);
            return Err(Refusal::new(RefusalKind::Denied, format!("the provider said {error}")));
        }
        let Some(code) = back.code else {
            return Err(Refusal::new(RefusalKind::Denied, "the provider gave no code"));
        };
        let known = self.known(now).await?;
        let answer = known
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|why| Refusal::new(RefusalKind::Untrusted, chain(&why)))?
            .set_pkce_verifier(PkceCodeVerifier::new(sealed.verifier))
            .request_async(&self.asks)
            .await
            .map_err(|why| token::refused(&why))?;
        let nonce = Nonce::new(sealed.nonce);
        let claims = match token::read(&known, &answer, &nonce, &self.provider) {
            // The provider may have new keys.
            Err(token::Wrong::Key(_)) => {
                self.forget().await;
                let known = self.known(now).await?;
                token::read(&known, &answer, &nonce, &self.provider)
            }
            read => read,
        };
        let claims = claims.map_err(token::Wrong::into_refusal)?;
        let claim = &self.provider.groups_claim;
        let told = claims.groups(claim);
        let more = match &told {
            Some(_) => token::More::default(),
            None => token::more(&known, &answer, &claims, &self.asks, claim).await?,
        };
        let subject = claims.subject();
        let name = claims.name().or(more.name);
        let name = name.unwrap_or_else(|| gatepost_wire::escape::printable(subject.as_bytes(), 60));
        let subject = format!("{}|{subject}", self.issuer.as_str());
        let Some(role) = self.role(&told.unwrap_or(more.groups)) else {
            let detail = format!("{name} is in no group that has a role");
            return Err(Refusal::new(RefusalKind::NoRole, detail).of(subject));
        };
        Ok(Identity { subject, name, role })
    }
}

/// An error with everything behind it, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    gatepost_wire::escape::printable(text.as_bytes(), 400)
}

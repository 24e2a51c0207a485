//! What the provider says about a person, and whether it can be believed.

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessTokenHash, AdditionalClaims, ClaimsVerificationError, Client, EmptyExtraTokenFields,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenClaims, IdTokenFields, Nonce,
    OAuth2TokenResponse as _, RequestTokenError, SignatureVerificationError, StandardErrorResponse,
    StandardTokenResponse, TokenResponse as _, UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Asks, NoAnswer, Provider, chain};
use crate::sign_on::{Refusal, RefusalKind};

/// Claims that have no name in the standard, such as groups.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub(super) struct Rest(Map<String, Value>);

impl AdditionalClaims for Rest {}

type Fields = IdTokenFields<
    Rest,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

/// What the provider gives for a code.
pub(super) type Answer = StandardTokenResponse<Fields, CoreTokenType>;

type OAuthError = StandardErrorResponse<CoreErrorResponseType>;

/// The provider, as its documents have it.
pub(super) type Known = Client<
    Rest,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    OAuthError,
    Answer,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Signatures that count: by public keys. One with our own secret could be made by whoever else has it, and `none` is none.
const SIGNATURES: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Why a token is not believed.
pub(super) enum Wrong {
    /// The key that signed it is not among those that are known.
    Key(String),
    /// Anything else.
    Other(String),
}

impl Wrong {
    pub(super) fn into_refusal(self) -> Refusal {
        let (Self::Key(why) | Self::Other(why)) = self;
        Refusal::new(RefusalKind::Untrusted, format!("the ID token does not count: {why}"))
    }
}

/// Claims of an ID token that counts.
pub(super) struct Claims(IdTokenClaims<Rest, CoreGenderClaim>);

/// Checks the ID token of an answer.
pub(super) fn read(
    known: &Known,
    answer: &Answer,
    nonce: &Nonce,
    provider: &Provider,
) -> Result<Claims, Wrong> {
    let token = answer.id_token().ok_or_else(|| Wrong::Other("there is none".to_owned()))?;
    let verifier =
        known.id_token_verifier().set_allowed_algs(SIGNATURES).set_other_audience_verifier_fn(
            |audience| provider.audiences.iter().any(|taken| taken == audience.as_str()),
        );
    let claims = token.claims(&verifier, nonce).map_err(|why| {
        let text = chain(&why);
        let key = matches!(
            why,
            ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey
            )
        );
        if key { Wrong::Key(text) } else { Wrong::Other(text) }
    })?;
    // OpenID Connect Core 1.0 section 3.1.3.7, points 4 and 5.
    let party = claims.authorized_party().map(|party| party.as_str());
    if party.is_some_and(|party| party != provider.client_id) {
        return Err(Wrong::Other("it was made for another client".to_owned()));
    }
    if let Some(wanted) = claims.access_token_hash() {
        let had = token.signing_alg().ok().zip(token.signing_key(&verifier).ok());
        let had = had.and_then(|(algorithm, key)| {
            AccessTokenHash::from_token(answer.access_token(), algorithm, key).ok()
        });
        if had.as_ref() != Some(wanted) {
            return Err(Wrong::Other("its access token is another's".to_owned()));
        }
    }
    Ok(Claims(claims.clone()))
}

/// What the provider's userinfo has of what the ID token leaves out: a provider that keeps to the letter puts all claims of a scope
/// there (OpenID Connect Core 1.0 section 5.4).
#[derive(Default)]
pub(super) struct More {
    /// The person's groups.
    pub(super) groups: Vec<String>,
    /// What to call them.
    pub(super) name: Option<String>,
}

/// Asks for it.
pub(super) async fn more(
    known: &Known,
    answer: &Answer,
    claims: &Claims,
    asks: &Asks,
    claim: &str,
) -> Result<More, Refusal> {
    let subject = claims.0.subject().clone();
    // A provider without userinfo has said all that it says.
    let Ok(request) = known.user_info(answer.access_token().clone(), Some(subject)) else {
        return Ok(More::default());
    };
    let info: Result<UserInfoClaims<Rest, CoreGenderClaim>, _> = request.request_async(asks).await;
    let info = info.map_err(|why| {
        let detail = format!("userinfo does not count: {}", chain(&why));
        Refusal::new(RefusalKind::Untrusted, detail)
    })?;
    let name = usable([
        info.preferred_username().map(|name| name.as_str()),
        info.email().map(|address| address.as_str()),
        info.name().and_then(|names| names.get(None)).map(|name| name.as_str()),
    ]);
    Ok(More { groups: groups(info.additional_claims(), claim).unwrap_or_default(), name })
}

impl Claims {
    pub(super) fn subject(&self) -> &str {
        self.0.subject().as_str()
    }

    /// The person's groups; `None` where nothing is said of them.
    pub(super) fn groups(&self, claim: &str) -> Option<Vec<String>> {
        groups(self.0.additional_claims(), claim)
    }

    /// What to call them, if the ID token says.
    pub(super) fn name(&self) -> Option<String> {
        usable([
            self.0.preferred_username().map(|name| name.as_str()),
            self.0.email().map(|address| address.as_str()),
            self.0.name().and_then(|names| names.get(None)).map(|name| name.as_str()),
        ])
    }
}

/// The first of the usual claims that an account can be named.
fn usable(claims: [Option<&str>; 3]) -> Option<String> {
    let mut names = claims.into_iter().flatten().map(str::trim);
    names.find(|name| gatepost_store::check_name(name).is_ok()).map(str::to_owned)
}

fn groups(Rest(claims): &Rest, claim: &str) -> Option<Vec<String>> {
    match claims.get(claim)? {
        Value::String(group) => Some(vec![group.clone()]),
        Value::Array(groups) => {
            Some(groups.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Some(Vec::new()),
    }
}

/// What it means that a code was not taken.
pub(super) fn refused(error: &RequestTokenError<NoAnswer, OAuthError>) -> Refusal {
    match error {
        RequestTokenError::ServerResponse(said) => {
            let said = gatepost_wire::escape::printable(said.error().as_ref().as_bytes(), 100);
            Refusal::new(RefusalKind::Denied, format!("the code was refused: {said}"))
        }
        RequestTokenError::Request(why) => Refusal::new(RefusalKind::Unreachable, why.to_string()),
        // The parser quotes what it read, which is where tokens are.
        RequestTokenError::Parse(..) => {
            Refusal::new(RefusalKind::Untrusted, "the answer for the code cannot be read")
        }
        RequestTokenError::Other(why) => Refusal::new(
            RefusalKind::Untrusted,
            gatepost_wire::escape::printable(why.as_bytes(), 200),
        ),
    }
}

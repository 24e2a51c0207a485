//! A provider that can lie in every way that the standard warns of.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use axum::http::{Request, Response};
use data_encoding::BASE64URL_NOPAD;
use gatepost_store::{Clock as _, SystemClock};
use openidconnect::url::Url;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::sign_on::Fetch;

pub(super) const ISSUER: &str = "https://id.acme.example";
pub(super) const CLIENT: &str = "gatepost";
pub(super) const SECRET: &str = "our secret at the provider";

/// What is wrong with the next token.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Lie {
    #[default]
    None,
    Nonce,
    NoNonce,
    Audience,
    SecondAudience,
    Issuer,
    AlgNone,
    OurSecret,
    WrongKey,
    Expired,
    Party,
    AccessToken,
    NoToken,
    Garbage,
}

/// What was granted for a code.
struct Grant {
    nonce: String,
    challenge: String,
}

/// The provider.
#[derive(Clone)]
pub(super) struct Fake(Arc<Mutex<State>>);

struct State {
    lie: Lie,
    down: bool,
    key: (String, EcdsaKeyPair),
    claims: Value,
    userinfo: Value,
    grants: HashMap<String, Grant>,
    count: usize,
    asked: Vec<String>,
}

fn new_key() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()
}

impl Fake {
    pub(super) fn new(claims: Value) -> Self {
        Self(Arc::new(Mutex::new(State {
            lie: Lie::None,
            down: false,
            key: ("1".to_owned(), new_key()),
            claims,
            userinfo: json!({}),
            grants: HashMap::new(),
            count: 0,
            asked: Vec::new(),
        })))
    }

    pub(super) fn lie(&self, lie: Lie) {
        self.0.lock().unwrap().lie = lie;
    }

    pub(super) fn down(&self, down: bool) {
        self.0.lock().unwrap().down = down;
    }

    pub(super) fn claims(&self, claims: Value) {
        self.0.lock().unwrap().claims = claims;
    }

    pub(super) fn userinfo(&self, claims: Value) {
        self.0.lock().unwrap().userinfo = claims;
    }

    pub(super) fn new_key(&self, name: &str) {
        self.0.lock().unwrap().key = (name.to_owned(), new_key());
    }

    /// How often a path was asked.
    pub(super) fn asked(&self, path: &str) -> usize {
        self.0.lock().unwrap().asked.iter().filter(|asked| *asked == path).count()
    }

    /// The person says yes at the address that the browser was sent to: gives the state and the code.
    pub(super) fn consent(&self, address: &str) -> (String, String) {
        let url = Url::parse(address).unwrap();
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!(query["response_type"], "code");
        assert_eq!(query["client_id"], CLIENT);
        assert_eq!(query["redirect_uri"], "https://gate.acme.example/api/v1/oidc/callback");
        assert_eq!(query["code_challenge_method"], "S256");
        assert!(query["scope"].split(' ').any(|scope| scope == "openid"), "{query:?}");
        assert!(query["state"].len() >= 16 && query["nonce"].len() >= 16);
        let mut state = self.0.lock().unwrap();
        state.count += 1;
        let code = format!("code-{}", state.count);
        let (nonce, challenge) = (query["nonce"].clone(), query["code_challenge"].clone());
        state.grants.insert(code.clone(), Grant { nonce, challenge });
        (query["state"].clone(), code)
    }
}

#[async_trait]
impl Fetch for Fake {
    async fn fetch(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, String> {
        let mut state = self.0.lock().unwrap();
        state.asked.push(request.uri().path().to_owned());
        if state.down {
            return Err("connection refused".to_owned());
        }
        assert_eq!(request.uri().host(), Some("id.acme.example"));
        let (status, body) = match request.uri().path() {
            "/.well-known/openid-configuration" => (200, discovery()),
            "/jwks" => (200, state.keys()),
            "/token" => state.token(&request),
            "/userinfo" => (200, state.userinfo.clone()),
            other => panic!("{other} was asked"),
        };
        let answer = Response::builder().status(status).header("content-type", "application/json");
        Ok(answer.body(body.to_string().into_bytes()).unwrap())
    }
}

fn discovery() -> Value {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": format!("{ISSUER}/authorize"),
        "token_endpoint": format!("{ISSUER}/token"),
        "userinfo_endpoint": format!("{ISSUER}/userinfo"),
        "jwks_uri": format!("{ISSUER}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        // a careless provider says that it would also sign with nothing
        "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
    })
}

impl State {
    fn keys(&self) -> Value {
        let point = self.key.1.public_key().as_ref();
        json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.key.0,
            "x": BASE64URL_NOPAD.encode(&point[1..33]),
            "y": BASE64URL_NOPAD.encode(&point[33..65]),
        }] })
    }

    fn token(&mut self, request: &Request<Vec<u8>>) -> (u16, Value) {
        let form = format!("{ISSUER}/?{}", String::from_utf8_lossy(request.body()));
        let form: HashMap<String, String> =
            Url::parse(&form).unwrap().query_pairs().into_owned().collect();
        let authorization = request.headers()["authorization"].to_str().unwrap();
        assert!(authorization.starts_with("Basic "), "the client shows who it is");
        let invalid =
            |why: &str| (400, json!({ "error": "invalid_grant", "error_description": why }));
        let Some(grant) = self.grants.remove(&form["code"]) else {
            return invalid("no such code, or used before");
        };
        let verifier = form.get("code_verifier").map_or("", String::as_str);
        if BASE64URL_NOPAD.encode(&Sha256::digest(verifier)) != grant.challenge {
            return invalid("wrong verifier");
        }
        let mut answer =
            json!({ "access_token": "access", "token_type": "Bearer", "expires_in": 60 });
        if self.lie == Lie::Garbage {
            answer["id_token"] = json!("a.b.c");
        } else if self.lie != Lie::NoToken {
            answer["id_token"] = json!(self.id_token(&grant.nonce));
        }
        (200, answer)
    }

    fn id_token(&self, nonce: &str) -> String {
        let now = SystemClock::new().now().millis() / 1000;
        let mut claims = self.claims.clone();
        claims["iss"] = json!(ISSUER);
        claims["aud"] = json!([CLIENT]);
        claims["nonce"] = json!(nonce);
        claims["iat"] = json!(now);
        claims["exp"] = json!(now + 300);
        match self.lie {
            Lie::Nonce => claims["nonce"] = json!("another"),
            Lie::NoNonce => drop(claims.as_object_mut().unwrap().remove("nonce")),
            Lie::Audience => claims["aud"] = json!(["somebody else"]),
            Lie::SecondAudience => claims["aud"] = json!([CLIENT, "somebody else"]),
            Lie::Issuer => claims["iss"] = json!("https://id.evil.example"),
            Lie::Expired => claims["exp"] = json!(now - 3600),
            Lie::Party => claims["azp"] = json!("somebody else"),
            Lie::AccessToken => claims["at_hash"] = json!("AAAAAAAAAAAAAAAAAAAAAA"),
            Lie::None
            | Lie::AlgNone
            | Lie::OurSecret
            | Lie::WrongKey
            | Lie::NoToken
            | Lie::Garbage => {}
        }
        let lies = [(Lie::AlgNone, "none"), (Lie::OurSecret, "HS256")];
        let alg = lies.iter().find(|(lie, _)| *lie == self.lie).map_or("ES256", |(_, alg)| *alg);
        let header = json!({ "alg": alg, "kid": self.key.0, "typ": "JWT" });
        let encode = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let text = format!("{}.{}", encode(&header), encode(&claims));
        let signature = if self.lie == Lie::AlgNone {
            Vec::new()
        } else if self.lie == Lie::OurSecret {
            let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
            hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
        } else if self.lie == Lie::WrongKey {
            sign(&new_key(), &text)
        } else {
            sign(&self.key.1, &text)
        };
        format!("{text}.{}", BASE64URL_NOPAD.encode(&signature))
    }
}

fn sign(key: &EcdsaKeyPair, text: &str) -> Vec<u8> {
    key.sign(&SystemRandom::new(), text.as_bytes()).unwrap().as_ref().to_vec()
}

//! Lists that come a page at a time, and are never cut silently.

use axum::extract::FromRequestParts;
use axum::extract::Query;
use axum::http::request::Parts;
use data_encoding::BASE64URL_NOPAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::Problem;

/// The largest page.
const MOST: u32 = 1000;

/// The page where nothing is said.
const USUAL: u32 = 100;

/// Which page is wanted. A list with a query of its own has these two keys in it, and hands them to [`Self::new`].
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    /// How many, 1 to 1000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

impl PageQuery {
    /// That page.
    pub(crate) const fn new(limit: Option<u32>, cursor: Option<String>) -> Self {
        Self { limit, cursor }
    }

    /// How many are wanted.
    ///
    /// # Errors
    /// 400 where it is none of 1 to 1000.
    pub(crate) fn limit(&self) -> Result<usize, Problem> {
        match self.limit.unwrap_or(USUAL) {
            limit @ 1..=MOST => Ok(usize::try_from(limit).unwrap_or(1)),
            other => Err(Problem::bad_request(format!("limit is {other}: it is 1 to {MOST}."))),
        }
    }

    /// Where to go on: what [`cursor`] made of it; `None` for the first page.
    ///
    /// # Errors
    /// 400 for what no page gave.
    pub(crate) fn from<T: DeserializeOwned>(&self) -> Result<Option<T>, Problem> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).ok();
        let mark = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        mark.map(Some)
            .ok_or_else(|| Problem::bad_request("cursor is not one that a page of this list gave."))
    }
}

/// A cursor that remembers where a page ended.
pub(crate) fn cursor<T: Serialize>(mark: &T) -> Option<String> {
    serde_json::to_vec(mark).ok().map(|bytes| BASE64URL_NOPAD.encode(&bytes))
}

/// A page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The entries.
    pub(crate) items: Vec<T>,
    /// The cursor of the next page; `null` where this is the last.
    pub(crate) next: Option<String>,
    /// How many there are in all, where that is known.
    pub(crate) total: Option<u64>,
}

impl<T> Page<T> {
    /// All of a list that has only one page.
    pub(crate) fn whole(items: Vec<T>) -> Self {
        let total = u64::try_from(items.len()).ok();
        Self { items, next: None, total }
    }
}

/// The query of a request. A key that is unknown is a problem, since a filter that is misspelt would show everything.
#[derive(Clone, Debug)]
pub(crate) struct Asked<T>(pub(crate) T);

impl<T, S> FromRequestParts<S> for Asked<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(why) => {
                Err(Problem::bad_request(format!("The query cannot be used: {}.", why.body_text())))
            }
        }
    }
}

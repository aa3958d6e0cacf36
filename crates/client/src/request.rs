//! A request, which can be sent several times.

use bytes::Bytes;
use control::{Error, Problem};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Method};
use serde::Serialize;

use crate::lists::Upload;

/// A request to a resource.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) headers: HeaderMap,
    content: Content,
}

/// The body.
enum Content {
    None,
    Json(Bytes),
    List(Upload),
}

impl Request {
    pub(crate) fn get<const N: usize>(path: [&str; N]) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post<const N: usize>(path: [&str; N]) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn put<const N: usize>(path: [&str; N]) -> Self {
        Self::new(Method::PUT, path)
    }

    pub(crate) fn patch<const N: usize>(path: [&str; N]) -> Self {
        Self::new(Method::PATCH, path)
    }

    pub(crate) fn delete<const N: usize>(path: [&str; N]) -> Self {
        Self::new(Method::DELETE, path)
    }

    fn new<const N: usize>(method: Method, path: [&str; N]) -> Self {
        let path = path.map(str::to_owned).into();
        Self { method, path, query: Vec::new(), headers: HeaderMap::new(), content: Content::None }
    }

    /// Adds a parameter, if it is given.
    pub(crate) fn query<T: ToString>(mut self, name: &'static str, value: Option<T>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The same with a JSON body.
    pub(crate) fn json(mut self, body: &impl Serialize) -> Result<Self, Error> {
        let body = serde_json::to_vec(body).map_err(|error| {
            Error::refused(Problem::Internal, format!("cannot write the request as JSON: {error}"))
        })?;
        self.content = Content::Json(body.into());
        Ok(self.header(CONTENT_TYPE, HeaderValue::from_static("application/json")))
    }

    /// The same with a list as its body.
    pub(crate) fn list(mut self, list: Upload) -> Self {
        self.content = Content::List(list);
        self.header(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
    }

    /// Whether the request changes something.
    pub(crate) fn is_change(&self) -> bool {
        self.method != Method::GET
    }

    /// Whether the body is a list, whose upload may take minutes.
    pub(crate) fn is_upload(&self) -> bool {
        matches!(self.content, Content::List(_))
    }

    /// The body of the next attempt.
    pub(crate) fn body(&self) -> Option<Body> {
        match &self.content {
            Content::None => None,
            Content::Json(body) => Some(body.clone().into()),
            Content::List(list) => Some(list.body()),
        }
    }
}

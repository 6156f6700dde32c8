//! What is answered.

use http::StatusCode;
use kulkul_xml::Xml;

use crate::answer::{self, Answer};
use crate::api::Call;

/// The name space of every document.
const NAME_SPACE: &str = "http://mns.aliyuncs.com/doc/v1/";

/// An answer in the making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    status: StatusCode,
    location: Option<String>,
    document: Option<String>,
}

impl Reply {
    /// 204, and nothing else.
    pub(crate) fn no_content() -> Self {
        Self::empty(StatusCode::NO_CONTENT)
    }

    /// A status without a document.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, location: None, document: None }
    }

    /// With a document.
    pub(crate) fn document(status: StatusCode, document: Xml) -> Self {
        Self { status, location: None, document: Some(document.finish()) }
    }

    /// Says where something is.
    pub(crate) fn at(self, location: String) -> Self {
        Self { location: Some(location), ..self }
    }

    pub(crate) fn into_answer(self) -> Answer {
        let mut answer = match self.document {
            // One client takes whatever is not of this type for a success.
            Some(document) => answer::with_body(self.status, "text/xml;charset=utf-8", document),
            None => answer::empty(self.status),
        };
        if let Some(location) = self.location {
            answer::set(&mut answer, "location", location);
        }
        answer
    }
}

/// A document whose root is open.
pub(crate) fn root(name: &str) -> Xml {
    let mut xml = Xml::new();
    xml.open_in(name, NAME_SPACE);
    xml
}

/// How the client names this server; clients compare it with what they called.
pub(crate) fn base_url(call: Call<'_>) -> String {
    let named = call.header("host").filter(|host| !host.is_empty());
    let authority = call.head.uri.authority().map(|authority| authority.as_str());
    format!("http://{}", named.or(authority).unwrap_or("localhost"))
}

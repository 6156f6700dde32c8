//! The HTTP API: from a request to its answer.
//!
//! In this order: the address, the signature, the names, the operation, the role of the key. So strangers learn
//! nothing, and what a key may do is decided only when it is known what is asked for.

use std::sync::Arc;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue, SERVER};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use kulkul_access::{AccessKeys, KeyRefused, Role};
use kulkul_bus::Hub;
use kulkul_delivery::Clock;
use kulkul_listener::Peer;
use kulkul_model::{Identity, Timestamp};
use kulkul_store::objects::Objects;

use crate::address::{Readings, resolve};
use crate::body::Body;
use crate::error::{Code, OssError};
use crate::names::{BucketName, ObjectKey};
use crate::ops;
use crate::query::Query;
use crate::reply::{Reply, ReplyBody};
use crate::route::{BucketOp, Need, ObjectOp, bucket_op, method_not_allowed, object_op};
use crate::sender::sender_of;
use crate::settings::ObjectSettings;
use crate::signature::{SignedParts, Signer, authenticate};

/// What the API works with.
pub struct ObjectParts {
    /// Where buckets and objects are.
    pub store: Arc<dyn Objects>,
    /// Who takes the events of changes.
    pub hub: Arc<Hub>,
    /// The keys that sign requests.
    pub keys: Arc<AccessKeys>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What can be chosen.
    pub settings: ObjectSettings,
}

/// The object API. Its [`handle`](Self::handle) is what a listener serves.
pub struct ObjectApi {
    pub(crate) store: Arc<dyn Objects>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) settings: ObjectSettings,
    keys: Arc<AccessKeys>,
    clock: Arc<dyn Clock>,
}

/// A request whose address is known.
pub(crate) struct Call {
    /// The method.
    pub(crate) method: Method,
    /// The query.
    pub(crate) query: Query,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The host as the client wrote it.
    pub(crate) host: String,
    /// The address of the client, without its port.
    pub(crate) sender: String,
    /// The id of the request.
    pub(crate) request_id: String,
    /// The body.
    pub(crate) body: Body,
    peer: Peer,
}

/// An object's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The bucket.
    pub(crate) bucket: BucketName,
    /// The key.
    pub(crate) key: ObjectKey,
}

/// What a signed request asks for.
enum Operation {
    ListBuckets,
    Bucket(BucketName, BucketOp),
    Object(Place, ObjectOp),
}

impl Call {
    /// A header's value when it is ASCII text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body was read, and the change is about to be stored: from now on the request runs to its end, even if
    /// its client is gone.
    pub(crate) fn run_to_end(&self) {
        self.peer.run_to_end();
    }
}

impl ObjectApi {
    /// The API on its parts.
    pub fn new(parts: ObjectParts) -> Self {
        let ObjectParts { store, hub, keys, clock, settings } = parts;
        Self { store, hub, settings, keys, clock }
    }

    /// Answers one request.
    pub async fn handle(&self, request: Request<Incoming>, peer: Peer) -> Response<ReplyBody> {
        let began = Instant::now();
        let (head, incoming) = request.into_parts();
        let host = head.headers.get(HOST).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let raw_path = head.uri.path().to_owned();
        let raw_query = head.uri.query().unwrap_or_default().to_owned();
        let mut call = Call {
            query: Query::default(),
            host: host.or_else(|| head.uri.authority().map(ToString::to_string)).unwrap_or_default(),
            sender: sender_of(peer.address().ip(), &head.headers, &self.settings.trusted_proxies),
            request_id: new_request_id(self.now()),
            body: Body::new(peer.body(incoming), &head.headers),
            method: head.method,
            headers: head.headers,
            peer,
        };
        let answer = self.answer(&mut call, &raw_path, &raw_query).await;
        let reply = answer.unwrap_or_else(|error| error_reply(&error, &call));
        let reusable = call.body.discard().await;
        let (status, headers, body) = reply.into_parts();
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        self.write_common_headers(response.headers_mut(), &call, began, reusable);
        tracing::debug!(
            request.id = call.request_id,
            method = %call.method,
            status = status.as_u16(),
            elapsed_ms = began.elapsed().as_millis() as u64,
            "answered"
        );
        response
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whose server this is.
    pub(crate) fn identity(&self) -> &Identity {
        self.hub.identity()
    }

    /// The location of every bucket, `oss-{region}`.
    pub(crate) fn location(&self) -> String {
        format!("oss-{}", self.identity().region)
    }

    /// Host and port that clients are told.
    pub(crate) fn endpoint<'a>(&'a self, call: &'a Call) -> &'a str {
        self.settings.public_endpoint.as_deref().unwrap_or(&call.host)
    }

    /// Finds a key that signs requests.
    pub(crate) fn find_key(
        &self,
        id: &str,
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<Signer, KeyRefused> {
        let key = self.keys.find(id, token, now)?;
        Ok(Signer { secret: key.secret().clone(), role: key.role() })
    }

    async fn answer(&self, call: &mut Call, raw_path: &str, raw_query: &str) -> Result<Reply, OssError> {
        if call.method == Method::OPTIONS {
            return ops::preflight(self, call);
        }
        call.query = Query::parse(raw_query)?;
        let readings = resolve(&call.host, raw_path, &self.settings.hosts);
        refuse_missing_length(call)?;
        if is_form(call, &readings) {
            return ops::post_object(self, call, &readings.first).await;
        }
        let operation = self.authorize(call, &readings)?;
        match operation {
            Operation::ListBuckets => ops::list_buckets(self, call).await,
            Operation::Bucket(bucket, op) => self.answer_bucket(call, &bucket, op).await,
            Operation::Object(place, op) => self.answer_object(call, &place, op).await,
        }
    }

    fn authorize(&self, call: &Call, readings: &Readings) -> Result<Operation, OssError> {
        let now = self.now();
        let parts = SignedParts { method: call.method.as_str(), query: &call.query, headers: &call.headers };
        let region = self.settings.strict_region.then(|| self.identity().region.as_str());
        let find = |id: &str, token: Option<&str>| self.find_key(id, token, now);
        let verified = authenticate(parts, readings, region, now, &find)?;
        let resource = verified.resource;
        let (operation, need) = match (&resource.bucket, &resource.key) {
            (None, _) if call.method == Method::GET => (Operation::ListBuckets, Need::Read),
            (None, _) => return Err(method_not_allowed(&call.method, "SERVICE")),
            (Some(bucket), None) => {
                let bucket = bucket_name(bucket)?;
                let op = bucket_op(&call.method, &call.query, &call.headers)?;
                (Operation::Bucket(bucket, op), op.need())
            }
            (Some(bucket), Some(key)) => {
                let place = Place { bucket: bucket_name(bucket)?, key: ObjectKey::from_bytes(key)? };
                let op = object_op(&call.method, &call.query, &call.headers)?;
                (Operation::Object(place, op), op.need())
            }
        };
        check_role(verified.role, need)?;
        Ok(operation)
    }

    async fn answer_bucket(
        &self,
        call: &mut Call,
        bucket: &BucketName,
        op: BucketOp,
    ) -> Result<Reply, OssError> {
        match op {
            BucketOp::Put => ops::put_bucket(self, call, bucket).await,
            BucketOp::Delete => ops::delete_bucket(self, call, bucket).await,
            BucketOp::List => ops::list_objects(self, call, bucket).await,
            BucketOp::ListV2 => ops::list_objects_v2(self, call, bucket).await,
            BucketOp::Info => ops::bucket_info(self, call, bucket).await,
            BucketOp::Location => ops::bucket_location(self, bucket).await,
            BucketOp::GetAcl => ops::bucket_acl(self, bucket).await,
            BucketOp::PutAcl => ops::put_bucket_acl(self, call, bucket).await,
            BucketOp::Versioning => ops::bucket_versioning(self, bucket).await,
            BucketOp::Stat => ops::bucket_stat(self, bucket).await,
            BucketOp::Logging => ops::bucket_logging(self, bucket).await,
            BucketOp::Tagging => ops::bucket_tagging(self, bucket).await,
            BucketOp::DeleteObjects => ops::delete_objects(self, call, bucket).await,
            BucketOp::ListUploads => ops::list_uploads(self, call, bucket).await,
        }
    }

    async fn answer_object(&self, call: &mut Call, place: &Place, op: ObjectOp) -> Result<Reply, OssError> {
        match op {
            ObjectOp::Put => ops::put_object(self, call, place).await,
            ObjectOp::Copy => ops::copy_object(self, call, place).await,
            ObjectOp::Append => ops::append_object(self, call, place).await,
            ObjectOp::Get => ops::get_object(self, call, place).await,
            ObjectOp::Head => ops::head_object(self, call, place).await,
            ObjectOp::GetMeta => ops::get_object_meta(self, place).await,
            ObjectOp::Delete => ops::delete_object(self, call, place).await,
            ObjectOp::PutSymlink => ops::put_symlink(self, call, place).await,
            ObjectOp::GetSymlink => ops::get_symlink(self, place).await,
            ObjectOp::PutTagging => ops::put_tagging(self, call, place).await,
            ObjectOp::GetTagging => ops::get_tagging(self, place).await,
            ObjectOp::DeleteTagging => ops::delete_tagging(self, call, place).await,
            ObjectOp::GetAcl => ops::object_acl(self, place).await,
            ObjectOp::PutAcl => ops::put_object_acl(self, call, place).await,
            ObjectOp::InitiateUpload => ops::initiate_upload(self, call, place).await,
            ObjectOp::UploadPart => ops::upload_part(self, call, place).await,
            ObjectOp::UploadPartCopy => ops::upload_part_copy(self, call, place).await,
            ObjectOp::CompleteUpload => ops::complete_upload(self, call, place).await,
            ObjectOp::AbortUpload => ops::abort_upload(self, call, place).await,
            ObjectOp::ListParts => ops::list_parts(self, call, place).await,
        }
    }

    fn write_common_headers(&self, headers: &mut HeaderMap, call: &Call, began: Instant, reusable: bool) {
        let id = HeaderValue::try_from(&call.request_id).expect("an id is made of letters and digits");
        headers.insert("x-oss-request-id", id);
        headers.insert("x-oss-server-time", (began.elapsed().as_millis() as u64).into());
        headers.insert(SERVER, HeaderValue::from_static("Kulkul"));
        let connection = if reusable { "keep-alive" } else { "close" };
        headers.insert(CONNECTION, HeaderValue::from_static(connection));
        ops::allow_origin(self, call, headers);
    }
}

/// Whether a role may do what an operation needs.
pub(crate) fn check_role(role: Role, need: Need) -> Result<(), OssError> {
    let may = match (role, need) {
        (Role::Admin, _) | (_, Need::Read) | (Role::Publish, Need::Write) => true,
        (Role::Publish, Need::Manage) | (Role::Read, Need::Write | Need::Manage) => false,
    };
    let denied =
        || Code::AccessDenied.with(format!("The role `{role}` of the access key does not allow this."));
    may.then_some(()).ok_or_else(denied)
}

/// Checks the bytes of a bucket's name.
pub(crate) fn bucket_name(bytes: &[u8]) -> Result<BucketName, OssError> {
    BucketName::parse(&String::from_utf8_lossy(bytes))
}

/// A form upload: a POST of a form to a bucket. Its signature is in its fields.
fn is_form(call: &Call, readings: &Readings) -> bool {
    let form =
        |value: &HeaderValue| value.as_bytes().to_ascii_lowercase().starts_with(b"multipart/form-data");
    call.method == Method::POST
        && readings.first.bucket.is_some()
        && readings.first.key.is_none()
        && call.headers.get(CONTENT_TYPE).is_some_and(form)
}

fn refuse_missing_length(call: &Call) -> Result<(), OssError> {
    let has_body = matches!(call.method, Method::PUT | Method::POST);
    let says = |name: &str| call.headers.contains_key(name);
    if has_body && !says("content-length") && !says("transfer-encoding") {
        return Err(Code::MissingContentLength.into());
    }
    Ok(())
}

/// The answer to a request that was refused or that failed. To a HEAD, whose answer has no body, the body goes into
/// a header.
fn error_reply(error: &OssError, call: &Call) -> Reply {
    if let Some(cause) = error.cause() {
        let cause: &dyn std::error::Error = cause;
        tracing::error!(request.id = call.request_id, error = %chain(cause), "a request failed");
    }
    let body = error.xml(&call.request_id, &call.host);
    let mut reply = if call.method == Method::HEAD {
        let short = || error.short_xml(&call.request_id, &call.host);
        let body = if body.len() < HEAD_ERROR_BYTES_MAX { body } else { short() };
        Reply::empty(error.code.status()).with("x-oss-err", STANDARD.encode(body))
    } else {
        Reply { status: error.code.status(), ..Reply::xml(body) }
    };
    for (name, value) in error.headers() {
        reply.set(name, value);
    }
    reply
}

/// So long may an error be in a header, before it is encoded.
const HEAD_ERROR_BYTES_MAX: usize = 3000;

/// An error with what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// A new request id: 24 hexadecimal digits in upper case, the first 8 of which are the time in seconds.
fn new_request_id(now: Timestamp) -> String {
    let random = uuid::Uuid::new_v4().as_u64_pair().1;
    format!("{:08X}{random:016X}", now.as_secs() & 0xffff_ffff)
}

/// 304, with what a client needs to trust what it has.
pub(crate) fn not_modified(etag: &str, modified_at: Timestamp) -> Reply {
    Reply::empty(StatusCode::NOT_MODIFIED)
        .etag(etag)
        .with("last-modified", crate::time::http_date(modified_at))
}

//! An object as a reader sees it, links followed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kulkul_model::Timestamp;
use kulkul_store::objects::{ObjectEntry, ObjectKind, StoredObject};

use crate::api::{ObjectApi, Place};
use crate::attributes::Attributes;
use crate::encode::{Plus, decode_text};
use crate::error::{Code, OssError};
use crate::names::ObjectKey;
use crate::reply::Reply;
use crate::time::http_date;

/// What a GET of a key yields: the bytes of an object, under the headers of the object or of the link to it.
pub(crate) struct View {
    /// The object that has the bytes.
    pub(crate) content: ObjectEntry,
    /// When the content, or the link to it, last changed.
    pub(crate) modified_at: Timestamp,
    /// The headers, tags and storage class: the object's own, or the link's.
    shown: Attributes,
    kind: ObjectKind,
    storage_class: String,
    md5: Option<[u8; 16]>,
}

impl ObjectApi {
    /// What a reader of a place sees.
    pub(crate) async fn view(&self, place: &Place) -> Result<View, OssError> {
        let object = self.existing(place).await?;
        let shown = Attributes::read(&object.entry.attributes)?;
        let kind = object.entry.kind;
        let storage_class = object.entry.storage_class.clone();
        let (content, md5, modified_at) = if kind == ObjectKind::Symlink {
            let target = self.target(place, shown.link.as_deref().unwrap_or_default()).await?;
            let md5 = Attributes::read(&target.entry.attributes)?.md5;
            let modified_at = target.entry.modified_at.max(object.entry.modified_at);
            (target.entry, md5, modified_at)
        } else {
            let modified_at = object.entry.modified_at;
            (object.entry, shown.md5, modified_at)
        };
        Ok(View { content, modified_at, shown, kind, storage_class, md5 })
    }

    /// The object that a link in a bucket points to.
    async fn target(&self, link: &Place, text: &str) -> Result<StoredObject, OssError> {
        let gone = || OssError::from(Code::SymlinkTargetNotExist);
        let key =
            decode_text(text, Plus::Plus).and_then(|key| ObjectKey::parse(&key).ok()).ok_or_else(gone)?;
        let place = Place { bucket: link.bucket.clone(), key };
        let target = self.found(&place).await?.ok_or_else(gone)?;
        if target.entry.kind == ObjectKind::Symlink {
            return Err(Code::InvalidTargetType.into());
        }
        Ok(target)
    }
}

impl View {
    /// Adds the headers that describe the whole object. A tag is always that of the content.
    pub(crate) fn write_headers(&self, reply: &mut Reply) {
        self.shown.write_headers(&mut reply.headers);
        reply.set("accept-ranges", "bytes");
        reply.set("etag", crate::reply::quoted(&self.content.etag));
        reply.set("last-modified", http_date(self.modified_at));
        reply.set("x-oss-object-type", kind_name(self.kind));
        reply.set("x-oss-storage-class", &self.storage_class);
        reply.set("x-oss-hash-crc64ecma", self.content.crc64.to_string());
        if let Some(md5) = self.md5 {
            reply.set("content-md5", STANDARD.encode(md5));
        }
        if self.kind == ObjectKind::Appendable {
            reply.set("x-oss-next-append-position", self.content.size.to_string());
        }
        let tag_count = self.shown.tags.pairs().len();
        if tag_count > 0 {
            reply.set("x-oss-tagging-count", tag_count.to_string());
        }
    }
}

/// The name of a kind, in headers and listings.
pub(crate) fn kind_name(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Normal => "Normal",
        ObjectKind::Multipart => "Multipart",
        ObjectKind::Appendable => "Appendable",
        ObjectKind::Symlink => "Symlink",
    }
}

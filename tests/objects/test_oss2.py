"""The client oss2, unmodified."""

import datetime
import io

import oss2
import pytest
import requests
from oss2.models import BucketCreateConfig, PartInfo, Tagging, TaggingRule

from objects.conftest import oss2_bucket
from objects.keys import ODD_KEYS


@pytest.mark.parametrize("signature", ["v1", "v2", "v4"])
def test_a_bucket_lives_and_dies(server, unique, signature):
    name = unique("life")
    bucket = oss2_bucket(server, name, signature)
    bucket.create_bucket()
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.create_bucket(input=BucketCreateConfig("IA"))
    assert (refused.value.status, refused.value.code) == (409, "BucketAlreadyExists")
    info = bucket.get_bucket_info()
    assert (info.name, info.location, info.acl.grant) == (name, "oss-cn-hangzhou", "private")
    assert bucket.get_bucket_location().location == "oss-cn-hangzhou"
    assert bucket.get_bucket_acl().acl == "private"
    assert bucket.get_bucket_versioning().status is None
    assert name in [one.name for one in oss2.BucketIterator(oss2.Service(bucket.auth, server.objects_url, region="cn-hangzhou"), prefix=name)]
    bucket.put_object("k", "12345")
    assert bucket.get_bucket_stat().storage_size_in_bytes == 5
    with pytest.raises(oss2.exceptions.BucketNotEmpty):
        bucket.delete_bucket()
    bucket.delete_object("k")
    bucket.delete_bucket()
    with pytest.raises(oss2.exceptions.NoSuchBucket):
        bucket.get_bucket_info()


@pytest.mark.parametrize("key", ODD_KEYS)
def test_every_key_is_its_own(bucket, key):
    put = bucket.put_object(key, key.encode(), headers={"x-oss-meta-a": "1"})
    assert put.etag and put.crc
    got = bucket.get_object(key)
    assert got.read() == key.encode()
    assert got.headers["x-oss-meta-a"] == "1"
    assert bucket.object_exists(key)
    assert [one.key for one in oss2.ObjectIterator(bucket)] == [key]
    assert bucket.batch_delete_objects([key]).deleted_keys == [key]
    assert not bucket.object_exists(key)
    with pytest.raises(oss2.exceptions.NoSuchKey):
        bucket.head_object(key)


def test_bodies_come_from_anywhere(bucket, tmp_path):
    bucket.put_object("bytes", b"abc")
    bucket.put_object("file", io.BytesIO(b"abc"))
    bucket.put_object("chunked", (piece for piece in [b"a", b"", b"bc"]))
    bucket.put_object("empty", b"")
    assert {key: bucket.get_object(key).read() for key in ["bytes", "file", "chunked", "empty"]} == {
        "bytes": b"abc", "file": b"abc", "chunked": b"abc", "empty": b""}
    path = tmp_path / "large"
    path.write_bytes(bytes(range(256)) * 8192)
    bucket.put_object_from_file("large", str(path))
    bucket.get_object_to_file("large", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == path.read_bytes()


def test_ranges_and_conditions(bucket):
    etag = bucket.put_object("k", "0123456789").etag
    assert bucket.get_object("k", byte_range=(2, 4)).read() == b"234"
    assert bucket.get_object("k", byte_range=(None, 3)).read() == b"789"
    assert bucket.get_object("k", byte_range=(8, 20)).status == 200
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.get_object("k", byte_range=(10, 20), headers={"x-oss-range-behavior": "standard"})
    assert refused.value.code == "InvalidRange"
    with pytest.raises(oss2.exceptions.NotModified):
        bucket.get_object("k", headers={"If-None-Match": etag})
    with pytest.raises(oss2.exceptions.NotModified):
        bucket.head_object("k", headers={"If-Modified-Since": oss2.http_date(oss2.utils.iso8601_to_unixtime("2099-01-01T00:00:00.000Z"))})
    with pytest.raises(oss2.exceptions.PreconditionFailed):
        bucket.get_object("k", headers={"If-Match": "other"})
    assert bucket.get_object("k", headers={"If-Match": f'"{etag}"'}).read() == b"0123456789"


def test_metadata_tags_and_types(bucket):
    headers = {"X-Oss-Meta-Mixed": "Case", "x-oss-meta-utf": "日本".encode(), "x-oss-meta-latin": "ü", "Cache-Control": "no-cache",
               "x-oss-tagging": "k1=v1&k2=v%202"}
    bucket.put_object("m.jpg", "x", headers=headers)
    head = bucket.head_object("m.jpg")
    assert head.content_type == "image/jpeg" and head.headers["x-oss-meta-mixed"] == "Case"
    assert head.headers["x-oss-meta-latin"].encode("latin-1") == b"\xfc"
    assert head.headers["x-oss-meta-utf"].encode("latin-1") == "日本".encode()
    assert head.headers["x-oss-tagging-count"] == "2"
    assert bucket.get_object_tagging("m.jpg").tag_set.tagging_rule == {"k1": "v1", "k2": "v 2"}
    rule = TaggingRule()
    rule.add("k 3", "v/3")
    bucket.put_object_tagging("m.jpg", Tagging(rule))
    assert bucket.get_object_tagging("m.jpg").tag_set.tagging_rule == {"k 3": "v/3"}
    bucket.delete_object_tagging("m.jpg")
    assert bucket.get_object_tagging("m.jpg").tag_set.tagging_rule == {}
    bucket.update_object_meta("m.jpg", {"x-oss-meta-new": "1", "Content-Type": "text/plain"})
    head = bucket.head_object("m.jpg")
    assert (head.content_type, head.headers["x-oss-meta-new"], "x-oss-meta-mixed" in head.headers) == ("text/plain", "1", False)
    meta = bucket.get_object_meta("m.jpg")
    assert (meta.content_length, meta.etag) == (1, head.etag)
    assert bucket.get_object_acl("m.jpg").acl == "default"
    overridden = bucket.get_object("m.jpg", params={"response-content-type": "text/x y", "response-content-disposition": 'attachment; filename="é.txt"'})
    assert overridden.content_type == "text/x y"


def test_copies(bucket, server, unique):
    bucket.put_object("s ?%.txt", "123456789", headers={"x-oss-meta-a": "1"})
    other = oss2_bucket(server, unique("copy"), "v1")
    copied = other.copy_object(bucket.bucket_name, "s ?%.txt", "c")
    assert copied.etag == "25F9E794323B453885F5181F1B624D0B"
    assert other.get_object("c").headers["x-oss-meta-a"] == "1"
    with pytest.raises(oss2.exceptions.NoSuchKey):
        other.copy_object(bucket.bucket_name, "absent", "c")
    with pytest.raises(oss2.exceptions.PreconditionFailed):
        other.copy_object(bucket.bucket_name, "s ?%.txt", "c", headers={"x-oss-copy-source-if-match": "x"})
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        other.put_object("c", "x", headers={"x-oss-forbid-overwrite": "true"})
    assert (refused.value.status, refused.value.code) == (409, "FileAlreadyExists")


def test_appending(bucket):
    first = bucket.append_object("log", 0, "abc", init_crc=0)
    second = bucket.append_object("log", first.next_position, "def", init_crc=first.crc)
    assert (second.next_position, second.crc) == (6, 15028124401329963252)
    with pytest.raises(oss2.exceptions.PositionNotEqualToLength) as refused:
        bucket.append_object("log", 3, "x")
    assert refused.value.next_position == 6
    bucket.put_object("fixed", "x")
    with pytest.raises(oss2.exceptions.ObjectNotAppendable):
        bucket.append_object("fixed", 1, "x")
    assert bucket.get_object("log").read() == b"abcdef"


def test_links(bucket):
    bucket.put_symlink("dir/ü a", "link", headers={"x-oss-meta-l": "1"})
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.get_object("link")
    assert refused.value.code == "SymlinkTargetNotExist"
    bucket.put_object("dir/ü a", "target")
    assert bucket.get_object("link").read() == b"target"
    assert bucket.get_symlink("link").target_key == "dir/ü a"
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.get_symlink("dir/ü a")
    assert refused.value.code == "NotSymlink"


@pytest.mark.parametrize("size", [0, 99 * 1024, 100 * 1024, 5 * 1024 * 1024 + 1])
def test_resumable_uploads_and_downloads(bucket, tmp_path, size):
    path = tmp_path / "up"
    path.write_bytes((bytes(range(251)) * (size // 251 + 1))[:size])
    store = oss2.ResumableStore(root=str(tmp_path))
    oss2.resumable_upload(bucket, "k", str(path), store=store, multipart_threshold=1, part_size=1024 * 1024, num_threads=3)
    down = tmp_path / "down"
    store = oss2.ResumableDownloadStore(root=str(tmp_path))
    oss2.resumable_download(bucket, "k", str(down), store=store, multiget_threshold=1, part_size=700_000, num_threads=3)
    assert down.read_bytes() == path.read_bytes()


def test_an_upload_step_by_step(bucket):
    key = "mp/ü x.bin"
    upload = bucket.init_multipart_upload(key, headers={"x-oss-meta-a": "1"}).upload_id
    parts = [PartInfo(number, bucket.upload_part(key, upload, number, bytes([number]) * 102_400).etag) for number in (2, 1)]
    assert [part.part_number for part in bucket.list_parts(key, upload).parts] == [1, 2]
    assert [one.key for one in bucket.list_multipart_uploads().upload_list] == [key]
    assert bucket.list_multipart_uploads(delimiter="/").prefix_list == ["mp/"]
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.complete_multipart_upload(key, upload, parts + [PartInfo(9, "x")])
    assert refused.value.code == "InvalidPart"
    done = bucket.complete_multipart_upload(key, upload, parts)
    assert done.etag == "4CB527C0AFF4CBD3E5EF227BB5C0FEF9-2"
    assert bucket.get_object(key).headers["x-oss-object-type"] == "Multipart"
    copied = bucket.init_multipart_upload("copy").upload_id
    part = bucket.upload_part_copy(bucket.bucket_name, key, (100, 102_499), "copy", copied, 1)
    last = bucket.upload_part_copy(bucket.bucket_name, key, (102_500, 204_799), "copy", copied, 2)
    bucket.complete_multipart_upload("copy", copied, [PartInfo(1, part.etag), PartInfo(2, last.etag)])
    assert bucket.get_object("copy").read() == (b"\1" * 102_400 + b"\2" * 102_400)[100:]
    everything = bucket.init_multipart_upload("all").upload_id
    bucket.upload_part("all", everything, 4, b"all of it")
    bucket.complete_multipart_upload("all", everything, None, headers={"x-oss-complete-all": "yes"})
    assert bucket.get_object("all").read() == b"all of it"
    gone = bucket.init_multipart_upload("gone").upload_id
    bucket.abort_multipart_upload("gone", gone)
    with pytest.raises(oss2.exceptions.NoSuchUpload):
        bucket.abort_multipart_upload("gone", gone)


def test_signed_urls(bucket):
    bucket.put_object("a b+c.txt", "content")
    url = bucket.sign_url("GET", "a b+c.txt", 60, slash_safe=True)
    assert requests.get(url, timeout=10).text == "content"
    assert requests.delete(url, timeout=10).status_code == 403
    assert bucket.get_object_with_url(url).read() == b"content"
    put = bucket.sign_url("PUT", "put", 60, headers={"Content-Type": "text/plain", "x-oss-meta-a": "b"})
    assert requests.put(put, data="x", timeout=10).status_code == 403
    assert requests.put(put, data="x", headers={"Content-Type": "text/plain", "x-oss-meta-a": "b"}, timeout=10).status_code == 200
    overridden = bucket.sign_url("GET", "a b+c.txt", 60, params={"response-content-type": "text/x+y"})
    assert requests.get(overridden, timeout=10).headers["content-type"] == "text/x+y"
    expired = bucket.sign_url("GET", "a b+c.txt", -60) if isinstance(bucket.auth, oss2.Auth) else None
    if expired:
        answer = requests.get(expired, timeout=10)
        assert answer.status_code == 403 and "Request has expired." in answer.text


def test_wrong_secrets_and_clocks_are_refused(bucket, monkeypatch):
    bucket.put_object("k", "x")
    wrong = oss2.Bucket(oss2.Auth(bucket.auth.credentials_provider.get_credentials().get_access_key_id(), "wrong"), bucket.endpoint, bucket.bucket_name)
    with pytest.raises(oss2.exceptions.SignatureDoesNotMatch):
        wrong.get_object("k")
    nobody = oss2.Bucket(oss2.Auth("nobody", "wrong"), bucket.endpoint, bucket.bucket_name)
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        nobody.head_object("k")
    assert refused.value.code == "InvalidAccessKeyId"
    late = datetime.datetime.now(datetime.timezone.utc).timestamp() - 16 * 60
    monkeypatch.setattr(oss2.utils, "http_date", lambda timeval=None: oss2.compat.to_string(
        datetime.datetime.fromtimestamp(late, datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")))
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        oss2.Bucket(oss2.Auth("nobody", "wrong"), bucket.endpoint, bucket.bucket_name).get_object("k")
    assert refused.value.status == 403


def test_lists_by_pages_give_each_key_once(server, unique):
    bucket = oss2_bucket(server, unique("many"), "v1")
    keys = [f"{at % 5}/{at % 11}/{at:04}" for at in range(250)]
    for key in keys:
        bucket.put_object(key, b"")
    assert [one.key for one in oss2.ObjectIterator(bucket, max_keys=7)] == sorted(keys)
    assert [one.key for one in oss2.ObjectIteratorV2(bucket, max_keys=7)] == sorted(keys)
    folders = [one.key for one in oss2.ObjectIterator(bucket, prefix="1/", delimiter="/", max_keys=2)]
    assert folders == sorted({key[:key.index("/", 2) + 1] for key in keys if key.startswith("1/")})
    folders = [one.key for one in oss2.ObjectIteratorV2(bucket, delimiter="/", max_keys=2)]
    assert folders == ["0/", "1/", "2/", "3/", "4/"]
    assert len(bucket.batch_delete_objects(keys).deleted_keys) == len(keys)
    assert bucket.list_objects().object_list == []


def test_what_is_not_offered_is_refused_before_it_is_stored(bucket):
    for headers in [{"x-oss-callback": "e30="}, {"x-oss-server-side-encryption": "AES256"}]:
        with pytest.raises(oss2.exceptions.ServerError) as refused:
            bucket.put_object("k", "x", headers=headers)
        assert (refused.value.status, refused.value.code) == (400, "NotImplemented")
    assert not bucket.object_exists("k")
    with pytest.raises(oss2.exceptions.NoSuchCors):
        bucket.get_bucket_cors()
    with pytest.raises(oss2.exceptions.NoSuchLifecycle):
        bucket.get_bucket_lifecycle()
    with pytest.raises(oss2.exceptions.NoSuchWebsite):
        bucket.get_bucket_website()
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.restore_object("k")
    assert refused.value.code == "OperationNotSupported"
    with pytest.raises(oss2.exceptions.ServerError) as refused:
        bucket.put_object_acl("k", "public-read")
    assert refused.value.code == "AccessDenied"

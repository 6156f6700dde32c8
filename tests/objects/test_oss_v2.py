"""The client alibabacloud-oss-v2, unmodified."""

import io

import alibabacloud_oss_v2 as oss
import pytest
import requests

from harness import clients
from objects.keys import ODD_KEYS


def code_of(failure):
    error = failure.value.unwrap() if hasattr(failure.value, "unwrap") else failure.value
    return error.status_code, error.code


def refused(call, request):
    with pytest.raises(oss.exceptions.OperationError) as failure:
        call(request)
    return code_of(failure)


def put(client, bucket, key, body, **options):
    return client.put_object(oss.PutObjectRequest(bucket=bucket, key=key, body=body, **options))


def get(client, bucket, key, **options):
    return client.get_object(oss.GetObjectRequest(bucket=bucket, key=key, **options))


def test_a_bucket_lives_and_dies(server, unique):
    client, name = clients.oss_v2_client(server), unique("life")
    client.put_bucket(oss.PutBucketRequest(bucket=name, create_bucket_configuration=oss.CreateBucketConfiguration(storage_class="IA")))
    info = client.get_bucket_info(oss.GetBucketInfoRequest(bucket=name)).bucket_info
    assert (info.name, info.location, info.storage_class, info.acl) == (name, "oss-cn-hangzhou", "IA", "private")
    assert client.get_bucket_location(oss.GetBucketLocationRequest(bucket=name)).location == "oss-cn-hangzhou"
    assert client.get_bucket_acl(oss.GetBucketAclRequest(bucket=name)).acl == "private"
    assert client.get_bucket_versioning(oss.GetBucketVersioningRequest(bucket=name)).version_status is None
    assert client.is_bucket_exist(name)
    listed = [one.name for page in client.list_buckets_paginator().iter_page(oss.ListBucketsRequest(prefix=name)) for one in page.buckets]
    assert listed == [name]
    put(client, name, "k", b"12345")
    assert client.get_bucket_stat(oss.GetBucketStatRequest(bucket=name)).storage == 5
    assert refused(client.delete_bucket, oss.DeleteBucketRequest(bucket=name)) == (409, "BucketNotEmpty")
    client.delete_object(oss.DeleteObjectRequest(bucket=name, key="k"))
    client.delete_bucket(oss.DeleteBucketRequest(bucket=name))
    assert not client.is_bucket_exist(name)
    assert refused(client.get_bucket_info, oss.GetBucketInfoRequest(bucket=name)) == (404, "NoSuchBucket")


@pytest.mark.parametrize("key", ODD_KEYS)
def test_every_key_is_its_own(v2_bucket, key):
    client, bucket = v2_bucket
    assert put(client, bucket, key, key.encode(), metadata={"a": "1"}).hash_crc64
    got = get(client, bucket, key)
    assert (got.body.content, got.metadata) == (key.encode(), {"a": "1"})
    assert client.is_object_exist(bucket, key)
    pages = client.list_objects_v2_paginator().iter_page(oss.ListObjectsV2Request(bucket=bucket))
    assert [one.key for page in pages for one in page.contents] == [key]
    batch = oss.DeleteMultipleObjectsRequest(bucket=bucket, encoding_type="url", objects=[oss.DeleteObject(key=key)])
    assert [one.key for one in client.delete_multiple_objects(batch).deleted_objects] == [key]
    assert not client.is_object_exist(bucket, key)
    assert refused(client.head_object, oss.HeadObjectRequest(bucket=bucket, key=key)) == (404, "NoSuchKey")


def test_keys_that_begin_with_a_slash_are_refused(v2_bucket):
    client, bucket = v2_bucket
    for key in ["/k", "k" * 1024]:
        assert refused(client.put_object, oss.PutObjectRequest(bucket=bucket, key=key, body=b"x")) == (400, "InvalidObjectName")


def test_dot_segments_never_reach_another_key(v2_bucket):
    client, bucket = v2_bucket
    for key in ["x/../y", "../esc"]:
        assert refused(client.put_object, oss.PutObjectRequest(bucket=bucket, key=key, body=b"x"))[0] == 403
    pages = client.list_objects_v2_paginator().iter_page(oss.ListObjectsV2Request(bucket=bucket))
    assert [one.key for page in pages for one in page.contents or []] == []


def test_ranges_conditions_and_overrides(v2_bucket):
    client, bucket = v2_bucket
    etag = put(client, bucket, "k", io.BytesIO(b"0123456789")).etag
    assert get(client, bucket, "k", range_header="bytes=2-4").body.content == b"234"
    assert get(client, bucket, "k", range_header="bytes=8-20").status_code == 200
    part = get(client, bucket, "k", range_header="bytes=8-20", range_behavior="standard")
    assert (part.body.content, part.content_range) == (b"89", "bytes 8-9/10")
    request = oss.GetObjectRequest(bucket=bucket, key="k", range_header="bytes=10-", range_behavior="standard")
    assert refused(client.get_object, request) == (416, "InvalidRange")
    assert refused(client.get_object, oss.GetObjectRequest(bucket=bucket, key="k", if_match='"x"')) == (412, "PreconditionFailed")
    assert refused(client.get_object, oss.GetObjectRequest(bucket=bucket, key="k", if_none_match=etag))[0] == 304
    shown = get(client, bucket, "k", response_content_type="text/x y", response_content_disposition="attachment")
    assert (shown.content_type, shown.content_disposition) == ("text/x y", "attachment")


def test_copies_links_tags_and_appends(v2_bucket):
    client, bucket = v2_bucket
    put(client, bucket, "s ?%.txt", b"123456789", metadata={"a": "1"}, tagging="t=1")
    copied = client.copy_object(oss.CopyObjectRequest(bucket=bucket, key="c", source_key="s ?%.txt"))
    assert copied.etag == '"25F9E794323B453885F5181F1B624D0B"' and copied.last_modified
    assert get(client, bucket, "c").metadata == {"a": "1"}
    client.put_symlink(oss.PutSymlinkRequest(bucket=bucket, key="link", symlink_target="c"))
    assert get(client, bucket, "link").body.content == b"123456789"
    assert client.get_symlink(oss.GetSymlinkRequest(bucket=bucket, key="link")).target == "c"
    tags = client.get_object_tagging(oss.GetObjectTaggingRequest(bucket=bucket, key="c")).tag_set
    assert [(tag.key, tag.value) for tag in tags.tags] == [("t", "1")]
    tagging = oss.Tagging(tag_set=oss.TagSet(tags=[oss.Tag(key="k 1", value="v/1")]))
    client.put_object_tagging(oss.PutObjectTaggingRequest(bucket=bucket, key="c", tagging=tagging))
    client.delete_object_tagging(oss.DeleteObjectTaggingRequest(bucket=bucket, key="c"))
    first = client.append_object(oss.AppendObjectRequest(bucket=bucket, key="log", position=0, body=b"abc"))
    second = client.append_object(oss.AppendObjectRequest(bucket=bucket, key="log", position=first.next_position, body=b"def"))
    assert second.next_position == 6
    wrong = oss.AppendObjectRequest(bucket=bucket, key="log", position=3, body=b"x")
    assert refused(client.append_object, wrong) == (409, "PositionNotEqualToLength")
    meta = client.get_object_meta(oss.GetObjectMetaRequest(bucket=bucket, key="log"))
    assert (meta.content_length, meta.hash_crc64) == (6, "15028124401329963252")


def test_lists_by_pages_give_each_key_once(v2_bucket):
    client, bucket = v2_bucket
    keys = [f"{at % 3}/{at:03}" for at in range(60)]
    for key in keys:
        put(client, bucket, key, b"")
    for paginator, request in [
        (client.list_objects_paginator(limit=7), oss.ListObjectsRequest(bucket=bucket)),
        (client.list_objects_v2_paginator(limit=7), oss.ListObjectsV2Request(bucket=bucket)),
    ]:
        assert [one.key for page in paginator.iter_page(request) for one in page.contents] == sorted(keys)
    request = oss.ListObjectsV2Request(bucket=bucket, delimiter="/")
    pages = client.list_objects_v2_paginator(limit=1).iter_page(request)
    assert [one.prefix for page in pages for one in page.common_prefixes or []] == ["0/", "1/", "2/"]


@pytest.mark.parametrize("size", [0, 99 * 1024, 100 * 1024, 5 * 1024 * 1024 + 1])
def test_the_helpers_for_large_objects(v2_bucket, tmp_path, size):
    client, bucket = v2_bucket
    body = (bytes(range(251)) * (size // 251 + 1))[:size]
    (tmp_path / "up").write_bytes(body)
    uploader = client.uploader(part_size=1024 * 1024, parallel_num=3)
    uploader.upload_file(oss.PutObjectRequest(bucket=bucket, key="k"), str(tmp_path / "up"))
    downloader = client.downloader(part_size=700_000, parallel_num=3)
    downloader.download_file(oss.GetObjectRequest(bucket=bucket, key="k"), str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == body
    copier = client.copier(part_size=1024 * 1024, multipart_copy_threshold=1, disable_shallow_copy=True)
    copier.copy(oss.CopyObjectRequest(bucket=bucket, key="c", source_bucket=bucket, source_key="k"))
    assert get(client, bucket, "c").body.content == body


def test_an_upload_step_by_step(v2_bucket):
    client, bucket = v2_bucket
    begun = client.initiate_multipart_upload(oss.InitiateMultipartUploadRequest(bucket=bucket, key="mp/ü x.bin"))
    parts = []
    for number in (1, 2):
        request = oss.UploadPartRequest(
            bucket=bucket, key=begun.key, upload_id=begun.upload_id, part_number=number, body=bytes([number]) * 102_400)
        parts.append(oss.UploadPart(part_number=number, etag=client.upload_part(request).etag))
    pages = client.list_parts_paginator(limit=1).iter_page(oss.ListPartsRequest(bucket=bucket, key=begun.key, upload_id=begun.upload_id))
    assert [part.part_number for page in pages for part in page.parts] == [1, 2]
    pages = client.list_multipart_uploads_paginator(limit=1).iter_page(oss.ListMultipartUploadsRequest(bucket=bucket))
    assert [one.key for page in pages for one in page.uploads] == ["mp/ü x.bin"]
    request = oss.CompleteMultipartUploadRequest(
        bucket=bucket, key=begun.key, upload_id=begun.upload_id,
        complete_multipart_upload=oss.CompleteMultipartUpload(parts=parts))
    done = client.complete_multipart_upload(request)
    assert (done.etag, done.hash_crc64) == ('"4CB527C0AFF4CBD3E5EF227BB5C0FEF9-2"', "3702825910953194919")
    assert client.complete_multipart_upload(request).etag == done.etag
    gone = oss.AbortMultipartUploadRequest(bucket=bucket, key=begun.key, upload_id=begun.upload_id)
    assert refused(client.abort_multipart_upload, gone) == (404, "NoSuchUpload")


def test_signed_urls(v2_bucket):
    client, bucket = v2_bucket
    put(client, bucket, "a b+c.txt", b"content")
    signed = client.presign(oss.GetObjectRequest(bucket=bucket, key="a b+c.txt"))
    assert requests.get(signed.url, timeout=10).text == "content"
    assert requests.head(signed.url, timeout=10).status_code == 403
    signed = client.presign(oss.PutObjectRequest(bucket=bucket, key="put", content_type="text/plain"))
    assert requests.put(signed.url, data="x", timeout=10).status_code == 403
    assert requests.put(signed.url, data="x", headers=signed.signed_headers, timeout=10).status_code == 200


def test_a_v1_signature_works_too(server, v2_bucket):
    _, bucket = v2_bucket
    client = clients.oss_v2_client(server, signature_version="v1")
    put(client, bucket, "k ü", b"v1")
    assert get(client, bucket, "k ü").body.content == b"v1"
    assert requests.get(client.presign(oss.GetObjectRequest(bucket=bucket, key="k ü")).url, timeout=10).text == "v1"

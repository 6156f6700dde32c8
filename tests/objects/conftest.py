"""Buckets to work in, one client and signature at a time."""

import alibabacloud_oss_v2 as v2
import oss2
import pytest

from harness import clients
from harness.server import ACCESS_KEY_ID, ACCESS_KEY_SECRET, REGION

OSS2_AUTHS = {
    "v1": lambda: oss2.Auth(ACCESS_KEY_ID, ACCESS_KEY_SECRET),
    "v2": lambda: oss2.AuthV2(ACCESS_KEY_ID, ACCESS_KEY_SECRET),
    "v4": lambda: oss2.AuthV4(ACCESS_KEY_ID, ACCESS_KEY_SECRET),
}


@pytest.fixture(params=["v1", "v4"])
def bucket(request, server, unique):
    """A new bucket and its handle of the client `oss2`, with each signature that people use."""
    return oss2_bucket(server, unique("oss2"), request.param)


@pytest.fixture
def v2_bucket(server, unique):
    """A new bucket of the client `alibabacloud-oss-v2`: the client and the name."""
    client, name = clients.oss_v2_client(server), unique("ossv2")
    client.put_bucket(v2.PutBucketRequest(bucket=name))
    return client, name


def oss2_bucket(server, name, signature):
    """Creates a bucket with the client `oss2` and returns its handle."""
    bucket = oss2.Bucket(OSS2_AUTHS[signature](), server.objects_url, name, region=REGION)
    bucket.create_bucket()
    return bucket

"""The official SDKs, pointed at a server under test."""

import alibabacloud_oss_v2 as oss_v2
import oss2
from alibabacloud_eventbridge20200401.client import Client as EventBridgeClient
from alibabacloud_fc20230330.client import Client as FunctionComputeClient
from alibabacloud_tea_openapi import utils_models

from harness.server import ACCESS_KEY_ID, ACCESS_KEY_SECRET, REGION

READ_TIMEOUT_MS = 60_000


def _config(server, key_id, secret, token, options):
    return utils_models.Config(
        access_key_id=key_id, access_key_secret=secret, security_token=token, endpoint=server.api,
        protocol="http", region_id=REGION, read_timeout=READ_TIMEOUT_MS, connect_timeout=10_000, **options,
    )


def function_compute(server, key_id=ACCESS_KEY_ID, secret=ACCESS_KEY_SECRET, token=None, **options):
    """Returns the official Function Compute client."""
    return FunctionComputeClient(_config(server, key_id, secret, token, options))


def event_bridge(server, key_id=ACCESS_KEY_ID, secret=ACCESS_KEY_SECRET, token=None, **options):
    """Returns the official EventBridge client."""
    return EventBridgeClient(_config(server, key_id, secret, token, options))


def oss2_bucket(server, name, key_id=ACCESS_KEY_ID, secret=ACCESS_KEY_SECRET, **options):
    """Returns a bucket handle of the client `oss2`, which signs with V1."""
    return oss2.Bucket(oss2.Auth(key_id, secret), server.objects_url, name, **options)


def oss2_service(server, key_id=ACCESS_KEY_ID, secret=ACCESS_KEY_SECRET):
    """Returns the service handle of the client `oss2`."""
    return oss2.Service(oss2.Auth(key_id, secret), server.objects_url)


def oss2_v4_bucket(server, name, key_id=ACCESS_KEY_ID, secret=ACCESS_KEY_SECRET, **options):
    """Returns a bucket handle of the client `oss2` that signs with V4."""
    return oss2.Bucket(oss2.AuthV4(key_id, secret), server.objects_url, name, region=REGION, **options)


def oss_v2_client(server, key_id=ACCESS_KEY_ID, secret=ACCESS_KEY_SECRET, token=None, **options):
    """Returns the client `alibabacloud-oss-v2`, which signs with V4."""
    config = oss_v2.config.load_default()
    config.credentials_provider = oss_v2.credentials.StaticCredentialsProvider(key_id, secret, token)
    config.region = REGION
    config.endpoint = server.objects_url
    for name, value in options.items():
        setattr(config, name, value)
    return oss_v2.Client(config)

"""A form as a browser sends it."""

import base64
import hashlib
import hmac
import json

import requests

from harness.server import ACCESS_KEY_ID, ACCESS_KEY_SECRET


def signed(conditions):
    policy = base64.b64encode(json.dumps({"expiration": "2099-01-01T00:00:00.000Z", "conditions": conditions}).encode())
    digest = hmac.new(ACCESS_KEY_SECRET.encode(), policy, hashlib.sha1).digest()
    return {"OSSAccessKeyId": ACCESS_KEY_ID, "policy": policy.decode(), "Signature": base64.b64encode(digest).decode()}


def test_a_form_is_stored(server, bucket):
    name = bucket.bucket_name
    fields = signed([{"bucket": name}, ["starts-with", "$key", "in/"], ["content-length-range", 0, 100]])
    fields |= {"key": "in/${filename}", "x-oss-meta-a": "1", "success_action_status": "201"}
    answer = requests.post(f"{server.objects_url}/{name}", data=fields, files={"file": ("cat.txt", b"meow", "text/plain")}, timeout=10)
    assert answer.status_code == 201 and "<Key>in/cat.txt</Key>" in answer.text
    stored = bucket.get_object("in/cat.txt")
    assert (stored.read(), stored.headers["x-oss-meta-a"], stored.content_type) == (b"meow", "1", "text/plain")
    answer = requests.post(f"{server.objects_url}/{name}", data=fields, files={"file": ("cat.txt", b"m" * 101)}, timeout=10)
    assert answer.status_code == 400 and "EntityTooLarge" in answer.text

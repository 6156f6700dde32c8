"""The function of the main job in Python: for each new text it writes a shouted copy beside it."""

import base64
import email.utils
import hashlib
import hmac
import json
import os
import urllib.parse
import urllib.request


def handler(event, context):
    document = json.loads(event)
    records = document["events"] if "events" in document else [document["data"]]
    for record in records:
        bucket, key = record["oss"]["bucket"]["name"], record["oss"]["object"]["key"]
        text = call("GET", bucket, key).decode()
        copy = "shouted/" + key.split("/", 1)[1]
        call("PUT", bucket, copy, text.upper().encode())
        context.logger.info("wrote %s", copy)
    return {"records": len(records)}


def call(method, bucket, key, body=None):
    """Calls the object store with the signature of version 1."""
    date = email.utils.formatdate(usegmt=True)
    kind = "text/plain" if body is not None else ""
    text = f"{method}\n\n{kind}\n{date}\n/{bucket}/{key}"
    secret = os.environ["OSS_ACCESS_KEY_SECRET"].encode()
    signature = base64.b64encode(hmac.new(secret, text.encode(), hashlib.sha1).digest()).decode()
    request = urllib.request.Request(
        f"{os.environ['OSS_ENDPOINT']}/{bucket}/{urllib.parse.quote(key)}", data=body, method=method,
        headers={"Date": date, "Authorization": f"OSS {os.environ['OSS_ACCESS_KEY_ID']}:{signature}"},
    )
    if kind:
        request.add_header("Content-Type", kind)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()

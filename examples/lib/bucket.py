"""A bucket of the object store, for functions: the standard library and nothing else.

The address comes from the variable OSS_ENDPOINT, the key from the context of the call: a function that has a
role gets a temporary one. Requests are signed with OSS signature version 4, so the same code works in the cloud.
"""

import datetime
import hashlib
import hmac
import json
import os
import urllib.error
import urllib.parse
import urllib.request

TIMEOUT_SECONDS = 10


class Bucket:
    """One bucket, seen by one call of a function."""

    def __init__(self, name, context):
        self.name = name
        self.region = context.region
        self.credentials = context.credentials
        self.endpoint = urllib.parse.urlsplit(os.environ["OSS_ENDPOINT"])

    def get(self, key):
        """Returns the content of an object, or None when there is none."""
        try:
            return self._send("GET", key)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def get_json(self, key, default=None):
        """Returns the document in an object, or `default` when there is none."""
        content = self.get(key)
        return default if content is None else json.loads(content)

    def put(self, key, content, media_type="application/octet-stream"):
        """Writes an object, whether there was one or not."""
        self._send("PUT", key, content, {"content-type": media_type})

    def put_json(self, key, document):
        """Writes a document, in the form that people like to read."""
        text = json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True)
        self.put(key, text.encode(), "application/json")

    def put_new(self, key, content, media_type="application/json"):
        """Writes an object that is not there yet; returns False, and writes nothing, when it is."""
        try:
            self._send("PUT", key, content, {"content-type": media_type, "x-oss-forbid-overwrite": "true"})
        except urllib.error.HTTPError as error:
            if error.code == 409:
                return False
            raise
        return True

    def delete(self, key):
        """Deletes an object. One that is not there is deleted already."""
        self._send("DELETE", key)

    def _send(self, method, key, content=None, headers=None):
        headers = self._signed(method, key, headers or {})
        url = f"{self._base()}/{urllib.parse.quote(key, safe='/~')}"
        request = urllib.request.Request(url, data=content, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            return answer.read()

    def _base(self):
        # In the cloud a bucket is a host of its own; an address cannot have one.
        if self.endpoint.hostname.replace(".", "").isdigit() or self.endpoint.hostname == "localhost":
            return f"{self.endpoint.scheme}://{self.endpoint.netloc}/{self.name}"
        return f"{self.endpoint.scheme}://{self.name}.{self.endpoint.netloc}"

    def _signed(self, method, key, headers):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        headers = {**headers, "x-oss-date": now, "x-oss-content-sha256": "UNSIGNED-PAYLOAD"}
        if self.credentials.security_token:
            headers["x-oss-security-token"] = self.credentials.security_token
        lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
        resource = f"/{self.name}/{urllib.parse.quote(key, safe='/~')}"
        canonical = f"{method}\n{resource}\n\n{lines}\n\nUNSIGNED-PAYLOAD"
        scope = f"{now[:8]}/{self.region}/oss/aliyun_v4_request"
        to_sign = f"OSS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signing_key = ("aliyun_v4" + self.credentials.access_key_secret).encode()
        for part in scope.split("/"):
            signing_key = _hmac(signing_key, part)
        signature = _hmac(signing_key, to_sign).hex()
        credential = f"{self.credentials.access_key_id}/{scope}"
        headers["authorization"] = f"OSS4-HMAC-SHA256 Credential={credential},Signature={signature}"
        return headers


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()

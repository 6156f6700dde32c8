"""Requests made by hand, for what no official client would send."""

import datetime
import hashlib
import hmac
import urllib.parse
import uuid

import requests

from harness.server import ACCESS_KEY_ID, ACCESS_KEY_SECRET

TIMEOUT_SECONDS = 60


def sign(method, target, headers, body=b"", key_id=ACCESS_KEY_ID, secret=ACCESS_KEY_SECRET, skew=datetime.timedelta()):
    """Returns `headers` with a date, a nonce and an ACS3-HMAC-SHA256 signature; `host` must be among them.

    `skew` is how far the caller's clock is ahead.
    """
    at = datetime.datetime.now(datetime.UTC) + skew
    digest = hashlib.sha256(body).hexdigest()
    signed = {name.lower(): value for name, value in headers.items()}
    signed.setdefault("x-acs-date", at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    signed.setdefault("x-acs-signature-nonce", uuid.uuid4().hex)
    signed.setdefault("x-acs-content-sha256", digest)
    names = sorted(name for name in signed if name.startswith("x-acs-") or name in ("host", "content-type"))
    path, _, query = target.partition("?")
    pairs = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
    query = "&".join(f"{urllib.parse.quote(k, safe='~')}={urllib.parse.quote(v, safe='~')}" for k, v in pairs)
    lines = "".join(f"{name}:{signed[name].strip()}\n" for name in names)
    canonical = "\n".join([method, path, query, lines, ";".join(names), signed["x-acs-content-sha256"]])
    text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    signed["Authorization"] = (
        f"ACS3-HMAC-SHA256 Credential={key_id},SignedHeaders={';'.join(names)},Signature={signature}")
    return signed


def call(server, method, target, body=b"", headers=None, change=None, **options):
    """Sends a signed request to the API; `change(headers)` may spoil the headers after they were signed."""
    if isinstance(body, str):
        body = body.encode()
    signed = sign(method, target, {"host": server.api, **(headers or {})}, body, **options)
    if change:
        change(signed)
    return requests.request(method, server.url + target, data=body, headers=signed, timeout=TIMEOUT_SECONDS)


def fc(server, method, path, body=b"", **options):
    """Calls an operation of Function Compute."""
    headers = {"x-acs-version": "2023-03-30", **options.pop("headers", {})}
    return call(server, method, f"/2023-03-30{path}", body, headers, **options)


def rpc(server, action, parameters, **options):
    """Calls an operation of EventBridge with its parameters in a form."""
    headers = {
        "x-acs-action": action, "x-acs-version": "2020-04-01",
        "content-type": "application/x-www-form-urlencoded", **options.pop("headers", {}),
    }
    return call(server, "POST", "/", urllib.parse.urlencode(parameters), headers, **options)

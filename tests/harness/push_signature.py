"""Verifies a push as a receiver would, by the documented steps."""

import base64
import hashlib
import hmac

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

PREFIX = "x-eventbridge-signature"


def certificate_of(push):
    """Returns the certificate that a push names, fetched without any key."""
    answer = requests.get(push.headers[f"{PREFIX}-url"], timeout=10)
    answer.raise_for_status()
    return x509.load_pem_x509_certificate(answer.content)


def verify(push, url, key, token=None):
    """Raises unless both generations of the signature of a push to `url` fit the public key."""
    assert push.headers.get(f"{PREFIX}-token") == token
    _verify_rsa(push, url, key)
    _verify_hmac(push, url, key)


def _text(push, url, algorithm):
    names = [f"{PREFIX}-timestamp", algorithm, f"{PREFIX}-version", f"{PREFIX}-url", f"{PREFIX}-token"]
    lines = [f"{name}: {push.headers[name]}" for name in names if name in push.headers]
    return "\n".join([url, *lines, ""]).encode() + push.body + b"\n"


def _verify_rsa(push, url, key):
    assert push.headers["x-eventbridge-hash-method"] == "SHA256"
    signature = base64.b64decode(push.headers[f"{PREFIX}-v2"], validate=True)
    key.verify(signature, _text(push, url, "x-eventbridge-hash-method"), padding.PKCS1v15(), hashes.SHA256())


def _verify_hmac(push, url, key):
    assert push.headers[f"{PREFIX}-method"] == "HMAC-SHA1"
    sealed = base64.b64decode(push.headers[f"{PREFIX}-secret"], validate=True)
    numbers, size = key.public_numbers(), key.key_size // 8
    opened = pow(int.from_bytes(sealed, "big"), numbers.e, numbers.n).to_bytes(size, "big")
    filler, secret = opened[2:].split(b"\0", 1)
    assert opened[:2] == b"\0\1" and len(filler) >= 8 and set(filler) == {255}, "PKCS#1 v1.5, block type 1"
    expected = hmac.new(secret, _text(push, url, f"{PREFIX}-method"), hashlib.sha1).digest()
    assert hmac.compare_digest(expected, base64.b64decode(push.headers[PREFIX], validate=True))

"""Pushes as the cloud's EventBridge sends them, written from the description of the signature."""

import base64
import datetime
import hashlib
import hmac
import os
import time

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

CERTIFICATE_URL = "https://cn-hangzhou-eventbridge.oss-accelerate.aliyuncs.com/x509_public_certificate_1.pem"


class Sender:
    """A hub that pushes: it has a key of its own."""

    def __init__(self, bits=1024):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=bits)

    def certificate(self):
        """Returns the certificate as PEM text."""
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "eventbridge")])
        start = datetime.datetime(2026, 1, 1)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.key.public_key())
        builder = builder.serial_number(7).not_valid_before(start)
        builder = builder.not_valid_after(start + datetime.timedelta(days=3650))
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def public_key(self):
        """Returns the bare public key as PEM text."""
        return self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()

    def headers(self, url, body, token=None, at=None, generations=("v1", "v2"), newline=True):
        """Returns the headers that sign `body` for `url`."""
        timestamp = str(int((time.time() if at is None else at) * 1000))
        common = {
            "x-eventbridge-signature-timestamp": timestamp,
            "x-eventbridge-signature-version": "1.0",
            "x-eventbridge-signature-url": CERTIFICATE_URL,
            "content-type": "application/json; charset=utf-8",
        }
        if token is not None:
            common["x-eventbridge-signature-token"] = token
        if "v1" in generations:
            text = self._text(url, timestamp, "x-eventbridge-signature-method: HMAC-SHA1", token, body, newline)
            secret = os.urandom(16)
            common["x-eventbridge-signature-method"] = "HMAC-SHA1"
            common["x-eventbridge-signature-secret"] = base64.b64encode(self._private_encrypt(secret)).decode()
            digest = hmac.new(secret, text, hashlib.sha1).digest()
            common["x-eventbridge-signature"] = base64.b64encode(digest).decode()
        if "v2" in generations:
            text = self._text(url, timestamp, "x-eventbridge-hash-method: SHA256", token, body, newline)
            common["x-eventbridge-hash-method"] = "SHA256"
            signature = self.key.sign(text, padding.PKCS1v15(), hashes.SHA256())
            common["x-eventbridge-signature-v2"] = base64.b64encode(signature).decode()
        return common

    @staticmethod
    def _text(url, timestamp, method, token, body, newline):
        lines = [url, f"x-eventbridge-signature-timestamp: {timestamp}", method,
                 "x-eventbridge-signature-version: 1.0", f"x-eventbridge-signature-url: {CERTIFICATE_URL}"]
        if token is not None:
            lines.append(f"x-eventbridge-signature-token: {token}")
        return "\n".join(lines).encode() + b"\n" + body + (b"\n" if newline else b"")

    def _private_encrypt(self, secret):
        """PKCS#1 v1.5, block type 1, with the private key: what a signature without a hash is."""
        numbers = self.key.private_numbers()
        modulus = numbers.public_numbers.n
        size = (modulus.bit_length() + 7) // 8
        block = b"\x00\x01" + b"\xff" * (size - len(secret) - 3) + b"\x00" + secret
        return pow(int.from_bytes(block, "big"), numbers.d, modulus).to_bytes(size, "big")


def post(url, body, headers):
    """Sends a push and returns status and JSON answer."""
    answer = requests.post(url, data=body, headers=headers, timeout=60)
    return answer.status_code, answer.json()

"""Message queues through the official client of Simple Message Queue, and requests that no client would send."""

import base64
import contextlib
import datetime
import email.utils
import hashlib
import hmac
import re

import pytest
import requests
from mns.account import Account
from mns.mns_exception import MNSServerException
from mns.queue import Message, QueueMeta

from harness.raw import TIMEOUT_SECONDS
from harness.server import ACCESS_KEY_ID, ACCESS_KEY_SECRET


def account(server, key_id=ACCESS_KEY_ID, secret=ACCESS_KEY_SECRET, token=""):
    """Returns the official client, which signs and checks every answer's shape."""
    return Account(server.url, key_id, secret, token)


def create_queue(server, name, encoded=True, **attributes):
    """Creates a queue and returns its handle; `encoded` is whether the client puts texts into Base64."""
    queue = account(server).get_queue(name)
    queue.create(QueueMeta(**attributes))
    queue.set_encoding(encoded)
    return queue


def message(body, **settings):
    """A message to send."""
    return Message(body, **settings)


@contextlib.contextmanager
def refused(code, status=None):
    """Expects the official client to raise a refusal with this code."""
    with pytest.raises(MNSServerException) as raised:
        yield raised
    error = raised.value
    assert error.type == code, str(error)
    assert error.req_id and error.host_id.startswith("http://"), "a refusal says which request it is about"


def counts(queue):
    """Returns the numbers of active, inactive and delayed messages."""
    meta = queue.get_attributes()
    return meta._active_messages, meta._inactive_messages, meta._delay_messages


def signed_headers(method, target, body=b"", key_id=ACCESS_KEY_ID, secret=ACCESS_KEY_SECRET, ahead_seconds=0, headers=()):
    """Returns `headers` with a date, a version and a signature."""
    date = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=ahead_seconds)
    known = {"date": email.utils.format_datetime(date, usegmt=True), "x-mns-version": "2015-06-06"}
    if body:
        known["content-type"] = "text/xml"
    known.update(headers)
    signed = "".join(f"{name}:{known[name]}\n" for name in sorted(known) if name.startswith("x-mns-"))
    text = "\n".join([method, known.get("content-md5", ""), known.get("content-type", ""), known.get("date", ""), signed + target])
    signature = base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()
    return {**known, "authorization": f"MNS {key_id}:{signature}"}


def send_raw(server, method, target, body=b"", change=None, **options):
    """Sends a request that is signed by hand; `change(headers)` may spoil the headers after they were signed."""
    if isinstance(body, str):
        body = body.encode()
    headers = signed_headers(method, target, body, **options)
    if change:
        change(headers)
    request = requests.Request(method, server.url, data=body, headers=headers).prepare()
    # As it is: the library would encode what is not encoded.
    request.url = server.url + target
    with requests.Session() as session:
        return session.send(request, timeout=TIMEOUT_SECONDS)


def code_of(answer):
    """Returns the status and error code of a raw answer, whose form is checked."""
    assert answer.headers["x-mns-request-id"] and answer.headers["x-mns-version"] == "2015-06-06"
    assert answer.headers["content-type"].startswith("text/xml"), "clients take anything else for a success"
    for element in ("Code", "Message", "RequestId", "HostId"):
        assert re.search(f"<{element}>[^<]+</{element}>", answer.text), answer.text
    return answer.status_code, re.search("<Code>(.*)</Code>", answer.text)[1]


def element(answer, name):
    """Returns the text of the first element with a name in a raw answer."""
    return re.search(f"<{name}>(.*?)</{name}>", answer.text, re.DOTALL)[1]

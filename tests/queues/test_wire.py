"""What goes over the wire: signatures, digests, spellings, and what is refused."""

import base64
import hashlib

import pytest

from harness import queues
from harness.queues import code_of, refused, send_raw
from harness.server import ACCESS_KEY_ID


@pytest.fixture
def name(server, unique):
    return queues.create_queue(server, unique("queue")).queue_name


def spoil(header, value):
    def change(headers):
        if value is None:
            headers.pop(header)
        else:
            headers[header] = value
    return change


@pytest.mark.parametrize("expected, options", [
    ((400, "MissingAuthorizationHeader"), {"change": spoil("authorization", None)}),
    ((400, "InvalidAuthorizationHeader"), {"change": spoil("authorization", "acs id:signature")}),
    ((400, "InvalidAuthorizationHeader"), {"change": spoil("authorization", f"MNS {ACCESS_KEY_ID}")}),
    ((400, "MissingDateHeader"), {"change": spoil("date", None)}),
    ((400, "InvalidDateHeader"), {"headers": {"date": "yesterday"}}),
    ((408, "TimeExpired"), {"ahead_seconds": 16 * 60}),
    ((408, "TimeExpired"), {"ahead_seconds": -16 * 60}),
    ((403, "InvalidAccessKeyId"), {"key_id": "nobody"}),
    ((403, "SignatureDoesNotMatch"), {"secret": "wrong"}),
    ((403, "SignatureDoesNotMatch"), {"change": spoil("x-mns-version", None)}),
    ((400, "InvalidVersionHeader"), {"headers": {"x-mns-version": "2014-01-01"}}),
])
def test_a_request_that_is_not_signed_well_is_refused(server, name, expected, options):
    assert code_of(send_raw(server, "GET", f"/queues/{name}", **options)) == expected


def test_a_client_with_a_wrong_secret_gets_a_clear_error(server, name):
    with refused("SignatureDoesNotMatch"):
        queues.account(server, secret="wrong").get_queue(name).get_attributes()


def test_a_query_is_signed_as_it_is_written(server, name):
    for handle in ("1-O+/A==", "1-O%2B%2FA%3D%3D"):
        answer = send_raw(server, "DELETE", f"/queues/{name}/messages?ReceiptHandle={handle}")
        assert code_of(answer) == (400, "ReceiptHandleError"), "it was let in, and is no handle"
    assert send_raw(server, "PUT", f"/queues/{name}?metaOverride=TRUE", "<Queue/>").status_code == 204


@pytest.mark.parametrize("digest, status", [
    (lambda body: base64.b64encode(hashlib.md5(body).digest()).decode(), 201),
    (lambda body: base64.b64encode(hashlib.md5(body).hexdigest().encode()).decode(), 201),
    (lambda body: hashlib.md5(body).hexdigest(), 201),
    (lambda body: base64.b64encode(hashlib.md5(body + b"x").digest()).decode(), 400),
    (lambda body: "?", 400),
])
def test_every_spelling_of_the_digest_is_checked(server, name, digest, status):
    body = b"<Message><MessageBody>a</MessageBody></Message>"
    answer = send_raw(server, "POST", f"/queues/{name}/messages", body, headers={"content-md5": digest(body)})
    assert answer.status_code == status, answer.text
    assert status == 201 or code_of(answer) == (400, "InvalidDegist")


MESSAGE = "<MessageBody>a</MessageBody>"


@pytest.mark.parametrize("body, expected", [
    (f'<?xml version="1.0"?>\n<Message xmlns="http://mns.aliyuncs.com/doc/v1/">\n{MESSAGE}\n</Message>\n', None),
    (f'<Message xmlns="http://mns.aliyuncs.com/doc/v1">{MESSAGE}<Unknown/></Message>', None),
    (f"<m:Message xmlns:m='x'>{MESSAGE}</m:Message>", None),
    ("", "MalformedXML"),
    ("<Message>", "MalformedXML"),
    (f'<!DOCTYPE Message [<!ENTITY e "aaaa">]><Message>{MESSAGE}</Message>', "MalformedXML"),
    ("<Message><MessageBody>&undefined;</MessageBody></Message>", "MalformedXML"),
    ("<Message><MessageBody>&#1;</MessageBody></Message>", "MalformedXML"),
    ("<a>" * 100 + "</a>" * 100, "MalformedXML"),
    ("<Message/>", "InvalidArgument"),
    ("<Message><MessageBody/></Message>", "InvalidArgument"),
    (f"<Letter>{MESSAGE}</Letter>", "InvalidArgument"),
    ("<Messages/>", "InvalidArgument"),
    ("<Messages><Letter/></Messages>", "InvalidArgument"),
    ("<Message><MessageBody>" + "x" * 1_100_000 + "</MessageBody></Message>", "InvalidArgument"),
])
def test_documents_are_read_with_care(server, name, body, expected):
    answer = send_raw(server, "POST", f"/queues/{name}/messages", body)
    assert answer.status_code == 201 if expected is None else code_of(answer) == (400, expected), answer.text


@pytest.mark.parametrize("method, path, expected", [
    ("GET", "messages?waitseconds=31", (400, "InvalidArgument")),
    ("GET", "messages?waitseconds=-1", (400, "InvalidArgument")),
    ("GET", "messages?numOfMessages=0", (400, "InvalidArgument")),
    ("GET", "messages?numOfMessages=17", (400, "InvalidArgument")),
    ("GET", "messages?peekonly=true&numOfMessages=17", (400, "InvalidArgument")),
    ("GET", "messages?waitseconds=0&unknown=1", (404, "MessageNotExist")),
    ("PUT", "messages?ReceiptHandle=a&VisibilityTimeout=0", (400, "InvalidArgument")),
    ("PUT", "messages?ReceiptHandle=a&VisibilityTimeout=43201", (400, "InvalidArgument")),
    ("PUT", "messages?ReceiptHandle=a&VisibilityTimeout=1", (400, "ReceiptHandleError")),
    ("PUT", "messages?ReceiptHandle=a", (400, "MissingVisibilityTimeout")),
    ("PUT", "messages?VisibilityTimeout=1", (400, "MissingReceiptHandle")),
    ("DELETE", "messages?ReceiptHandle=", (400, "MissingReceiptHandle")),
    ("DELETE", "messages", (400, "MissingReceiptHandle")),
    ("PATCH", "messages", (400, "InvalidRequestURL")),
    ("GET", "letters", (400, "InvalidRequestURL")),
])
def test_requests_that_make_no_sense_are_refused(server, name, method, path, expected):
    assert code_of(send_raw(server, method, f"/queues/{name}/{path}")) == expected


def test_topics_are_refused_in_words(server):
    answer = send_raw(server, "PUT", "/topics/t", "<Topic/>")
    assert code_of(answer) == (400, "InvalidRequestURL") and "does not offer topics" in answer.text


def test_a_deletion_with_a_handle_and_a_body_is_one_of_one_message(server, name):
    queue = queues.account(server).get_queue(name)
    queue.send_message(queues.message("a"))
    handle = queue.receive_message(0).receipt_handle
    answer = send_raw(
        server, "DELETE", f"/queues/{name}/messages?receiptHandle={handle}", f"<ReceiptHandles>{handle}</ReceiptHandles>")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-type" not in answer.headers and answer.headers["x-mns-request-id"]


def test_handles_in_a_list_may_be_spelt_with_a_small_letter(server, name):
    queue = queues.account(server).get_queue(name)
    queue.send_message(queues.message("a"))
    handle = queue.receive_message(0).receipt_handle
    body = f"<ReceiptHandles><receiptHandle>{handle}</receiptHandle></ReceiptHandles>"
    assert send_raw(server, "DELETE", f"/queues/{name}/messages", body).status_code == 204

"""Runs Python functions for Kulkul.

Started as a *zygote*: it loads what most functions need, then waits on descriptor 3 for requests to make an
instance. Each instance is a fork, which already has all of that in memory. The fork loads the function's module,
says that it is ready, and answers one request after the other on a connection of its own.

Works with Python 3.6 and newer. Everything on a connection is a frame:

    length  4 bytes, little-endian: of what follows
    kind    1 byte
    body    length - 1 bytes

The other side, crates/instance/src/frame.rs, says what each kind means. PROTOCOL must be the same there.
"""

import array
import gc
import importlib
import io
import json
import logging
import os
import resource
import signal
import socket
import struct
import sys
import time
import traceback

# Not used here: functions nearly always need some of them, and a fork gets them for nothing.
import base64  # noqa: F401
import collections  # noqa: F401
import datetime  # noqa: F401
import functools  # noqa: F401
import hashlib  # noqa: F401
import hmac  # noqa: F401
import random
import re  # noqa: F401
import tempfile  # noqa: F401
import threading  # noqa: F401
import urllib.parse  # noqa: F401
import urllib.request  # noqa: F401
import uuid  # noqa: F401

try:
    import ctypes

    LIBC = ctypes.CDLL(None, use_errno=True)
except (ImportError, OSError):
    LIBC = None  # An interpreter that was built without it.

PROTOCOL = 1

PR_SET_PDEATHSIG = 1
SYS_PIDFD_OPEN = 434  # The same on all architectures.

INVOKE, INITIALIZE, PRE_STOP = 0x01, 0x02, 0x03
FORK, FORKED, FORK_FAILED = 0x10, 0x90, 0x91
READY, RESULT, ERROR, TOO_LARGE = 0x81, 0x82, 0x83, 0x84

HANDLED, UNHANDLED, UNUSABLE = 1, 2, 0x80

HEAD = struct.Struct("<IB")
HEAD_AND_MEMORY = struct.Struct("<IBI")
SELF = os.path.abspath(__file__)


# --- frames ---------------------------------------------------------------------------------------------------------


class Closed(Exception):
    """The other side has gone."""


class Connection(object):
    """Reads and writes frames on a stream socket."""

    def __init__(self, sock):
        self.sock = sock
        self.rest = b""

    def read(self):
        """Returns the next frame's kind and body."""
        data = self.rest or self.receive()
        while len(data) < 5:
            data += self.receive()
        length, kind = HEAD.unpack_from(data)
        end = 4 + length
        if len(data) < end:
            parts, have = [data], len(data)
            while have < end:
                part = self.receive(min(end - have, 1 << 20))
                parts.append(part)
                have += len(part)
            data = b"".join(parts)
        self.rest = data[end:]
        return kind, data[5:end]

    def receive(self, most=65536):
        data = self.sock.recv(most)
        if not data:
            raise Closed()
        return data

    def reply(self, kind, body=b"", flags=None):
        """Sends a reply, which always carries the memory used so far, in KiB."""
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if flags is not None:
            body = bytes((flags,)) + body
        head = HEAD_AND_MEMORY.pack(5 + len(body), kind, memory)
        if len(body) < 65536:
            self.sock.sendall(head + body)
        else:
            self.sock.sendall(head)
            self.sock.sendall(body)


# --- what a function sees -------------------------------------------------------------------------------------------


class Credentials(object):
    def __init__(self, given):
        self.access_key_id = given.get("accessKeyId", "")
        self.access_key_secret = given.get("accessKeySecret", "")
        self.security_token = given.get("securityToken", "")


class FunctionMeta(object):
    def __init__(self, given, qualifier):
        self.name = given["name"]
        self.handler = given["handler"]
        self.memory = given["memory"]
        self.timeout = given["timeout"]
        self.version_id = given["versionId"]
        self.qualifier = qualifier


class ServiceMeta(object):
    def __init__(self, given, qualifier):
        self.name = ""
        self.log_project = given["logProject"]
        self.log_store = given["logStore"]
        self.qualifier = qualifier
        self.version_id = given["versionId"]


class Tracing(object):
    def __init__(self):
        self.span_context = ""
        self.span_baggages = {}
        self.jaeger_endpoint = ""


class Context(object):
    """What a handler gets as its second argument; has the attributes of every version of the contract."""

    __slots__ = (
        "request_id", "credentials", "function", "service", "region", "account_id", "logger", "tracing",
        "log_project", "log_store", "qualifier", "version_id", "retry_count",
    )  # fmt: skip

    def __init__(self, given, credentials, request_id, qualifier, retry_count):
        self.request_id = request_id
        self.credentials = credentials
        self.function = FunctionMeta(given, qualifier)
        self.service = ServiceMeta(given, qualifier)
        self.region = given["region"]
        self.account_id = given["accountId"]
        self.logger = logging.getLogger()
        self.tracing = Tracing()
        self.log_project = given["logProject"]
        self.log_store = given["logStore"]
        self.qualifier = qualifier
        self.version_id = given["versionId"]
        self.retry_count = retry_count

    def getLogger(self):  # noqa: N802, the contract's name
        return self.logger


class Logs(logging.Handler):
    """Writes `2024-02-27T08:35:26.651Z <request id> [INFO] message` to standard output."""

    request_id = ""

    def emit(self, record):
        try:
            text = record.getMessage()
            if record.exc_info:
                text += "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
            at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            millis = int(record.created * 1000) % 1000
            line = "%s.%03dZ %s [%s] %s\n" % (at, millis, self.request_id, record.levelname, text)
            sys.stdout.write(line)
        except Exception:
            self.handleError(record)


# --- running a function ---------------------------------------------------------------------------------------------


def result_bytes(value):
    """Turns what a handler returned into the bytes of the result."""
    if isinstance(value, str):
        return value.encode("utf-8")
    if isinstance(value, bytes):
        return value
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    return json.dumps(value).encode("utf-8")


def error_report(error):
    """Turns an exception into the documented report; frames of this file are left out."""
    frames = []
    for frame in traceback.extract_tb(error.__traceback__):
        if frame[0] == SELF or frame[0].startswith("<frozen importlib"):
            continue
        frames.append(['File "%s"' % frame[0], "line %s" % frame[1], "in %s" % frame[2], frame[3] or ""])
    report = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": frames}
    try:
        return json.dumps(report).encode("utf-8")
    except ValueError:
        return b'{"errorMessage":"the error cannot be shown","errorType":"Exception","stackTrace":[]}'


def find(handler):
    """Imports `module.function` and returns the function."""
    path, dot, name = handler.rpartition(".")
    if not dot or not path or not name:
        raise ValueError("Handler '%s' is not of the form 'module.function'" % handler)
    module = importlib.import_module(path.replace("/", "."))
    function = getattr(module, name)
    if not callable(function):
        raise TypeError("Handler '%s' is not a function" % handler)
    return function


class Instance(object):
    """One function, loaded, and the connection on which its requests come."""

    def __init__(self, connection, given):
        self.connection = connection
        self.given = given["context"]
        self.response_bytes_max = given["responseBytesMax"]
        self.credentials = Credentials(self.given["credentials"])
        self.logs = Logs()
        self.hooks = {INITIALIZE: given.get("initializer"), PRE_STOP: given.get("preStop")}
        self.handler_name = given["handler"]

    def run(self):
        """Loads the function and answers requests until the connection closes."""
        root = logging.getLogger()
        root.handlers[:] = [self.logs]
        root.setLevel(logging.INFO)
        try:
            handler = find(self.handler_name)
        except Exception as error:
            self.answer_error(error, UNHANDLED | UNUSABLE)
            return
        sys.stdout.flush()
        self.connection.reply(READY, struct.pack("<I", PROTOCOL))
        while True:
            kind, body = self.connection.read()
            meta_end = 2 + (body[0] | body[1] << 8)
            request_id, qualifier, retry_count = body[2:meta_end].decode("utf-8").split("\n")
            self.logs.request_id = request_id
            context = Context(self.given, self.credentials, request_id, qualifier, int(retry_count))
            try:
                if kind == INVOKE:
                    result = result_bytes(handler(body[meta_end:], context))
                else:
                    find(self.hooks[kind])(context)
                    result = b""
            except Exception as error:
                self.answer_error(error, UNHANDLED)
                continue
            self.flush()
            if len(result) > self.response_bytes_max:
                self.connection.reply(TOO_LARGE, struct.pack("<Q", len(result)))
            else:
                self.connection.reply(RESULT, result)

    def answer_error(self, error, flags):
        traceback.print_exception(type(error), error, error.__traceback__)
        self.flush()
        self.connection.reply(ERROR, error_report(error), flags)

    @staticmethod
    def flush():
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except (OSError, ValueError):
            pass  # The function closed or replaced them; its output is its own affair.


# --- the zygote -----------------------------------------------------------------------------------------------------


def receive_with_descriptors(sock, count):
    """Reads some bytes and the descriptors that came with them."""
    size = array.array("i").itemsize
    data, ancillary, _, _ = sock.recvmsg(65536, socket.CMSG_SPACE(count * size))
    fds = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content[: len(content) - len(content) % size])
    return data, list(fds)


def read_fork_request(sock):
    """Reads one frame from the server, with the descriptors of the instance to be."""
    data, fds = receive_with_descriptors(sock, 8)
    if not data:
        raise Closed()
    while len(data) < 4 or len(data) < 4 + struct.unpack_from("<I", data)[0]:
        more, more_fds = receive_with_descriptors(sock, 8)
        if not more:
            raise Closed()
        data += more
        fds += more_fds
    return json.loads(data[5:].decode("utf-8")), fds


def pidfd_open(pid):
    if hasattr(os, "pidfd_open"):
        return os.pidfd_open(pid)
    fd = LIBC.syscall(SYS_PIDFD_OPEN, pid, 0)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "pidfd_open")
    return fd


def send_forked(control, sequence, fd):
    body = struct.pack("<Q", sequence)
    control.sendmsg(
        [HEAD.pack(1 + len(body), FORKED) + body],
        [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]).tobytes())],
    )


def reap(*_):
    """Ends what ended instances left in their process groups, then forgets them."""
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None:
            return
        try:
            os.killpg(ended.si_pid, signal.SIGKILL)
        except OSError:
            pass
        try:
            os.waitpid(ended.si_pid, 0)
        except ChildProcessError:
            pass


def zygote():
    control = socket.socket(fileno=3)
    control.setblocking(True)
    os.set_inheritable(3, False)
    signal.signal(signal.SIGCHLD, reap)
    gc.collect()
    if hasattr(gc, "freeze"):
        gc.freeze()
    control.sendall(HEAD.pack(5, READY) + struct.pack("<I", PROTOCOL))
    while True:
        try:
            given, fds = read_fork_request(control)
        except Closed:
            return
        try:
            pid = os.fork()
        except OSError as error:
            for fd in fds:
                os.close(fd)
            body = struct.pack("<Q", given["sequence"]) + str(error).encode("utf-8")
            control.sendall(HEAD.pack(1 + len(body), FORK_FAILED) + body)
            continue
        if pid == 0:
            code = 1
            try:
                control.close()
                become_instance(given, *fds)
                code = 0
            except Closed:
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else (0 if end.code is None else 1)
            except BaseException:
                traceback.print_exc()
            finally:
                Instance.flush()
                os._exit(code & 0xFF)
        try:
            pidfd = pidfd_open(pid)
            send_forked(control, given["sequence"], pidfd)
            os.close(pidfd)
        except OSError as error:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass  # It has ended already, which is why it could not be opened.
            body = struct.pack("<Q", given["sequence"]) + str(error).encode("utf-8")
            control.sendall(HEAD.pack(1 + len(body), FORK_FAILED) + body)
        for fd in fds:
            os.close(fd)


def become_instance(given, connection, output):
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.set_inheritable(connection, False)
    die_with_parent()
    for name, fd in (("stdout", 1), ("stderr", 2)):
        stream = io.TextIOWrapper(open(fd, "wb", closefd=False), "utf-8", "backslashreplace", line_buffering=True)
        setattr(sys, name, stream)
        setattr(sys, "__%s__" % name, stream)
    os.environ.clear()
    os.environ.update(given["environment"])
    time.tzset()
    random.seed()
    tempfile.tempdir = None
    code = given["codePath"]
    os.chdir(code)
    extra = [path for path in os.environ.get("PYTHONPATH", "").split(":") if path]
    sys.path[:0] = [code] + extra + given["modulePaths"]
    sys.path[:] = [path for path in sys.path if path != os.path.dirname(SELF)]
    sys.argv[:] = [""]
    importlib.invalidate_caches()
    Instance(Connection(socket.socket(fileno=connection)), given).run()


def die_with_parent():
    """Asks the kernel to end this instance when the zygote ends."""
    # Without ctypes the closing connection ends an idle instance as well, only later.
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


if __name__ == "__main__":
    zygote()

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
import base64
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

# Numbers of the kernel's interface; those of system calls are the same on all architectures from 424 on.
SYS_PIDFD_OPEN, SYS_MOUNT_SETATTR, SYS_LANDLOCK_RESTRICT_SELF = 434, 442, 446
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 24, 38
SECCOMP_MODE_FILTER = 2
CAPABILITY_VERSION_3 = 0x20080522
CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWPID = 0x00020000, 0x08000000, 0x20000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC = 2, 4, 8, 4096, 16384
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV = 1, 2, 4
MNT_DETACH, AT_FDCWD, AT_RECURSIVE = 2, -100, 0x8000

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
    """Reads one frame, and the descriptors of the instance to be: its connection and its output."""
    data, fds = receive_with_descriptors(sock, 8)
    if not data:
        raise Closed()
    while len(data) < 4 or len(data) < 4 + struct.unpack_from("<I", data)[0]:
        more, more_fds = receive_with_descriptors(sock, 8)
        if not more:
            raise Closed()
        data += more
        fds += more_fds
    return data, fds


def pidfd_open(pid):
    if hasattr(os, "pidfd_open"):
        return os.pidfd_open(pid)
    fd = LIBC.syscall(SYS_PIDFD_OPEN, pid, 0)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "pidfd_open")
    return fd


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


class Spare(object):
    """A fork that waits to be told which function it becomes.

    It has done already what is the same for every function, and touched the memory that this takes.
    """

    def __init__(self, sock, pidfd):
        self.sock = sock
        self.pidfd = pidfd

    def close(self):
        self.sock.close()
        os.close(self.pidfd)


class Zygote(object):
    """Keeps one spare instance, and gives it to whoever asks."""

    def __init__(self, control, enclosed):
        self.control = control
        self.enclosed = enclosed
        self.pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY) if enclosed else None

    def run(self):
        spare = None
        while True:
            if spare is None:
                try:
                    spare = self.fork()
                except OSError as error:
                    failure = error
            data, fds = read_fork_request(self.control)
            sequence = struct.pack("<Q", json.loads(data[5:].decode("utf-8"))["sequence"])
            try:
                if spare is None:
                    raise failure
                try:
                    give(spare.sock, data, fds)
                except OSError:
                    # It has ended, killed by whoever needed its memory.
                    spare.close()
                    spare = self.fork()
                    give(spare.sock, data, fds)
                give(self.control, HEAD.pack(1 + len(sequence), FORKED) + sequence, [spare.pidfd])
            except OSError as error:
                body = sequence + str(error).encode("utf-8")
                self.control.sendall(HEAD.pack(1 + len(body), FORK_FAILED) + body)
            for fd in fds:
                os.close(fd)
            if spare is not None:
                spare.close()
                spare = None

    def fork(self):
        """Makes a spare; returns in the zygote only."""
        ours, theirs = socket.socketpair()
        if self.enclosed:
            check(LIBC.unshare(CLONE_NEWPID), "unshare")
        try:
            pid = os.fork()
        finally:
            if self.enclosed and os.getpid() != 1:
                check(LIBC.setns(self.pid_namespace, CLONE_NEWPID), "setns")
        if pid == 0:
            self.live(theirs)
        theirs.close()
        try:
            return Spare(ours, pidfd_open(pid))
        except OSError:
            ours.close()
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass  # It has ended already, which is why it could not be opened.
            raise

    def live(self, sock):
        """The whole life of a fork."""
        code = 1
        try:
            self.control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            if self.enclosed:
                os.close(self.pid_namespace)
                stand_alone()
            die_with_parent()
            rehearse()
            data, fds = read_fork_request(sock)
            sock.close()
            become_instance(json.loads(data[5:].decode("utf-8")), *fds)
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


def rehearse():
    """Does once, for nothing, what an instance does when it starts.

    A fork shares its memory with the zygote until it writes to it, and each page it then gets of its own costs
    microseconds. Whoever waits for an instance should not have to wait for that.
    """
    name = "_kulkul_rehearsal"
    code = compile(REHEARSAL, name, "exec")
    module = type(sys)(name)
    exec(code, module.__dict__)
    try:
        importlib.import_module(name)
    except ImportError:
        pass
    given = json.loads(json.dumps({"environment": {"A": "b"}, "list": [1, 2.5, None, True, "text"]}))
    os.environ.update(given["environment"])
    os.environ.pop("A")
    stream = io.TextIOWrapper(open(os.devnull, "wb"), "utf-8", "backslashreplace", line_buffering=True)
    stream.write("%s\n" % module.handler(b"{}", None))
    stream.close()
    importlib.invalidate_caches()


REHEARSAL = """
import json
import os

class Example(object):
    def __init__(self, value):
        self.value = value

def handler(event, context):
    data = json.loads(event)
    return {"statusCode": 200, "headers": {}, "body": [str(Example(data).value), os.getcwd()]}
"""


def give(sock, data, fds):
    """Sends bytes, and descriptors along with the first of them."""
    rights = array.array("i", fds).tobytes()
    sent = sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)], socket.MSG_NOSIGNAL)
    if sent < len(data):
        sock.sendall(data[sent:])


def zygote():
    control = socket.socket(fileno=3)
    control.setblocking(True)
    os.set_inheritable(3, False)
    signal.signal(signal.SIGCHLD, reap)
    enclosed = sys.argv[1:] == ["enclosed"]
    if LIBC is None:
        sys.exit("this interpreter has no ctypes, without which instances cannot be kept apart")
    gc.collect()
    if hasattr(gc, "freeze"):
        gc.freeze()
    control.sendall(HEAD.pack(5, READY) + struct.pack("<I", PROTOCOL))
    try:
        Zygote(control, enclosed).run()
    except Closed:
        pass


# --- enclosures -----------------------------------------------------------------------------------------------------
# The zygote itself has been enclosed by the server, with the machine's own tree below a directory. Each instance gets
# namespaces of its own, in which the function's directories take the place of that tree.


class MountAttributes(ctypes.Structure if LIBC else object):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "user")] if LIBC else []


class FilterProgram(ctypes.Structure if LIBC else object):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_char_p)] if LIBC else []


def check(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, "%s: %s" % (what, os.strerror(number)))
    return result


def mount(source, target, kind, flags, options=None):
    names = [name.encode("utf-8") if name is not None else None for name in (source, target, kind)]
    check(LIBC.mount(names[0], names[1], names[2], ctypes.c_ulong(flags), options), "mount %s" % target)


def stand_alone():
    """Makes namespaces, and leaves a process in them that only reaps; returns in another, which lives there."""
    check(LIBC.unshare(CLONE_NEWNS | CLONE_NEWIPC), "unshare")
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, b"mode=1777,size=64m")
    for capability in range(64):  # Those that it has now it keeps until it gives them up.
        LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    child = os.fork()
    if child == 0:
        os.setsid()
        return
    os.closerange(0, 256)
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == child:
            os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))


def enclose(given):
    """Puts the function's directories in place, and gives up the machine and all rights."""
    for source, target, writable in given["binds"]:
        mount(source, target, None, MS_BIND | MS_REC)
        flags = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (0 if writable else MOUNT_ATTR_RDONLY)
        attributes = MountAttributes(flags, 0, 0, 0)
        size = ctypes.c_size_t(ctypes.sizeof(attributes))
        path = target.encode("utf-8")
        check(LIBC.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, path, AT_RECURSIVE, ctypes.byref(attributes), size), "protect")
    check(LIBC.umount2(given["host"].encode("utf-8"), MNT_DETACH), "umount")
    if given["user"] is not None:
        uid, gid = given["user"]
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        # Otherwise the process's own files below /proc, among them its output, would be root's.
        LIBC.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
    else:
        drop_capabilities()


def drop_capabilities():
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    none = (ctypes.c_uint32 * 6)()
    check(LIBC.capset(header, none), "capset")


def restrict(file_rules):
    """Gives up all files that the rules do not name, and all rights."""
    for capability in range(64):
        LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    drop_capabilities()
    check(LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    check(LIBC.syscall(SYS_LANDLOCK_RESTRICT_SELF, file_rules, 0), "landlock")
    os.close(file_rules)


def forbid(program):
    """Forbids system calls that no function needs."""
    given = FilterProgram(len(program) // 8, program)
    check(LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(given), 0, 0), "seccomp")


def become_instance(given, connection, output, file_rules=None):
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.set_inheritable(connection, False)
    for name, fd in (("stdout", 1), ("stderr", 2)):
        stream = io.TextIOWrapper(open(fd, "wb", closefd=False), "utf-8", "backslashreplace", line_buffering=True)
        setattr(sys, name, stream)
        setattr(sys, "__%s__" % name, stream)
    if given["enclosure"] is not None:
        enclose(given["enclosure"])
    if given["restricted"]:
        restrict(file_rules)
    if given["forbidden"] is not None:
        forbid(base64.b64decode(given["forbidden"]))
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

"""An HTTP(S) server that keeps whole requests and answers as a test says, and servers that behave badly."""

import collections
import dataclasses
import http.server
import socket
import ssl
import struct
import threading
import urllib.parse

from harness.waiting import wait_until


@dataclasses.dataclass(frozen=True)
class Request:
    """One request as it arrived. Names of headers are lower-case."""

    method: str
    target: str
    headers: dict
    body: bytes

    @property
    def query(self):
        return urllib.parse.parse_qs(urllib.parse.urlsplit(self.target).query, keep_blank_values=True)


class Receiver:
    """Keeps requests by path. `answers[path]` is a list of `(status, headers, body)`; the last one stays."""

    def __init__(self, certificate=None):
        self._requests = collections.defaultdict(list)
        self._lock = threading.Lock()
        self.answers = {}
        self.scheme = "https" if certificate else "http"
        self.host = "localhost" if certificate else "127.0.0.1"
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _handler(receiver):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _take(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                path = urllib.parse.urlsplit(self.path).path
                headers = {name.lower(): value for name, value in self.headers.items()}
                with receiver._lock:
                    receiver._requests[path].append(Request(self.command, self.path, headers, body))
                    answers = receiver.answers.get(path) or [(200, {}, b"")]
                    status, headers, answer = answers.pop(0) if len(answers) > 1 else answers[0]
                self.send_response(status)
                for name, value in {"content-length": str(len(answer)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _take

            def log_message(self, *arguments):
                pass

        return Handler

    @property
    def port(self):
        return self._server.server_address[1]

    def url(self, path):
        return f"{self.scheme}://{self.host}:{self.port}{path}"

    def requests(self, path):
        with self._lock:
            return list(self._requests[path])

    def wait_for(self, path, count=1, within=20.0):
        """Returns the requests to `path` once there are at least `count`."""
        return wait_until(
            lambda: self.requests(path) if len(self.requests(path)) >= count else None,
            within,
            lambda: f"{count} requests to {path}; there were {len(self.requests(path))}",
        )

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Misbehaving:
    """A server that does to every connection what `behave(connection)` does, after it has read a little."""

    def __init__(self, behave):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._behave = behave
        self._open = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            connection.recv(65536)
            self._behave(connection)
        except OSError:
            pass

    @property
    def port(self):
        return self._listener.getsockname()[1]

    def close(self):
        self._listener.close()
        for connection in self._open:
            connection.close()


def reset(connection):
    """Breaks the connection off, without a farewell."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def hang(connection):
    """Says nothing, for as long as the other side waits."""
    while connection.recv(65536):
        pass


def byte_by_byte(connection):
    """Answers so slowly that the end never comes."""
    pause = threading.Event()
    for byte in b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + b"x" * 100_000:
        connection.sendall(bytes([byte]))
        pause.wait(0.05)


def endless(connection):
    """Accepts, and then sends a body without an end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def endless_headers(connection):
    """Sends headers without an end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"x-more: " + b"x" * 8192 + b"\r\n")


def bad_headers(connection):
    """Answers with what is no HTTP."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nthis is no header\r\n\r\n")
    connection.close()

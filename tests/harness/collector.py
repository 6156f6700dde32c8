"""A tiny HTTP server on a free port that remembers every body that was sent to it."""

import collections
import http.server
import json
import threading
import urllib.parse

from harness.waiting import wait_until


class Collector:
    """Remembers posted bodies by path; `status_of[path]` makes it refuse them (still remembered)."""

    def __init__(self):
        self._bodies = collections.defaultdict(list)
        self._lock = threading.Lock()
        self.status_of = {}
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _handler(collector):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                path = urllib.parse.urlsplit(self.path).path
                with collector._lock:
                    collector._bodies[path].append((dict(self.headers), body))
                self.send_response(collector.status_of.get(path, 200))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        return Handler

    def url(self, path):
        """Returns the address whose posts are remembered under `path`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def bodies(self, path):
        """Returns the bodies posted to `path` so far, oldest first."""
        with self._lock:
            return [body for _, body in self._bodies[path]]

    def headers(self, path):
        """Returns the headers of the posts to `path` so far, oldest first."""
        with self._lock:
            return [headers for headers, _ in self._bodies[path]]

    def documents(self, path):
        """Returns the bodies posted to `path` so far, read as JSON."""
        return [json.loads(body) for body in self.bodies(path)]

    def wait_for(self, path, count=1, within=20.0):
        """Returns the documents posted to `path` once there are at least `count`."""
        return wait_until(
            lambda: self.documents(path) if len(self.bodies(path)) >= count else None,
            within,
            lambda: f"{count} posts to {path}; there were {len(self.bodies(path))}",
        )

    def close(self):
        self._server.shutdown()
        self._server.server_close()

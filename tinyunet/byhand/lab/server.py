"""The lab's server: it listens to this machine alone, answers its own page alone, and knows a few fixed addresses."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import webbrowser
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from tinyunet.byhand.lab import forms
from tinyunet.byhand.views import page

MOST_BYTES = 100_000  # in a request
LENGTH = "[0-9]{1,18}"  # of a request, in its header
SECONDS = 10  # to wait for the rest of a request
PORT = 20150  # so that the address of an example is the same on another machine

PAGES = {  # with the rooms that they belong to
    "/": ("lab.html", "lab", "text/html"),
    "/lab.js": ("lab.js", "lab", "text/javascript"),
    "/lab.css": ("lab.css", "lab", "text/css"),
    "/view.js": ("view.js", "views", "text/javascript"),
    "/view.css": ("view.css", "views", "text/css"),
}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

Form = Mapping[str, Any]
ANSWERS: dict[str, Callable[[Form], Form]] = {"/work": forms.work, "/check": forms.check, "/load": forms.load}

Answer = tuple[HTTPStatus, str, bytes]


def _json(status: HTTPStatus, data: Mapping[str, Any]) -> Answer:
    return status, "application/json", json.dumps(data).encode()


def _refused(status: HTTPStatus, message: str, field: str | None = None) -> Answer:
    message = message if len(message) < 500 else f"{message[:400]}…"  # it quotes what was sent
    return _json(status, {"error": message} | ({"field": field} if field else {}))


def refused(method: str, headers: Mapping[str, str], port: int) -> Answer | None:
    """What is answered to a request from elsewhere, or of another kind than the page's, whatever is in it."""
    hosts = f"127.0.0.1:{port}", f"localhost:{port}"
    if headers.get("Host") not in hosts:  # DNS rebinding: a foreign name that was made to resolve to this machine
        return _refused(HTTPStatus.FORBIDDEN, f"this is {hosts[0]}, and answers to no other name")
    if method == "GET":
        return None
    if headers.get("Origin", f"http://{hosts[0]}") not in [f"http://{host}" for host in hosts]:
        return _refused(HTTPStatus.FORBIDDEN, "another page must not ask")
    if headers.get("Content-Type", "").split(";")[0].strip().lower() != "application/json":
        return _refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the request must be application/json")
    length = headers.get("Content-Length", "")
    if not re.fullmatch(LENGTH, length):
        return _refused(HTTPStatus.LENGTH_REQUIRED, "the request must say its Content-Length")
    if int(length) > MOST_BYTES:
        return _refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request may have {MOST_BYTES:,} bytes")
    return None


def answer(method: str, path: str, body: bytes = b"") -> Answer:
    """What is answered to a request that is not refused. Whatever is wrong with it is said in JSON.

    >>> status, _, body = answer("POST", "/work", b'{"operation": "conv3d"}')
    >>> int(status), json.loads(body)["error"][:33]
    (400, "operation: there is no 'conv3d'; ")
    """
    path = path.split("?")[0]
    if method == "GET" and path == "/operations":
        return _json(HTTPStatus.OK, forms.operations())
    if method == "GET" and path in PAGES:
        name, room, kind = PAGES[path]
        return HTTPStatus.OK, f"{kind}; charset=utf-8", page.asset(name, room).encode()
    if method == "GET" or path not in ANSWERS:
        return _refused(HTTPStatus.NOT_FOUND, "there is nothing here")
    try:
        form = json.loads(body)
    except (ValueError, RecursionError):
        return _refused(HTTPStatus.BAD_REQUEST, "the request is not JSON")
    if not isinstance(form, dict):
        return _refused(HTTPStatus.BAD_REQUEST, "the request must be a JSON object")
    try:
        with np.errstate(all="ignore"):
            return _json(HTTPStatus.OK, ANSWERS[path](form))
    except (ValueError, TypeError, IndexError) as error:
        return _refused(HTTPStatus.BAD_REQUEST, *forms.wrong(error, form))


class _Handler(BaseHTTPRequestHandler):
    timeout = SECONDS
    server_version, sys_version = "tinyunet", ""

    def do_GET(self) -> None:
        self._send(self._refused() or answer("GET", self.path))

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        # Also of what is refused: who still sends when the connection closes does not see the answer.
        wanted = min(int(length), 10 * MOST_BYTES) if re.fullmatch(LENGTH, length) else 0
        try:
            body = self.rfile.read(wanted)
        except TimeoutError:
            body = b""
        found = self._refused()
        if found is None and len(body) < wanted:
            found = _refused(HTTPStatus.BAD_REQUEST, "the request is shorter than it says")
        self._send(found or answer("POST", self.path, body))

    def _refused(self) -> Answer | None:
        headers = {name.title(): text for name, text in self.headers.items()}  # their case does not matter
        return refused(self.command, headers, int(self.connection.getsockname()[1]))

    def _send(self, found: Answer) -> None:
        status, kind, body = found
        self.send_response(status)
        for name, value in (HEADERS | {"Content-Type": kind, "Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What `http.server` itself finds wrong is said in JSON, too."""
        self.request_version = "HTTP/1.0"  # with headers, whatever was asked
        self._send(_refused(HTTPStatus(code), message or HTTPStatus(code).phrase))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # there it would share a port that is taken

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up in the middle is no error here."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def server(port: int = 0) -> ThreadingHTTPServer:
    """The server, on this machine alone, at a free port if it is 0; an OSError if the port is taken."""
    try:
        return _Server(("127.0.0.1", port), _Handler)
    except (OSError, OverflowError) as error:
        raise OSError(f"port {port}: {getattr(error, 'strerror', None) or error}; --port 0 finds a free one") from None


def usual() -> ThreadingHTTPServer:
    """The server at its usual port, or, if that is taken, at a free one."""
    try:
        return server(PORT)
    except OSError:
        return server(0)


def serve(port: int | None = None, open_browser: bool = True) -> None:
    """Open the lab in the browser, until Ctrl-C; without a port where it usually is."""
    with usual() if port is None else server(port) as lab:
        url = f"http://127.0.0.1:{lab.server_port}/"
        print(f"The lab is at {url} until Ctrl-C.", flush=True)
        if open_browser:  # beside the server: some browsers return when they are closed
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        try:
            lab.serve_forever()
        except KeyboardInterrupt:
            print("\nStopped.")

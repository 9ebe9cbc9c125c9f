"""The lab: a page on this machine where operations are worked out on numbers of one's own, and answers are checked.

`tinyunet lab` opens it. The page sends what stands in its fields as texts, and shows what comes back: everything is
computed here. The server listens to this machine alone, answers to its own page alone, and knows a few fixed addresses.
"""

from __future__ import annotations

import functools
import inspect
import json
import re
import sys
import threading
import tomllib
import webbrowser
from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from tinyunet.byhand import examples
from tinyunet.byhand.arithmetic.explanation import Explanation
from tinyunet.byhand.arithmetic.grids import depth, read_grid, write_grid
from tinyunet.byhand.arithmetic.operations import OPERATIONS
from tinyunet.byhand.examples.source import Digits
from tinyunet.byhand.views import page

MOST_BYTES = 100_000  # in a request
MOST_NUMBERS = 10_000  # in all arrays together, and in the result
LENGTH = "[0-9]{1,18}"  # of a request, in its header
SECONDS = 10  # to wait for the rest of a request
IMAGES = "conv2d", "conv_transpose2d", "max_pool2d", "avg_pool2d"  # a single row of numbers is an image, too

PAGES = {
    "/": ("lab.html", "text/html"),
    "/lab.js": ("lab.js", "text/javascript"),
    "/lab.css": ("lab.css", "text/css"),
    "/view.js": ("view.js", "text/javascript"),
    "/view.css": ("view.css", "text/css"),
}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

# ---- what the page asks for


def operations() -> dict[str, Any]:
    """For every operation its arrays and settings, and numbers to start with."""
    return {"operations": {name: _fields(name) for name in OPERATIONS}, "first": "conv2d"}


@functools.cache
def _fields(name: str) -> dict[str, Any]:
    arrays: dict[str, str] = {}
    settings: dict[str, Any] = {}
    for key, parameter in examples.parameters(name).items():
        required = parameter.default is inspect.Parameter.empty
        if examples.is_array(parameter):
            arrays[key] = "needed" if required else "optional"
        elif isinstance(parameter.default, bool):
            settings[key] = sorted(["false", "true"], reverse=parameter.default)  # the default first
        else:
            settings[key] = "needed" if required else str(parameter.default).lower()
    built_in = (examples.FOLDER / f"{example}.toml" for example in examples.names())
    texts = (file.read_text(encoding="utf-8") for file in built_in)
    start = next((text for text in texts if tomllib.loads(text)["operation"] == name), None)
    form = load({"toml": start}) if start else {"arrays": {"x": "1 2 3"}, "settings": {}, "dy": "", "what": "y"}
    return {"arrays": arrays, "settings": settings, "form": form}


def work(form: Mapping[str, Any]) -> dict[str, Any]:
    """The view of a result, what else there is to see, and the example as TOML.

    Raises:
        ValueError, TypeError: a field that cannot be read, too many numbers.

    >>> work({"operation": "relu", "arrays": {"x": "-3 2"}})["quantities"]
    ['y', 'dx']
    """
    example, of = _example(form)
    shared = replace(example, asks=() if of.what == "y" else (examples.Ask(of),))
    return {"view": page.view(of), "quantities": of.operation.quantities(), "toml": examples.dump(shared)}


def check(form: Mapping[str, Any]) -> dict[str, Any]:
    """Whether an answer is right, for one element, or for all of them if `at` is None; and the example with it.

    Raises:
        ValueError, TypeError, IndexError: a field that cannot be read, no such element.

    >>> check({"operation": "relu", "arrays": {"x": "-3 2"}, "at": [1], "answer": "2.0"})["text"]
    'right'
    """
    example, of = _example(form)
    at, text = form.get("at"), _text(form, "answer").strip()
    if at is not None and not isinstance(at, list):
        raise ValueError(f"at: must be a list of integers, or null, not {at!r}")
    if not text:
        raise ValueError("there is no answer yet")
    ask = examples.Ask(of, None, read_grid(text)) if at is None else examples.Ask(of, of.at(*at).index, text)
    verdict = ask.check()
    return {"right": verdict.right, "text": verdict.text, "toml": examples.dump(replace(example, asks=(ask,)))}


def load(form: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in the fields for an example in TOML; of several questions the first.

    Raises:
        ValueError: whatever is wrong with the text, with the line and the key.

    >>> load({"toml": 'operation = "relu"\\nx = [[-3, 2], [1, 0]]'})["arrays"]
    {'x': '-3   2\\n 1   0'}
    """
    text = _text(form, "toml")
    example = examples.load(text, "the text")
    given = tomllib.loads(text, parse_float=str)  # the digits as they were written
    name = given["operation"]
    parameters = {key: parameter for key, parameter in examples.parameters(name).items() if key in given}
    arrays = {key: given[key] for key, parameter in parameters.items() if examples.is_array(parameter)}
    settings = {key: given[key] for key in parameters if key not in arrays}
    ask = example.asks[0] if example.asks else examples.Ask(example.explanation)
    answer = given["ask"][0].get("answer") if example.asks else None
    return {
        "operation": name,
        "arrays": {key: _grid_text(name, key, numbers) for key, numbers in arrays.items()},
        "settings": {key: _written(value) for key, value in settings.items()},
        "dy": write_grid(given["dy"]) if "dy" in given else "",
        "what": ask.of.what,
        "at": ask.at,
        "answer": "" if answer is None else write_grid(answer),
    }


def _least(operation: str, name: str) -> int:
    """How many axes an array has at least."""
    if name == "target":
        return 0
    return 2 if name == "w" or (name == "x" and operation in IMAGES) else 1


def _grid(name: str, text: str, least: int) -> Any:
    """What stands in the field of an array; a w of several channels without --- is a single filter."""
    try:
        numbers = read_grid(text, least)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return [numbers] if name == "w" and depth(numbers) == 3 else numbers


def _grid_text(operation: str, name: str, numbers: Any) -> str:
    """What to put into the field of an array, the other way round."""
    if name == "w" and depth(numbers) == 4 and len(numbers) == 1:
        numbers = numbers[0]
    return write_grid(numbers, _least(operation, name))


def _written(setting: Any) -> str:
    if isinstance(setting, list):
        return ", ".join(map(str, setting))
    return str(setting).lower() if isinstance(setting, bool) else str(setting)


def _text(form: Mapping[str, Any], key: str) -> str:
    value = form.get(key, "")
    if not isinstance(value, str):
        raise ValueError(f"{key}: must be a text, not {type(value).__name__}")
    return value


def _texts(form: Mapping[str, Any], key: str) -> dict[str, str]:
    """The fields that are filled in."""
    fields = form.get(key, {})
    if not isinstance(fields, dict):
        raise ValueError(f"{key}: must be texts by name, not {type(fields).__name__}")
    return {name: text for name in fields if (text := _text(fields, name)).strip()}


def _example(form: Mapping[str, Any]) -> tuple[examples.Example, Explanation]:
    """The example in the fields, and the result or gradient of it that is asked for.

    It goes through TOML, so that one reader checks what comes from files and from here.
    """
    operation = _text(form, "operation")
    keys: dict[str, Any] = {"operation": operation}
    for name, text in _texts(form, "arrays").items():
        keys[name] = _value(_grid(name, text, _least(operation, name)))
    for name, text in _texts(form, "settings").items():
        values = [part for part in re.split(r"[\s,;()\[\]]+", text) if part]
        keys[name] = _value(values if len(values) > 1 else "".join(values))
    example = _loaded(keys)
    if dy := _text(form, "dy").strip():
        example = _loaded(keys | {"dy": _value(_grid("dy", dy, example.explanation.result.ndim))})
    count = example.explanation.result.size + sum(array.size for array in example.explanation.arrays.values())
    if count > MOST_NUMBERS:
        raise ValueError(
            f"{count:,} numbers are too many for the lab, which shows {MOST_NUMBERS:,}; take smaller arrays"
        )
    what = _text(form, "what") or "y"
    updated = what if what.startswith("running") else None
    return example, example.of(None if what == "y" or updated else what.removeprefix("d"), updated)


def _loaded(keys: Mapping[str, Any]) -> examples.Example:
    try:
        return examples.load(examples.pairs(keys), "the lab")
    except ValueError as error:
        raise ValueError(re.sub(r"^the lab, line \d+: ", "", str(error))) from None


def _value(texts: Any) -> Any:
    """What texts stand for in TOML: true and false, numbers in their digits, or else texts."""
    if isinstance(texts, list):
        return [_value(text) for text in texts]
    number = re.fullmatch(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE]-?[0-9]{1,3})?", texts)
    return texts == "true" if texts in ("true", "false") else Digits(texts) if number else texts


# ---- the server

ANSWERS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {"/work": work, "/check": check, "/load": load}

Answer = tuple[HTTPStatus, str, bytes]


def _json(status: HTTPStatus, data: Mapping[str, Any]) -> Answer:
    return status, "application/json", json.dumps(data).encode()


def _refused(status: HTTPStatus, message: str) -> Answer:
    return _json(status, {"error": message if len(message) < 500 else f"{message[:400]}…"})  # it quotes what was sent


def refused(method: str, headers: Mapping[str, str], port: int) -> Answer | None:
    """What is answered to a request from elsewhere, or of another kind than the page's, whatever is in it."""
    hosts = f"127.0.0.1:{port}", f"localhost:{port}"
    if headers.get("Host") not in hosts:  # a name that was made to lead here
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
    if method == "GET":
        if path == "/operations":
            return _json(HTTPStatus.OK, operations())
        if path not in PAGES:
            return _refused(HTTPStatus.NOT_FOUND, "there is nothing here")
        name, kind = PAGES[path]
        return (
            HTTPStatus.OK,
            f"{kind}; charset=utf-8",
            page.asset(name, "lab" if name.startswith("lab") else "views").encode(),
        )
    if path not in ANSWERS:
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
        return _refused(HTTPStatus.BAD_REQUEST, str(error))


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

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up in the middle is no error here."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def server(port: int = 0) -> ThreadingHTTPServer:
    """The server, on this machine alone, at a free port if it is 0.

    Raises:
        OSError: the port is taken.
    """
    try:
        return _Server(("127.0.0.1", port), _Handler)
    except (OSError, OverflowError) as error:
        raise OSError(f"port {port}: {getattr(error, 'strerror', None) or error}; --port 0 finds a free one") from None


def serve(port: int = 0, open_browser: bool = True) -> None:
    """Open the lab in the browser, until Ctrl-C."""
    with server(port) as lab:
        url = f"http://127.0.0.1:{lab.server_port}/"
        print(f"The lab is at {url} until Ctrl-C.", flush=True)
        if open_browser:  # beside the server: some browsers return when they are closed
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        try:
            lab.serve_forever()
        except KeyboardInterrupt:
            print("\nStopped.")

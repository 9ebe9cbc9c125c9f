"""The server refuses what comes from elsewhere, and answers anything at all with a result or a clear message."""

import http.client
import json
import random
import re
import socket

import pytest

from tests.byhand.lab.test_forms import ARTICLE
from tinyunet import cli
from tinyunet.byhand.arithmetic.operations import OPERATIONS
from tinyunet.byhand.lab import forms, server

GOOD = {"Host": "127.0.0.1:8000", "Content-Type": "application/json", "Content-Length": "2"}


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {"Host": "127.0.0.1:8000"}, None),
        ("GET", {"Host": "localhost:8000"}, None),
        ("GET", {}, 403),
        ("GET", {"Host": "127.0.0.1"}, 403),
        ("GET", {"Host": "127.0.0.1:8001"}, 403),
        ("GET", {"Host": "evil.example:8000"}, 403),
        ("POST", GOOD, None),
        ("POST", GOOD | {"Origin": "http://127.0.0.1:8000"}, None),
        ("POST", GOOD | {"Origin": "http://localhost:8000"}, None),
        ("POST", GOOD | {"Content-Type": "application/json; charset=utf-8"}, None),
        ("POST", GOOD | {"Host": "evil.example:8000"}, 403),
        ("POST", GOOD | {"Origin": "http://evil.example"}, 403),
        ("POST", GOOD | {"Origin": "http://127.0.0.1:8001"}, 403),
        ("POST", GOOD | {"Origin": "https://127.0.0.1:8000"}, 403),
        ("POST", GOOD | {"Origin": "null"}, 403),
        ("POST", GOOD | {"Content-Type": "text/plain"}, 415),
        ("POST", {"Host": "127.0.0.1:8000", "Content-Length": "2"}, 415),
        ("POST", {"Host": "127.0.0.1:8000", "Content-Type": "application/json"}, 411),
        ("POST", GOOD | {"Content-Length": "-1"}, 411),
        ("POST", GOOD | {"Content-Length": "100001"}, 413),
    ],
)
def test_who_is_answered(method, headers, status):
    found = server.refused(method, headers, 8000)
    assert (found and int(found[0])) == status


@pytest.mark.parametrize("path", ["/../lab.py", "/lab.py", "/static/lab.js", "//lab.js", "/%2e%2e/lab.py", "", "x"])
def test_there_are_no_other_addresses(path):
    assert [int(server.answer(method, path)[0]) for method in ("GET", "POST")] == [404, 404]


def requested(port, method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
    response = connection.getresponse()
    found = response.status, dict(response.headers), response.read()
    connection.close()
    return found


def sent(port, raw, finish=True):
    """What comes back for raw bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(raw)
        if finish:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while block := connection.recv(65536):
            answer += block
    return answer


def test_the_server(running):
    for path, kind in [("/", "text/html"), ("/view.js", "text/javascript"), ("/operations", "application/json")]:
        status, headers, body = requested(running, "GET", path)
        assert status == 200
        assert headers["Content-Type"].startswith(kind)
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert not re.search(r"https?:|unsafe", headers["Content-Security-Policy"])
        assert b"http:" not in body
    post = {"Content_Type": "application/json"}
    assert requested(running, "POST", "/work", json.dumps(ARTICLE), **post)[0] == 200
    lower = f"GET /operations HTTP/1.0\r\nhost: 127.0.0.1:{running}\r\n\r\n"
    assert sent(running, lower.encode()).startswith(b"HTTP/1.0 200 ")
    assert sent(running, b"nonsense\r\n\r\n").startswith(b"HTTP/1.0 400 ")
    for status, headers, body in [
        requested(running, "POST", "/work", json.dumps(ARTICLE), Origin="http://evil.example", **post),
        requested(running, "POST", "/work", "{", **post),
        requested(running, "POST", "/work", "x" * 300_000, **post),
        requested(running, "DELETE", "/work"),
        requested(running, "GET", "/", Host="evil.example"),
    ]:
        assert status in (403, 400, 413, 501)
        assert json.loads(body)["error"]
        assert headers["Content-Type"] == "application/json"


def test_only_this_machine_is_listened_to(running):
    lab = server.server(0)
    assert lab.server_address[0] == "127.0.0.1"
    lab.server_close()
    with pytest.raises(OSError, match=f"port {running}: .*; --port 0 finds a free one"):
        server.server(running)


def test_a_request_that_does_not_go_on_is_given_up(running, monkeypatch):
    monkeypatch.setattr(server._Handler, "timeout", 0.2)
    start = f"POST /work HTTP/1.1\r\nHost: 127.0.0.1:{running}\r\nContent-Type: application/json\r\n"
    answer = sent(running, f"{start}Content-Length: 50\r\n\r\nabc".encode(), finish=False)
    assert b"400" in answer.split(b"\r\n")[0]
    assert b"shorter than it says" in answer
    assert sent(running, start.encode(), finish=False) == b""  # not even its headers


def malformed(rng):
    """A request of the page with something changed in it: method, path, body."""
    paths = ["/work", "/check", "/load"]
    names = list(OPERATIONS)
    name = rng.choice(names)
    form = {"operation": name} | json.loads(json.dumps(forms._fields(name)["form"]))
    form |= {"at": [0] * rng.randint(0, 4), "answer": rng.choice(["", "1", "1/2", "1 2\n3 4"])}
    form["what"] = rng.choice(["y", "dx", "dw", "db", "dweight", "running_mean", "running_var", ""])
    form["toml"] = forms.work({"operation": "relu", "arrays": {"x": "1 2"}})["toml"]
    odd = [
        None, True, 3, -1.5, 1e308, 10**30, [], {}, [[]], {"x": {}}, "", " ", "nan", "inf", "-", "1/0", "1e999",
        "9" * 90, "[[1, 2], [3]]", "[" * 50, "]", "1\n---\n---\n2", "1 2\n\n3", "\x00", "\x7f", "\ud800", "é🙂",
        '"""', "true",
        "1, 2, 3", "same", "-3", "100000", "1e3", "0", "<script>", "1 " * 3000, "\n" * 3000 + "1", "array(", "dtype=",
        "x = 1", "[[ask]]", 'operation = "conv2d"\nx = [[1', "1e308", "-1e12", "1e-320", "__class__", [1, "2"],
    ]  # fmt: skip
    for _ in range(rng.randint(1, 3)):
        place = rng.choice([form, form["arrays"], form["settings"], form])
        if not isinstance(place, dict):
            continue
        known = [*place, "stride", "padding", "eps", "momentum", "kernel_size", "training", "groups", "b", "dilation"]
        key = rng.choice([*known, *known, "ask", "dy", "zz", "", "x.y", "\n"])
        if isinstance(place.get(key), str) and rng.random() < 0.5:  # a slip of the finger
            text = list(place[key])
            for _ in range(rng.randint(1, 4)):
                text.insert(rng.randint(0, len(text)), rng.choice("0123456789 .,-/[]()\n\"'=#eExn−"))
            place[key] = "".join(text)
        elif rng.random() < 0.2:
            place.pop(key, None)
        else:
            place[key] = rng.choice(odd)
        if not isinstance(form.get("arrays"), dict) or not isinstance(form.get("settings"), dict):
            break
    body = json.dumps(form).encode()
    if rng.random() < 0.1:
        at = rng.randint(0, len(body))
        body = body[:at] + bytes(rng.choices(range(256), k=rng.randint(0, 4))) + body[at + rng.randint(0, 9) :]
    if rng.random() < 0.02:
        body = rng.choice([b"", b"[" * 50_000, b'{"a":' * 30_000, b"null", b"1" * 9999, b"\xff\xfe", b'"x"', b"NaN"])
    return "POST", rng.choice(paths), body


def is_clear(status, body):
    """It worked, or there is a message of one error."""
    found = json.loads(body)
    return status == 200 or (
        status in (400, 413) and {"error"} <= set(found) <= {"error", "field"} and 0 < len(found["error"]) < 500
    )


def test_the_address_stays_the_same_while_its_port_is_free(monkeypatch):
    with server.server(0) as taken:
        monkeypatch.setattr(server, "PORT", taken.server_port)
        with server.usual() as other:
            assert other.server_port != taken.server_port
    with server.usual() as again:
        assert again.server_port == server.PORT


def test_the_help_says_the_usual_port(capsys):
    with pytest.raises(SystemExit):
        cli.main(["lab", "--help"])
    assert str(server.PORT) in capsys.readouterr().out


def test_malformed_requests_get_a_clear_message():
    answers = [server.answer(*malformed(random.Random(seed))) for seed in range(1500)]
    assert all(is_clear(status, body) for status, _, body in answers)
    assert sum(status == 400 for status, _, _ in answers) > 800


def test_malformed_requests_over_the_wire(running):
    rng = random.Random(0)
    for _ in range(200):
        method, path, body = malformed(rng)
        status, _, answer = requested(running, method, path, body, Content_Type="application/json")
        assert is_clear(status, answer)
    for _ in range(100):
        head = f"POST /work HTTP/1.1\r\nHost: 127.0.0.1:{running}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
        at = rng.randint(0, len(head) - 1)
        raw = head[:at] + bytes(rng.choices(range(256), k=rng.randint(0, 3))) + head[at + rng.randint(0, 4) :]
        answer = sent(running, raw)
        assert not answer or json.loads(answer.split(b"\r\n\r\n")[-1])["error"]


MUTANTS = {
    "byhand.lab.server:usual": [
        ("any port", "server(PORT)", "server(0)"),
    ],
    "byhand.lab.server:refused": [
        ("other names lead here", 'if headers.get("Host") not in hosts:', "if False:"),
        ("other pages may ask", 'if headers.get("Origin", f"http://{hosts[0]}") not in', "if False and 0 not in"),
        ("requests of any size", "if int(length) > MOST_BYTES:", "if False:"),
    ],
}

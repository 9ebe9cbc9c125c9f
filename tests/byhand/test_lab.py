"""The lab computes what the page asks for, refuses what comes from elsewhere, and says clearly what is wrong."""

import contextlib
import http.client
import json
import random
import re
import socket
import threading

import numpy as np
import pytest

from tinyunet import cli
from tinyunet.byhand import examples
from tinyunet.byhand.arithmetic.grids import write_grid
from tinyunet.byhand.arithmetic.numbers import read_array
from tinyunet.byhand.arithmetic.operations import OPERATIONS
from tinyunet.byhand.lab import server as lab

X = "10 10 0 0\n" * 4 + "\n" + "5 5 5 5\n" * 4
W = "1 0 -1\n" * 3 + "\n0 0 0\n0 1 0\n0 0 0"
ARTICLE = {"operation": "conv2d", "arrays": {"x": X, "w": W, "b": "2"}, "settings": {"padding": "1"}}


def posted(path, form):
    """Status and answer."""
    status, kind, body = lab.answer("POST", path, json.dumps(form).encode())
    assert kind == "application/json"
    return int(status), json.loads(body)


# ---- what is asked


def test_the_article():
    status, found = posted("/work", ARTICLE)
    assert status == 200
    view = found["view"]
    lines = [view["texts"][view["steps"][element[0]]["line"]] for element in view["elements"]]
    assert "y[0, 1, 1] = 30 + 5 + 2 (bias) = 37" in lines
    assert found["quantities"] == ["y", "dx", "dw", "db"]
    assert examples.load(found["toml"]).explanation.result[0, 1, 1] == 37
    for text, right, part in [("37", True, "right"), ("35", False, "bias forgotten"), ("36", False, "not right")]:
        status, found = posted("/check", ARTICLE | {"at": [0, 1, 1], "answer": text})
        assert (status, found["right"]) == (200, right)
        assert part in found["text"]
        assert "37" not in found["text"]
        assert examples.load(found["toml"]).asks[0].answer == text


def test_a_whole_map_and_a_gradient():
    of = ARTICLE | {"what": "dw", "dy": "1 0 0 0\n0 0 0 0\n0 0 0 0\n0 0 0 0"}
    true = examples.load(posted("/work", of)[1]["toml"]).asks[0].of
    assert true.what == "dw"
    answer = write_grid(true.result.astype(int).tolist())
    assert posted("/check", of | {"at": None, "answer": answer})[1]["right"]
    turned = write_grid(true.result[:, :, ::-1, ::-1].astype(int).tolist())
    found = posted("/check", of | {"at": None, "answer": turned})[1]
    assert not found["right"]
    assert "kernel flipped" in found["text"]
    ask = examples.load(found["toml"]).asks[0]
    assert (ask.of.what, ask.at) == ("dw", None)
    np.testing.assert_array_equal(read_array(ask.answer)[0], true.result[:, :, ::-1, ::-1])


@pytest.mark.parametrize("name", examples.names())
def test_examples_come_through_the_fields_unchanged(name):
    text = (examples.FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    status, form = posted("/load", {"toml": text})
    assert status == 200
    again = examples.load(posted("/work", form)[1]["toml"])
    example = examples.load(text)
    assert again.explanation.operation.name == example.explanation.operation.name
    assert again.explanation.operation.settings == example.explanation.operation.settings
    for key, array in example.explanation.arrays.items():
        np.testing.assert_array_equal(again.explanation.arrays[key], array)
    if example.asks:
        np.testing.assert_array_equal(
            (again.asks[0].of if again.asks else again.explanation).result, example.asks[0].of.result
        )


def test_every_operation_starts_with_numbers_that_work():
    found = lab.operations()
    assert list(found["operations"]) == list(OPERATIONS)
    for name, fields in found["operations"].items():
        status, result = posted("/work", {"operation": name} | fields["form"])
        assert status == 200
        for what in result["quantities"]:
            assert posted("/work", {"operation": name} | fields["form"] | {"what": what})[0] == 200


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"operation": "conv3d"}, "operation: there is no 'conv3d'; did you mean 'conv2d'"),
        ({"arrays": {"x": X}}, "w: missing; conv2d needs it"),
        ({"arrays": {"x": "1 2\n3", "w": "1"}}, "x: rows must have the same length; here the lengths are 1 and 2"),
        ({"arrays": {"x": "1, 2,5", "w": "1"}}, "x: what a comma stands for is unclear"),
        ({"what": "dw", "dy": "1;2"}, "dy: a ; ends a row"),
        ({"arrays": {"x": "1 2\n3 four", "w": "1"}}, "x: 'four' is not a number"),
        ({"arrays": {"x": "[[1, 2]", "w": "1"}}, r"x: there is a \[ without its \]"),
        ({"arrays": {"x": "1 " * 20_000, "w": "1"}}, "too many for the lab"),
        ({"arrays": {"x": "1", "w": "1"}, "settings": {"padding": "9999"}}, "operation: too "),
        ({"settings": {"stride": "0"}}, "stride must be at least 1"),
        ({"settings": {"padding": "some"}}, "padding"),
        ({"settings": {"training": "true"}}, "no such key"),
        ({"what": "dv"}, "no gradient of conv2d's y with respect to 'v'; there is x, w, b"),
        ({"what": "dw", "dy": "1 2"}, r"dy has the shape \(1, 1, 2\); it must have that of y, \(1, 4, 4\)"),
        ({"arrays": [1]}, "arrays: must be texts by name, not list"),
        ({"dy": 1}, "dy: must be a text, not int"),
    ],
)
def test_wrong_fields_are_named(change, message):
    status, found = posted("/work", ARTICLE | change)
    assert status == 400
    assert re.search(message, found["error"])
    assert not re.search(r"line \d", found["error"])  # nobody wrote a file


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"at": [0, 1, 1], "answer": ""}, "there is no answer yet"),
        ({"at": [0, 1, 1], "answer": "1 2"}, "'1 2' is not a number"),
        ({"at": [0, 1, 1], "answer": "36,5"}, "decimals have a point, as in 0.5"),
        ({"at": None, "answer": "36,5; 2,5"}, "a ; ends a row"),
        ({"at": [0, 1, 1], "answer": "x"}, "'x' is not a number"),
        ({"at": [0, 9, 1], "answer": "1"}, "there is no element"),
        ({"at": "x", "answer": "1"}, "at: must be a list"),
        ({"at": None, "answer": "1 2\n3"}, "rows must have the same length"),
    ],
)
def test_wrong_answers_to_read(more, message):
    status, found = posted("/check", ARTICLE | more)
    assert status == 400
    assert message in found["error"]


def test_a_wrong_file_is_named_with_its_line():
    status, found = posted("/load", {"toml": 'operation = "relu"\nx = [1,\n'})
    assert status == 400
    assert "the text, line" in found["error"]


# ---- who asks


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
    found = lab.refused(method, headers, 8000)
    assert (found and int(found[0])) == status


@pytest.mark.parametrize("path", ["/../lab.py", "/lab.py", "/static/lab.js", "//lab.js", "/%2e%2e/lab.py", "", "x"])
def test_there_are_no_other_addresses(path):
    assert [int(lab.answer(method, path)[0]) for method in ("GET", "POST")] == [404, 404]


@pytest.fixture
def running():
    """A server, and its port."""
    server = lab.server(0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


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
    server = lab.server(0)
    assert server.server_address[0] == "127.0.0.1"
    server.server_close()
    with pytest.raises(OSError, match=f"port {running}: .*; --port 0 finds a free one"):
        lab.server(running)


def test_a_request_that_does_not_go_on_is_given_up(running, monkeypatch):
    monkeypatch.setattr(lab._Handler, "timeout", 0.2)
    start = f"POST /work HTTP/1.1\r\nHost: 127.0.0.1:{running}\r\nContent-Type: application/json\r\n"
    answer = sent(running, f"{start}Content-Length: 50\r\n\r\nabc".encode(), finish=False)
    assert b"400" in answer.split(b"\r\n")[0]
    assert b"shorter than it says" in answer
    assert sent(running, start.encode(), finish=False) == b""  # not even its headers


# ---- anything at all


def malformed(rng):
    """A request of the page with something changed in it: method, path, body."""
    paths = ["/work", "/check", "/load"]
    names = list(OPERATIONS)
    name = rng.choice(names)
    form = {"operation": name} | json.loads(json.dumps(lab._fields(name)["form"]))
    form |= {"at": [0] * rng.randint(0, 4), "answer": rng.choice(["", "1", "1/2", "1 2\n3 4"])}
    form["what"] = rng.choice(["y", "dx", "dw", "db", "dweight", "running_mean", "running_var", ""])
    form["toml"] = lab.work({"operation": "relu", "arrays": {"x": "1 2"}})["toml"]
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
    return status == 200 or (status == 400 and list(found) == ["error"] and 0 < len(found["error"]) < 500)


def test_malformed_requests_get_a_clear_message():
    answers = [lab.answer(*malformed(random.Random(seed))) for seed in range(1500)]
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


# ---- the command


def test_the_command_ends_well_with_ctrl_c(monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(lab.webbrowser, "open", opened.append)
    monkeypatch.setattr(
        lab.ThreadingHTTPServer, "serve_forever", lambda server: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    assert cli.main(["lab", "--no-browser"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"http://127\.0\.0\.1:\d+/", printed)
    assert "Stopped." in printed
    assert opened == []
    lab.serve()
    assert opened == re.findall(r"http://127\.0\.0\.1:\d+/", capsys.readouterr().out)


def test_a_port_that_is_taken(running, capsys):
    assert cli.main(["lab", "--no-browser", "--port", str(running)]) == 2
    assert "--port 0 finds a free one" in capsys.readouterr().err
    assert cli.main(["lab", "--no-browser", "--port", "70000"]) == 2


# ---- in a browser


@pytest.fixture
def tab(browser, running):
    """The lab in a tab; any error in it fails the test."""
    errors = []
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    tab = context.new_page()
    tab.set_default_timeout(10_000)
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("requestfinished", lambda request: errors.extend([request.url] * (f":{running}/" not in request.url)))
    tab.on("requestfailed", lambda request: errors.append(request.url))
    tab.goto(f"http://127.0.0.1:{running}/")
    tab.wait_for_selector(".line")
    yield tab
    context.close()
    assert [error for error in errors if not error.startswith("data:")] == []


def shows(tab, selector, text):
    """Wait until it does."""
    tab.locator(selector, has_text=text).first.wait_for()


@pytest.mark.browser
def test_an_answer_is_diagnosed(tab):
    assert tab.locator(".line").inner_text() == "y[0, 0, 0] = ?"
    tab.fill("#answer", "35")
    tab.press("#answer", "Enter")
    shows(tab, "#verdict", "bias forgotten")
    assert tab.locator("#verdict").inner_text().startswith("✗ not right")
    place = tab.locator(".result td").last.bounding_box()
    tab.locator(".result td").last.click()  # another element, without its verdict
    assert tab.locator(".result td").last.bounding_box() == place  # nothing moves under the mouse
    assert tab.locator("#element").inner_text() == "y[0, 1, 1]"
    assert tab.locator("#verdict").inner_text() == ""
    tab.fill("#answer", "37")
    tab.click("text='Check'")
    shows(tab, "#verdict", "✓ right")
    tab.click("summary >> text=All of")
    tab.fill("#map", "35 35\n35 35")
    tab.click("text=Check all")
    shows(tab, "#verdict", "the first of 4 wrong elements")
    assert tab.locator(".result td").all_inner_texts() == ["?", "?", "?", "37"]
    tab.fill("#map", "37 37; 37 37")
    tab.click("text=Check all")
    shows(tab, "#verdict", "✓ right")
    assert tab.locator(".result td").all_inner_texts() == ["37"] * 4


@pytest.mark.browser
def test_other_numbers_settings_and_gradients(tab):
    tab.click("#reveal")
    shows(tab, ".line", "y[0, 0, 0] = 30 + 5 + 2 (bias) = 37")
    tab.fill("#field-padding", "1")
    shows(tab, ".array.result h2", "1 × 4 × 4")
    tab.fill("#field-b", "1/2")
    shows(tab, ".line", "−14.5")
    tab.fill("#field-x", "[[1, 2, 3]")
    shows(tab, "#error", "x: there is a [ without its ]")
    tab.fill("#field-x", "[[[10, 10, 0, 0]] * 4")
    shows(tab, "#error", "x: there is a [ without its ]")
    tab.fill("#field-x", "1 2 3\n4 5 6\n\n7 8 9\n1 2 3")
    shows(tab, ".array h2", "2 × 2 × 3")
    assert not tab.locator("#error").is_visible()
    tab.select_option("#what", "dw")
    shows(tab, "h1", "dw of conv2d")
    tab.fill("#dy", "1 0 0\n0 0 0")
    shows(tab, ".array:first-child h2", "dy")
    shows(tab, ".line", "dw[0, 0, 0, 0] = 1×0")
    tab.select_option("#operation", "max_pool2d")
    shows(tab, "h1", "y of max_pool2d")
    assert tab.locator("#field-kernel_size").input_value() == "2"


@pytest.fixture
def slow(monkeypatch):
    """Lets requests in which this text stands wait until the returned event is set."""

    def slow(path, text):
        go, answer = threading.Event(), lab.ANSWERS[path]

        def held(form):
            if text in json.dumps(form):
                go.wait(10)
            return answer(form)

        monkeypatch.setitem(lab.ANSWERS, path, held)
        return go

    return slow


@contextlib.contextmanager
def answered_at_last(tab, go, text):
    """Once the block has ended, the answer to the slow request arrives."""
    with tab.expect_response(lambda response: text in (response.request.post_data or "")):
        yield
        go.set()
    tab.wait_for_timeout(50)


@pytest.mark.browser
def test_a_view_that_comes_too_late_is_not_shown(tab, slow):
    go = slow("/work", '"padding": "1"')
    with answered_at_last(tab, go, '"padding":"1"'):
        with tab.expect_request("**/work"):
            tab.fill("#field-padding", "1")
        tab.fill("#field-padding", "2")
        shows(tab, ".array.result h2", "1 × 6 × 6")
    assert "1 × 6 × 6" in tab.locator(".array.result h2").inner_text()


@pytest.mark.browser
@pytest.mark.parametrize("then", ["another answer", "another element", "other numbers"])
def test_a_verdict_that_comes_too_late_is_not_shown(tab, slow, then):
    go = slow("/check", '"answer": "35"')
    with answered_at_last(tab, go, '"answer":"35"'):
        with tab.expect_request("**/check"):
            tab.fill("#answer", "35")
            tab.press("#answer", "Enter")
        if then == "another answer":
            tab.fill("#answer", "37")
            tab.press("#answer", "Enter")
            shows(tab, "#verdict", "✓ right")
        elif then == "another element":
            tab.locator(".result td").last.click()
        else:
            tab.fill("#field-padding", "1")
            shows(tab, ".array.result h2", "1 × 4 × 4")
    assert tab.locator("#verdict").inner_text() == ("✓ right" if then == "another answer" else "")


@pytest.mark.browser
@pytest.mark.parametrize("then", ["another example", "other numbers"])
def test_an_example_that_comes_too_late_is_not_loaded(tab, slow, then):
    go = slow("/load", "relu")
    tab.click("summary >> text=Share")
    with answered_at_last(tab, go, "relu"):
        with tab.expect_request("**/load"):
            tab.fill("#toml", 'operation = "relu"\nx = [1]')
            tab.click("#load")
        if then == "another example":
            tab.fill("#toml", 'operation = "softmax"\nx = [1, 2]')
            tab.click("#load")
            shows(tab, "h1", "y of softmax")
        else:
            tab.fill("#field-padding", "1")
            shows(tab, ".array.result h2", "1 × 4 × 4")
    assert tab.locator("#operation").input_value() == ("softmax" if then == "another example" else "conv2d")


@pytest.mark.browser
def test_an_error_comes_into_view(tab):
    tab.set_viewport_size({"width": 360, "height": 500})  # the board is far below the fields
    inside = "e => e.getBoundingClientRect().top >= 0 && e.getBoundingClientRect().bottom <= innerHeight"
    tab.fill("#field-x", "1 2\n3")
    shows(tab, "#error", "x: rows must have the same length")
    assert tab.locator("#error").evaluate(inside)
    assert tab.locator("#field-x").evaluate("e => e === document.activeElement")  # where typing goes on


@pytest.mark.browser
def test_sharing(tab):
    tab.fill("#answer", "5")
    tab.press("#answer", "Enter")
    shows(tab, "#verdict", "not right")
    tab.click("summary >> text=Share")
    tab.click("#copy")
    shows(tab, "#copied", "copied")
    text = tab.evaluate("navigator.clipboard.readText()")
    (ask,) = examples.load(text).asks
    assert (ask.heading, ask.answer) == ("y[0, 0, 0]", "5")
    tab.fill("#toml", 'operation = "relu"\nx = [[1, -2]]\n[[ask]]\ngrad = "x"\nat = [0, 1]\nanswer = 0.50')
    tab.click("#load")
    shows(tab, "h1", "dx of relu")
    assert tab.locator("#field-x").input_value() == "[[1, -2]]"
    assert tab.locator("#answer").input_value() == "0.50"
    assert tab.locator("#element").inner_text() == "dx[0, 1]"
    tab.fill("#toml", 'operation = "relu"\ny = 1')
    tab.click("#load")
    shows(tab, "#error", "the text, line 2: y: no such key")


NUMBER = r"\d+\.\d+(?:e−\d+)?"  # decimals: they are no indices


def told(tab):
    """The numbers that the view says: in its texts, hidden or not, and in what is read aloud or shown as a hint."""
    said = tab.locator("#view").evaluate(
        "view => [...view.querySelectorAll('*')].flatMap(e => [...[...e.childNodes].map(n => n.data || ''), "
        "...[...e.attributes].filter(a => !['class', 'style'].includes(a.name)).map(a => a.value)]).join(' ')"
    )
    return set(re.findall(NUMBER, said))


def computed(form):
    """The numbers in a view that are not given."""
    view = lab.work(form)["view"]
    given = [view["texts"][k] for array in view["arrays"] for k in array["cells"]]
    shown, known = (set(re.findall(NUMBER, " ".join(texts))) for texts in (view["texts"], [*given, view["settings"]]))
    return shown - known


@pytest.mark.browser
@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_is_hidden_is_not_in_the_page(tab, operation):
    form = {"operation": operation} | lab._fields(operation)["form"]
    form["arrays"] = {  # decimals: no number is there by chance
        name: text if name == "target" else re.sub(r"(\d+)([./]\d+)?", r"\1.37", text)
        for name, text in form["arrays"].items()
    }
    tab.select_option("#operation", operation)
    for key, text in form["arrays"].items():
        tab.fill(f"#field-{key}", text)
    found = set()
    for what in lab.work(form)["quantities"]:
        with tab.expect_response("**/work"):
            tab.select_option("#what", what)
        shows(tab, "h1", f"{what} of {operation}")
        found |= (secret := computed(form | {"what": what}))
        cells = tab.locator(".result td")
        assert set(cells.all_inner_texts()) == {"?"}
        for k in {0, cells.count() - 1}:
            cells.nth(k).click()
            assert not secret & told(tab)
            for cell in tab.locator(".steps td").all()[:9]:
                cell.hover()
                assert not secret & told(tab)
        assert re.fullmatch(rf"{what}(\[[\d, ]+\])? = \?", tab.locator(".line").inner_text())
        tab.click("#reveal")
        assert "?" not in tab.locator("#view").inner_text()
        tab.click("#reveal")
        assert set(cells.all_inner_texts()) == {"?"}
    assert found or operation in ("max_pool2d", "relu")  # which choose among given numbers


@pytest.mark.browser
def test_a_right_answer_shows_its_element_alone(tab):
    tab.locator(".result td").nth(1).click()
    tab.mouse.move(0, 0)
    for answer, line in (("36", "?"), ("37", "30 + 5 + 2 (bias) = 37")):
        tab.fill("#answer", answer)
        tab.press("#answer", "Enter")
        shows(tab, ".line", f"y[0, 0, 1] = {line}")
        shows(tab, "#verdict", "right")
    assert tab.locator(".result td").all_inner_texts() == ["?", "37", "?", "?"]
    tab.locator(".result td").first.click()
    assert tab.locator(".line").inner_text() == "y[0, 0, 0] = ?"
    tab.fill("#field-b", "3")  # other numbers, another problem
    shows(tab, ".result tr:first-child td:last-child", "?")
    tab.click("#reveal")
    assert tab.locator(".result td").all_inner_texts() == ["38"] * 4
    tab.fill("#field-b", "4")  # what is shown stays shown
    shows(tab, ".result td", "39")


@pytest.mark.browser
def test_on_a_phone(tab):
    tab.set_viewport_size({"width": 360, "height": 780})
    for operation in OPERATIONS:
        tab.select_option("#operation", operation)
        shows(tab, "h1", f"of {operation}")
        assert tab.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.browser
def test_a_lab_that_was_stopped_says_so(browser):
    server = lab.server(0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    tab = browser.new_page()
    tab.goto(f"http://127.0.0.1:{server.server_port}/")
    tab.wait_for_selector(".line")
    server.shutdown()
    thread.join()
    server.server_close()
    tab.fill("#field-x", "1")
    shows(tab, "#error", "the lab does not answer")
    tab.close()


MUTANTS = {
    "byhand.lab.server:refused": [
        ("other names lead here", 'if headers.get("Host") not in hosts:', "if False:"),
        ("other pages may ask", 'if headers.get("Origin", f"http://{hosts[0]}") not in', "if False and 0 not in"),
        ("requests of any size", "if int(length) > MOST_BYTES:", "if False:"),
    ],
}

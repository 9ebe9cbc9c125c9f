"""The lab's page as somebody sees it who uses it."""

import contextlib
import json
import re
import threading

import pytest

from tinyunet.byhand import examples
from tinyunet.byhand.arithmetic.operations import OPERATIONS
from tinyunet.byhand.lab import forms, server

pytestmark = pytest.mark.browser


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
        go, answer = threading.Event(), server.ANSWERS[path]

        def held(form):
            if text in json.dumps(form):
                go.wait(10)
            return answer(form)

        monkeypatch.setitem(server.ANSWERS, path, held)
        return go

    return slow


@contextlib.contextmanager
def answered_at_last(tab, go, text):
    """Once the block has ended, the answer to the slow request arrives."""
    with tab.expect_response(lambda response: text in (response.request.post_data or "")):
        yield
        go.set()
    tab.wait_for_timeout(50)


def test_a_view_that_comes_too_late_is_not_shown(tab, slow):
    go = slow("/work", '"padding": "1"')
    with answered_at_last(tab, go, '"padding":"1"'):
        with tab.expect_request("**/work"):
            tab.fill("#field-padding", "1")
        tab.fill("#field-padding", "2")
        shows(tab, ".array.result h2", "1 × 6 × 6")
    assert "1 × 6 × 6" in tab.locator(".array.result h2").inner_text()


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


def test_an_error_comes_into_view(tab):
    tab.set_viewport_size({"width": 360, "height": 500})  # the board is far below the fields
    inside = "e => e.getBoundingClientRect().top >= 0 && e.getBoundingClientRect().bottom <= innerHeight"
    tab.fill("#field-x", "1 2\n3")
    shows(tab, "#error", "x: rows must have the same length")
    assert tab.locator("#error").evaluate(inside)
    assert tab.locator("#field-x").evaluate("e => e === document.activeElement")  # where typing goes on


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
    view = forms.work(form)["view"]
    given = [view["texts"][k] for array in view["arrays"] for k in array["cells"]]
    shown, known = (set(re.findall(NUMBER, " ".join(texts))) for texts in (view["texts"], [*given, view["settings"]]))
    return shown - known


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_is_hidden_is_not_in_the_page(tab, operation):
    form = {"operation": operation} | forms._fields(operation)["form"]
    form["arrays"] = {  # decimals: no number is there by chance
        name: text if name == "target" else re.sub(r"(\d+)([./]\d+)?", r"\1.37", text)
        for name, text in form["arrays"].items()
    }
    tab.select_option("#operation", operation)
    for key, text in form["arrays"].items():
        tab.fill(f"#field-{key}", text)
    found = set()
    for what in forms.work(form)["quantities"]:
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
    assert found or operation in ("max_pool2d", "relu", "flatten")  # which choose among given numbers


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


def test_on_a_phone(tab):
    tab.set_viewport_size({"width": 360, "height": 780})
    for operation in OPERATIONS:
        tab.select_option("#operation", operation)
        shows(tab, "h1", f"of {operation}")
        assert tab.evaluate("document.documentElement.scrollWidth") == 360


def test_a_lab_that_was_stopped_says_so(browser):
    lab = server.server(0)
    thread = threading.Thread(target=lab.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    tab = browser.new_page()
    tab.goto(f"http://127.0.0.1:{lab.server_port}/")
    tab.wait_for_selector(".line")
    lab.shutdown()
    thread.join()
    lab.server_close()
    tab.fill("#field-x", "1")
    shows(tab, "#error", "the lab does not answer")
    tab.close()

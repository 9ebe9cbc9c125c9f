"""The lab's page as somebody sees it who uses it."""

import contextlib
import json
import re
import threading
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from tests.byhand.views.looks import contrast
from tinyunet.byhand import examples
from tinyunet.byhand.arithmetic.operations import OPERATIONS
from tinyunet.byhand.lab import forms, server

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def window(browser):
    """A tab for all, in which the lab waits for only a tenth of its time until typing has ended."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    tab = context.new_page()
    tab.set_default_timeout(10_000)
    tab.add_init_script("const wait = setTimeout; window.setTimeout = (then, ms) => wait(then, ms / 10)")
    yield tab
    context.close()


@contextlib.contextmanager
def opened(tab, running):
    """The lab in a tab; any error in it fails the test."""
    errors = []
    heard = {
        "pageerror": lambda error: errors.append(str(error)),
        "requestfinished": lambda request: errors.extend([request.url] * (f":{running}/" not in request.url)),
        "requestfailed": lambda request: errors.extend([request.url] * (request.failure != "net::ERR_ABORTED")),
    }
    for event, hear in heard.items():
        tab.on(event, hear)
    tab.goto(f"http://127.0.0.1:{running}/")
    tab.wait_for_selector(".line")
    yield tab
    tab.goto("about:blank")
    for event, hear in heard.items():
        tab.remove_listener(event, hear)
    assert [error for error in errors if not error.startswith("data:")] == []


@pytest.fixture
def tab(window, running):
    window.set_viewport_size({"width": 1280, "height": 720})
    window.mouse.move(0, 0)
    with opened(window, running) as tab:
        yield tab


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
    shows(tab, "td.used", "0.5")
    tab.click("#reveal")
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
    shows(tab, ".array:first-child td", "0")
    tab.click("#reveal")
    shows(tab, ".line", "dw[0, 0, 0, 0] = 1×0")
    tab.select_option("#operation", "max_pool2d")
    shows(tab, "h1", "y of max_pool2d")
    assert tab.locator("#field-kernel_size").input_value() == "2"


def test_the_result_is_shown_at_once_after_a_change(tab):
    tab.evaluate(  # both at once: before the change has been worked out
        """() => {
          const field = document.querySelector("#field-b");
          field.value = "3";
          field.dispatchEvent(new Event("input", {bubbles: true}));
          document.querySelector("#reveal").click();
        }"""
    )
    shows(tab, ".line", "y[0, 0, 0] = 30 + 5 + 3 (bias) = 38")
    tab.wait_for_timeout(100)
    assert tab.locator(".line").inner_text() == "y[0, 0, 0] = 30 + 5 + 3 (bias) = 38"


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
    tab.set_viewport_size({"width": 360, "height": 500})  # the board is far below the fields, which are open
    inside = "e => e.getBoundingClientRect().top >= 0 && e.getBoundingClientRect().bottom <= innerHeight"
    tab.fill("#field-x", "1 2\n3")
    shows(tab, "#error", "x: row 2 has 1 number, row 1 has 2")
    assert tab.locator("#error").evaluate(inside)
    assert tab.locator("[aria-invalid]").get_attribute("id") == "field-x"
    assert tab.locator("#field-x").evaluate("e => e === document.activeElement")  # where typing goes on


def test_sharing(tab):
    tab.fill("#answer", "5")
    tab.press("#answer", "Enter")
    shows(tab, "#verdict", "not right")
    tab.click("summary >> text=Share")
    tab.click("#copy")
    shows(tab, "#copied", "copied")
    assert tab.locator("#copied").get_attribute("role") == "status"
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
    """The numbers that the view says: in its texts, hidden or not, and in what is read aloud or shown as a hint.

    Also wherever in the steps the mouse may be.
    """
    said = tab.locator("#view").evaluate(
        """view => {
          const own = (e) => [...[...e.childNodes].map(n => n.data || ""),
            ...[...e.attributes].filter(a => !["class", "style"].includes(a.name)).map(a => a.value)];
          const said = () => [...view.querySelectorAll("*")].flatMap(own).join(" ");
          const over = () => new PointerEvent("pointerover", {bubbles: true, pointerType: "mouse"});
          return [said(), ...[...view.querySelectorAll(".steps td")].map(cell => cell.dispatchEvent(over()) && said())];
        }"""
    )
    return set(re.findall(NUMBER, " ".join(said)))


def computed(form):
    """The numbers in a view that are not given."""
    view = forms.work(form)["view"]
    given = [view["texts"][k] for array in view["arrays"] for k in array["cells"]]
    shown, known = (set(re.findall(NUMBER, " ".join(texts))) for texts in (view["texts"], [*given, *view["settings"]]))
    return shown - known


OFTEN = "conv2d", "max_pool2d", "interpolate", "cross_entropy"  # the others are tried where there is more time


@pytest.mark.parametrize(
    "operation", [name if name in OFTEN else pytest.param(name, marks=pytest.mark.slow) for name in OPERATIONS]
)
def test_what_is_hidden_is_not_in_the_page(tab, operation):
    form = {"operation": operation} | forms._fields(operation)["form"]
    form["arrays"] = {  # decimals: no number is there by chance
        name: text if name in ("target", "alpha_bar", "beta") else re.sub(r"(\d+)([./]\d+)?", r"\1.37", text)
        for name, text in form["arrays"].items()
    }
    found = set()
    for what in reversed(forms.work(form)["quantities"]):  # y is last: it is what the lab begins with
        fields = {"operation": operation, **form["arrays"], "dy": form["dy"], **form["settings"], "what": what}
        tab.evaluate("fields => { location.hash = fields }", urlencode(fields))
        shows(tab, "h1", f"{what} of {operation}")
        found |= (secret := computed(form | {"what": what}))
        cells = tab.locator(".result td")
        assert set(cells.all_inner_texts()) == {"?"}
        for k in {0, cells.count() - 1}:
            cells.nth(k).click()
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


CHANGES = {
    "a number": lambda tab: tab.fill("#field-b", "4"),
    "a setting": lambda tab: tab.fill("#field-padding", "1"),
    "the quantity": lambda tab: tab.select_option("#what", "dw"),
    "the operation": lambda tab: tab.select_option("#operation", "max_pool2d"),
    "the address": lambda tab: tab.evaluate("location.hash = '#operation=relu&x=1+-2'"),
    "loading it again": lambda tab: tab.reload(),
}


def test_another_example_is_not_shown_solved(tab):
    for change in CHANGES.values():
        tab.goto(tab.url.split("#")[0])
        tab.wait_for_selector(".line")
        tab.click("#reveal")
        shows(tab, ".result td", "37")
        with tab.expect_response("**/work"):
            tab.fill("#field-b", " 2 ")  # the same example
        assert set(tab.locator(".result td").all_inner_texts()) == {"37"}
        change(tab)
        shows(tab, ".line", "= ?")
        assert set(tab.locator(".result td").all_inner_texts()) == {"?"}
        assert tab.locator("#reveal").inner_text() == "Show the result"


def state(tab):
    """What stands in the fields, but for blanks, and what is asked."""
    fields = "[...document.querySelectorAll('#form [name], #operation, #what')].map(f => [f.id, f.value])"
    return {key: value.split() for key, value in tab.evaluate(fields)}, tab.locator("#element").inner_text()


def test_loading_the_page_again_keeps_everything(tab):
    tab.fill("#field-x", "1 2 3\n40 5 6\n\n7 8 9\n1 2 3")
    tab.fill("#field-w", "1 2; 3 4\n\n[1]")  # not finished
    tab.fill("#field-b", "1/2")
    tab.fill("#field-dilation", "2")
    tab.fill("#answer", "+3 & more")
    before = state(tab)
    tab.reload()
    shows(tab, "#error", "")
    tab.wait_for_selector("#error:not([hidden])")
    assert tab.locator("#answer").input_value() == "+3 & more"
    assert state(tab) == before


def test_an_address_shows_the_same_on_another_machine(tab, browser):
    tab.select_option("#operation", "max_pool2d")
    shows(tab, "h1", "y of max_pool2d")
    tab.fill("#field-x", "1  -2,5  30\n 4   1/3  −6\n 7   8   9")
    tab.fill("#field-stride", "1")
    tab.select_option("#field-ceil_mode", "true")
    tab.select_option("#what", "dx")
    shows(tab, "h1", "dx of max_pool2d")
    tab.fill("#dy", "1 2\n3 4")
    shows(tab, ".array:first-child h2", "dy")
    tab.locator(".result td").nth(5).click()
    tab.fill("#answer", "12345")
    tab.click("text=Share")
    tab.click("#link")
    shows(tab, "#copied", "copied")
    address = tab.evaluate("navigator.clipboard.readText()")
    assert "12345" not in address  # it is for somebody else to answer
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/#[!-~]*[A-Za-z0-9]", address)  # nothing that a mail would cut off
    context = browser.new_context()
    other = context.new_page()
    other.goto(address)
    shows(other, ".line", "dx[1, 2] = ?")
    assert state(other) == state(tab)
    assert other.locator("#answer").input_value() == ""
    assert other.title() == "dx of max_pool2d · tinyunet lab"
    context.close()
    tab.select_option("#operation", "relu")  # nor does it matter at which port a lab is
    shows(tab, "h1", "y of relu")
    tab.fill("#toml", re.sub(r":\d+", ":1", f"Look at this: {address} — well?"))
    tab.click("#load")
    shows(tab, ".line", "dx[1, 2] = ?")
    assert tab.locator("#field-stride").input_value() == "1"


def test_examples_fit_into_their_addresses(tab):
    for name in ("conv3x3", "groupnorm", "linear", "softmax-cross-entropy", "weight-gradient"):
        tab.click("text=Share")
        tab.fill("#toml", (examples.FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
        tab.click("#load")
        expect(tab.locator("#toml")).to_have_value(re.compile("^operation"))
        before = tab.evaluate("[...document.querySelectorAll('#form [name], #toml, #answer')].map(f => f.value)")
        with tab.expect_response("**/work"):
            tab.reload()
        expect(tab.locator("#toml")).to_have_value(re.compile("^operation"))
        assert (
            tab.evaluate("[...document.querySelectorAll('#form [name], #toml, #answer')].map(f => f.value)") == before
        )


@pytest.fixture
def unhurried(browser, running):
    """The lab in a tab of its own, with a history of its own, in which it waits as long as it does for people."""
    tab = browser.new_page()
    tab.set_default_timeout(10_000)
    with opened(tab, running):
        yield tab
    tab.close()


def test_back_and_forward(unhurried):
    tab = unhurried
    tab.fill("#field-b", "3")
    tab.fill("#field-b", "34")  # one field, one step
    tab.fill("#field-padding", "1")
    shows(tab, ".array.result h2", "1 × 4 × 4")
    tab.select_option("#operation", "relu")
    shows(tab, "h1", "y of relu")
    tab.select_option("#what", "dx")
    shows(tab, "h1", "dx of relu")
    tab.go_back()
    shows(tab, "h1", "y of relu")
    tab.go_back()
    shows(tab, ".array.result h2", "1 × 4 × 4")
    assert (tab.input_value("#field-b"), tab.input_value("#field-padding")) == ("34", "1")
    tab.go_back()
    shows(tab, ".array.result h2", "1 × 2 × 2")
    assert (tab.input_value("#field-b"), tab.input_value("#field-padding")) == ("34", "")
    tab.go_back()
    expect(tab.locator("#field-b")).to_have_value("2")
    tab.go_forward()
    expect(tab.locator("#field-b")).to_have_value("34")
    for place, text in ((".array.result h2", "1 × 4 × 4"), ("h1", "y of relu"), ("h1", "dx of relu")):
        tab.go_forward()
        shows(tab, place, text)


DAMAGED = {
    "#operation=conv3d&x=1": "the operation conv3d",
    "#operation=constructor": "the operation constructor",
    "#operation=": "the operation",
    "#operation=relu&x=1&sparkle=2": "sparkle",
    "#operation=relu&x=1%20%<script>": "x: ",
    "#operation=relu": "x: missing",
    "#operation=relu&x=1&what=dw": "dw: there is none",
}


def test_a_damaged_address_is_said(tab):
    for address, message in DAMAGED.items():
        tab.evaluate("address => { location.hash = address }", address)
        shows(tab, "#error", message)
        tab.select_option("#operation", "softmax")
        shows(tab, "h1", "of softmax")
        tab.wait_for_selector("#error", state="hidden")
    for at in ("-1", "9,9", "0", "a", "1,1,1,1,1", ""):  # elements that are not there
        tab.evaluate("at => { location.hash = '#operation=relu&x=1+2%0A3+4&at=' + at }", at)
        shows(tab, ".line", "y[0, 0] = ?")
        tab.select_option("#operation", "softmax")
        shows(tab, "h1", "of softmax")


def test_no_answer_is_not_answered_yet(tab):
    for answer in ("", "?"):
        tab.fill("#answer", answer)
        tab.click("text='Check'")
        tab.wait_for_selector("#verdict.open")
        assert tab.locator("#verdict").inner_text() == "… not answered yet"
    tab.click("summary >> text=All of")
    tab.fill("#map", "37 37\n?")
    tab.click("text=Check all")
    shows(tab, "#verdict", "… not answered yet: y[0, 1, 0]")
    tab.fill("#answer", "36")
    assert tab.locator("#verdict").inner_text() == ""  # it was about another answer
    tab.press("#answer", "Enter")
    shows(tab, "#verdict", "✗ not right")


def test_fields_are_called_as_in_the_formula(tab):
    assert tab.locator("#settings label").all_inner_texts()[:2] == ["s stride", "p padding"]
    for field, text, message in [
        ("stride", "0", "s: stride must be at least 1, not 0"),
        ("padding", "-1", "p: padding must be at least 0, not -1"),
    ]:
        tab.fill(f"#field-{field}", text)
        shows(tab, "#error", message)
        assert tab.locator("[aria-invalid]").get_attribute("id") == f"field-{field}"
        tab.fill(f"#field-{field}", "")
        tab.wait_for_selector("#error", state="hidden")
        assert tab.locator("[aria-invalid]").count() == 0


def test_the_focus_stays_where_it_was(tab):
    tab.locator(".result td").nth(1).click()
    tab.keyboard.press("ArrowDown")
    tab.evaluate("document.querySelector('#reveal').click()")  # the view is drawn anew
    assert tab.evaluate("document.activeElement.getAttribute('aria-label')") == "y[0, 1, 1] = 37"
    tab.fill("#field-b", "3")
    tab.fill("#field-w", "1 2; 3 4\n\n1 2; 3 4")
    tab.go_back()
    expect(tab.locator("#field-b")).to_have_value("3")
    assert tab.evaluate("document.activeElement.id") == "field-w"


def test_the_keyboard_alone(tab):
    tab.focus("#answer")
    tab.keyboard.type("37")
    tab.keyboard.press("Enter")
    shows(tab, "#verdict", "✓ right")
    assert tab.evaluate("document.activeElement.id") == "answer"
    names = []
    for _ in range(60):
        tab.keyboard.press("Tab")
        names.append(tab.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert {"operation", "what", "field-x", "field-w", "field-b", "field-stride", "answer", "reveal", "TD"} <= set(
        names
    )


def test_everything_is_called_something(tab):
    """By those who hear the page: every field and button."""
    tab.click("text=Share")
    tab.click("summary >> text=All of")
    tab.select_option("#what", "dw")
    shows(tab, "h1", "dw of conv2d")
    for control in tab.locator("input, select, textarea, button").all():
        assert control.evaluate("c => (c.labels && c.labels.length ? c.labels[0].innerText : c.innerText).trim()")
    tree = tab.locator("main").aria_snapshot()
    for name in ('"Operation"', '"Work out"', "s stride", "dw[0, 0, 0, 0] ="):
        assert name in tree


@pytest.mark.parametrize(
    ("width", "operations"),
    [(320, OPERATIONS), (400, OFTEN), pytest.param(400, OPERATIONS, marks=pytest.mark.slow)],
    ids=["320", "400", "400, all"],
)
def test_on_a_phone(browser, running, width, operations):
    context = browser.new_context(viewport={"width": width, "height": 720}, has_touch=True, is_mobile=True)
    tab = context.new_page()
    tab.set_default_timeout(10_000)
    tab.goto(f"http://127.0.0.1:{running}/")
    tab.wait_for_selector(".line")
    answer = tab.locator("#answer").bounding_box()
    assert answer["y"] + answer["height"] < 400
    tab.fill("#answer", "35")
    tab.tap("text='Check'")
    shows(tab, "#verdict", "bias forgotten")
    verdict = tab.locator("#verdict").bounding_box()
    assert verdict["y"] + verdict["height"] < 720
    for summary in tab.locator("summary").all():
        summary.tap()
    for operation in operations:
        tab.select_option("#operation", operation)
        shows(tab, ".view h1", f"of {operation}")
        tab.tap("#reveal")
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        small = "main :is(input, select, textarea, button, summary), .result td"  # what a finger has to hit
        sizes = tab.evaluate(
            "what => [...document.querySelectorAll(what)].filter(e => e.checkVisibility())"
            ".map(e => e.getBoundingClientRect()).map(box => Math.min(box.width, box.height))",
            small,
        )
        assert min(sizes) >= 40
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out(browser, running, scheme):
    context = browser.new_context(color_scheme=scheme)
    tab = context.new_page()
    tab.goto(f"http://127.0.0.1:{running}/")
    tab.wait_for_selector(".line")
    seen = []
    for answer, kind in (("", "open"), ("35", ""), ("37", "right")):
        tab.fill("#answer", answer)
        tab.press("#answer", "Enter")
        expect(tab.locator("#verdict")).to_have_class(kind)
        seen.append(contrast(tab, "#verdict"))
    tab.fill("#field-w", "1 2\n3")
    tab.wait_for_selector("#error:not([hidden])")
    seen += [contrast(tab, s) for s in ("#error", "#answer", "#reveal", "#one button", "#field-x", ".hint")]
    assert min(seen) > 4.5
    context.close()


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

"""The page shows what was worked out: every reference in it leads to the right number, and a browser shows it."""

import html
import json
import math
import re

import numpy as np
import pytest

from tests.byhand.article import ARTICLE
from tests.byhand.views.looks import contrast, luminances
from tinyunet import byhand
from tinyunet.byhand import examples
from tinyunet.byhand.arithmetic.numbers import write
from tinyunet.byhand.arithmetic.worked import Formula, Largest
from tinyunet.byhand.views import page

X, W = ARTICLE


def numbers(*shape):
    return np.random.default_rng(sum(shape)).integers(-9, 10, shape)


def explanations():
    """Every quantity of every operation."""
    running = {"running_mean": [1, 2], "running_var": [2, 3], "weight": [1, 2], "bias": [3, 4]}
    forward = [
        byhand.conv2d(numbers(2, 5, 4), numbers(3, 2, 3, 3), [1, 2, 3], padding=(1, 2)),
        byhand.conv2d(numbers(2, 4, 5, 6), numbers(6, 2, 2, 3), stride=(1, 2), padding=1, dilation=(2, 1), groups=2),
        byhand.conv2d(numbers(5, 5), numbers(2, 4), padding="same"),
        byhand.conv2d(numbers(3, 3), numbers(2, 1, 1, 1), padding=1),
        byhand.conv_transpose2d(numbers(4, 3, 2), numbers(4, 2, 3, 3), [1, 2, 3, 4], stride=2, padding=1, groups=2),
        byhand.max_pool2d(numbers(2, 2, 5, 5), 3, stride=2, padding=1),
        byhand.max_pool2d(numbers(5, 6), 2, stride=2, ceil_mode=True),
        byhand.avg_pool2d(numbers(2, 5, 5), 3, stride=2, padding=1, count_include_pad=False, ceil_mode=True),
        byhand.batch_norm(numbers(3, 2, 2, 2), **running, training=True),
        byhand.batch_norm(numbers(3, 2), **running),
        byhand.relu(numbers(2, 3)),
        byhand.linear(numbers(2, 4), numbers(3, 4), [1, 2, 3]),
        byhand.linear(numbers(4), numbers(3, 4)),
        byhand.softmax(numbers(2, 3)),
        byhand.cross_entropy(numbers(3, 4), [1, 0, 3]),
        byhand.cross_entropy(numbers(4), 2),
    ]
    for y in forward:
        for what in y.operation.quantities():
            yield y if what == "y" else y.updated(what) if what.startswith("running") else y.grad(what[1:])


EVERYTHING = {f"{k}-{e.what}-{e.operation.name}": e for k, e in enumerate(explanations())}


@pytest.mark.parametrize("explanation", EVERYTHING.values(), ids=EVERYTHING)
def test_every_reference_leads_to_its_number(explanation):
    view = json.loads(json.dumps(page.view(explanation)))
    text = view["texts"].__getitem__
    cells = {}  # by their number: name of the array, index in it (beyond the array in the padding), text
    for array in view["arrays"]:
        shape = [*array["lead"], array["rows"], array["columns"]]
        before = [0] * len(array["lead"]) + array["before"]
        for k, (at, value) in enumerate(zip(np.ndindex(*shape), array["cells"], strict=True)):
            index = tuple(np.subtract(at, before).tolist())[len(shape) - len(array["shape"]) :]
            cells[array["first"] + k] = array["name"], index, text(value)
    arrays = explanation.arrays
    elements = list(explanation)
    assert [text(k) for k in view["result"]["cells"]] == [write(element.value) for element in elements]
    for element, steps in zip(elements, view["elements"], strict=True):
        for step, number in zip(element.steps, steps, strict=True):
            drawn = view["steps"][number]
            assert text(drawn["line"]) in element.text()
            if isinstance(step, Largest):
                assert step.terms[drawn["winner"]] == step.winner
            if not isinstance(step, (Largest, Formula)):
                assert [text(part["sum"]) for part in drawn["parts"]] == [write(part.value) for part in step.parts]
            terms = [term for part in drawn["parts"] for term in part["terms"]]
            for term, (*references, value) in zip(step.terms, terms, strict=True):
                assert text(value) == write(term.value)
                for factor, reference in zip(term.factors, references, strict=True):
                    if reference < 0:
                        assert [text(k) for k in view["derived"][-1 - reference]] == [factor.place, write(factor.value)]
                        assert factor.name not in arrays
                        continue
                    name, index, shown = cells[reference]
                    assert shown == write(factor.value)
                    inside = all(0 <= k < n for k, n in zip(index, arrays[name].shape, strict=True))
                    assert inside == (factor.name != "padding")
                    assert (name, index) == (factor.name if inside else "x", factor.at)


@pytest.mark.parametrize("explanation", EVERYTHING.values(), ids=EVERYTHING)
def test_terms_stand_as_in_the_array(explanation):
    """A row of products is a row of the kernel, or of whatever a part goes through."""
    for step in page.view(explanation)["steps"]:
        for part in step["parts"]:
            assert len(part["terms"]) % part["columns"] == 0 or not part["terms"]


PADDED = ["stride s = 1", "padding p = 1 × 2", "dilation d = 1", "groups 1"]


def test_terms_of_as_many_factors_stand_together():
    """y = ε_u + w·(ε_c − ε_u): a number, and below it a product."""
    view = page.view(byhand.guided([2], [5], 3))
    text = view["texts"].__getitem__
    parts = view["steps"][view["elements"][0][-1]]["parts"]
    assert [[text(head) for head in part["heads"]] for part in parts] == [["unconditional"], ["w", "(ε_c − ε_u)"]]
    assert [text(part["sum"]) for part in parts] == ["2", "9"]
    assert [text(part["name"]) for part in parts] == ["prediction", ""]  # it is named once


@pytest.mark.parametrize(
    ("explanation", "settings"),
    [
        (byhand.guided([2], [5], 3.0), ["w = 3"]),
        (byhand.ddim_step([6], 2, 1, [3], [1, 0.64, 0.36]), ["t = 2", "s = 1", "eta η = 0"]),
        (byhand.conv2d([[1, 2]], [[3]], padding=(1, 2), groups=1), PADDED),
        (byhand.batch_norm([[1], [3]], training=True), ["training true", "momentum 0.1", "eps ε = 1e−05"]),
    ],
)
def test_settings_with_the_letters_of_the_formula(explanation, settings):
    assert page.view(explanation)["settings"] == settings


SLIDES = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}
CONVOLVED = byhand.conv2d(numbers(2, 4, 5, 4), numbers(6, 2, 2, 3), **SLIDES, groups=2)


@pytest.mark.parametrize(
    ("explanation", "where"),
    [
        (CONVOLVED, lambda n, o, i, j, c, u, v: (n, o // 3 * 2 + c, 2 * i + u, j + 2 * v)),
        (CONVOLVED.grad("w"), lambda o, c, u, v, n, i, j: (n, o // 3 * 2 + c, 2 * i + u, j + 2 * v)),
        (
            byhand.max_pool2d(numbers(2, 3, 5, 7), (2, 4), **SLIDES),
            lambda n, c, i, j, _, u, v: (n, c, 2 * i + u, j + 2 * v),
        ),
    ],
    ids=["y", "dw", "max_pool2d"],
)
def test_a_window_is_where_it_should_be_also_in_the_padding(explanation, where):
    """Cell (u, v) of the window of output (i, j) lies on row s·i + d·u, column s·j + d·v of the padded image."""
    view = page.view(explanation)
    x = next(array for array in view["arrays"] if array["name"] == "x")
    shape = [*x["lead"], x["rows"], x["columns"]]
    for at, (step,) in zip(np.ndindex(*explanation.result.shape), view["elements"], strict=True):
        for k, part in enumerate(view["steps"][step]["parts"]):
            columns = part["columns"]
            for t, term in enumerate(part["terms"]):
                cell = np.ravel_multi_index(where(*at, k, *divmod(t, columns)), shape) + x["first"]
                assert cell in term[:-1]


def test_a_page_is_small():
    rng = np.random.default_rng(0)
    y = byhand.conv2d(rng.normal(size=(2, 16, 16)), rng.normal(size=(3, 2, 3, 3)), rng.normal(size=3), padding=1)
    assert len(y.html().encode()) < 1_000_000


@pytest.mark.parametrize(
    ("explanation", "of"),
    [
        (byhand.conv2d(np.ones((1, 10, 10)), np.ones((2, 1, 3, 3))), "products"),
        (byhand.max_pool2d(np.ones((10, 10)), 5, stride=1).grad("x"), "comparisons"),
        (byhand.relu(np.ones(1_000)), "cells"),
        (byhand.conv2d([[1]], [[1]], padding=20), "cells"),
    ],
)
def test_too_much_for_a_page(explanation, of, monkeypatch):
    explanation.html()
    monkeypatch.setattr(page, "MOST", 1_000)
    with pytest.raises(ValueError, match=rf"needs more than 1,000 {of}, .* with \.at"):
        explanation.html()
    assert "1,000" in explanation._repr_html_()


def test_a_page_needs_nothing_from_elsewhere_and_closes_nothing_early():
    text = byhand.conv2d(X, W, [2], padding=1).html()
    assert not re.search(r"https?:|url\(|@import|<link|src=", text)
    assert text.count("</script>") == text.count("<script") == 2
    assert text.count("<style>") == text.count("</style>") == 1


def test_what_a_page_is_given_cannot_end_its_script(monkeypatch):
    monkeypatch.setattr(page, "view", lambda explanation: {"texts": ["</script><script>alert(1)</script>"]})
    explanation = byhand.relu([1])
    explanation.operation.name = '<b title="x">&'  # of this one only
    text = page.html(explanation)
    assert "alert(1)</script>" not in text
    assert "<b" not in text.replace("<body>", "")
    assert page.frame(explanation).count('"') == 6  # quotes of three attributes, and none inside
    assert "display: block" in page.frame(explanation)  # or there is room for letters below it, a gap


def test_a_notebook_gets_the_page_in_a_frame():
    y = byhand.conv2d(X, W, [2])
    source = re.search(r'srcdoc="([^"]*)"', y._repr_html_())[1]
    assert html.unescape(source) == y.html()


# ---- in a browser


@pytest.fixture
def opened(browser, tmp_path):
    """Opens the page of an explanation; any error in it fails the test."""
    contexts, errors = [], []

    def open_page(explanation, **settings):
        file = tmp_path / "page.html"
        file.write_text(explanation.html(), encoding="utf-8")
        context = browser.new_context(offline=True, **settings)
        contexts.append(context)
        tab = context.new_page()
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.on("console", lambda message: errors.append(message.text))
        tab.goto(file.as_uri())
        return tab

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def padded():
    return byhand.conv2d(X, W, [2], padding=1)


def output(tab, name):
    return tab.locator(f".result td[aria-label^='{name} =']")


def texts(tab, selector):
    return tab.locator(selector).all_inner_texts()


@pytest.mark.browser
def test_hovering_shows_the_window_the_products_and_the_sum(opened):
    tab = opened(padded())
    output(tab, "y[0, 1, 1]").hover()
    assert tab.locator(".line").inner_text() == "y[0, 1, 1] = 30 + 5 + 2 (bias) = 37"
    assert tab.locator(".line").get_attribute("aria-live") == "polite"
    assert texts(tab, ".array:first-child td.used") == ["10", "10", "0"] * 3 + ["5"] * 9
    assert texts(tab, ".part:first-child .scroll:last-child td") == ["10", "0", "0"] * 3
    assert texts(tab, ".part .sum") == ["sum 30", "sum 5", "2"]
    output(tab, "y[0, 0, 0]").hover()
    assert tab.locator(".line").inner_text() == "y[0, 0, 0] = −20 + 5 + 2 (bias) = −13"
    assert tab.locator(".array:first-child td.used.padding").count() == 10
    tab.locator("h1").hover()
    output(tab, "y[0, 1, 1]").click()
    output(tab, "y[0, 3, 3]").hover()
    tab.locator("h1").hover()  # what was clicked stays
    assert "y[0, 1, 1]" in tab.locator(".line").inner_text()


@pytest.mark.browser
def test_a_page_of_an_element_shows_it_first(opened):
    assert opened(padded().at(0, 2, 1)).locator(".line").inner_text().startswith("y[0, 2, 1] = 30 + 5")


@pytest.mark.browser
def test_a_product_points_at_its_factors_and_a_cell_at_its_products(opened):
    tab = opened(padded())
    output(tab, "y[0, 1, 1]").click()
    tab.locator(".part:first-child .scroll:last-child td").nth(3).hover()
    assert tab.locator(".pointing").inner_text() == "x[0, 1, 0] × w[0, 0, 1, 0] = 10 × 1 = 10"
    assert texts(tab, ".pointed") == ["10", "1", "10", "1", "10"]  # in x, w; and in the three grids of the channel
    tab.locator(".part:nth-child(2) .scroll:last-child td").nth(4).hover()
    assert tab.locator(".pointing").inner_text() == "x[1, 1, 1] × w[0, 1, 1, 1] = 5 × 1 = 5"
    tab.locator(".array:first-child td:not(.padding)").nth(0).hover()  # x[0, 0, 0]
    assert tab.locator(".pointing").inner_text() == "x[0, 0, 0] = 10 goes into 4 of 16 elements of y"
    assert tab.locator(".result td.reached").count() == 4
    assert tab.locator(".part td.pointed").count() == 3


@pytest.mark.browser
def test_the_keyboard(opened):
    tab = opened(byhand.conv2d(numbers(2, 4, 5), numbers(3, 2, 3, 3), padding=1))
    tab.keyboard.press("Tab")
    if tab.evaluate("document.activeElement.className").startswith("scroll"):
        tab.keyboard.press("Tab")  # a box that scrolls can have the focus, too
    for key, name in [
        ("ArrowRight", "y[0, 0, 1]"),
        ("ArrowDown", "y[0, 1, 1]"),
        ("]", "y[1, 1, 1]"),
        ("End", "y[1, 1, 4]"),
        ("ArrowRight", "y[1, 1, 4]"),  # there it ends
        ("PageDown", "y[2, 1, 4]"),
        ("PageDown", "y[2, 1, 4]"),
        ("Home", "y[2, 1, 0]"),
        ("[", "y[1, 1, 0]"),
        ("PageUp", "y[0, 1, 0]"),
        ("Control+End", "y[0, 3, 4]"),
        ("ArrowLeft", "y[0, 3, 3]"),
        ("ArrowUp", "y[0, 2, 3]"),
    ]:
        tab.keyboard.press(key)
        assert tab.locator(".line").inner_text().startswith(f"{name} = ")
        focused = tab.locator(".result td:focus")
        assert focused.get_attribute("aria-label").startswith(f"{name} = ")
        assert focused.get_attribute("aria-selected") == "true"
        assert focused.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"
    assert tab.locator(".result td[tabindex='0']").count() == 1
    assert tab.locator("table[role=grid]").count() == 3


@pytest.mark.browser
def test_on_a_phone_nothing_is_wider_than_the_screen_and_a_tap_chooses(opened):
    big = byhand.conv2d(np.random.default_rng(0).normal(size=(2, 12, 12)), numbers(2, 2, 3, 3), padding=1)
    for explanation in [padded(), big, byhand.batch_norm(numbers(3, 2, 3, 3) / 7, training=True).grad("x")]:
        tab = opened(explanation, viewport={"width": 360, "height": 780}, has_touch=True, is_mobile=True)
        width = "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"
        assert tab.evaluate(width) == 360
        last = tab.locator(".result td").last
        last.tap()
        name = last.get_attribute("aria-label").split(" = ")[0]
        assert tab.locator(".line").inner_text().startswith(f"{name} = ")
        tab.locator(".part td").first.tap()
        assert tab.locator(".pointed").count() >= 2
        assert tab.evaluate(width) == 360


@pytest.mark.browser
def test_dark_and_light(opened):
    for scheme in ("light", "dark"):
        tab = opened(padded(), color_scheme=scheme)
        tab.locator(".part td").first.hover()
        shown = "body", ".grid td", "td.used", "td.second", "td.zero", "td.used.zero", "td.pointed", "td.chosen"
        assert min(contrast(tab, selector) for selector in shown) > 4.5
        assert (luminances(tab, "body")[1] > 0.5) == (scheme == "light")


@pytest.mark.browser
def test_every_operation_in_the_browser(opened):
    tab = opened(padded())
    for explanation in EVERYTHING.values():
        tab.set_content(explanation.html())
        tab.locator(".result td").last.evaluate("cell => cell.click()")  # which waits for nothing
        assert tab.locator(".line").inner_text() in list(explanation)[-1].text()


@pytest.mark.browser
def test_frames_in_a_notebook_work_beside_one_another(opened, tmp_path):
    tab = opened(byhand.relu([1]))
    frames = padded()._repr_html_() + byhand.relu([-1, 2])._repr_html_()
    tab.set_content(f"<!doctype html><meta charset=utf-8>{frames}")
    first, second = (tab.frame_locator("iframe").nth(k) for k in range(2))
    second.locator(".result td").nth(1).click()
    assert second.locator(".line").inner_text() == "y[1] = max(0, 2) = 2"
    assert first.locator(".line").inner_text().startswith("y[0, 0, 0] = ")


@pytest.mark.browser
@pytest.mark.parametrize("width", [400, 900])
def test_a_frame_in_a_notebook_is_as_high_as_its_page(opened, width):
    """Without a scroll bar of its own, and without an empty half; also after another element was chosen."""
    tab = opened(byhand.relu([1]), viewport={"width": width, "height": 600})
    explanations = padded(), byhand.relu([-1, 2]), byhand.batch_norm(numbers(3, 2), training=True)
    frames = "".join(explanation._repr_html_() for explanation in explanations)
    tab.set_content(f"<!doctype html><meta charset=utf-8>{frames}")
    heights = []
    for k in range(3):
        frame, inside = tab.locator("iframe").nth(k), tab.frame_locator("iframe").nth(k)
        for which in ("first", "last"):
            getattr(inside.locator(".result td"), which).click()
            tab.wait_for_timeout(100)
            height, seen, needed = inside.locator("html").evaluate(
                "html => [html.scrollHeight, html.clientHeight, html.getBoundingClientRect().height]"
            )
            heights.append(frame.bounding_box()["height"])
            assert height == seen == heights[-1] == math.ceil(needed)
    assert len(set(heights)) > 2
    tab.frame_locator("iframe").first.locator("h1").evaluate("h1 => { h1.style.height = '50rem' }")  # something opens
    tab.wait_for_timeout(100)
    assert tab.locator("iframe").first.bounding_box()["height"] > heights[1] + 500


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_of_steps_is_of_one_piece(opened, scheme):
    """As wide as a phone, in the colours of its steps, each as high as it needs; how to use it is said once."""
    tab = opened(byhand.relu([1]), viewport={"width": 390, "height": 800}, color_scheme=scheme)
    tab.set_content(examples.find("two-layers").html())
    tab.frame_locator("iframe").last.locator(".line").wait_for()
    tab.wait_for_timeout(100)
    assert tab.evaluate("[innerWidth, document.documentElement.scrollWidth]") == [390, 390]
    assert contrast(tab, "h1") > 4.5
    paper = "getComputedStyle(document.body).backgroundColor"
    frames = tab.frames[1:]
    assert {frame.evaluate(paper) for frame in frames} == {tab.evaluate(paper)}
    assert [frame.locator(".keys").is_visible() for frame in frames] == [True] + [False] * (len(frames) - 1)
    places = [box.bounding_box() for box in tab.locator("iframe").all()]
    assert [box["y"] + box["height"] for box in places[:-1]] == [box["y"] for box in places[1:]]  # no gap


@pytest.mark.browser
def test_it_names_the_keys_that_do_something(opened):
    tab = opened(byhand.relu([[[1, 2]], [[3, 4]]]))
    assert "move, [ ] change the channel." in tab.locator(".keys").inner_text()
    tab.set_content(byhand.relu([[1, 2]]).html())
    assert tab.locator(".keys").inner_text().endswith("End move.")
    tab.set_content(byhand.relu([1]).html())
    assert tab.locator(".keys").inner_text().endswith("where it goes.")


MUTANTS = {
    "byhand.views.page:frame": [
        ("a gap below a frame", "display: block; ", ""),
    ],
    "byhand.views.page:_Drawn.cell": [
        ("cells beside the padding", "number * n + before + k", "number * n + k"),
    ],
    "byhand.views.page:_even": [
        ("terms are sorted by nothing", "lambda t: len(t.factors)", "lambda t: 0"),
        ("its name twice", '"" if k else part.name', "part.name"),
    ],
    "byhand.views.page:_setting": [
        ("3.0 for 3", "write(v) if isinstance(v, float) else str(v)", "str(v)"),
        ("a letter without its equals sign", " or len(name) == 1", ""),
    ],
    "byhand.views.page:_escaped": [
        ("markup in a page", 'text.replace("&", "&amp;").replace("<", "&lt;")', "text"),
    ],
}

"""Every element of every result and gradient, worked out: the terms give PyTorch's numbers."""

import math
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import tinyunet
import tinyunet.functional as F
from tests.byhand.article import ARTICLE
from tests.parity import _cotangent, theirs
from tests.strategies import both, convolutions, images, normal, pairs, seeds, ties
from tinyunet import byhand
from tinyunet.byhand.arithmetic.explanation import Element
from tinyunet.byhand.arithmetic.operations import OPERATIONS, Operation
from tinyunet.byhand.arithmetic.worked import Factor, Formula, Largest, Numbers, Sum, Term
from tinyunet.byhand.views.text import Text
from tinyunet.data import cells
from tinyunet.unet import UNet

ELEMENTS = 12  # of each quantity, drawn at random: working out all of them would take the time of many examples


@st.composite
def pools(draw, name):
    kernel = draw(st.integers(1, 3))
    settings = {
        "kernel_size": kernel,
        "stride": draw(st.sampled_from([None, 1, 2, (2, 1)])),
        "padding": draw(st.integers(0, kernel // 2)),
        "ceil_mode": draw(st.booleans()),
    }
    if name == "avg_pool2d":
        settings |= {"count_include_pad": draw(st.booleans()), "divisor_override": draw(st.sampled_from([None, 3]))}
    x = draw(images(least=(5, 5)))
    assume(x.size)
    return name, [ties(3 * x) if draw(st.booleans()) else x], settings


@st.composite
def norms(draw):
    shape = draw(st.sampled_from([(4, 2), (2, 3, 5), (3, 2, 2, 3)]))
    x, *vectors = (normal(draw(seeds), *s) for s in (shape, *[shape[1:2]] * 4))
    vectors[1] = vectors[1] ** 2 + 0.1
    if draw(st.booleans()):
        vectors[2:] = None, None
    settings = {"training": draw(st.booleans()), "momentum": draw(st.sampled_from([0.1, 0.3])), "eps": 0.01}
    return "batch_norm", [x, *vectors], settings


@st.composite
def groups(draw):
    """Group and layer normalisation."""
    shape = draw(st.sampled_from([(2, 4), (1, 6), (3, 4, 2), (2, 4, 2, 3)]))
    x, affine, eps = normal(draw(seeds), *shape), draw(st.booleans()), {"eps": 0.01}
    if draw(st.booleans()):
        vectors = [normal(draw(seeds), shape[1]) for _ in range(2)] if affine else [None, None]
        return "group_norm", [x, *vectors], eps | {"num_groups": draw(st.sampled_from([1, 2]))}
    axes = draw(st.integers(1, len(shape)))
    vectors = [normal(draw(seeds), *shape[-axes:]) for _ in range(2)] if affine else [None, None]
    return "layer_norm", [x, *vectors], eps | {"normalized_shape": shape[-axes:]}


@st.composite
def others(draw):
    seed, shape = draw(seeds), draw(st.sampled_from([(4,), (3, 4), (2, 3, 4)]))
    x = normal(seed, *shape)
    return draw(
        st.sampled_from(
            [
                ("relu", [x], {}),
                ("flatten", [x], {}),
                ("flatten", [normal(seed, *draw(st.sampled_from([(2, 3, 2, 4), (1, 1, 3, 2)])))], {}),
                ("softmax", [x], {}),
                ("log_softmax", [x], {}),
                ("linear", [x, normal(seed + 1, 5, 4), normal(seed + 2, 5)], {}),
                ("linear", [x, normal(seed + 1, 2, 4), None], {}),
            ]
        )
    )


@st.composite
def losses(draw):
    reduction = {"reduction": draw(st.sampled_from(["mean", "sum", "none"]))}
    if draw(st.booleans()):
        shape = draw(st.sampled_from([(), (3,), (2, 3)]))
        target = np.random.default_rng(draw(seeds)).uniform(0, 1, shape)
        target = np.round(target) if draw(st.booleans()) else target
        return "binary_cross_entropy_with_logits", [normal(draw(seeds), *shape), target], reduction
    shape = draw(st.sampled_from([(4,), (1, 4), (3, 4)]))
    target = np.random.default_rng(draw(seeds)).integers(0, 4, shape[:-1])
    return "cross_entropy", [normal(draw(seeds), *shape), target], reduction


@st.composite
def convolution(draw, transposed=False):
    x, w, b, settings = draw(convolutions(transposed))
    assume(x.size)
    return "conv_transpose2d" if transposed else "conv2d", [x, w, b], settings


@st.composite
def bordered(draw):
    """A true convolution, or one with other borders, or both."""
    x, w, b, settings = draw(convolutions())
    mode = draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"]))
    assume(x.size)
    widest = [n - 1 if mode == "reflect" else n for n in x.shape[-2:]]
    spans = [d * (k - 1) + 1 for d, k in zip(settings["dilation"], w.shape[2:], strict=True)]
    padding = tuple(tuple(draw(st.integers(0, min(most, 3))) for _ in range(2)) for most in widest)
    assume(all(n + sum(p) >= span for n, p, span in zip(x.shape[-2:], padding, spans, strict=True)))
    same = mode == "zeros" and draw(st.booleans())
    settings |= {"stride": draw(st.sampled_from([1, 2, (1, 3)])), "padding": "SAME" if same else padding}
    return "conv2d", [x, w, b], settings | {"padding_mode": mode, "flip_kernel": draw(st.booleans())}


@st.composite
def one_axis(draw):
    name = draw(st.sampled_from(["conv1d", "conv_transpose1d", "max_pool1d", "avg_pool1d"]))
    batch, groups = draw(st.sampled_from([(2,), (1,), ()])), draw(st.integers(1, 2))
    kernel, stride, padding = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(0, 1))
    C, O, L = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2)), draw(st.integers(4, 7))
    x, seed = normal(draw(seeds), *batch, C, L), draw(seeds)
    settings = {"stride": stride, "padding": padding}
    if "pool" in name:
        padding = min(padding, kernel // 2)
        return (
            name,
            [x],
            {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": draw(st.booleans())},
        )
    transposed = name == "conv_transpose1d"
    w = normal(seed, *((C, O // groups) if transposed else (O, C // groups)), kernel)
    widest = 1 if transposed or kernel == 1 else (L + 2 * padding - 1) // (kernel - 1)  # the kernel fits
    settings |= {"dilation": draw(st.integers(1, min(2, widest))), "groups": groups}
    if transposed:
        settings["output_padding"] = draw(st.integers(0, stride - 1))
    elif draw(st.booleans()):
        settings |= {"padding_mode": draw(st.sampled_from(["reflect", "replicate", "circular"]))}
    return name, [x, w, draw(st.sampled_from([None, normal(seed + 1, O)]))], settings


@st.composite
def resized(draw):
    x = draw(images())
    assume(x.size)
    settings = {"mode": draw(st.sampled_from(["nearest", "bilinear", "bilinear"]))}
    if settings["mode"] == "bilinear":
        settings["align_corners"] = draw(st.booleans())
    sizes = {"size": draw(pairs(1, 7))}, {"scale_factor": draw(st.sampled_from([2, 3, (2, 1), 1.5, (0.5, 2)]))}
    settings |= draw(st.sampled_from(sizes))
    factors = both(settings.get("scale_factor", 1))
    assume(all(math.floor(n * f) >= 1 for n, f in zip(x.shape[-2:], factors, strict=True)))
    return "interpolate", [x], settings


PROBLEMS = {
    "conv2d": convolution(),
    "conv_transpose2d": convolution(transposed=True),
    "max_pool2d": pools("max_pool2d"),
    "avg_pool2d": pools("avg_pool2d"),
    "batch_norm": norms(),
    "groups": groups(),
    "bordered": bordered(),
    "resized": resized(),
    "one axis": one_axis(),
    "cross_entropy": losses(),
    "others": others(),
}


def convolved(F, name, x, w, b=None, padding_mode="zeros", flip_kernel=False, **settings):
    """PyTorch's convolution, with the border of its `pad`, TensorFlow's rule for SAME, and w flipped."""
    axes, padding = (1, 2)[name == "conv2d"], settings["padding"]
    if padding == "SAME":
        stride, dilation = (both(settings[key]) for key in ("stride", "dilation"))
        sizes = zip(x.shape[-2:], w.shape[2:], stride, dilation, strict=True)
        totals = [max((math.ceil(n / s) - 1) * s + (k - 1) * d + 1 - n, 0) for n, k, s, d in sizes]
        padding = tuple((total // 2, total - total // 2) for total in totals)
    if padding_mode != "zeros" or isinstance(both(padding)[0], tuple):
        padding = [p if isinstance(p, tuple) else (p, p) for p in both(padding)[-axes:]]
        batch = x if x.ndim == 2 + axes else x[None]
        mode = {"mode": "constant" if padding_mode == "zeros" else padding_mode}
        batch = F.pad(batch, [side for sides in padding[::-1] for side in sides], **mode)
        x, settings = batch if x.ndim == 2 + axes else batch[0], settings | {"padding": 0}
    return getattr(F, name)(x, w.flip((2, 3)[:axes]) if flip_kernel else w, b, **settings)


def pytorchs(name, arrays, settings):
    """The value and all gradients in PyTorch, the gradients for the cotangent of parity.py."""
    settings = settings | {"dim": -1} if "softmax" in name else settings
    if name == "batch_norm":  # the running statistics have no gradient
        import torch

        arrays, running = arrays[:1] + arrays[3:], [torch.tensor(a) for a in arrays[1:3]]
        got = theirs(lambda F, x, *affine, **kw: F.batch_norm(x, *running, *affine, **kw), arrays, settings, np.float64)
        return got, [a.numpy() for a in running]

    def call(F, x, *others, **settings):
        if name in ("group_norm", "layer_norm"):  # there the vectors come after the setting
            settings |= dict(zip(("weight", "bias"), others, strict=False))
            others = ()
        elif name.startswith("binary"):
            others = [others[0].detach()]  # asked for is the gradient of x
        elif name == "flatten":
            return x.flatten(1 if x.ndim == 4 else 0)
        elif name == "interpolate":  # of batches alone
            y = F.interpolate(x if x.ndim == 4 else x[None], **settings)
            return y if x.ndim == 4 else y[0]
        elif name in ("conv1d", "conv2d"):
            return convolved(F, name, x, *others, **settings)
        return getattr(F, name)(x, *others, **settings)

    return theirs(call, arrays, settings, np.float64), []


def agree(explanation, expected, rng):
    """Some elements are what PyTorch says, and the result is too."""
    assert explanation.result.shape == expected.shape
    tolerance = 1e-9 * max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(explanation.result, expected, rtol=0, atol=tolerance)
    for k in {0, expected.size - 1, *rng.permutation(expected.size)[:ELEMENTS]}:  # the corners, and others
        index = np.unravel_index(k, expected.shape)
        worked = explanation.at(*map(int, index))
        assert abs(worked.value - expected[index]) <= tolerance, worked
        for step in worked.steps:
            if isinstance(step, Sum):
                assert abs(sum(term.value for term in step.terms) / step.divisor - step.value) <= tolerance
                for part in step.parts:
                    assert math.fsum(term.value for term in part.terms) == part.value
        for term in worked.terms:
            for factor in term.factors:  # each factor is the number that stands at its place
                assert factor.name != "padding" or explanation.operation.name != "conv_transpose2d"  # that crops
                if factor.at and factor.name in explanation.arrays:
                    assert explanation.arrays[factor.name][factor.at] == factor.value


@pytest.mark.torch
@pytest.mark.parametrize("kind", PROBLEMS)
@given(st.data(), seeds)
def test_the_terms_give_pytorchs_values_and_gradients(kind, data, seed):
    name, arrays, settings = data.draw(PROBLEMS[kind])
    rng = np.random.default_rng(seed)
    (y, *gradients), running = pytorchs(name, arrays, settings)
    names = OPERATIONS[name].array_names
    explanation = getattr(byhand, name)(**dict(zip(names, arrays, strict=True)), **settings)
    agree(explanation, y, rng)
    dy = _cotangent(y.shape, np.float64)
    wanted = [what[1:] for what in explanation.operation.quantities() if what.startswith("d")]
    assert len(wanted) == len(gradients)
    for leaf, gradient in zip(wanted, gradients, strict=True):
        agree(explanation.grad(leaf, dy), gradient, rng)
    if running and settings["training"]:
        for what, expected in zip(("running_mean", "running_var"), running, strict=True):
            agree(explanation.updated(what), expected, rng)


@given(convolution())
def test_a_convolution_has_a_term_for_every_cell_of_the_kernel_in_order(problem):
    _, arrays, settings = problem
    whole = byhand.conv2d(*arrays, **settings)
    x, w, b = arrays
    _, C, kh, kw = w.shape
    assume(whole.result.size)
    last = tuple(n - 1 for n in whole.result.shape[-2:])
    element = whole.at(*[0] * (x.ndim - 2), *last)
    cells = [term.factors[1].at for term in element.terms if len(term.factors) == 2]
    assert cells == [(0, c, u, v) for c in range(C) for u in range(kh) for v in range(kw)]
    parts = [part.name for part in element.parts]
    assert parts == [f"channel {c}" for c in range(C)] + ["bias"] * (b is not None)
    strides, dilations = both(settings["stride"]), both(settings["dilation"])
    paddings = both(settings["padding"])
    if settings["padding"] == "same":
        paddings = [d * (k - 1) // 2 for d, k in zip(dilations, (kh, kw), strict=True)]
    for term in element.terms[: C * kh * kw]:  # every cell of the kernel knows its pixel, in the padding too
        pixel, weight = term.factors
        where = zip(strides, last, dilations, weight.at[2:], paddings, strict=True)
        row, col = (s * i + d * u - p for s, i, d, u, p in where)
        assert pixel.at == (*[0] * (x.ndim - 3), weight.at[1], row, col)
        inside = 0 <= row < x.shape[-2] and 0 <= col < x.shape[-1]
        assert (pixel.name, pixel.value) == (("x", x[pixel.at]) if inside else ("padding", 0))
        assert pixel.place == (f"x{list(pixel.at)}" if inside else "padding")


def test_both_readings_of_the_articles_example_are_35():
    assert byhand.conv2d(*ARTICLE).at(0, 0, 0).value == byhand.conv2d(*ARTICLE).at(0, 1, 1).value == 35
    padded = byhand.conv2d(*ARTICLE, padding=1)
    assert padded.at(0, 1, 1).value == 35
    assert {term.factors[0].name for term in padded.at(0, 0, 0).terms} == {"padding", "x"}


def test_the_winner_of_a_pool_is_the_first_of_equals_and_never_the_padding():
    y = byhand.max_pool2d([[-1, -1], [-1, -2]], 2, padding=1)
    step = y.at(0, 0).steps[-1]
    assert isinstance(step, Largest)
    assert step.winner.factors[0].at == (0, 0)
    assert [term.factors[0].value for term in step.terms] == [-np.inf] * 3 + [-1]
    assert [term.factors[0].at for term in step.terms] == [(-1, -1), (-1, 0), (0, -1), (0, 0)]
    assert byhand.max_pool2d([[3, 3], [1, 2]], 2).grad("x").result.tolist() == [[1, 0], [0, 0]]


def test_a_formula_points_at_the_numbers_that_it_uses():
    step = byhand.batch_norm([[1], [2], [3], [6]], weight=[2], bias=[1], training=True).at(3, 0).steps[-1]
    assert isinstance(step, Formula)
    assert [(f.name, f.at) for f in step.factors] == [("x", (3, 0)), ("weight", (0,)), ("bias", (0,))]
    assert Text().formula(step) == "2·(6 − 3) / √(3.5 + 1e−05) + 1"
    for training, names in ((True, ["dy", "x", "weight"]), (False, ["dy", "weight"])):  # in evaluation x plays no part
        y = byhand.batch_norm([[1], [2], [3], [6]], [0], [1], weight=[2], training=training)
        assert [f.name for f in y.grad("x").at(3, 0).steps[-1].factors] == names


def test_the_whole_unet_needs_no_special_case():
    """An element of every layer of the U-Net with 14,789,059 weights, as it is computed on a picture."""
    calls = []

    def noted(name):
        operation = getattr(F, name)

        def stand_in(*arrays, **settings):
            y, backward = operation.__wrapped__(*arrays, **settings)
            calls.append((name, arrays, settings, y))
            return y, backward

        return stand_in

    model, (picture, _) = UNet(3, 3, rng=0).eval(), cells(3, size=32, rng=0)
    names = "conv2d", "conv_transpose2d", "batch_norm", "relu", "max_pool2d"
    with tinyunet.no_grad(), tinyunet.using(**{name: noted(name) for name in names}):
        model(picture.reshape(1, 3, 32, 32))
    rng = np.random.default_rng(0)
    assert {name for name, *_ in calls} == set(names)
    for name, arrays, settings, y in calls:
        explanation = getattr(byhand, name)(*arrays, **settings)
        index = tuple(int(rng.integers(n)) for n in y.shape)
        with patch.object(Operation, "result", side_effect=AssertionError("one element does not need the whole map")):
            element = explanation.at(*index)
        assert element.value == pytest.approx(y[index], rel=1e-4, abs=1e-5)
        assert len(element.text()) < 10_000, "the middle of long sums is left out"
    most = max(len(byhand.conv2d(*a, **s).at(0, 0, 0, 0).terms) for name, a, s, _ in calls if name == "conv2d")
    assert most == 1024 * 9 + 1


def large():
    """Quantities whose elements are made from thousands of numbers."""
    x, dy = normal(0, 2, 3, 40, 40), normal(1, 2, 3, 40, 40)
    vectors = np.zeros(3), np.ones(3), np.ones(3), np.zeros(3)
    calls = [
        byhand.conv2d(x, normal(2, 3, 3, 3, 3), vectors[0], padding=1),
        byhand.conv_transpose2d(x, normal(3, 3, 3, 2, 2), vectors[0], stride=2),
        byhand.max_pool2d(x, 40),
        byhand.avg_pool2d(x, 40),
        byhand.batch_norm(x, *vectors, training=True),
        byhand.group_norm(x, 3, *vectors[2:]),
        byhand.layer_norm(x, (3, 40, 40)),
        byhand.linear(x[0, 0], normal(4, 9, 40), np.zeros(9)),
        byhand.softmax(x[0, 0].ravel()),
        byhand.log_softmax(x[0, 0].ravel()),
        byhand.binary_cross_entropy_with_logits(x[0, 0], np.ones((40, 40)), reduction="none"),
        byhand.cross_entropy(x[0, 0], np.arange(40), reduction="none"),
    ]
    for y in calls:
        for what in y.operation.quantities():
            gradient = dy if dy.shape == y.result.shape else None
            yield y if what == "y" else y.updated(what) if what[0] == "r" else y.grad(what[1:], gradient)


@pytest.mark.parametrize("whole", list(large()), ids=lambda whole: f"{whole.operation.name} {whole.what}")
def test_of_thousands_of_terms_only_those_that_are_shown_are_made(whole):
    with patch.object(Numbers, "factor", autospec=True, side_effect=Numbers.factor) as made:
        element = whole.at(*(n // 2 for n in whole.result.shape))
        assert math.isfinite(element.value)
        assert made.call_count <= 1  # the winner of a pool
        for show in (str, Element.latex, Element.markdown):
            made.reset_mock()
            assert len(show(element)) < 15_000
            assert made.call_count < 400


def test_terms_are_a_sequence():
    part = byhand.conv2d(*ARTICLE).at(0, 1, 1).parts[1]
    terms = tuple(part.terms)
    assert part.terms == terms
    assert part.terms == byhand.conv2d(*ARTICLE).at(0, 1, 1).parts[1].terms
    assert part.terms != byhand.conv2d(*ARTICLE).at(0, 1, 0).parts[1].terms
    assert (repr(part.terms), hash(part.terms), len(part.terms)) == (repr(terms), hash(terms), 9)
    assert part.terms[-1] == terms[-1] == Term((Factor("x", (1, 3, 3), 5.0), Factor("w", (0, 1, 2, 2), 0.0)))
    assert part.terms[7:1:-2] == terms[7:1:-2]
    with pytest.raises(IndexError):
        part.terms[9]


def test_every_formula_can_be_typeset():
    """matplotlib's mathtext knows most of LaTeX, and refuses what is malformed."""
    from matplotlib.mathtext import MathTextParser

    parser = MathTextParser("path")
    for operation in OPERATIONS.values():
        for _, latex in operation.formulas.values():
            plain = latex.replace(r"\Big", "").replace(r"\,", " ").replace(r"\text", r"\mathrm")
            parser.parse(f"${plain}$")


def test_a_window_that_hangs_over_the_end_divides_by_the_cells_that_it_has():
    y = byhand.avg_pool2d([[1, 2, 3], [4, 5, 6], [7, 8, 9]], 2, ceil_mode=True)
    assert y.result.tolist() == [[3, 4.5], [7.5, 9]]
    assert [y.at(*index).value for index in np.ndindex(2, 2)] == [3, 4.5, 7.5, 9]


MUTANTS = {
    "byhand.arithmetic.windows:_met": [
        ("window: stride forgotten", "axis.stride * output + axis.dilation", "output + axis.dilation"),
        ("window: dilation forgotten", "axis.dilation * cell - axis.padding", "cell - axis.padding"),
        ("window: padding adds", "axis.dilation * cell - axis.padding", "axis.dilation * cell + axis.padding"),
    ],
    "byhand.arithmetic.windows:covering": [
        ("covering: between the strides", "if beside == 0 and", "if"),
        ("covering: padding forgotten", "divmod(position + axis.padding - axis", "divmod(position - axis"),
    ],
    "byhand.arithmetic.operations.convolution:ConvTranspose2d.seen": [
        ("what is cropped at the end is met", "if 0 <= position < axis.input]", "if 0 <= position]"),
    ],
    "byhand.arithmetic.operations.convolution:_parts": [
        ("every part is the first", "range(k * each, (k + 1) * each)", "range(each)"),
    ],
    "byhand.arithmetic.operations.convolution:Convolution.spread": [
        ("dx: filters of all groups", "range(group * outs, (group + 1) * outs)", "range(outs)"),
    ],
    "byhand.arithmetic.operations.convolution:Convolution.gathered": [
        ("y: channels of the first group", "range(o // outs * ins, (o // outs + 1) * ins)", "range(ins)"),
    ],
    "byhand.arithmetic.operations.pooling:AvgPool2d.divisor": [
        (
            "divisor: what hangs over counts",
            "min(first + axis.kernel, axis.input + axis.padding)",
            "first + axis.kernel",
        ),
    ],
    "byhand.arithmetic.operations.normalisation:Normalisation._statistics": [
        ("running variance biased", "count - unbiased", "count"),
    ],
    "byhand.arithmetic.operations.normalisation:BatchNorm._moved": [
        ("momentum reversed", "(1 - m) * old.value + m * batch", "m * old.value + (1 - m) * batch"),
    ],
    "byhand.arithmetic.operations.normalisation:Normalisation.dx": [
        ("norm dx: mean term forgotten", "d.value - a.value - normal * b.value", "d.value - normal * b.value"),
        ("norm dx: the scale is not pointed at", "(d, x, *weight)", "(d, x)"),
    ],
    "byhand.arithmetic.operations.normalisation:Normalisation.one_gamma": [
        ("one γ for a group", 'self.arrays["weight"] is None', "True"),
    ],
    "byhand.arithmetic.operations.normalisation:Normalisation.dweight": [
        ("dγ: the statistics of the first image", "self._scale(first", "self._scale((0,) * len(first)"),
    ],
    "byhand.arithmetic.operations.groups:GroupNorm.group": [
        ("every group is the first", "first = c - c % self.width()", "first = 0"),
    ],
    "byhand.arithmetic.operations.groups:LayerNorm.places": [
        ("γ of one example", "(*map(range, ", "(*map(lambda n: range(1), "),
    ],
    "byhand.arithmetic.operations.softmax:LogSoftmax.dx": [
        ("log-softmax dx: p forgotten", "math.exp(x.value) / total.value * every.value", "every.value"),
    ],
    "byhand.arithmetic.operations.softmax:Loss.less": [
        ("cross-entropy dx: not divided", "- target) * d / share", "- target) * d"),
    ],
    "byhand.arithmetic.operations.softmax:BinaryCrossEntropy.loss": [
        ("binary cross-entropy: whole targets", "- t.value * x.value", "- round(t.value) * x.value"),
    ],
    "byhand.arithmetic.operation:Operation.result": [
        ("gradients in another order", "list(self.arrays).index(what[1:])", "self.leaves.index(what[1:])"),
    ],
    "byhand.arithmetic.worked:Largest.winner": [
        ("the last of equals wins", "numbers.index(max(numbers))", "-1 - numbers[::-1].index(max(numbers))"),
    ],
    "byhand.arithmetic.worked:Sum.value": [
        ("a mean is not divided", "for part in self.parts)) / self.divisor", "for part in self.parts))"),
    ],
    "byhand.arithmetic.worked:Numbers.factor": [
        (
            "places go column by column",
            "zip(reversed(self.grid), reversed(self.sources)",
            "zip(self.grid, self.sources",
        ),
    ],
    "byhand.arithmetic.worked:Numbers.has": [
        ("the padding at the end is the image", "0 <= index < n", "0 <= index"),
    ],
    "byhand.arithmetic.windows:Sliding.showing": [
        ("a pixel is seen once", "range(-before, 0)", "()"),
    ],
    "byhand.arithmetic.windows:Sliding.sources": [
        ("the border is zeros", 'if name == "x" and axis >= 2 else None', "if False else None"),
    ],
    "byhand.arithmetic.borders:widths": [
        ("SAME: the odd one before", "(total // 2, total - total // 2)", "(total - total // 2, total // 2)"),
    ],
    "byhand.arithmetic.operations.convolution:Convolution.in_w": [
        ("the kernel is not turned", "if self.settings.get", "if False and self.settings.get"),
    ],
    "byhand.arithmetic.operations.interpolation:Interpolate.place": [
        ("resized: half a pixel forgotten", "(i + 0.5) * ratio - 0.5", "i * ratio"),
        ("resized: corners not aligned", "i * (n - 1) / max(m - 1, 1)", "i * n / m"),
        ("resized: weights exchanged", "{left: 1 - (centre - left)}", "{left: centre - left}"),
    ],
    "byhand.arithmetic.operations.one_axis:OneAxis.planar": [
        ("the setting of the row is that of the column", "(OF_A_ROW[name], value)", "(value, value)"),
    ],
    "byhand.arithmetic.worked:values": [
        ("every term is made to add them", "terms.values if isinstance(terms, Terms) else", ""),
    ],
    "byhand.views.text:_shown": [
        ("terms that are left out are made", "if len(items) <= SHOWN", "if len(list(items)) <= SHOWN"),
    ],
}

"""Convolution against PyTorch, and the laws that it obeys without any reference."""

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyunet
import tinyunet.functional as F
from tests.parity import agree, close
from tests.strategies import both, convolutions, layouts, normal, seeds
from tests.tensor import leaf
from tinyunet.ops import conv, fast
from tinyunet.ops.fast import products
from tinyunet.ops.fast import tiles as columns
from tinyunet.ops.window import Axis, windows_fill


def value(name, *args, **settings):
    return getattr(F, name)(*args, **settings).numpy()


@pytest.mark.torch
@given(convolutions(), layouts)
def test_conv2d_is_pytorchs(case, layout):
    x, w, b, settings = case
    agree("conv2d", x, w, b, layout=layout, **settings)


@pytest.mark.torch
@given(convolutions(transposed=True), layouts)
def test_conv_transpose2d_is_pytorchs(case, layout):
    x, w, b, settings = case
    agree("conv_transpose2d", x, w, b, layout=layout, **settings)


parts = st.sampled_from([(1, 1), (2, 1), (3, 1), (8, 1), (2, 512), (8, 512)])  # pieces, outputs of one at least


@pytest.mark.torch
@pytest.mark.parametrize("by_rows", [True, False])
@given(st.sampled_from(["conv2d", "conv_transpose2d"]), st.data(), layouts, st.sampled_from([1, 128, 1 << 20]), parts)
def test_convolutions_are_pytorchs_however_they_are_computed(by_rows, name, data, layout, tile, parts):
    """In tiles of one row, of some or of all; each row of the kernel by itself, where that is possible, or not; in one
    piece or in several, of outputs or of rows of the products.
    """
    x, w, b, settings = data.draw(convolutions(transposed=name == "conv_transpose2d"))
    count, least = parts
    with (
        patch.multiple(columns, TILE_BYTES=tile),
        patch.multiple(products, TILE_LEAST=least, worth=lambda flops: count),
        patch.object(products, "_rows_pay", lambda x, O, axes, both: by_rows and axes[0].stride == 1),
    ):
        agree(name, x, w, b, layout=layout, dtypes=[np.float64], **settings)


@given(convolutions(), seeds)
def test_the_transposed_convolution_is_the_adjoint(case, seed):
    """⟨conv(x), y⟩ = ⟨x, conv_transpose(y)⟩: the defining property of a transposed linear map."""
    x, w, _, settings = case
    if settings["padding"] == "same":
        settings["padding"] = 0
        x = np.pad(x, [(0, 0)] * (x.ndim - 2) + [(9, 9), (9, 9)])
    conv_x = value("conv2d", x, w, **settings)
    y = normal(seed, *conv_x.shape)
    # of the sizes that are convolved to the size of y, output_padding chooses the size of x
    p, s, d = (both(settings[name]) for name in ("padding", "stride", "dilation"))
    extra = [(x.shape[i - 2] + 2 * p[i] - d[i] * (w.shape[i + 2] - 1) - 1) % s[i] for i in range(2)]
    back = value("conv_transpose2d", y, w, output_padding=tuple(extra), **settings)
    assert back.shape == x.shape
    np.testing.assert_allclose(np.sum(conv_x * y), np.sum(x * back), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d"])
@given(st.data(), seeds)
def test_a_convolution_is_linear_in_image_and_weight(name, data, seed):
    x, w, _, settings = data.draw(convolutions(transposed=name == "conv_transpose2d"))
    x2, w2 = normal(seed, *x.shape), normal(seed + 1, *w.shape)
    close(
        value(name, 2 * x - 3 * x2, w, **settings),
        2 * value(name, x, w, **settings) - 3 * value(name, x2, w, **settings),
    )
    close(
        value(name, x, 2 * w - 3 * w2, **settings),
        2 * value(name, x, w, **settings) - 3 * value(name, x, w2, **settings),
    )


@given(convolutions(), st.integers(0, 2), st.integers(0, 2), seeds)
def test_a_shifted_image_gives_a_shifted_map(case, down, right, seed):
    _, w, b, settings = case
    groups, dilation = settings["groups"], settings["dilation"]
    large = normal(seed, 1, w.shape[1] * groups, 16, 17)
    window = (..., slice(down, down + 13), slice(right, right + 13))
    y = value("conv2d", large, w, b, dilation=dilation, groups=groups)
    part = value("conv2d", large[window], w, b, dilation=dilation, groups=groups)
    Ho, Wo = part.shape[2:]
    close(part, y[..., down : down + Ho, right : right + Wo])


@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d"])
@given(st.data())
def test_a_batch_is_its_images_one_by_one(name, data):
    x, w, b, settings = data.draw(convolutions(transposed=name == "conv_transpose2d"))
    if x.ndim == 4 and len(x):
        close(value(name, x, w, b, **settings), np.stack([value(name, image, w, b, **settings) for image in x]))


def test_the_kernel_is_not_turned_around():
    """Cross-correlation: the impulse response of conv2d is the kernel turned by 180°, of its transpose the kernel."""
    impulse = np.zeros((1, 5, 5))
    impulse[0, 2, 2] = 1
    kernel = np.arange(1.0, 10).reshape(1, 1, 3, 3)
    np.testing.assert_array_equal(value("conv2d", impulse, kernel), kernel[0, :, ::-1, ::-1])
    np.testing.assert_array_equal(value("conv_transpose2d", impulse, kernel, padding=1)[:, 1:4, 1:4], kernel[0])


@pytest.mark.parametrize(
    ("size", "kernel", "dilation"), [((5, 6), (2, 4), 1), ((4, 7), (3, 2), (2, 3)), ((3, 3), (1, 1), 1)]
)
def test_same_keeps_the_size_and_valid_pads_nothing(size, kernel, dilation):
    x, w = normal(0, 2, 1, *size), normal(1, 1, 1, *kernel)
    assert value("conv2d", x, w, padding="same", dilation=dilation).shape == x.shape
    if dilation == 1:
        np.testing.assert_array_equal(value("conv2d", x, w, padding="valid"), value("conv2d", x, w))


@pytest.mark.torch
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kernel", [(2, 3), (4, 4), (1, 2)])
@pytest.mark.parametrize("dilation", [1, (1, 2)])
def test_padding_by_name_is_pytorchs(padding, kernel, dilation):
    agree("conv2d", normal(0, 2, 2, 5, 9), normal(1, 4, 1, *kernel), padding=padding, dilation=dilation, groups=2)


@pytest.mark.torch
def test_images_too_large_for_one_tile_of_columns():
    """The matrix of windows is multiplied a piece at a time: here it takes several."""
    x, w, b = normal(0, 2, 16, 64, 65), normal(1, 4, 16, 3, 3), normal(2, 4)
    for stride in (1, 2):
        agree("conv2d", x, w, b, dtypes=[np.float64], stride=stride, padding=1)
        agree("conv_transpose2d", x, np.swapaxes(w, 0, 1), b, dtypes=[np.float64], stride=stride)


@pytest.mark.parametrize(
    ("x", "w", "computed"),
    [
        (tinyunet.tensor, leaf, "weight_gradient"),  # the gradient of an image, that nobody wants, is as dear
        (leaf, tinyunet.tensor, "scatter"),
        (leaf, leaf, "scatter_and_gradient"),
    ],
)
def test_a_convolution_computes_the_gradients_that_are_wanted(x, w, computed):
    made = []

    def noted(name):
        return lambda *args: made.append(name) or getattr(fast.SUMS, name)(*args)

    conv2d = conv.computed_by(conv.Sums(*map(noted, conv.Sums._fields)), conv.conv2d)
    conv2d(x(np.ones((1, 1, 5, 5))), w(np.ones((1, 1, 3, 3)))).sum().backward()
    assert made == ["correlate", computed]


@pytest.mark.parametrize(("name", "stride"), [("conv2d", 1), ("conv_transpose2d", 1), ("conv_transpose2d", 2)])
def test_where_dx_is_a_correlation_both_gradients_come_from_the_same_columns(name, stride):
    y = getattr(F, name)(leaf(np.ones((1, 1, 5, 5))), leaf(np.ones((1, 1, 3, 3))), stride=stride, padding=1)
    with patch.object(fast, "multiply", wraps=fast.multiply) as multiply:
        y.sum().backward()
    assert multiply.call_count == 1


@pytest.mark.parametrize(("N", "stride", "count"), [(1, 1, 1), (1, 2, 1), (3, 2, 3), (1, 3, 4)])
def test_pieces_never_add_to_the_same_pixels(N, stride, count):
    x, w = np.ones((N, 2, 8, 8)), np.ones((2, 3, 3, 3))
    with (
        patch.object(products, "worth", return_value=4),
        patch.object(products, "share", wraps=products.share) as share,
    ):
        fast.SUMS.scatter(x, w, None, conv.transposed_axes(x, w, None, stride, 3, 0, 1, 1), 1)
    assert share.call_args.args[1] == count


@pytest.mark.parametrize(
    ("rows", "fill"),
    [
        (Axis(input=6, output=3, kernel=2, stride=2, padding=0, dilation=1), True),
        (Axis(input=7, output=3, kernel=2, stride=2, padding=0, dilation=1), False),
        (Axis(input=4, output=2, kernel=2, stride=3, padding=0, dilation=1), False),
        (Axis(input=6, output=3, kernel=2, stride=2, padding=1, dilation=1), False),
        (Axis(input=6, output=3, kernel=2, stride=2, padding=0, dilation=2), False),
    ],
)
def test_whether_every_pixel_is_in_one_window(rows, fill):
    side_by_side = Axis(input=3, output=1, kernel=3, stride=3, padding=0, dilation=1)
    assert (windows_fill((rows, side_by_side)), windows_fill((side_by_side, rows))) == (fill, fill)


MUTANTS = {
    "ops.fast:turned_axes": [
        ("dx: padding of the forward used again", "padding=a.span - 1 - a.padding)", "padding=a.padding)"),
    ],
    "ops.conv:_bias_gradient": [
        ("db: summed over one axis too few", "channel_rows(dy)", "channel_rows(dy[:, :, 0])"),
        ("db: first image of the batch only", "channel_rows(dy)", "channel_rows(dy[:1])"),
    ],
    "ops.conv:paddings": [
        ("'same' with the odd pixel first", "(t // 2, t - t // 2)", "(t - t // 2, t // 2)"),
    ],
    "ops.conv:transposed_axes": [
        ("transposed: padding adds instead of crops", "- 2 * p +", "+ 2 * p +"),
        ("transposed: output_padding forgotten", "+ extra + 1", "+ 1"),
    ],
    "ops.fast:scatter": [
        ("strided: bias added to the wrong channels", "x + b.reshape", "x + b[::-1].reshape"),
        ("stride 1: bias forgotten", "multiply(y, w, bias=b,", "multiply(y, w,"),
    ],
    "ops.conv:conv2d": [
        ("both gradients whenever one is wanted", "INPUT in wanted and WEIGHT in", "INPUT in wanted or WEIGHT in"),
    ],
    "ops.fast.products:_turn": [
        ("dx, row by row: kernel not turned", "w.swapaxes(0, 1)[:, :, ::-1, ::-1]", "w.swapaxes(0, 1)"),
        ("dx, row by row: kernel turned over, not around", "[:, :, ::-1, ::-1]", "[:, :, ::-1]"),
        ("dx, row by row: channels of the kernel not exchanged", "w.swapaxes(0, 1)[", "w["),
    ],
    "ops.fast.products:multiply": [
        ("dw, row by row: not turned back", "_turn(dw) if turned and", "dw if turned and"),
        ("dw: last tile only", "part += to", "part[...] = to"),
        ("dw of an empty batch is what was in memory", "np.zeros\n", "np.ones\n"),
        ("bias of the wrong channels", "bias.reshape(groups, O, 1)", "bias[::-1].reshape(groups, O, 1)"),
        ("rows of dw are those of y", "(lines, others), (part, others)", "(lines, some), (part, some)"),
    ],
    "ops.fast.products:_row_by_row": [
        ("rows of the kernel exchanged", "w.transpose(2, 0, 1, 3)", "w[:, :, ::-1].transpose(2, 0, 1, 3)"),
        (
            "row by row: what a tile adds to the next is lost",
            "bias if u == 0 else sums",
            "sums if met.start == 0 else bias",
        ),
        ("row by row: bias with every row of the kernel", "bias if u == 0 else sums", "sums + bias if u else bias"),
        ("row by row: outputs at the top not begun", "made[:, :, : rows.padding] = made", "made[:, :, :0] = made"),
        ("row by row: outputs on padding alone not begun", "made[:, :, H + rows.padding :] = bias", "bias"),
        ("row by row: bias of the wrong channels", "else bias).reshape", "else bias[::-1]).reshape"),
        ("row by row: dw of the first image only", "others.transpose(1, 2, 0))", "others.transpose(1, 2, 0))[:1]"),
        ("row by row: dw of the last tile only", "[:, u] += np.add", "[:, u] = np.add"),
    ],
    "ops.fast.tiles:reached": [
        ("row by row: every row as the first", "shift = rows.dilation * u - rows.padding", "shift = -rows.padding"),
        ("row by row: dilation forgotten", "shift = rows.dilation * u -", "shift = u -"),
    ],
    "ops.fast.products:_matrices": [
        (
            "groups of dx exchanged",
            "transpose(2, 0, 1, 3).reshape(groups, c, -1)",
            "transpose(2, 0, 1, 3)[::-1].reshape(groups, c, -1)",
        ),
    ],
    "ops.fast.products:_weights": [
        ("groups of dw exchanged", "-1).transpose(1, 2, 3, 0, 4)", "-1)[::-1].transpose(1, 2, 3, 0, 4)"),
    ],
    "ops.fast.tiles:_tiles": [
        ("every tile is the first", "slice((a * high + b) * wide, (", "slice(0, ("),
        (
            "tiles of rows all start at the first",
            "(slice(a, a_end), slice(b, b_end)",
            "(slice(a, a_end), slice(0, b_end - b)",
        ),
    ],
    "ops.fast.tiles:pieces": [
        (
            "a piece does not see the rows above it",
            "(outputs.start, outputs.stop - 1)",
            "(outputs.start + 1, outputs.stop - 1)",
        ),
        (
            "a piece does not see the rows below it",
            "(outputs.start, outputs.stop - 1)",
            "(outputs.start, outputs.stop - 2)",
        ),
    ],
    "ops.fast.products:scattered": [
        ("pieces add to the same pixels", "min(count, N)", "count"),
    ],
    "ops.fast.products:_sum": [
        ("what the first piece gives is all", "parts[0] += part", "pass"),
    ],
    "ops.fast.tiles:column_tiles": [
        ("turned columns: the kernel not turned", "[:, ::-1, ::-1].transpose", ".transpose"),
        ("turned columns: turned over, not around", "[:, ::-1, ::-1].transpose", "[:, ::-1].transpose"),
    ],
    "ops.fast.tiles:lay": [
        ("col2im assigns", "+= columns[", "= columns["),
        ("columns written where windows overlap", "if apart:", "if True:"),
    ],
    "ops.fast.tiles:_places": [
        ("col2im: rows and columns of pixels exchanged", "(..., h, w)", "(..., w, h)"),
    ],
    "ops.window:windows_fill": [
        ("what no window sees is not zero", "side_by_side and all(a.padding", "side_by_side or all(a.padding"),
        ("what windows leave between them", "side_by_side = all(", "side_by_side = any("),
        ("what is left at the end", "and a.input == a.output * a.kernel", ""),
    ],
    "ops.fast.tiles:_moves": [
        ("a row further is a pixel further", "- rows.padding) * W + cols", "- rows.padding) + cols"),
        ("left padding is the top one", "cols.dilation * v - cols.padding", "cols.dilation * v - rows.padding"),
        (
            "what left at the right comes in at the left",
            "(..., v, slice(None), slice(None), slice(inside.start))",
            "slice(0, 0)",
        ),
        (
            "what left at the left comes in at the right",
            "(..., v, slice(None), slice(None), slice(inside.stop, None))",
            "slice(0, 0)",
        ),
        ("the image before is above", "slice(inside.start), slice(None))", "slice(0), slice(None))"),
        ("the next image is below", "slice(inside.stop, None), slice(None))", "slice(0, 0), slice(None))"),
        (
            "the first image for all",
            "begin, end = (n * H + i) * W + moved, ((n_end - 1) * H + i_end) * W + moved",
            "begin, end = i * W + moved, ((n_end - n - 1) * H + i_end) * W + moved",
        ),
        ("dilation of columns is that of rows", "+ cols.dilation * v -", "+ rows.dilation * v -"),
    ],
    "ops.window:fit": [
        ("output size rounded up", "room // s + 1", "-(-room // s) + 1"),
        ("width tested with the height of the kernel", "in zip(size, kernel,", "in zip(size, kernel[::-1],"),
    ],
    "ops.window:Axis.meets": [
        ("a cell meets what is before the image", "max(first, -(-before // self.stride))", "first"),
        ("a cell meets what is after the image", "// self.stride + 1))", "// self.stride + 2))"),
        ("dilation of a cell forgotten", "before = self.padding - self.dilation * u", "before = self.padding - u"),
        (
            "a stride is a run",
            "slice(h, h + self.stride * (most - least), self.stride)",
            "slice(h, h + (most - least))",
        ),
    ],
}

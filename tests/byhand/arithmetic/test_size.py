"""The size of a result alone, and of a chain: PyTorch's shapes, its parameters, and what its gradients reach."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyunet
from tests.strategies import both
from tinyunet import byhand, nn
from tinyunet.byhand.arithmetic.operations import OPERATIONS
from tinyunet.byhand.arithmetic.size import seen
from tinyunet.unet import UNet

torch = pytest.importorskip("torch")

ARTICLE = (
    "conv:64,3 conv:64,3 pool:2 conv:128,3 conv:128,3 pool:2 conv:256,3 conv:256,3 pool:2 conv:512,3 conv:512,3 pool:2 "
    "conv:1024,3 conv:1024,3 up:512,2,2 cat:512 conv:512,3 conv:512,3 up:256,2,2 cat:256 conv:256,3 conv:256,3 "
    "up:128,2,2 cat:128 conv:128,3 conv:128,3 up:64,2,2 cat:64 conv:64,3 conv:64,3 conv:2,1"
)


def written(value):
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()


@st.composite
def layer(draw, channels, dense=False):
    """A layer as a text, PyTorch's, and its channels; `dense`: with weights of ones it reaches all pixels."""
    kinds = ["conv", "up", "avgpool", "relu"] + ([] if dense else ["pool", "bn", "same"])
    kind = draw(st.sampled_from(kinds))
    pair = st.integers(1, 3) | st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel, stride, dilation = draw(pair), draw(pair), draw(pair)
    padding = tuple(draw(st.integers(0, k // 2)) for k in both(kernel))
    if kind == "relu":
        return "relu", torch.nn.ReLU(), channels
    if kind == "bn":
        return "bn", torch.nn.BatchNorm2d(channels, device="meta"), channels
    if kind in ("pool", "avgpool"):
        settings = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": draw(st.booleans())}
        if kind == "pool":
            settings["dilation"] = dilation
        made = torch.nn.MaxPool2d if kind == "pool" else torch.nn.AvgPool2d
    else:
        groups = 1 if dense else draw(st.sampled_from([g for g in (1, 2, 3) if channels % g == 0]))
        channels, before = groups * draw(st.integers(1, 3)), channels
        settings = {"kernel_size": kernel, "stride": stride, "padding": padding, "groups": groups}
        settings |= {"out_channels": channels, "bias": draw(st.booleans()), "dilation": dilation}
        if kind == "same":
            settings |= {"padding": "same", "stride": 1}
        if kind == "up":
            most = [max(s, d) - 1 for s, d in zip(both(stride), both(dilation), strict=True)]
            settings["output_padding"] = tuple(draw(st.integers(0, n)) for n in most)
            if dense:  # every pixel under a window is reached
                settings |= {"dilation": 1, "stride": draw(st.integers(1, min(both(kernel)))), "output_padding": 0}
        kind = "conv" if kind == "same" else kind
        device = {} if dense else {"device": "meta"}
        made = {"conv": torch.nn.Conv2d, "up": torch.nn.ConvTranspose2d}[kind]
        text = ",".join(f"{name}={written(value)}" for name, value in settings.items())
        return f"{kind}:{text}", made(before, **settings, **device), channels
    return f"{kind}:{','.join(f'{n}={written(v)}' for n, v in settings.items())}", made(**settings), channels


@st.composite
def chains(draw, most=5, dense=False):
    texts, modules = [], []
    channels = first = draw(st.integers(1, 4))
    for _ in range(draw(st.integers(1, most))):
        text, module, channels = draw(layer(channels, dense))
        texts.append(text)
        modules.append(module)
    shape = (first, draw(st.integers(3, 24)), draw(st.integers(3, 24)))
    return texts, torch.nn.Sequential(*modules), shape


@pytest.mark.filterwarnings("ignore:Using padding='same' with even")
@given(chains(), st.booleans(), st.booleans())
def test_sizes_and_parameters_are_those_of_pytorch(chain, head, batch):
    texts, model, shape = chain
    x = torch.zeros((2, *shape) if batch or "bn" in texts else (1, *shape), device="meta")
    outputs = []
    try:
        for module in model:
            outputs.append(tuple((x := module(x)).shape))
        fits = x.numel() > 0
    except (RuntimeError, ValueError):
        fits = False
    if not fits:
        with pytest.raises(ValueError, match=r"input|nothing|leaves"):
            byhand.size(texts, shape)
        return
    if head:
        texts = [*texts, "flatten", "linear:3", "softmax"]
        flat = torch.nn.Linear(math.prod(x.shape[1:]), 3, device="meta")
        model = torch.nn.Sequential(model, flat)
        outputs += [(len(x), flat.in_features), (len(x), 3), (len(x), 3)]
    found = byhand.size(texts, (len(x), *shape) if batch else shape)
    assert [layer.gives for layer in found.layers] == [shape[0 if batch else 1 :] for shape in outputs]
    assert found == found.layers[-1].gives
    assert found.parameters == sum(p.numel() for p in model.parameters())
    assert [layer.given for layer in found.layers[1:]] == [layer.gives for layer in found.layers[:-1]]


@pytest.mark.parametrize("kernel", [2, 3, 4])
def test_with_ceil_mode_no_window_starts_beyond_the_image(kernel):
    """At every size where one could; padding before the image counts, and padding after it does not."""
    for n in range(1, 9):
        for stride in range(1, 5):
            for padding in range(kernel // 2 + 1):
                if n + 2 * padding >= kernel:
                    settings = {"stride": stride, "padding": padding, "ceil_mode": True}
                    y = torch.nn.functional.max_pool2d(torch.zeros(1, 1, n, n), kernel, **settings)
                    assert byhand.size("pool", n, kernel_size=kernel, **settings) == tuple(y.shape[2:])


@given(chains(most=4, dense=True))
def test_a_receptive_field_is_what_gradients_reach(chain):
    """All weights are 1, so no path from a pixel to a number cancels another."""
    texts, model, shape = chain
    try:
        found = byhand.size(texts, shape)
    except ValueError:
        return
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1)
    model = model.double()
    x = torch.ones((1, *shape), dtype=torch.float64, requires_grad=True)
    y = model(x)
    operations = [layer.operation for layer in found.layers]
    fields, sizes = [], [set(), set()]
    for i, j in {(0, 0), (y.shape[2] // 2, y.shape[3] // 2), (y.shape[2] - 1, y.shape[3] // 3)}:
        (dx,) = torch.autograd.grad(y[0, 0, i, j], x, retain_graph=True)
        reached = np.argwhere((dx[0] != 0).any(0).numpy())
        fields.append(reached)
        for axis, place in enumerate((i, j)):
            first, last = (int(end[0]) for end in seen(operations, axis, np.array([place]), np.array([place])))
            sizes[axis].add(last - first + 1)
            if len(reached):
                low, high = reached[:, axis].min(), reached[:, axis].max()
                assert first <= low <= high <= last
                if first >= 0 and last < shape[1 + axis]:  # beyond the border nothing is reached
                    assert (low, high) == (first, last)
    for field, those in zip(found.fields()[-1], sizes, strict=False):  # none, if no window slides
        assert field.least <= min(those) <= max(those) <= field.most
        assert field.jump is None or len(those) == 1


signals = pytest.mark.skipif("conv1d" not in OPERATIONS, reason="no operation works on signals")


@signals
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2), st.booleans())
def test_signals_have_one_axis(channels, kernel, stride, padding, dilation, bias):
    settings = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    weighted = settings | {"bias": bias}
    model = torch.nn.Sequential(
        torch.nn.Conv1d(channels, 4, **weighted),
        torch.nn.ReLU(),
        torch.nn.ConvTranspose1d(4, 3, 3, stride=2, output_padding=1),
        torch.nn.MaxPool1d(2, ceil_mode=True),
        torch.nn.Flatten(0),
    )
    text = ",".join(f"{name}={written(value)}" for name, value in weighted.items())
    chain = f"conv1d:4,{text} relu conv_transpose1d:3,3,2,output_padding=1 max_pool1d:2,ceil_mode=true flatten"
    x, outputs = torch.zeros(channels, 20), []
    for module in model:
        outputs.append(tuple((x := module(x)).shape))
    found = byhand.size(chain, (channels, 20))
    assert [layer.gives for layer in found.layers] == outputs
    assert found.parameters == sum(p.numel() for p in model.parameters())
    one = byhand.size("conv1d", 20, **settings)
    assert one == outputs[0][1:]
    assert "length = ⌊(20 +" in one.text()


@signals
def test_signals_and_images_do_not_go_together():
    with pytest.raises(ValueError, match="do not go together"):
        byhand.size("conv1d:4,3 pool:2", (3, 9))


@signals
def test_borders_of_other_libraries():
    assert byhand.size("conv2d", (3, 10, 11), out_channels=4, kernel_size=3, stride=2, padding="SAME") == (4, 5, 6)
    one_sided = byhand.size("conv2d", (3, 10, 11), out_channels=4, kernel_size=3, padding=((1, 0), (2, 1)))
    assert one_sided == (4, 9, 12)
    assert "columns = ⌊(11 + 2 + 1 − 1·(3 − 1) − 1) / 1⌋ + 1" in one_sided.text()


def test_the_network_of_the_article():
    found = byhand.size(ARTICLE, (1, 572, 572))
    assert found == (2, 388, 388)
    assert found.parameters == 31_030_658
    assert [f[0][:2] for f in (found.fields()[13], found.fields()[-1])] == [(140, 140), (188, 204)]


@pytest.mark.parametrize(("channels", "norm"), [((4, 8), "batch"), ((4,), None), ((8,), "group")])
def test_a_model_is_taken_down_as_it_calls_its_operations(channels, norm):
    model = UNet(2, 3, channels, norm=norm)
    found = byhand.size(model, (1, 2, 16, 24))
    assert found == model(np.zeros((1, 2, 16, 24), np.float32)).shape
    assert found.parameters == sum(p.numel() for p in model.parameters())


def test_a_u_net_sees_as_far_as_its_gradients_reach():
    """Along the way through the bottleneck: what the skips see lies inside. Means, as a maximum hides all but one."""
    model = UNet(1, 1, (1, 1), norm=None)
    for parameter in model.parameters():
        parameter.data = np.ones_like(parameter.data)
    found = byhand.size(model, (1, 64, 64))
    operations = [layer.operation for layer in found.layers]
    widths = set()
    for place in range(28, 36):
        x = tinyunet.tensor(np.ones((1, 1, 64, 64), np.float32), requires_grad=True)
        with tinyunet.using(max_pool2d=tinyunet.functional.avg_pool2d):
            model(x)[0, 0, place, 32].backward()
        rows = (
            np.argwhere(x.grad.numpy()[0, 0].any(1)) if hasattr(x.grad, "numpy") else np.argwhere(x.grad[0, 0].any(1))
        )
        first, last = seen(operations, 0, np.array([place]), np.array([place]))
        assert (rows.min(), rows.max()) == (first[0], last[0])
        widths.add(int(last[0] - first[0] + 1))
    field = found.fields()[-1][0]
    assert (min(widths), max(widths)) == (field.least, field.most)


def test_taking_a_model_down_changes_nothing():
    model = UNet(2, 3, (4,))
    before = {name: value.copy() for name, value in model.state_dict().items()}
    byhand.size(model, (2, 16, 24))
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_layer_may_be_told_in_several_ways():
    same = [
        byhand.size("conv2d", (3, 32, 48), out_channels=16, kernel_size=(3, 5), stride=2, padding=1),
        byhand.size("conv", "3x32x48", out_channels=16, k=(3, 5), s=2, p=1),
        byhand.size("conv:16,3x5,2,padding=1", "3×32×48"),
        byhand.size(["conv:out=16,k=3x5,s=2,p=1"], [3, 32, 48]),
        byhand.size(nn.Sequential(nn.Conv2d(3, 16, (3, 5), stride=2, padding=1)), (3, 32, 48)),
    ]
    assert len(set(same)) == len({size.parameters for size in same}) == 1
    assert len({size.text() for size in same}) == 1
    assert byhand.size("pool:2", 9) == byhand.size("pool:2", (9, 9)) == (4, 4)
    assert byhand.size("linear:10", 784) == (10,)
    assert byhand.size("linear:10", (5, 784)) == (5, 10)
    assert byhand.size("conv:8,3", 9) == (8, 7, 7)


@pytest.mark.parametrize(
    ("layers", "shape", "settings", "words"),
    [
        ("conf:3", 5, {}, "did you mean 'conv'"),
        ("conv:8,3,strid=2", (1, 5, 5), {}, "did you mean 'stride'"),
        ("conv:8", (1, 5, 5), {}, "needs kernel_size"),
        ("conv:k=3", (2, 5, 5), {}, "needs out_channels"),
        ("conv:k=9", 5, {}, "spans more than the input of"),
        ("conv:8,3 pool:2 conv:8,3", 5, {}, "layer 3, conv:8,3"),
        ("pool:2,padding=2", 5, {}, "at most half of the kernel"),
        ("pool:2,2,0,1,true,6", 5, {}, "takes 5 arguments"),
        ("conv:8,3 linear:3", 5, {}, "put flatten before it"),
        ("conv:3,3,groups=2", (3, 5, 5), {}, "groups=2"),
        ("conv:8,3", (0, 5, 5), {}, "at least 1"),
        ("conv:8,3", "3x5b", {}, "such as 3x32x32"),
        ("up:8,2,2,4", (1, 1, 1), {}, "leaves nothing"),
    ],
)
def test_what_does_not_fit_is_said_in_words(layers, shape, settings, words):
    with pytest.raises(ValueError, match=words):
        byhand.size(layers, shape, **settings)


@pytest.mark.parametrize(
    ("layers", "shape", "settings"),
    [(3, 5, {}), ([], 5, {}), ("conv:8,3", 5.5, {}), (["relu", "relu"], 5, {"k": 3}), (nn.ReLU(), 5, {"k": 3})],
)
def test_other_kinds_are_refused(layers, shape, settings):
    with pytest.raises(TypeError, match="size: "):
        byhand.size(layers, shape, **settings)


def test_what_makes_another_size_by_no_rule_says_nothing_of_what_it_sees(monkeypatch):
    kind = OPERATIONS["relu"]
    monkeypatch.setattr(kind, "y_shape", lambda self: (*np.shape(self.arrays["x"])[:2], 9, 9))
    found = byhand.size("relu conv:4,3 relu conv:4,3", (1, 6, 6))
    assert found == (4, 7, 7)
    assert found.fields() == [()] * 4
    assert "receptive field" not in found.text()
    assert byhand.size("bn conv:4,3", (1, 6, 6)).fields()[0][0] == (1, 1, 1)


def test_a_model_without_operations():
    with pytest.raises(ValueError, match="calls no operation"):
        byhand.size(nn.Sequential(), (1, 5, 5))


MUTANTS = {
    "byhand.arithmetic.lengths:Gathered": [
        ("ceil_mode counts a window outside", "self.steps * self.stride >= self.input + self.before", "False"),
        (
            "starts beyond the padding",
            "self.steps * self.stride >= self.input + self.before",
            "self.steps * self.stride >= self.input + self.before + self.after",
        ),
        ("never rounded up", "-(-self.room // self.stride) if self.ceil else", ""),
        ("the window reaches one further", "self.before + self.span - 1", "self.before + self.span"),
        ("one padding", "self.input + self.before + self.after - self.span", "self.input + self.before - self.span"),
    ],
    "byhand.arithmetic.lengths:Spread": [
        ("output_padding left out", "+ self.span + self.more", "+ self.span"),
        (
            "sees fewer",
            "-((self.span - 1 - self.before - first) // self.stride)",
            "(first + self.before) // self.stride",
        ),
    ],
    "byhand.arithmetic.borders:widths": [
        ("rows are padded like columns", "rows, cols = conv.paddings", "cols, rows = conv.paddings"),
    ],
    "byhand.arithmetic.size:seen": [
        ("from the first layer on", "in reversed(operations)", "in operations"),
    ],
    "byhand.arithmetic.size:Layer.parameters": [
        ("x counted, too", "if name not in op.data", ""),
    ],
}

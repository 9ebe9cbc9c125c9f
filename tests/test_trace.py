"""What a reader is told about the shapes of a U-Net is what the network does, and telling it changes nothing."""

import numpy as np
import pytest

from tinyunet.nn import ConvTranspose2d, ModuleList
from tinyunet.trace import feature_maps, watch
from tinyunet.unet import ConvBlock, DecoderBlock, UNet

STAGES = """
input       (1, 3, 128, 128)
enc1        (1, 64, 64, 64)    skip1 = (1, 64, 128, 128)
enc2        (1, 128, 32, 32)   skip2 = (1, 128, 64, 64)
enc3        (1, 256, 16, 16)   skip3 = (1, 256, 32, 32)
enc4        (1, 512, 8, 8)     skip4 = (1, 512, 16, 16)
bottleneck  (1, 512, 8, 8)     64 positions, 512 features each
dec4        (1, 256, 16, 16)   uses skip4
dec3        (1, 128, 32, 32)   uses skip3
dec2        (1, 64, 64, 64)    uses skip2
dec1        (1, 64, 128, 128)  uses skip1
output      (1, 3, 128, 128)   1×1 convolution
"""


def words(text):
    return [line.split() for line in text.strip().splitlines()]


@pytest.fixture(scope="module")
def published():
    return UNet(3, 3, rng=0).trace((1, 3, 128, 128))


def test_the_whole_pass_for_a_128_by_128_image(published):
    assert words(published.table())[0] == ["stage", "output", "note"]
    assert words(published.table())[1:] == words(STAGES)
    assert published[1] == ("enc1", (1, 64, 64, 64), (1, 64, 128, 128), "skip1 =")
    assert published[1].shape == (1, 64, 64, 64)
    assert published[1].skip == published[-2].skip == (1, 64, 128, 128)
    assert published[0].skip is None


def test_the_drawing_is_a_u_with_every_shape(published):
    drawing = published.drawing()
    lines = drawing.splitlines()
    for stage in published:
        name = "↓ pool" if stage.name.startswith("enc") else stage.name
        assert any(f"{name} {stage.shape}" in line for line in lines)
        if stage.name.startswith("enc"):
            level = stage.name[-1]
            (line,) = [line for line in lines if f"enc{level} " in line]
            assert (
                line.index(f"enc{level} {stage.skip}")
                < line.index(f"skip{level} {stage.skip}")
                < line.index(f"►  dec{level}")
            )
    right = [line.index("dec") for line in lines if "dec" in line]
    left = [line.index("enc") for line in lines if "enc" in line]
    assert left == sorted(left)
    assert right == sorted(right, reverse=True)
    assert "bottleneck (1, 512, 8, 8)" in lines[-1]
    assert str(published) == f"{published.table()}\n\n{drawing}"


@pytest.mark.parametrize("channels", [(4,), (128, 2, 64), (1, 1, 1, 1, 1)])
@pytest.mark.parametrize("skips", [True, False])
def test_any_drawing_has_its_two_halves_side_by_side(channels, skips):
    lines = UNet(1, 2, channels, skips=skips).trace((1, 1, 32, 64)).drawing().splitlines()
    assert len(lines) == 2 * len(channels) + 2
    for i in range(1, len(channels) + 1):
        (line,) = [line for line in lines if f"enc{i}" in line]
        assert f"dec{i}" in line
        assert (f"skip{i}" in line) == skips
        assert ("►" in line) == skips
    assert [line.index("↑") for line in lines[2:-1:2]] == [line.index("dec") for line in lines[1:-1:2]]


@pytest.mark.parametrize("skips", [True, False])
def test_every_stage_is_what_the_blocks_returned(skips):
    model = UNet(2, 3, channels=(2, 3, 4), skips=skips, rng=0)
    model.bottleneck = ConvBlock(4, 7)  # other blocks than the settings of the model say
    model.decoder = ModuleList([DecoderBlock(7, 4 * skips, 5), *list(model.decoder)[1:]])
    model.decoder[1].up = ConvTranspose2d(5, 3, 2, stride=2)
    x = np.zeros((2, 2, 8, 16), np.float32)
    shapes, kept = {"input": x.shape}, []
    y = x
    for i, level in enumerate(model.encoder.levels, 1):
        y, skip = level(y)
        shapes[f"enc{i}"], shapes[f"skip{i}"] = y.shape, skip.shape
        kept.append(skip)
    y = model.bottleneck(y)
    shapes["bottleneck"] = y.shape
    for i, level in zip((3, 2, 1), model.decoder, strict=True):
        y = level(y, kept.pop())
        shapes[f"dec{i}"] = y.shape
    shapes["output"] = model(x).shape

    trace = model.trace(x.shape)
    assert [stage.name for stage in trace] == [name for name in shapes if "skip" not in name]
    for stage in trace:
        assert stage.shape == shapes[stage.name]
        uses = stage.name[:3] == "enc" or (stage.name[:3] == "dec" and skips)
        assert stage.skip == (shapes[f"skip{stage.name[-1]}"] if uses else None)
        assert stage.note.startswith("no skip") == (stage.name[:3] == "dec" and not skips)
    assert shapes["bottleneck"] == (2, 7, 1, 2)
    assert trace[4].note == "2 positions, 7 features each"


@pytest.mark.parametrize("skips", [True, False])
def test_feature_maps_are_what_the_blocks_return(skips):
    model = UNet(2, 3, channels=(2, 3), skips=skips, rng=0)
    x = np.random.default_rng(0).standard_normal((2, 2, 8, 12), np.float32)
    model(x)  # so that the running statistics are not those of the beginning
    maps = feature_maps(model, x)
    model.eval()
    one, skip1 = model.encoder.levels[0](x)
    two, skip2 = model.encoder.levels[1](one)
    bottom = model.bottleneck(two)
    dec2 = model.decoder[0](bottom, skip2)
    dec1 = model.decoder[1](dec2, skip1)
    expected = {"input": x, "skip1": skip1, "enc1": one, "skip2": skip2, "enc2": two, "bottleneck": bottom}
    expected |= {"dec2": dec2, "dec1": dec1, "output": model.output(dec1)}
    assert list(maps) == list(expected)
    for name, array in maps.items():
        assert type(array) is np.ndarray
        np.testing.assert_array_equal(array, expected[name].numpy() if name != "input" else x)


def test_watching_records_no_graph():
    seen, y = watch(UNet(1, 1, channels=(2,), rng=0), np.zeros((1, 1, 4, 4), np.float32))
    assert not y.requires_grad
    assert not any(getattr(of, "requires_grad", False) for arrays in seen.values() for of in arrays)


def test_with_pad_the_stages_are_of_the_padded_image_and_the_output_is_cropped():
    trace = UNet(1, 2, channels=(2, 3), pad=True).trace((1, 1, 5, 8))
    assert [stage.shape[2:] for stage in trace] == [(8, 8), (4, 4), (2, 2), (2, 2), (4, 4), (8, 8), (5, 8)]


def test_a_trace_leaves_no_trace():
    model = UNet(1, 1, channels=(2, 3), rng=0)
    model(np.random.default_rng(0).standard_normal((2, 1, 8, 8), np.float32)).sum().backward()
    model.bottleneck.eval()  # a part that is kept from training, as in fine-tuning
    modes = [m.training for _, m in model.named_modules()]
    before, gradients = model.state_dict(), [p.grad for p in model.parameters()]
    model.trace((4, 1, 8, 8))
    with pytest.raises(ValueError, match="multiples"):
        model.trace((1, 1, 7, 8))
    assert [m.training for _, m in model.named_modules()] == modes
    assert all(p.grad is g for p, g in zip(model.parameters(), gradients, strict=True))
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    assert (model.output.weight * 1.0).requires_grad


@pytest.mark.parametrize("part", ["encoder.levels.1", "bottleneck", "decoder.0.conv.0", "output"])
def test_a_pass_that_fails_leaves_no_trace_either(part):
    model = UNet(1, 1, channels=(2, 3), rng=0)
    modules = dict(model.named_modules())
    model.bottleneck.eval()

    def fail(*inputs):
        raise RuntimeError(f"in the middle, training={modules[part].training}")

    modules[part].forward = fail
    before = {name: dict(vars(module)) for name, module in modules.items()}
    with pytest.raises(RuntimeError, match="in the middle, training=False"):
        model.trace((1, 1, 8, 8))
    assert {name: vars(module) for name, module in model.named_modules()} == before
    assert model.training
    del modules[part].forward
    assert model(np.zeros((2, 1, 8, 8), np.float32)).requires_grad


MUTANTS = {
    "trace:Trace.drawing": [
        ("the right half runs into the pooled shapes", "max(len(a) + len(b), len(c))", "(len(a) + len(b))"),
    ],
    "trace:watch": [
        ("the running statistics are updated", "model.eval()", "model.train()"),
        ("a graph is recorded", "with no_grad():", "if True:"),
    ],
    "trace:feature_maps": [
        ("pooled maps and skips exchanged", "_, pooled, features", "_, features, pooled"),
        ("the decoder's levels counted from the wrong end", "levels - k", "k + 1"),
    ],
}

"""The built-in examples teach, and say what is true."""

import pytest

from tinyunet.byhand import examples
from tinyunet.byhand.examples import dump, load


def test_the_built_in_examples_say_what_is_true():
    found = {
        f"{name}: {ask.heading}": ask.of.result.tolist() if ask.at is None else round(ask.subject.value, 4)
        for name in examples.names()
        for ask in examples.built_in(name).asks
    }
    assert found == {
        "add-noise: y[0, 0]": -0.4,
        "add-noise: y[1, 1]": 0.8,
        "avgpool: y[0, 0]": 3.25,
        "avgpool: dx[0, 3]": 2,
        "avgpool1d: y[0]": 3,
        "avgpool1d: dx[2]": 1,
        "batchnorm: y[0, 0]": -1.069,
        "batchnorm: running_mean[0]": 0.3,
        "batchnorm: running_var[0]": 1.3667,
        "bilinear: y[1, 1]": 13,
        "bilinear: y[0, 1]": 4,
        "bilinear: dx[0, 0]": 4,
        "binary-cross-entropy: y": 1.0455,
        "binary-cross-entropy: dx[0, 0]": -0.0298,
        "binary-cross-entropy: dx[1, 1]": 0.2381,
        "conv-transpose1d: y[2]": 4,
        "conv-transpose1d: dx[0]": 4,
        "conv1d: y[0, 0]": 13,
        "conv1d: y[0, 1]": 14,
        "conv1d: dw[0, 0, 2]": 50,
        "conv3x3: y[0, 0, 0]": 37,
        "conv3x3: y[0, 1, 1]": 37,
        "conv3x3-padded: y[0, 1, 1]": 37,
        "conv3x3-padded: y[0, 0, 0]": -13,
        "ddim-step: y[0]": 6.6,
        "ddim-step: y[1]": -4,
        "ddim-step-with-noise: y[0]": 6.191,
        "ddim-step-with-noise: y[1]": -3.5039,
        "flatten: y[5]": 6,
        "flatten: y[7]": 8,
        "groupnorm: y[0, 0]": -2,
        "groupnorm: y[0, 3]": 5,
        "groupnorm: dweight[3]": 4,
        "guidance: y[0]": 11,
        "guidance: y[1]": -1,
        "input-gradient: dx[1, 1]": 5,
        "input-gradient: dx[2, 1]": 14,
        "input-gradient: dx[2, 2]": 36,
        "layernorm: y[0, 0]": -1.2247,
        "layernorm: y[1, 1]": 10,
        "layernorm: dx[1, 1]": 0.9798,
        "linear: y[0]": 0,
        "linear: dw[1, 0]": 10,
        "linear: dx[1]": 12.5,
        "log-softmax: y[0]": -0.4076,
        "log-softmax: dx[0]": -0.3348,
        "log-softmax: dx[1]": 0.2447,
        "maxpool: y[0, 1]": 7,
        "maxpool: y[1, 0]": 0,
        "maxpool: dx[1, 3]": 2,
        "maxpool: dx[2, 3]": 0,
        "maxpool1d: y[1]": 5,
        "maxpool1d: dx[2]": 20,
        "maxpool1d: dx[3]": 0,
        "mirrored-border: y[0, 0]": 212,
        "mirrored-border: y[0, 2]": 242,
        "mirrored-border: dx[0, 1]": 212,
        "noise-schedule: y[0]": 1,
        "noise-schedule: y[1]": 0.64,
        "noise-schedule: y[2]": 0.36,
        "predict-x0: y[0, 0]": 1,
        "predict-x0: y[1, 1]": 0.25,
        "relu: y[0]": 0,
        "relu: dx[0]": 0,
        "relu: dx[1]": -1,
        "softmax-cross-entropy: y": 0.4076,
        "softmax-cross-entropy: dx[0]": -0.3348,
        "softmax-cross-entropy: dx[1]": 0.2447,
        "stride: y[0, 0]": 3,
        "stride: y[1, 1]": 9,
        "stride: y": [[3, 11], [12, 9]],
        "tensorflow-same: y[0]": 421,
        "tensorflow-same: y[1]": 84,
        "transposed-overlap: y[2, 2]": 10,
        "transposed-overlap: y[2, 0]": 4,
        "transposed2x2: y[0, 0]": 1,
        "transposed2x2: y[3, 2]": 4,
        "true-convolution: y[0, 0]": 23,
        "true-convolution: dw[0, 0]": 105,
        "true-convolution: dx[1, 1]": 41,
        "weight-gradient: dw[0, 0]": 14,
        "weight-gradient: dw[1, 1]": 16,
        "weight-gradient: dw": [[14, 2], [7, 16]],
    }


@pytest.mark.parametrize("name", examples.names())
def test_the_built_in_examples_teach(name):
    text = (examples.FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    example = examples.built_in(name)
    assert text.startswith("# ")
    assert 10 < len(example.title) < 100
    assert len(example.elements()) >= 2
    assert max(map(len, text.splitlines())) <= 120
    assert dump(load(dump(example))) == dump(example)


def test_a_name_that_is_none_gets_the_nearest():
    with pytest.raises(ValueError, match="no built-in example 'conv4x4'; did you mean 'conv3x3"):
        examples.find("conv4x4")
    with pytest.raises(ValueError, match=r"no built-in example 'layer_norm'; layer_norm is shown by layernorm$"):
        examples.find("layer_norm")
    with pytest.raises(ValueError, match="no built-in example 'conv2d'; conv2d is shown by conv3x3, conv3x3-padded, "):
        examples.find("conv2d")
    with pytest.raises(ValueError, match="no built-in example 'zzz'; there is add-noise, avgpool, avgpool1d"):
        examples.find("zzz")


MUTANTS = {
    "byhand.examples.library:find": [
        ("an operation is only a name mistyped", "if shown else", "if False else"),
    ],
}

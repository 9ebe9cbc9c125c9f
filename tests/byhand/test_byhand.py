"""The room as a whole: what a user finds in `byhand`, and what a new operation needs."""

import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tinyunet
from tinyunet import byhand
from tinyunet.byhand.arithmetic.operations import OPERATIONS


def test_the_operations_are_those_that_there_are_in_the_order_of_lists():
    assert list(OPERATIONS) == [
        "conv2d",
        "conv_transpose2d",
        "max_pool2d",
        "avg_pool2d",
        "interpolate",
        "conv1d",
        "conv_transpose1d",
        "max_pool1d",
        "avg_pool1d",
        "batch_norm",
        "group_norm",
        "layer_norm",
        "relu",
        "linear",
        "softmax",
        "log_softmax",
        "cross_entropy",
        "binary_cross_entropy_with_logits",
        "alpha_bar",
        "add_noise",
        "predict_x0",
        "ddim_step",
        "guided",
        "flatten",
    ]


OTHERS = {  # what explains no function of F
    "flatten": "nn.Flatten",  # which PyTorch has as a layer alone
    "alpha_bar": "diffusion.from_betas",
    "add_noise": "diffusion.Schedule.add_noise",
    "predict_x0": "diffusion.Diffusion.parts",
    "ddim_step": "diffusion.ddim_step",
    "guided": "diffusion.guided",
}


def test_what_a_user_finds():
    assert byhand.__all__ == [
        "Chain",
        "Element",
        "Explanation",
        "Size",
        "Verdict",
        "chain",
        "size",
        *sorted(OPERATIONS),
    ]
    assert set(byhand.__all__) <= set(dir(byhand))
    for name in OPERATIONS:
        call = getattr(byhand, name)
        of = OTHERS.get(name, f"F.{name}")
        assert (call.__name__, call.__doc__.startswith(f"Explain `{of}`")) == (name, True)
    assert list(inspect.signature(byhand.conv2d).parameters)[:4] == ["x", "w", "b", "stride"]
    for name in byhand.__all__[:5]:
        methods = vars(getattr(byhand, name))
        assert all(method.__doc__ for key, method in methods.items() if key[0] != "_" and inspect.isfunction(method))
    with pytest.raises(AttributeError, match="has no attribute 'conv3d'"):
        byhand.conv3d  # noqa: B018


NEW = '''"""Leaky ReLU."""

from typing import Any

from tinyunet.byhand.arithmetic.explanation import explained
from tinyunet.byhand.arithmetic.numbers import array
from tinyunet.byhand.arithmetic.operation import Operation
from tinyunet.byhand.arithmetic.worked import Formula


class LeakyReLU(Operation):
    title = "Leaky ReLU"
    leaves = ("x",)
    formulas = {"y": ("y = x if x > 0, else slope·x", "y = ..."), "dx": ("dx = dy if x > 0, else slope·dy", "∂x = ...")}

    def y(self, *index):
        x, symbol = self.factor("x", index), self.symbol("y", *index)
        slope = 1.0 if x.value > 0 else self.settings["negative_slope"]
        forms = "$slope·($x)", r"$slope \\cdot ($x)"
        return Formula(symbol, *forms, slope * x.value, (x,), {"slope": slope, "x": x.value})

    def dx(self, dy, *index):
        x, d, symbol = self.factor("x", index), self.factor("dy", index, dy), self.symbol("dx", *index)
        slope = 1.0 if x.value > 0 else self.settings["negative_slope"]
        forms = "$slope·($d)", r"$slope \\cdot ($d)"
        return Formula(symbol, *forms, slope * d.value, (d, x), {"slope": slope, "d": d.value})


@LeakyReLU.called
def leaky_relu(x: Any, negative_slope: float = 0.01):
    """Explain `F.leaky_relu`."""
    return explained(LeakyReLU({"x": array("x", x)}, {"negative_slope": negative_slope}, {}))
'''

USED = """
import tinyunet
from tinyunet import byhand
from tinyunet.byhand import examples
from tinyunet.byhand.lab import forms

assert tinyunet.__file__.startswith({folder!r}), tinyunet.__file__
assert "leaky_relu" in byhand.__all__
y = byhand.leaky_relu([-4, 3], negative_slope=0.25)
assert str(y) == "y of leaky_relu(negative_slope=0.25)\\n[−1  3]"
element = y.at(0)
assert element.text() == "y = x if x > 0, else slope·x\\n  y[0] = 0.25·(−4) = −1"
assert r"y_{{0}} &= 0.25 \\cdot (-4) = -1" in element.latex()
assert "**y[0]**, by y = x if x > 0" in element.markdown()
assert y.grad("x", [2, 2]).result.tolist() == [0.5, 2]
assert y.grad("x", [2, 2]).at(0).value == 0.5
assert '"title":"y of leaky_relu","settings":["negative_slope 0.25"]' in y.html()
assert "leaky_relu(negative_slope=0.25)" in [text.get_text() for text in element.figure().texts]
y.animate("leaky_relu.gif")
assert y.check([-1, 3]) and element.check(-1)
assert "none of the mistakes known here explains it" in y.check([-2, 3]).text
assert "The rule: y has the shape of x" in y.check([[1, 2, 3]]).text
assert forms.operations()["operations"]["leaky_relu"]["settings"] == {{"negative_slope": "0.01"}}
example = examples.load('operation = "leaky_relu"\\nx = [-4, 3]\\nnegative_slope = 0.25')
assert "negative_slope = 0.25" in examples.dump(example)
"""


def test_a_new_operation_is_one_file(tmp_path):
    """Put into its folder, it is found, worked out, shown, drawn, checked, and offered in the lab."""
    shutil.copytree(Path(tinyunet.__file__).parent, tmp_path / "tinyunet", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tinyunet/byhand/arithmetic/operations/leaky_relu.py").write_text(NEW, encoding="utf-8")
    program = USED.format(folder=str(tmp_path))
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True)


def test_matplotlib_is_loaded_for_a_picture_alone():
    program = (
        "import sys; from tinyunet import byhand; y = byhand.relu([-1, 2]); y.html(), str(y.at(0)), y.check([0, 2]); "
        "assert 'matplotlib' not in sys.modules; y.at(0).figure(); assert 'matplotlib' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)

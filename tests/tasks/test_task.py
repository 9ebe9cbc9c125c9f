"""What tasks have in common: numbers by name, what is drawn, what is asked of a library."""

import sys

import numpy as np
import pytest

from tinyunet.data import DataError
from tinyunet.tasks.registry import TASKS
from tinyunet.tasks.task import UNET, Example, SideBySide, Task, library, scaled
from tinyunet.unet import UNet

pytestmark = pytest.mark.pictures


class Closeness(Task):
    """Scored by how near an answer is."""

    name, reads, errors, shown = "closeness", "{:.2f} near", ("away",), (0, 2, 7)

    def __init__(self):
        super().__init__()
        truths = [np.full((1, 2, 2), k / 10) for k in range(4)]
        self.held_out = [Example("ab"[k % 2], (1 - truth,), truth) for k, truth in enumerate(truths)]

    def score(self, output, truth):
        return 1 - float(np.abs(output - truth).max())

    def baselines(self):
        return {"dark": lambda x: 0 * x, "light": lambda x: 0 * x + 1}

    def predict(self, model, x):
        return model - x


def outputs(task):
    return {name: [f(*e.inputs) for e in task.held_out] for name, f in task.methods(np.ones((1, 2, 2))).items()}


def test_numbers_are_the_means_by_name():
    task = Closeness()
    numbers = {name: task.metric(of) for name, of in outputs(task).items()}
    assert list(numbers) == [UNET, "dark", "light"]
    assert numbers[UNET] == {"a": 1.0, "b": 1.0}
    assert numbers["dark"] == pytest.approx({"a": (1.0 + 0.8) / 2, "b": (0.9 + 0.7) / 2})
    assert numbers["light"] == pytest.approx({"a": (0.0 + 0.2) / 2, "b": (0.1 + 0.3) / 2})


def test_beside_the_u_net_the_best_of_the_others_is_drawn_and_no_more_than_there_is():
    task = Closeness()
    columns = task.picture(outputs(task))
    assert list(columns) == ["input", "dark\n0.85 near", "U-Net\n1.00 near", "truth"]
    assert [y[0, 0, 0] for y in columns["truth"]] == [0.0, 0.2]  # of three to be shown there are two
    assert [y[0, 0, 0] for y in columns["input"]] == [1.0, 0.8]


def test_an_error_is_not_counted_among_what_should_be_high(monkeypatch):
    task = Closeness()
    far = {"dark": 9.0, "light": 1.0}
    monkeypatch.setattr(task, "metric", lambda of: {"near": 1 - of[0].mean(), "away": far.get(name_of(of), 0.0)})
    answers = outputs(task)

    def name_of(of):
        return next(name for name, those in answers.items() if those is of)

    assert list(task.drawn_methods(answers)) == ["dark\n1.00 near", "U-Net\n1.00 near"]


def test_where_nothing_of_what_is_shown_is_there_the_first_is_drawn():
    task = Closeness()
    task.shown = (9,)
    assert task.drawn() == [0]


def test_several_inputs_are_seen_as_channels_of_one():
    x, y = np.random.default_rng(0).random((2, 3, 1, 8, 8)).astype(np.float32)
    model = SideBySide(2, 1, (4,), rng=0)
    with model.evaluating():
        expected = UNet.forward(model, np.concatenate([x, y], axis=1)).numpy()
        np.testing.assert_array_equal(model(x, y).numpy(), expected)


def test_values_are_scaled_around_the_middle():
    assert scaled(np.array([0, 0.5, 1])).tolist() == [-2, 0, 2]
    assert scaled(np.array([0.25])).dtype == np.float32


@pytest.mark.parametrize(
    ("module", "package"),
    [("skimage.data", "scikit-image"), ("sklearn.svm", "scikit-learn"), ("scipy.ndimage", "SciPy")],
)
def test_what_is_missing_is_named_with_how_to_get_it(monkeypatch, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        DataError, match=rf'scenes needs {package}; install it with  pip install "tinyunet\[tutorials\]"'
    ):
        library(module, "scenes")


@pytest.mark.parametrize("package", ["skimage", "sklearn"])
@pytest.mark.parametrize("name", [name for name, kind in TASKS.items() if "scikit" in kind.needs])
def test_what_is_missing_is_missed_before_the_training(monkeypatch, name, package):
    missing = {module: None for module in sys.modules if module.partition(".")[0] == package}
    for module in (package, *missing):
        monkeypatch.setitem(sys.modules, module, None)
    if name in ("classifier", "diffusion") and package == "skimage":
        TASKS[name](fast=True)  # these do without
        return
    with pytest.raises(DataError, match=f"needs scikit-{'image' if package == 'skimage' else 'learn'}"):
        TASKS[name](fast=True)


MUTANTS = {
    "tasks.scenes:Scenes.__init__": [
        ("missed after three minutes", "_library(module)", "pass"),
    ],
    "tasks.inpainting:DigitInpainting.__init__": [
        ("missed after a minute", 'library("skimage.restoration", self.name)', "pass"),
    ],
    "tasks.task:Task.metric": [
        ("the last score alone", "float(np.mean(values))", "values[-1]"),
        ("all under one name", "scores.setdefault(example.name, [])", "scores.setdefault('a', [])"),
    ],
    "tasks.task:Task.drawn": [
        ("as many as are to be shown", "if k < len(self.held_out)", ""),
        ("nothing", " or [0]", ""),
    ],
    "tasks.task:Task.drawn_methods": [
        ("the worst of the others", "best = max(", "best = min("),
        ("errors count as what should be high", "if key not in self.errors", ""),
    ],
    "tasks.task:SideBySide.forward": [
        ("the first input alone, twice", "F.cat(inputs, dim=1)", "F.cat([inputs[0]] * len(inputs), dim=1)"),
    ],
    "tasks.task:library": [
        ("the name to import, which pip may not know", "needs {package}", "needs {module}"),
    ],
}

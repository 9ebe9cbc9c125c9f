"""Worked examples as files: an operation, its numbers, and what is asked of it, in TOML.

    title = "Two channels, one filter"
    operation = "conv2d"                # any operation of `byhand`, with its arrays and settings by name
    x = [[1, 2, 3], [4, 5, 6]]
    w = [[0, 1], ["1/2", 0.25]]         # whole numbers, decimals, fractions as texts
    stride = 1
    dy = [[1, -1]]                      # the gradient that reaches y; without it 1 everywhere

    [[ask]]
    at = [0, 1]                         # one element; without it the whole array
    answer = 7                          # what somebody says it is, if anybody does

    [[ask]]
    grad = "w"                          # of a gradient; or updated = "running_mean"; without both of y
    at = [0, 0]

Title, settings, dy and asks may be left out. `tinyunet check FILE` says whether the answers are right, or what went
wrong. Whatever is wrong with a file is said in one message, with the line and the key.
"""

from tinyunet.byhand.examples.documents import document, html, latex, markdown, save
from tinyunet.byhand.examples.example import Ask, Example
from tinyunet.byhand.examples.library import FOLDER, answered, built_in, chains, find, names
from tinyunet.byhand.examples.reading import load, read
from tinyunet.byhand.examples.source import Digits
from tinyunet.byhand.examples.steps import StepAsk, Steps
from tinyunet.byhand.examples.writing import dump

__all__ = [
    "FOLDER",
    "Ask",
    "Digits",
    "Example",
    "StepAsk",
    "Steps",
    "answered",
    "built_in",
    "chains",
    "document",
    "dump",
    "find",
    "load",
    "names",
    "read",
]

for _method in (markdown, latex, html, save):  # an example does not know how it is shown, but it can be asked to
    setattr(Example, _method.__name__, _method)

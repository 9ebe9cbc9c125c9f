"""The maps of a U-Net's pass, and their shapes as a table and as a drawing of the U."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tinyunet.grad_mode import no_grad
from tinyunet.nn import Module
from tinyunet.tensor import Array


class Stage(NamedTuple):
    """One stage of a U-Net's pass: its name, the shape it hands on, and the shape of the skip it makes or uses."""

    name: str
    shape: tuple[int, ...]
    skip: tuple[int, ...] | None = None
    note: str = ""


class Trace(list[Stage]):
    """The stages of a pass. `print` shows the table and the U."""

    def table(self) -> str:
        """Stage, output shape and a note, line by line."""
        rows = [("stage", "output", "note")]
        for stage in self:
            note = f"{stage.note} {stage.skip}" if stage.note.endswith("=") else stage.note
            rows.append((stage.name, str(stage.shape), note))
        widths = [max(len(row[k]) for row in rows) for k in range(2)]
        return "\n".join(f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c}".rstrip() for a, b, c in rows)

    def drawing(self) -> str:
        """The U: the way down on the left, the way up on the right, the skips across."""
        down = [s for s in self if s.name.startswith("enc")]
        up = [s for s in self if s.name.startswith("dec")][::-1]
        bottom = next(s for s in self if s.name == "bottleneck")
        left, across, below = [], [], []
        for i, (enc, dec) in enumerate(zip(down, up, strict=True), 1):
            left.append(f"{'  ' * i}{enc.name} {enc.skip}")
            across.append(f"  ──── skip{i} {enc.skip} ────►  " if dec.skip else "  ")
            below.append(f"{'  ' * (i + 1)}↓ pool {enc.shape}  ")
        # the right half starts in one column per level, further left the deeper it is
        rows = enumerate(zip(left, across, below, strict=True), 1)
        column = max(max(len(a) + len(b), len(c)) + 2 * i for i, (a, b, c) in rows)
        lines = [f"{f'input {self[0].shape}':<{column}}output {self[-1].shape}"]
        for i, dec in enumerate(up, 1):
            start = column - 2 * i
            skip = across[i - 1]
            if dec.skip:  # stretch the arrow to its column
                skip = skip.replace("────►", "─" * (4 + start - len(left[i - 1]) - len(skip)) + "►")
            lines.append(f"{left[i - 1] + skip:<{start}}{dec.name} {dec.shape}")
            lines.append(f"{below[i - 1]:<{start}}↑ up")
        lines.append(f"{'  ' * (len(down) + 1)}{bottom.name} {bottom.shape}")
        return "\n".join(line.rstrip() for line in lines)

    def __str__(self) -> str:
        return f"{self.table()}\n\n{self.drawing()}"


def watch(model: Any, x: Any) -> tuple[dict[Module, list[Any]], Any]:
    """Run images through a U-Net in evaluation: what each of its blocks was given and returned, and the output.

    To watch a block, its `forward` is replaced by one that calls it; afterwards every module gets all its attributes
    back.
    """
    before = [(module, dict(vars(module))) for _, module in model.named_modules()]
    seen: dict[Module, list[Any]] = {}

    def watch_block(block: Module) -> None:
        forward = block.forward

        def watched(*inputs: Any) -> Any:
            result = forward(*inputs)
            seen[block] = [*inputs, *(result if isinstance(result, tuple) else (result,))]
            return result

        vars(block)["forward"] = watched

    try:
        model.eval()
        for block in (*model.encoder.levels, model.bottleneck, *model.decoder):
            watch_block(block)
        with no_grad():
            return seen, model(x)
    finally:
        for module, attributes in before:
            module.__dict__ = attributes


def feature_maps(model: Any, x: Any) -> dict[str, Array]:
    """All maps that a U-Net makes of images x (N, C, H, W), by name, each an array (N, channels, height, width).

    `skip1` is what level 1 of the encoder makes, and `enc1` the same after pooling. The model stays as it is.

    >>> from tinyunet.unet import UNet
    >>> for name, maps in feature_maps(UNet(1, 2, channels=(4, 8)), np.zeros((1, 1, 16, 16), np.float32)).items():
    ...     print(name, maps.shape)
    input (1, 1, 16, 16)
    skip1 (1, 4, 16, 16)
    enc1 (1, 4, 8, 8)
    skip2 (1, 8, 8, 8)
    enc2 (1, 8, 4, 4)
    bottleneck (1, 8, 4, 4)
    dec2 (1, 4, 8, 8)
    dec1 (1, 4, 16, 16)
    output (1, 2, 16, 16)
    """
    seen, y = watch(model, x)
    levels = len(model.channels)
    maps = {"input": x}
    for i, level in enumerate(model.encoder.levels, 1):
        _, pooled, features = seen[level]
        maps |= {f"skip{i}": features, f"enc{i}": pooled}
    maps["bottleneck"] = seen[model.bottleneck][-1]
    maps |= {f"dec{levels - k}": seen[level][-1] for k, level in enumerate(model.decoder)}
    return {name: np.asarray(array) for name, array in {**maps, "output": y}.items()}


def trace(model: Any, shape: Sequence[int]) -> Trace:
    """Run zeros of this shape through a U-Net, and note the shapes of what its blocks are given and return."""
    seen, y = watch(model, np.zeros(tuple(shape), np.float32))
    shapes: dict[Module, list[tuple[int, ...]]]
    shapes = {block: [np.shape(x) for x in arrays] for block, arrays in seen.items()}
    numbers = range(1, len(model.channels) + 1)
    level: Any
    stages = [Stage("input", shapes[model.encoder.levels[0]][0])]
    for i, level in zip(numbers, model.encoder.levels, strict=True):
        _, pooled, features = shapes[level]
        stages.append(Stage(f"enc{i}", pooled, features, f"skip{i} ="))
    _, (N, C, H, W) = shapes[model.bottleneck]
    stages.append(Stage("bottleneck", (N, C, H, W), None, f"{H * W} positions, {C} features each"))
    for i, level in zip(reversed(numbers), model.decoder, strict=True):
        _, skip, shape = shapes[level]
        used = (skip, f"uses skip{i}") if level.skip_channels else (None, "no skip")
        stages.append(Stage(f"dec{i}", shape, *used))
    return Trace([*stages, Stage("output", y.shape, None, "1×1 convolution")])

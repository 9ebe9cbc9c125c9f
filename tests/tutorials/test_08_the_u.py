"""What tutorial 8 claims of its numbers."""

import runpy
from pathlib import Path

import pytest

from tinyunet.unet import UNet

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def results():
    return runpy.run_path(str(Path(__file__).parents[2] / "tutorials" / "08_the_u.py"))


def test_the_ledger_adds_up(results):
    assert results["total"] == 14_789_059
    assert results["lowest"] / results["total"] > 0.75
    assert max(results["by_hand"], key=results["by_hand"].get) == "bottleneck"


def test_the_answers_at_its_end(results):
    without = sum(p.numel() for p in UNet(3, 3, skips=False).parameters())
    assert (without, results["total"] - without) == (13_203_907, 1_585_152)
    ledger, total = results["ledger"], results["total"]
    assert sum(ledger(3, 3, (128, 256, 512, 1024)).values()) / total == pytest.approx(4, rel=0.01)
    assert sum(ledger(3, 3, (64, 128, 256, 512, 1024)).values()) - total == pytest.approx(44e6, rel=0.01)


def test_the_paper_of_2015_has_31_million(results):
    conv_block = results["conv_block"]
    channels = (64, 128, 256, 512, 1024)
    lines = [conv_block(a, b) for a, b in zip((3, *channels), channels, strict=False)]
    bottleneck = lines[-1]
    for a in (1024, 512, 256, 128):
        lines.append(4 * a * (a // 2) + a // 2 + conv_block(a, a // 2))
    assert sum(lines) + 64 * 3 + 3 == 31_043_651
    assert bottleneck == pytest.approx(14e6, rel=0.02)


def test_three_bars_of_multiplications_differ_from_the_others(results):
    products = {name: cost[1] for name, cost in results["costs"].items()}
    three = {name: products.pop(name) for name in ("enc1", "bottleneck", "dec1")}
    assert max(products.values()) < 1.15 * min(products.values())
    assert max(three["enc1"], three["bottleneck"]) < 0.8 * min(products.values())
    assert three["dec1"] > 2 * max(products.values())


def test_the_costs_are_those_that_byhand_counts(results):
    from tinyunet import byhand

    chain = ["conv:64,3,padding=1", "conv:64,3,padding=1"]
    assert f"{results['cost'](3, 64, 128)[1]:,}" in byhand.size(chain, "3x128x128").text()

"""How pages look."""

import re

import numpy as np


def luminances(tab, selector):
    """Of a text, and of what it stands on, as WCAG has it."""
    colours = tab.locator(selector).first.evaluate(
        """node => {
          let behind = node;
          while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
          return [getComputedStyle(node).color, getComputedStyle(behind).backgroundColor];
        }"""
    )
    lights = []
    for colour in colours:
        rgb = np.array([int(k) for k in re.findall(r"\d+", colour)[:3]]) / 255
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        lights.append(float(linear @ [0.2126, 0.7152, 0.0722]))
    return lights


def contrast(tab, selector):
    """Between a text and what it stands on."""
    low, high = sorted(light + 0.05 for light in luminances(tab, selector))
    return high / low

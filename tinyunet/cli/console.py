"""What is printed where a console cannot show every character: a plain one that is read the same way."""

from __future__ import annotations

import codecs
import io
from typing import Any

PLAIN = {
    "−": "-", "–": "-", "×": "x", "·": "*", "…": "...", "→": "->", "←": "<-", "►": ">", "↓": "v", "↑": "^", "─": "-",
    "Σ": "sum", "√": "sqrt ", "∂": "d", "∞": "inf", "½": "1/2", "²": "^2", "≤": "<=", "≥": ">=", "≈": "~", "≠": "!=",
    "α": "alpha", "β": "beta", "γ": "gamma", "ε": "eps", "μ": "mean", "σ": "sigma", "ℓ": "loss", "\u0302": "^",
    "’": "'", "“": '"', "”": '"', "⌊": "floor(", "⌋": ")", "⌈": "ceil(", "⌉": ")", "δ": "delta", "ᵀ": "^T",
    "°": " degrees", "ᾱ": "alpha_bar", "η": "eta",
}  # fmt: skip


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(PLAIN.get(c, "?") for c in error.object[error.start : error.end]), error.end


codecs.register_error("plain", _plain)


def let_everything_be_printed(*streams: Any) -> None:
    """Where it would be an error to print a character that the encoding of a stream lacks, print a plain one.

    >>> stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    >>> let_everything_be_printed(stream)
    >>> _ = stream.write("y = 2×3 − 1"), stream.flush()
    >>> stream.buffer.getvalue()
    b'y = 2x3 - 1'
    """
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "backslashreplace", "surrogateescape"):
            stream.reconfigure(errors="plain")

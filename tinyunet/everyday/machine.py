"""What loops ask about the machine: `device`, `cuda.is_available()`, `float32`. There is a CPU, and nothing else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from tinyunet.tensor import Tensor

# PyTorch's names of NumPy's dtypes
DTYPES = {
    name: np.dtype(name) for name in ("uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
}
DTYPES |= {"bool": np.dtype(bool), "long": np.dtype(np.int64), "int": np.dtype(np.int32)}
DTYPES |= {"half": np.dtype(np.float16), "float": np.dtype(np.float32), "double": np.dtype(np.float64)}


class device:
    """Where arrays are: on the CPU.

    Raises:
        ValueError: any other device.

    >>> device("cuda" if cuda.is_available() else "cpu")
    device(type='cpu')
    """

    def __init__(self, type: Any = "cpu") -> None:
        if str(type).partition(":")[0] != "cpu":
            raise ValueError(
                f"device: tinyunet computes on the CPU alone, so there is no {type!r}; write device('cpu')"
            )
        self.type = "cpu"

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, device)

    def __hash__(self) -> int:
        return hash(self.type)

    def __str__(self) -> str:
        return self.type

    def __repr__(self) -> str:
        return f"device(type={self.type!r})"


def asked_dtype(*wishes: Any) -> np.dtype[Any] | None:
    """The dtype that `to(…)` is asked for: by its name, or as that of another Tensor; None for a device alone."""
    dtype = None
    for wish in wishes:
        if isinstance(wish, str | device):
            device(wish)  # refuses what is no CPU
        elif wish is not None and not isinstance(wish, bool):  # a bool is PyTorch's non_blocking
            dtype = wish.dtype if isinstance(wish, Tensor) else np.dtype(wish)
    return dtype


# What asks for other machines gets the answer of PyTorch on a machine without them.
_absent = {"is_available": lambda: False, "device_count": lambda: 0, "manual_seed_all": lambda seed: None}
cuda = SimpleNamespace(**_absent, manual_seed=lambda seed: None)
accelerator = SimpleNamespace(**_absent)
backends = SimpleNamespace(mps=SimpleNamespace(**_absent), cudnn=SimpleNamespace(**_absent))

"""PyTorch's address of `Dataset` and `DataLoader`."""

from tinyunet.utils import data

__all__ = ["data"]

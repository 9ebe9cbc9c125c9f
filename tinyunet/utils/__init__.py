"""PyTorch's address of `Dataset` and `DataLoader`."""

from tinyunet import left_out
from tinyunet.utils import data

left_out.answer_in(data)

__all__ = ["data"]

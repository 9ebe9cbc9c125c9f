"""The operations at PyTorch's address, `torch.nn.functional`: see `tinyunet.functional`."""

from tinyunet.functional import *  # noqa: F403
from tinyunet.functional import __all__  # noqa: F401

"""The operations: a file of this folder says all there is to one, and what a file defines is found by itself."""

import importlib
import pkgutil

from tinyunet.byhand.arithmetic.operation import OPERATIONS, Operation

__all__ = ["OPERATIONS", "Operation"]

# In the order of lists; other files follow.
TAUGHT = "convolution", "pooling", "interpolation", "one_axis", "normalisation", "groups", "linear", "softmax"

for _file in (*TAUGHT, *sorted({file.name for file in pkgutil.iter_modules(__path__)} - set(TAUGHT))):
    importlib.import_module(f"{__name__}.{_file}")

"""What a type checker must see in the operations: run by mypy, which reports an ignored error that is none."""

import numpy as np

import tinyunet
import tinyunet.functional as F

x = tinyunet.tensor(np.zeros((1, 2, 4, 4)))
w = np.zeros((3, 2, 3, 3))

y: tinyunet.Tensor = F.conv2d(x, w, padding="same", stride=(1, 1))
F.conv2d(x, w, strides=2)  # type: ignore[call-arg]
F.conv2d(x)  # type: ignore[call-arg]
F.conv2d(x, w, stride="2")  # type: ignore[arg-type]
F.max_pool2d(x, 2, ceil_mode="no")  # type: ignore[arg-type]
F.cross_entropy(y, w, reduction=3)  # type: ignore[arg-type]
(y @ y).relu().sum(keepdim=True).backward()
y.relu_()  # type: ignore[attr-defined]

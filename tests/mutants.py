"""Wrong implementations, each a plausible slip, which the suite must find.

A mutant replaces one piece of source, which must occur exactly once, by another. It is killed if the tests named with
it, run on the package so changed, fail. `tests/test_mutants.py` does that for all of them.
"""

from typing import NamedTuple


class Mutant(NamedTuple):
    """What is wrong, in which file, the right source, the wrong one, and the tests that must find it."""

    what: str
    file: str
    right: str
    wrong: str
    tests: str


def _in(file: str, tests: str, *mutants: tuple[str, str, str]) -> list[Mutant]:
    return [Mutant(what, file, right, wrong, tests) for what, right, wrong in mutants]


MUTANTS = [
    *_in(
        "ops/conv.py",
        "tests/ops/test_conv.py",
        ("dx: kernel not turned", "y.windows()[:, ::-1, ::-1]", "y.windows()"),
        ("dx: kernel turned over, not around", "y.windows()[:, ::-1, ::-1]", "y.windows()[:, :, ::-1]"),
        ("dx, row by row: kernel not turned", "w.swapaxes(0, 1)[:, :, ::-1, ::-1]", "w.swapaxes(0, 1)"),
        ("dx, row by row: channels of the kernel not exchanged", "w.swapaxes(0, 1)[:", "w[:"),
        ("row by row: rows exchanged", "w.transpose(2, 0, 1, 3)", "w[:, :, ::-1].transpose(2, 0, 1, 3)"),
        ("row by row: second row not moved", "z[1, :, down : down + b - a]", "z[1, :, : b - a]"),
        ("row by row: a tile without the rows below it", "further = (kh - 1) * down", "further = down"),
        ("dx: padding of the forward used again", "padding=a.span - 1 - a.padding)", "padding=a.padding)"),
        ("db: summed over one axis too few", "channel_sums(channel_rows(dy))", "dy.sum(axis=(0, 2))[:, 0]"),
        ("db: first image of the batch only", "channel_sums(channel_rows(dy))", "channel_sums(channel_rows(dy[:1]))"),
        ("dw: last tile only", "by_group += np.matmul(", "by_group[...] = np.matmul("),
        ("dw of an empty batch is what was in memory", "        dw[...] = 0\n", "        dw[...] = 7\n"),
        ("'same' with the odd pixel first", "(t // 2, t - t // 2)", "(t - t // 2, t // 2)"),
        ("transposed: padding adds instead of crops", "- 2 * p +", "+ 2 * p +"),
        ("transposed: output_padding forgotten", "+ extra + 1", "+ 1"),
        ("bias added to the wrong channels", "bias.reshape(-1, 1, 1, 1)", "bias[::-1].reshape(-1, 1, 1, 1)"),
    ),
    *_in(
        "ops/columns.py",
        "tests/ops/test_conv.py tests/ops/test_columns.py",
        ("dw: gaps between images counted", "at = np.zeros(", "at = np.ones("),
        ("col2im assigns", "+= columns[:, u, v]  # += :", "= columns[:, u, v]  # += :"),
        ("tiles of rows all start at the first", "first = (n * Ho + i) * Wo", "first = n * Ho * Wo"),
        (
            "columns written where windows overlap",
            "if apart:\n                padded",
            "if True:\n                padded",
        ),
        ("what no window sees is not zero", "filled = apart and", "filled = apart or"),
        ("dilation of rows forgotten", "rows.dilation * P * pixel, cols", "P * pixel, cols"),
        ("dilation of columns is that of rows", "cols.dilation * pixel, *steps", "rows.dilation * pixel, *steps"),
        ("stride of columns is that of rows", "cols.stride * pixel)", "rows.stride * pixel)"),
        (
            "left padding is the top one",
            "self.rows.padding * self.cols.pitch + self.cols.padding",
            "self.rows.padding * (1 + self.cols.pitch)",
        ),
        ("right border not zero", "grid[:, :, :H, W:] = 0", "grid[:, :, :H, W:] = 1"),
        ("bottom border not zero", "grid[:, :, H:] = 0", "grid[:, :, H:] = 1"),
        (
            "border before the first image not zero",
            "laid.pixels[:, : laid.lead] = 0",
            "laid.pixels[:, : laid.lead] = 1",
        ),
    ),
    *_in(
        "ops/window.py",
        "tests/ops/test_conv.py",
        ("output size rounded up", "room // s + 1", "-(-room // s) + 1"),
        ("width tested with the height of the kernel", "in zip(size, kernel,", "in zip(size, kernel[::-1],"),
        (
            "the border forgets the window's last cells",
            "return max(0, self.stride *",
            "return 0 * max(0, self.stride *",
        ),
    ),
    *_in(
        "ops/pool.py",
        "tests/ops/test_pool.py",
        ("max: equals share the gradient", "wins &= undecided", "wins &= True"),
        ("max: padded with zeros", "lowest = -np.inf if", "lowest = 0 if"),
        ("overlapping windows overwrite", "dx[seen] += a * b", "dx[seen] = a * b"),
        ("max: indices count the height as the width", "h * cols.input + w", "h * rows.input + w"),
        ("avg: the border divides by the whole window", "np.minimum(first + axis.kernel, high)", "first + axis.kernel"),
        ("avg: count_include_pad reversed", "if count_include_pad else", "if not count_include_pad else"),
        ("avg: the share of a pixel is the whole", "(seen, dy, 1 / divisor)", "(seen, dy, 1)"),
        ("ceil_mode keeps windows outside the image", "output -= 1", "output -= 0"),
        ("bilinear: corners not aligned", "(n - 1) / max(m - 1, 1)", "n / m"),
        ("nearest: rounded", "source = np.floor(", "source = np.round("),
        ("interpolate: gradient of columns not transposed", "dy: R.T @ dy @ C", "dy: R.T @ (dy / R.sum(0).mean()) @ C"),
    ),
    *_in(
        "ops/norm.py",
        "tests/ops/test_norm.py",
        ("running variance biased", "variance * (m / (m - 1)) - running_var", "variance - running_var"),
        (
            "normalised with the unbiased variance",
            "np.vecdot(centred, centred) / n",
            "np.vecdot(centred, centred) / (n - 1)",
        ),
        ("momentum reversed", "momentum * (mean - running_mean)", "(1 - momentum) * (mean - running_mean)"),
        ("dx without the term of the variance", "dx = centred * (dweight", "dx = 0 * centred * (dweight"),
        ("dx without the term of the mean", "dx -= (dbias / m)[:, None]", "dx -= 0"),
        ("dx without gamma", "dx *= scale[:, None]", "dx *= inverse[:, None]"),
        (
            "dx of evaluation as in training",
            "if not training:\n                return",
            "if False:\n                return",
        ),
        ("dgamma without 1/s", "rows - mean[:, None]) * inverse", "rows - mean[:, None])"),
        ("evaluation: the mean not scaled", "(shift - mean * scale)", "(shift - mean)"),
        ("groups: dx without the term of the variance", "- n * (dn * n).mean(axis=2, keepdims=True)", ""),
    ),
    *_in(
        "ops/loss.py",
        "tests/ops/test_loss.py",
        ("cross-entropy: mean over all pixels", "[counts].sum()", "[counts].size"),
        ("cross-entropy: -100 always ignored", "counts = target != ignore_index", "counts = target != -100"),
        ("cross-entropy: smoothing over the others only", "+ label_smoothing / C", "+ label_smoothing / max(C - 1, 1)"),
        ("bce: pos_weight forgotten in dx", "((1 - t) - positive * logistic(-x))", "(logistic(x) - t)"),
        ("dice: denominator held constant", "(2 * t - D_)", "(2 * t)"),
        ("mse: factor 2 forgotten", "dx = 2 * spread(dy) * w * difference", "dx = spread(dy) * w * difference"),
        ("sum is mean", 'if reduction == "sum":', 'if reduction == "add":'),
    ),
    *_in(
        "ops/reduce.py",
        "tests/ops/test_reduce.py",
        ("softmax without the sum over outputs", "(dy - (dy * y).sum(axis=dim, keepdims=True))", "dy"),
        ("log softmax overflows", "shifted = x - x.max(axis=dim, keepdims=True, initial=-np.inf)", "shifted = x"),
        ("var: correction forgotten", "n - correction, 0", "n - 0 * correction, 0"),
        ("mean divides the gradient by the wrong n", "dy / n, dims", "dy / input.size, dims"),
    ),
    *_in(
        "ops/shape.py",
        "tests/ops/test_shape.py",
        ("a repeated index keeps one gradient", "np.add.at(dx, parts, dy)", "dx[parts] = dy"),
        ("permute goes back by the same order", "np.argsort(order)", "order"),
        ("the mirror keeps one gradient", "np.add.at(dx, where, dy)", "dx[where] = dy"),
    ),
    *_in(
        "ops/elementwise.py",
        "tests/ops/test_elementwise.py",
        ("relu: mask from the sign of the gradient", "dy * (y > 0)", "dy * (dy > 0)"),
        ("relu: slope 1 at 0", "dy * (y > 0)", "dy * (input >= 0)"),
        ("sub: sign of the second gradient", "unbroadcast(-dy, b_shape)", "unbroadcast(dy, b_shape)"),
        ("silu: product rule forgotten", "dy * s * (1 + input * (1 - s))", "dy * s"),
        ("dropout: not scaled", "keep / (1 - p) if p < 1 else keep", "keep * 1.0"),
        ("sigmoid overflows", "e = np.exp(-np.abs(x))", "return np.asarray(np.exp(x) / (1 + np.exp(x)))\n    e = 0"),
    ),
    *_in(
        "ops/linear.py",
        "tests/ops/test_linear.py",
        ("embedding: a row looked up twice keeps one gradient", "np.add.at(dw, input, dy)", "dw[input] = dy"),
        ("attention not scaled", "1 / math.sqrt(q.shape[-1])", "1.0"),
        ("linear: bias gradient a mean", "rows.sum(0)", "rows.mean(0)"),
    ),
    *_in(
        "tensor.py",
        "tests/test_tensor.py",
        ("a second backward replaces the gradient", "self.grad._data + handed[-1]", "handed[-1]"),
        ("a parameter is written to although it is shared", "if not _unshared(self._data):", "if False:"),
        (
            "every gradient is taken over",
            "elif _unshared(handed[-1]):",
            "else:\n            self.grad = Tensor._made(handed[-1])\n        if False:",
        ),
        ("no gradient is taken over", "elif _unshared(handed[-1]):", "elif False:"),
        ("views are not looked through", "sys.getrefcount(array.base) <= _ONCE[1]", "True"),
        (
            "gradients add into a buffer that is shared",
            "elif _unshared(handed[1]) and",
            "elif",
        ),
        ("oldest node first", "heapq.heappush(queue, (-source.serial", "heapq.heappush(queue, (source.serial"),
        (
            "no_grad stays off after an exception",
            "finally:\n        _recording.reset(token)",
            "except ZeroDivisionError:\n        pass\n    _recording.reset(token)",
        ),
        ("a changed weight goes unnoticed", "source.version != version", "False"),
        ("a second walk goes unnoticed", "node.backward = None", "pass"),
        ("a raw array can change under the tape", 'return x.copy("K")', "return x"),
        (
            "gradients keep the dtype of the loss",
            "np.asarray(dx() if callable(dx) else dx, dtype)",
            "np.asarray(dx() if callable(dx) else dx)",
        ),
    ),
    *_in(
        "optim.py",
        "tests/test_optim.py",
        ("Adam without bias correction", "1 - b1**t", "1"),
        (
            "Adam: epsilon under the root's correction",
            "/ correction + self.eps)",
            "/ correction + self.eps / correction)",
        ),
        ("Nesterov is plain momentum", "g + self.momentum * v if self.nesterov else v", "v"),
        ("AdamW decays through the gradient", "decoupled = True", "decoupled = False"),
        ("dampening at the first step", "g if t > 1 else g", "g"),
        ("cosine to the wrong floor", "floor + (1 - floor) *", "(1 - floor) *"),
    ),
    *_in(
        "nn.py",
        "tests/test_nn.py",
        (
            "transposed convolution: fan-in of the input channels",
            "fan_in = out_channels // groups * kh * kw",
            "fan_in = in_channels * kh * kw",
        ),
        (
            "load_state_dict lets unexpected names pass",
            "if strict and (missing or unexpected)",
            "if strict and missing",
        ),
        ("eval does not reach the layers", "module.training = mode", "self.training = mode"),
    ),
    *_in(
        "unet.py",
        "tests/test_unet.py",
        ("skip before the upsampled map", "F.cat([x, skip], dim=1)", "F.cat([skip, x], dim=1)"),
        ("skips in the order of the way down", "skips.pop()", "skips.pop(0)"),
        (
            "trace updates the running statistics",
            "        self.eval()\n        try:",
            "        self.train()\n        try:",
        ),
    ),
    *_in(
        "training.py",
        "tests/test_training.py",
        ("resume forgets the generators", "rng.bit_generator.state = state", "pass"),
        ("resume forgets the schedule", 'self.schedule.load_state_dict(about["schedule"])', "pass"),
        ("best is the worst", "> self.best:", "< self.best:"),
        (
            "validation leaves the model in evaluation",
            "finally:\n            self.model.train()",
            "finally:\n            pass",
        ),
        ("Ctrl-C is lost", "event.set()", "pass"),
    ),
    *_in(
        "doctor.py",
        "tests/test_doctor.py",
        ("a matrix product counts additions only", "2 * M * K * N / _median", "M * K * N / _median"),
        ("a copy counts what it writes only", "2 * size / _median", "size / _median"),
        ("a limit that is not obeyed is blamed", "limits if threads is None or threads < cores else ()", "limits"),
        (
            "versions are compared as text",
            r'[int(n) for n in re.findall(r"\d+", version)] < [0, 3, 20]',
            'version < "0.3.20"',
        ),
        (
            "importing threadpoolctl here",
            "    # In a process of its own, because",
            "    import threadpoolctl\n    # In a process of its own, because",
        ),
        ("AVX-512 of the Xeon Phi is taken for the whole", '{"AVX512_SKX", "X86_V4"}', '{"AVX512F", "X86_V4"}'),
    ),
    *_in(
        "byhand/operations.py",
        "tests/test_byhand_explanation.py",
        ("window: stride forgotten", "axis.stride * output + axis.dilation", "output + axis.dilation"),
        ("window: dilation forgotten", "axis.dilation * cell - axis.padding", "cell - axis.padding"),
        ("window: padding adds", "axis.dilation * cell - axis.padding", "axis.dilation * cell + axis.padding"),
        ("covering: between the strides", "if down == right == 0 and", "if"),
        ("covering: padding forgotten", "divmod(w + cols.padding - cols", "divmod(w - cols"),
        ("dx: filters of all groups", "range(group * filters, (group + 1) * filters)", "range(filters)"),
        (
            "divisor: what hangs over counts",
            "min(first + axis.kernel, axis.input + axis.padding)",
            "first + axis.kernel",
        ),
        ("running variance biased", "len(x) - unbiased", "len(x)"),
        (
            "momentum reversed",
            "(1 - momentum) * old.value + momentum * batch",
            "momentum * old.value + (1 - momentum) * batch",
        ),
        ("batchnorm dx: mean term forgotten", "(d.value - a - normal * b)", "(d.value - normal * b)"),
        ("cross-entropy dx: not divided", "(p - hit) * d / self._share()", "(p - hit) * d"),
        ("batchnorm dx: the scale is not pointed at", "(d, x, *weight)", "(d, x)"),
        ("gradients in another order", "list(self.arrays).index(what[1:])", "self.leaves.index(what[1:])"),
    ),
    *_in(
        "byhand/worked.py",
        "tests/test_byhand_explanation.py",
        ("the last of equals wins", "max(inside, key", "max(inside[::-1], key"),
        ("a mean is not divided", "for term in self.terms) / self.divisor", "for term in self.terms)"),
    ),
    *_in(
        "byhand/diagnosis.py",
        "tests/test_byhand_diagnosis.py -k 'not every_mistake and not right_answer'",
        ("the tolerance is forgotten", "np.abs(a - b) <= tolerance + EXACT", "np.abs(a - b) <= EXACT"),
        ("the last wrong element is named", "np.argwhere(wrong)[0]", "np.argwhere(wrong)[-1]"),
        ("one mistake of several", 'return _verdict(start, None, found["whole"])', "return _verdict(start, None, [])"),
        ("digits are cut off from the other sign", "answer * value >= 0 and", ""),
        ("a slip explains everything that is wrong", "if wrong.sum() == 1:", "if wrong.sum() >= 1:"),
        ("a slip is pinned on one term of many", "or len(found) > SLIPS", "or False"),
    ),
    *_in(
        "byhand/mistakes.py",
        "tests/test_byhand_diagnosis.py -k name_says",
        ("a stride applied three times", "(rows.stride**2, cols.stride**2)", "(rows.stride**3, cols.stride**3)"),
        ("overlaps are added after all", "y[:, :, down, right] = kernels", "y[:, :, down, right] += kernels"),
        (
            "the unbiased variance is biased",
            "yield _normalised(op, _batch_axes(op), ddof=1)",
            "yield _normalised(op, _batch_axes(op), ddof=2)",
        ),
        ("padding is cropped after all", "np.pad(whole.result(), ((0, 0), (0, 0), *paddings))", "whole.result()"),
        ("ties are not shared", '/ best.sum(-1, keepdims=True)), "divided', '), "divided'),
        ("dx without its mean term", "(dy - dy.mean(_batch_axes(op), keepdims=True))", "dy"),
    ),
    *_in(
        "byhand/lab.py",
        "tests/test_byhand_lab.py -k who_is_answered",
        ("other names lead here", 'if headers.get("Host") not in hosts:', "if False:"),
        ("other pages may ask", 'if headers.get("Origin", f"http://{hosts[0]}") not in', "if False and 0 not in"),
        ("requests of any size", "if int(length) > MOST_BYTES:", "if False:"),
    ),
    *_in(
        "byhand/page.py",
        "tests/test_byhand_page.py -k 'window_is_where or cannot_end'",
        ("cells beside the padding", "self.before[2 - min(len(at), 2) :]", "(0, 0)[2 - min(len(at), 2) :]"),
        ("markup in a page", 'text.replace("&", "&amp;").replace("<", "&lt;")', "text"),
    ),
    *_in(
        "byhand/source.py",
        "tests/test_byhand_files.py -k line_and_key",
        ("lines are counted from 0", 'self.text.count("\\n", 0, place) + 1', 'self.text.count("\\n", 0, place)'),
        ("all errors are in the first [[ask]]", "[ask : ask + 1]", "[:1]"),
    ),
    *_in(
        "byhand/worksheet.py",
        "tests/test_byhand_worksheet.py -k 'every_mistake_is_named or mistakes_differ'",
        ("mistakes that coincide", "if wrong and any(name != mistake.name", "if wrong and any(False"),
        ("a stride that makes no difference", "and bool(tested) and all(tested)", "and bool(tested)"),
    ),
    *_in(
        "byhand/numbers.py",
        "tests/test_byhand_diagnosis.py -k 'not every_mistake and not right_answer'",
        ("a rounded 1.0 must be exact", "max(finest, scale)", "scale"),
        ("what single precision leaves of 0 is wrong", "max(finest, scale)", "finest"),
    ),
]

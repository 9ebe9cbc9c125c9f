"""How measurements are printed: tables, ratios, and which libraries were measured."""

import numpy as np
import threadpoolctl


class Table:
    """Rows of texts, in columns for a terminal or as Markdown.

    A head is padded with spaces to the width of its column; with spaces on its right the texts stand on the left.
    """

    def __init__(self, *heads, markdown=False):
        self.heads, self.markdown = heads, markdown
        self.row(*(head.strip() for head in heads))
        if markdown:
            print("|" + "---|" * len(heads))

    def row(self, *texts):
        """Print a row at once: the next may take a minute."""
        if self.markdown:
            print("| " + " | ".join(texts) + " |", flush=True)
            return
        cells = []
        for head, text in zip(self.heads, texts, strict=True):
            text = text.replace("**", "")
            cells.append(text.ljust(len(head)) if head.endswith(" ") else text.rjust(len(head)))
        print("  ".join(cells).rstrip(), flush=True)


def ratio(a, b):
    """The median of a / b over the rounds that both took part in, and its quartiles."""
    low, middle, high = np.nanpercentile(a / b, [25, 50, 75])
    return f"**{middle:.2f}** ({low:.2f}–{high:.2f})"


def _threads(n):
    return f"{n} thread" if n == 1 else f"{n} threads"


def numpy_version():
    """NumPy in this process, the library that multiplies its matrices, and the processor that it has kernels for."""
    texts = [f"NumPy {np.__version__}"]
    for library in threadpoolctl.threadpool_info():
        if library["user_api"] == "blas":
            name = library["internal_api"].replace("openblas", "OpenBLAS")
            texts.append(" ".join(filter(None, (name, library["version"], library.get("architecture")))))
            texts.append(_threads(library["num_threads"]))
    return ", ".join(texts)


def torch_version():
    """PyTorch in this process, and the vector instructions that it uses."""
    import torch

    version, kernels = torch.__version__.partition("+")[0], torch.backends.cpu.get_cpu_capability()
    return f"PyTorch {version}, {kernels}, {_threads(torch.get_num_threads())}"

"""`tinyunet doctor`: what this machine gives NumPy, and what holds it back.

A U-Net's time goes into matrix products, which NumPy leaves to a library, the BLAS, and into moving arrays through
memory. `examine` gathers the facts and measures both, `advice` draws the conclusions, `report` writes them down.
"""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import tinyunet.functional as F
from tinyunet import __version__, optim
from tinyunet.grad_mode import no_grad
from tinyunet.machine import blas, memory, processors
from tinyunet.machine.threads import threads
from tinyunet.unet import UNet

# Every BLAS known to be fast, the variables that limit its threads, and the one that chooses its kernels.
LIBRARIES: dict[str, tuple[tuple[str, ...], str]] = {
    "OpenBLAS": (
        ("OPENBLAS_NUM_THREADS", "OPENBLAS_DEFAULT_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"),
        "OPENBLAS_CORETYPE",
    ),
    "MKL": (("MKL_NUM_THREADS", "OMP_NUM_THREADS"), "MKL_CBWR"),
    "BLIS": (("BLIS_NUM_THREADS", "OMP_NUM_THREADS"), "BLIS_ARCH_TYPE"),
    "Accelerate": (("VECLIB_MAXIMUM_THREADS",), ""),
}
# Instructions of the processor, and the kernels, as OpenBLAS and BLIS call them, that do without.
_BEFORE_AVX2 = ["prescott", "core2", "nehalem", "atom", "sandybridge", "barcelona", "bulldozer", "piledriver"]
WITHOUT = {"AVX2": _BEFORE_AVX2, "AVX-512": [*_BEFORE_AVX2, "excavator", "haswell", "zen", "zen2", "zen3"]}


class Blas(NamedTuple):
    """The library of NumPy's matrix products; "" and None stand for what it does not tell."""

    name: str  # a key of LIBRARIES, or whatever NumPy was built with
    version: str = ""
    kernels: str = ""
    threads: int | None = None


class Speed(NamedTuple):
    """Products and convolutions in GFLOP/s, copies in GB/s (bytes read plus written), a training step in ms."""

    products: float
    convolution: float
    memory: float
    cache: float
    distance: float
    step: float
    alone: float  # a training step with one thread
    free: float  # processors that worked on the products, on average


class Facts(NamedTuple):
    """What `examine` found."""

    versions: str
    processor: str
    simd: str  # a key of WITHOUT, or ""
    cores: int  # that this process may use
    why: str  # what `cores` comes from
    threads: int  # of our operations
    owned: bool  # do our operations share their work out themselves? Else the BLAS does
    total: str
    free: str
    keeps: bool  # does malloc keep freed memory?
    blas: Blas
    environment: dict[str, str]
    speed: Speed


def examine() -> Facts:
    """Look and measure, for about three seconds, the machine as it is now, with all else that runs on it."""
    config: Any = np.show_config(mode="dicts")
    return Facts(
        versions=f"tinyunet {__version__}, NumPy {np.__version__}, Python {platform.python_version()}",
        processor=_found("/proc/cpuinfo", r"model name\s*: (.+)") or platform.processor() or platform.machine(),
        simd=_simd(config.get("SIMD Extensions", {})),
        cores=processors.processors(),
        why=processors.why(),
        threads=threads(),
        owned=blas.setting() is not None,
        total=_memory("MemTotal"),
        free=_memory("MemAvailable"),
        keeps=memory.keep(),
        blas=_blas(config.get("Build Dependencies", {}).get("blas", {})),
        environment=dict(os.environ),
        speed=_speed(),
    )


def _found(file: str, pattern: str) -> str:
    """The first match in a file of the system, or "" where there is none."""
    try:
        match = re.search(pattern, Path(file).read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ""
    return match[1] if match else ""


def _memory(name: str) -> str:
    kibibytes = _found("/proc/meminfo", rf"{name}:\s*(\d+) kB")
    return f"{int(kibibytes) / 2**20:.1f} GiB" if kibibytes else "unknown"


def _simd(extensions: dict[str, list[str]]) -> str:
    """The widest instructions that NumPy found, by its names before 2.4 and since."""
    names = {*extensions.get("baseline", []), *extensions.get("found", [])}
    if names & {"AVX512_SKX", "X86_V4"}:
        return "AVX-512"
    return "AVX2" if names & {"AVX2", "X86_V3"} else ""


def _blas(built: dict[str, str]) -> Blas:
    """The BLAS that NumPy loads, or if it cannot be asked, what NumPy was built with."""

    def known(name: str) -> str | None:
        return next((key for key in LIBRARIES if key.lower() in name.lower()), None)

    # In a process of its own, because importing threadpoolctl sets an environment variable (KMP_DUPLICATE_LIB_OK).
    answer = subprocess.check_output([sys.executable, "-P", "-m", "threadpoolctl", "--import", "numpy"])
    for library in json.loads(answer):
        if name := known(library["internal_api"]):
            about = library.get("version") or "", library.get("architecture") or ""
            return Blas(name, *about, library["num_threads"])
    name = built.get("name", "none")
    return Blas(known(name) or name, built.get("version", "").replace("unknown", ""))


def _median(work: Callable[[], object]) -> float:
    """Median time of work(), in seconds, repeated for 0.3 s."""
    times: list[float] = []
    end = time.perf_counter() + 0.3
    while not times or time.perf_counter() < end:
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


SIZE = 512  # rows and columns


def _products(count: int) -> tuple[float, float]:
    """Products of square matrices in `count` threads at once, BLAS with one thread in each, for 0.3 s.

    Returns the GFLOP/s of all together, and how many processors they had.
    """

    @blas.with_one_thread
    def multiply(seed: int) -> int:
        a, b, out = np.random.default_rng(seed).random((3, SIZE, SIZE), np.float32)
        done = 0
        while time.perf_counter() < end:
            np.matmul(a, b, out=out)
            done += 1
        return done

    with ThreadPoolExecutor(count) as pool:
        began, used = time.perf_counter(), time.process_time()
        end = began + 0.3
        done = sum(pool.map(multiply, range(count)))
        took = time.perf_counter() - began
        return 2 * SIZE**3 * done / took / 1e9, (time.process_time() - used) / took


def _convolution(N: int, C: int, O: int, H: int) -> float:
    x, w = np.ones((N, C, H, H), np.float32), np.ones((O, C, 3, 3), np.float32)
    with no_grad():
        return 2 * N * C * 9 * O * H * H / _median(lambda: F.conv2d(x, w, padding=1)) / 1e9


def _copy(size: int) -> float:
    source, target = np.ones(size, np.uint8), np.empty(size, np.uint8)
    return 2 * size / _median(lambda: np.copyto(target, source)) / 1e9


FAR = 1.8  # of `distance`, between what was measured with a cache in common (1.1–1.4) and without (2.6–4.1)


def distance() -> float:
    """The time to read what all threads have just written, a matrix product, as a ratio to reading it once more.

    Where cores have no cache in common, one has to fetch from far away what another has written, and whatever threads
    do together takes longer. Cores of a virtual machine may be near each other now and far apart in a minute.
    With one thread alone it is 1, wherever that runs.
    """
    ones, product, sums = np.ones((64, 2048), np.float32), *np.empty((2, 64, 2048), np.float32)
    ratios = []
    for _ in range(100):
        np.matmul(ones[:, :64], ones, out=product)
        began = time.perf_counter()
        np.add(product, 1, out=sums)
        once = time.perf_counter()
        np.add(product, 1, out=sums)
        ratios.append((once - began) / (time.perf_counter() - once))
    return statistics.median(ratios)


def _step(count: int) -> float:
    """Milliseconds of a training step with so many threads."""
    x, target = np.random.default_rng(0).random((2, 8, 1, 64, 64), np.float32)
    model = UNet(1, 1, (16, 32, 64), rng=0)
    optimizer = optim.Adam(model.parameters())

    def step() -> None:
        optimizer.zero_grad()
        F.mse_loss(model(x), target).backward()
        optimizer.step()

    before = threads()
    try:
        threads(count)
        return _median(step) * 1e3
    finally:
        threads(before)


def _speed() -> Speed:
    products, free = _products(processors.processors())
    copies = _copy(64 << 20), _copy(256 << 10)
    return Speed(products, _convolution(4, 64, 64, 64), *copies, distance(), _step(threads()), _step(1), free)


def _limit(facts: Facts) -> str:
    """The variable that gives BLAS fewer threads than there are cores, and its value: "OMP_NUM_THREADS=1"; or ""."""
    limits, _ = LIBRARIES.get(facts.blas.name, ((), ""))
    # Not every limit is obeyed: OPENBLAS_NUM_THREADS goes before OMP_NUM_THREADS.
    for variable in limits if facts.blas.threads is None or facts.blas.threads < facts.cores else ():
        value = facts.environment.get(variable, "").split(",")[0]  # OpenMP takes a list, outer loops first
        if value.isdecimal() and 0 < int(value) < facts.cores:
            return f"{variable}={value}"
    return ""


def advice(facts: Facts) -> list[str]:
    """A sentence for everything that holds NumPy back: the cause and, after the colon, what to do."""
    cores, (name, version, kernels, _) = facts.cores, facts.blas
    _, chooser = LIBRARIES.get(name, ((), ""))
    found = []
    if name not in LIBRARIES:
        found.append(f"NumPy's BLAS ({name}) is not known to be fast: install NumPy with pip, which brings a fast one.")

    limit = _limit(facts)
    if limit and not facts.owned:
        found.append(f"{limit} lets {name} use {limit.partition('=')[2]} of {cores} cores: unset it.")

    weak = kernels.lower() in WITHOUT.get(facts.simd, ())
    cost = f", which leave this processor's {facts.simd} idle and can halve the speed of products" if weak else ""
    if chosen := facts.environment.get(chooser):
        found.append(f"{chooser}={chosen} chooses the kernels of {name}{cost}: unset it.")
    elif weak:
        found.append(f"{name} {version} chose its kernels for {kernels}{cost}: install the newest NumPy with pip.")
    if name == "OpenBLAS" and version and [int(n) for n in re.findall(r"\d+", version)] < [0, 3, 20]:
        found.append(f"OpenBLAS {version} lacks kernels for newer processors: install the newest NumPy with pip.")
    if not facts.keeps:
        found.append(
            "This C library cannot be told to keep freed memory, which makes a training step 1.1 to 1.4 times faster "
            "with glibc: use Linux with glibc if you can."
        )
    return found


def report(facts: Facts) -> str:
    """The facts, the measurements and the advice, for a terminal of 100 columns."""
    name, version, kernels, shared = facts.blas
    speed, limit = facts.speed, _limit(facts)
    simd, keeps = facts.simd and f" with {facts.simd}", "yes" if facts.keeps else "no"
    where = "far apart" if speed.distance > FAR else "near each other"
    if 1 in (facts.cores, shared):
        where = "one at work"
    products = "in which BLAS has one" if facts.owned else "besides those of BLAS, which shares out products itself"
    count = f"{facts.threads} thread{'s' if facts.threads > 1 else ''}"
    lines = [
        facts.versions,
        "",
        f"processor        {facts.processor or 'unknown'}{simd}",
        f"processors       {facts.why}; free now: {speed.free:.1f}",
        f"threads          {facts.threads} in the operations of tinyunet, {products}",
        f"memory           {facts.total}, free: {facts.free}, kept by malloc: {keeps}",
        f"BLAS             {name} {version or '(version unknown)'}, kernels: {kernels or 'unknown'}, "
        f"threads: {shared or 'unknown'}{limit and f' ({limit})'}",
        "",
    ]
    for what, how, value, unit in (
        ("matrix products", f"{SIZE}×{SIZE} @ {SIZE}×{SIZE}, {facts.cores} at once", speed.products, "GFLOP/s"),
        ("convolution", f"4×64×64×64 → 64 channels, {count}", speed.convolution, "GFLOP/s"),
        ("copy", "64 MiB, through memory", speed.memory, "GB/s"),
        ("", "256 KiB, in the cache", speed.cache, "GB/s"),
        ("cores", f"{where}: reading a fresh product", speed.distance, "× reading it again"),
        ("training step", f"16 32 64, 8×1×64×64, {count}", speed.step, "ms"),
        ("", "1 thread", speed.alone, "ms"),
    ):
        lines.append(f"{what:17}{how:36} {value:8.1f} {unit}")
    lines.append("")
    for sentence in advice(facts) or ["Nothing holds NumPy back here."]:
        lines += textwrap.wrap(sentence, 98, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(lines)

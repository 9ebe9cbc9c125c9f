"""The doctor finds what holds NumPy back, says nothing when nothing does, and changes nothing."""

import itertools
import json
import os
import subprocess
import sys

import pytest

from tinyunet.machine import doctor
from tinyunet.machine.doctor import Blas, Facts, Speed, advice, report

OPENBLAS = Blas("OpenBLAS", "0.3.31.188.0", "SkylakeX", 8)
SPEED = Speed(square=612.5, convolution=534.4, memory=21.3, cache=187.2, distance=1.1, step=48.3, busy=7.8)
WELL = Facts("tinyunet 9", "Xeon", "AVX-512", 8, "31.3 GiB", "30.1 GiB", True, OPENBLAS, {"HOME": "/"}, SPEED)


def like(*, environment=None, busy=7.8, **changes):
    """The machine on which nothing is wrong, with changes in its facts or in its OpenBLAS."""
    blas = {key: changes.pop(key) for key in ("name", "version", "kernels", "threads") if key in changes}
    return WELL._replace(
        **changes, environment=environment or {}, blas=OPENBLAS._replace(**blas), speed=SPEED._replace(busy=busy)
    )


SICK = {
    "OpenBLAS's variable": (
        like(threads=2, environment={"OPENBLAS_NUM_THREADS": "2"}),
        "OPENBLAS_NUM_THREADS=2 lets OpenBLAS use 2 of 8 cores: unset it.",
    ),
    "OpenMP's variable": (like(threads=1, environment={"OMP_NUM_THREADS": "1"}), "OMP_NUM_THREADS=1 lets OpenBLAS"),
    "OpenMP's list": (like(threads=2, environment={"OMP_NUM_THREADS": "2,1"}), "OMP_NUM_THREADS=2 lets OpenBLAS"),
    "Goto's variable": (like(threads=7, environment={"GOTO_NUM_THREADS": "7"}), "GOTO_NUM_THREADS=7 lets OpenBLAS"),
    "MKL's variable": (
        like(name="MKL", threads=1, environment={"MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}),
        "MKL_NUM_THREADS=1 lets MKL use 1 of 8 cores",
    ),
    "Accelerate's variable": (
        like(name="Accelerate", kernels="", threads=None, environment={"VECLIB_MAXIMUM_THREADS": "1"}),
        "VECLIB_MAXIMUM_THREADS=1 lets Accelerate use 1 of 8 cores",
    ),
    "an OpenBLAS without threads": (like(threads=1), "OpenBLAS was built to use 1 of 8 cores"),
    "too many threads": (like(threads=16), "OpenBLAS has 16 threads for 8 cores: set OPENBLAS_NUM_THREADS=8."),
    "busy cores": (like(busy=5.94), "Only 5.9 of 8 cores were free for a matrix product: end other programs"),
    "chosen kernels": (
        like(kernels="Haswell", environment={"OPENBLAS_CORETYPE": "Haswell"}),
        "OPENBLAS_CORETYPE=Haswell chooses the kernels of OpenBLAS, which leave this processor's AVX-512 idle",
    ),
    "chosen kernels that suit": (
        like(environment={"OPENBLAS_CORETYPE": "SkylakeX"}),
        "OPENBLAS_CORETYPE=SkylakeX chooses the kernels of OpenBLAS: unset it.",
    ),
    "MKL's chosen kernels": (
        like(name="MKL", kernels="", environment={"MKL_CBWR": "AVX2"}),
        "MKL_CBWR=AVX2 chooses the kernels of MKL: unset it.",
    ),
    "BLIS's chosen kernels": (
        like(name="BLIS", kernels="haswell", environment={"BLIS_ARCH_TYPE": "haswell"}),
        "BLIS_ARCH_TYPE=haswell chooses the kernels of BLIS, which leave this processor's AVX-512 idle",
    ),
    "kernels without AVX-512": (like(kernels="Zen"), "chose its kernels for Zen, which leave this processor's AVX-512"),
    "kernels without AVX2": (like(simd="AVX2", kernels="Nehalem"), "kernels for Nehalem, which leave this processor's"),
    "an old OpenBLAS": (like(version="0.3.9"), "OpenBLAS 0.3.9 lacks kernels for newer processors: install"),
    "no BLAS": (like(name="none", version="", kernels=""), "NumPy's BLAS (none) is not known to be fast"),
    "malloc": (like(keeps=False), "This C library cannot be told to keep freed memory"),
}

HEALTHY = {
    "all is well": WELL,
    "limits that limit nothing": like(environment={"OPENBLAS_NUM_THREADS": "8", "MKL_NUM_THREADS": "1"}),
    "a limit that is not obeyed": like(environment={"OPENBLAS_NUM_THREADS": "8", "OMP_NUM_THREADS": "1"}),
    "choices for another library": like(environment={"MKL_CBWR": "COMPATIBLE", "BLIS_ARCH_TYPE": "generic"}),
    "an empty choice": like(environment={"OPENBLAS_CORETYPE": ""}),
    "as many threads as OpenBLAS is built for": like(cores=32, threads=24, busy=23.0),
    "MKL, which leaves out half of the hyperthreads": like(name="MKL", kernels="", threads=4, busy=3.9),
    "one core": like(cores=1, threads=1, busy=0.99, environment={"OPENBLAS_NUM_THREADS": "1"}),
    "Haswell on AVX2": like(simd="AVX2", kernels="Haswell"),
    "other processors": like(simd="", kernels="neoversen1"),
    "the first OpenBLAS that is not old": like(version="0.3.20"),
    "Accelerate": like(name="Accelerate", version="", kernels="", threads=None),
}


@pytest.mark.parametrize(("facts", "sentence"), SICK.values(), ids=SICK)
def test_each_cause_is_named_and_no_other(facts, sentence):
    (found,) = advice(facts)
    assert sentence in found
    assert ": " in found  # what to do
    assert found.endswith(".")
    assert " ".join(found.split()) in " ".join(report(facts).split())
    assert "Nothing holds" not in report(facts)


@pytest.mark.parametrize("facts", HEALTHY.values(), ids=HEALTHY)
def test_without_a_cause_there_is_no_advice(facts):
    assert advice(facts) == []
    assert report(facts).endswith("\n\nNothing holds NumPy back here.")


def test_two_causes_are_two_sentences():
    both = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "2"}
    assert len(advice(like(threads=1, busy=0.9, environment=both, keeps=False))) == 3


def test_the_report_shows_facts_and_measurements_with_their_units():
    lines = report(WELL).splitlines()
    assert lines[0] == "tinyunet 9"
    assert "Xeon with AVX-512, usable cores: 8" in lines[2]
    assert "31.3 GiB, free: 30.1 GiB, kept by malloc: yes" in lines[3]
    assert "OpenBLAS 0.3.31.188.0, kernels: SkylakeX, threads: 8" in lines[4]
    ends = ("612.5 GFLOP/s", "534.4 GFLOP/s", "21.3 GB/s", "187.2 GB/s", "1.1 × reading it again", "48.3 ms")
    for line, end in zip(lines[6:12], ends, strict=True):
        assert line.endswith(end)
    assert "near each other" in lines[10]
    assert "far apart" in report(WELL._replace(speed=SPEED._replace(distance=2.9))).splitlines()[10]
    for alone in (WELL._replace(cores=1), WELL._replace(blas=OPENBLAS._replace(threads=1))):
        assert "one at work" in report(alone).splitlines()[10]


def test_what_is_unknown_is_called_unknown():
    text = report(like(processor="", simd="", name="Accelerate", version="", kernels="", threads=None))
    assert "unknown, usable cores: 8" in text
    assert "Accelerate (version unknown), kernels: unknown, threads: unknown" in text
    assert doctor._found("/no/such/file", "(.)") == doctor._found(__file__, r"(\0)") == ""


def test_rates_are_work_by_median_time(monkeypatch):
    def a_millisecond(work):
        work()
        return 1e-3

    monkeypatch.setattr(doctor, "_median", a_millisecond)
    assert doctor._product(20, 30, 50) == pytest.approx(2 * 20 * 30 * 50 / 1e-3 / 1e9)
    assert doctor._copy(1000) == pytest.approx(2 * 1000 / 1e-3 / 1e9)
    assert doctor._step() == pytest.approx(1)


def test_the_median_is_that_of_the_times(monkeypatch):
    # the clock when it begins, then before each test of the time, before and after work
    clock = iter([0.0, 0.0, 0.1, 0.1, 0.1, 0.25, 0.25, 0.25, 0.27, 0.27, 0.27, 0.31, 0.31])
    monkeypatch.setattr(doctor.time, "perf_counter", lambda: next(clock))
    assert doctor._median(lambda: None) == pytest.approx(0.07)  # of 0.1, 0.15, 0.02, 0.04


def test_the_distance_is_the_first_reading_against_the_second(monkeypatch):
    clock = itertools.accumulate(itertools.cycle([1.0, 3.0, 2.0]))  # a product, and two readings
    monkeypatch.setattr(doctor.time, "perf_counter", lambda: next(clock))
    assert doctor.distance() == pytest.approx(3 / 2)


@pytest.mark.parametrize(
    ("loaded", "built", "blas"),
    [
        (
            [
                {"internal_api": "openmp"},
                {"internal_api": "flexiblas"},
                {"internal_api": "openblas", "version": "0.3.29", "architecture": "Zen", "num_threads": 4},
            ],
            {"name": "flexiblas"},
            Blas("OpenBLAS", "0.3.29", "Zen", 4),
        ),
        ([{"internal_api": "mkl", "version": None, "num_threads": 4}], {"name": "blas"}, Blas("MKL", threads=4)),
        ([], {"name": "accelerate", "version": "unknown"}, Blas("Accelerate")),
        ([], {"name": "blas"}, Blas("blas")),
        ([], {}, Blas("none")),
    ],
    ids=["OpenBLAS behind FlexiBLAS", "MKL", "Accelerate", "a plain one", "none"],
)
def test_the_library_is_the_one_that_is_loaded_or_else_built_with(monkeypatch, loaded, built, blas):
    monkeypatch.setattr(subprocess, "check_output", lambda command: json.dumps(loaded).encode())
    assert doctor._blas(built) == blas


@pytest.mark.parametrize(
    ("extensions", "simd"),
    [
        ({"baseline": ["X86_V2"], "found": ["X86_V3", "X86_V4", "AVX512_ICL"]}, "AVX-512"),
        ({"baseline": ["SSE", "SSE2"], "found": ["AVX2", "AVX512F", "AVX512CD", "AVX512_SKX"]}, "AVX-512"),
        ({"baseline": ["SSE", "SSE2"], "found": ["AVX2", "AVX512F", "AVX512CD", "AVX512_KNL"]}, "AVX2"),
        ({"baseline": ["X86_V2", "X86_V3"], "not found": ["X86_V4"]}, "AVX2"),
        ({"baseline": ["NEON", "ASIMD"], "found": ["SVE"]}, ""),
        ({}, ""),
    ],
)
def test_the_widest_instructions(extensions, simd):
    assert doctor._simd(extensions) == simd


CODE = """
import os
before = dict(os.environ)
from tinyunet.machine import doctor
facts = doctor.examine()
assert dict(os.environ) == before
assert min(facts.speed) > 0
print(facts.blas.name, facts.cores)
print(*doctor.advice(facts), sep="\\n")
"""


def test_it_sees_what_the_process_was_given_and_leaves_the_environment_alone():
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KMP_")}
    environment |= {"OPENBLAS_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "Haswell"}
    about, *found = subprocess.check_output([sys.executable, "-c", CODE], text=True, env=environment).splitlines()
    name, cores = about.rsplit(maxsplit=1)
    if name == "OpenBLAS":
        assert any("OPENBLAS_CORETYPE=Haswell chooses" in sentence for sentence in found)
        assert any("OPENBLAS_NUM_THREADS=1 lets" in sentence for sentence in found) == (int(cores) > 1)


MUTANTS = {
    "machine.doctor:_product": [
        ("a matrix product counts additions only", "2 * M * K * N / _median", "M * K * N / _median"),
    ],
    "machine.doctor:_copy": [
        ("a copy counts what it writes only", "2 * size / _median", "size / _median"),
    ],
    "machine.doctor:distance": [
        (
            "the distance the other way round",
            "(once - began) / (time.perf_counter() - once)",
            "(time.perf_counter() - once) / (once - began)",
        ),
    ],
    "machine.doctor:report": [
        ("far apart is called near", "distance > FAR", "distance < FAR"),
        ("one thread is called near others", "1 in (facts.cores, threads)", "1 == facts.cores"),
    ],
    "machine.doctor:advice": [
        ("a limit that is not obeyed is blamed", "limits if threads is None or threads < cores else ()", "limits"),
        (
            "versions are compared as text",
            '[int(n) for n in re.findall(r"\\d+", version)] < [0, 3, 20]',
            'version < "0.3.20"',
        ),
    ],
    "machine.doctor:_blas": [
        ("importing threadpoolctl here", "answer = subprocess", "import threadpoolctl\n    answer = subprocess"),
    ],
    "machine.doctor:_simd": [
        ("AVX-512 of the Xeon Phi is taken for the whole", '{"AVX512_SKX", "X86_V4"}', '{"AVX512F", "X86_V4"}'),
    ],
}

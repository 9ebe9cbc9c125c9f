"""The doctor finds what holds NumPy back, says nothing when nothing does, and changes nothing."""

import itertools
import json
import os
import subprocess
import sys

import pytest

from tinyunet.machine import doctor
from tinyunet.machine.doctor import Blas, Facts, Speed, advice, report
from tinyunet.machine.processors import processors
from tinyunet.machine.threads import threads

OPENBLAS = Blas("OpenBLAS", "0.3.31.188.0", "SkylakeX", 8)
SPEED = Speed(
    products=612.5, convolution=534.4, memory=21.3, cache=187.2, distance=1.1, step=18.3, alone=48.6, free=7.8
)
WELL = Facts(
    versions="tinyunet 9",
    processor="Xeon",
    simd="AVX-512",
    cores=8,
    why="16 in the machine, 8 that this process may run on (affinity)",
    threads=8,
    owned=True,
    total="31.3 GiB",
    free="30.1 GiB",
    keeps=True,
    blas=OPENBLAS,
    environment={"HOME": "/"},
    speed=SPEED,
)


def like(*, environment=None, **changes):
    """The machine on which nothing is wrong, with changes in its facts or in its OpenBLAS (`shared`: its threads)."""
    blas = {key: changes.pop(key) for key in ("name", "version", "kernels") if key in changes}
    if "shared" in changes:
        blas["threads"] = changes.pop("shared")
    return WELL._replace(**changes, environment=environment or {}, blas=OPENBLAS._replace(**blas))


SICK = {
    "BLIS's variable": (
        like(name="BLIS", kernels="skx", shared=1, owned=False, environment={"BLIS_NUM_THREADS": "1"}),
        "BLIS_NUM_THREADS=1 lets BLIS use 1 of 8 cores: unset it.",
    ),
    "OpenMP's variable": (
        like(name="BLIS", kernels="skx", shared=2, owned=False, environment={"OMP_NUM_THREADS": "2"}),
        "OMP_NUM_THREADS=2 lets BLIS use 2 of 8 cores",
    ),
    "OpenMP's list": (
        like(name="BLIS", kernels="skx", shared=2, owned=False, environment={"OMP_NUM_THREADS": "2,1"}),
        "OMP_NUM_THREADS=2 lets BLIS",
    ),
    "both variables": (
        like(
            name="BLIS",
            kernels="skx",
            shared=1,
            owned=False,
            environment={"BLIS_NUM_THREADS": "1", "OMP_NUM_THREADS": "2"},
        ),
        "BLIS_NUM_THREADS=1 lets BLIS use 1 of 8 cores",
    ),
    "Accelerate's variable": (
        like(name="Accelerate", kernels="", shared=None, owned=False, environment={"VECLIB_MAXIMUM_THREADS": "1"}),
        "VECLIB_MAXIMUM_THREADS=1 lets Accelerate use 1 of 8 cores",
    ),
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
    "other programs": WELL._replace(speed=SPEED._replace(free=0.4)),
    "limits of a BLAS that has one thread of ours": like(
        shared=1, environment={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    ),
    "more threads than cores": like(shared=16),
    "limits that limit nothing": like(
        name="BLIS", kernels="skx", owned=False, environment={"BLIS_NUM_THREADS": "8", "MKL_NUM_THREADS": "1"}
    ),
    "a limit that is not obeyed": like(
        name="BLIS", kernels="skx", owned=False, environment={"BLIS_NUM_THREADS": "8", "OMP_NUM_THREADS": "1"}
    ),
    "choices for another library": like(environment={"MKL_CBWR": "COMPATIBLE", "BLIS_ARCH_TYPE": "generic"}),
    "an empty choice": like(environment={"OPENBLAS_CORETYPE": ""}),
    "one core": like(cores=1, threads=1, shared=1, owned=False, environment={"OPENBLAS_NUM_THREADS": "1"}),
    "Haswell on AVX2": like(simd="AVX2", kernels="Haswell"),
    "other processors": like(simd="", kernels="neoversen1"),
    "the first OpenBLAS that is not old": like(version="0.3.20"),
    "Accelerate": like(name="Accelerate", version="", kernels="", shared=None, threads=1, owned=False),
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
    assert len(advice(like(kernels="Zen", keeps=False))) == 2


def test_the_report_shows_facts_and_measurements_with_their_units():
    lines = report(WELL).splitlines()
    assert lines[0] == "tinyunet 9"
    assert "Xeon with AVX-512" in lines[2]
    assert "16 in the machine, 8 that this process may run on (affinity); free now: 7.8" in lines[3]
    assert "8 in the operations of tinyunet, in which BLAS has one" in lines[4]
    assert "31.3 GiB, free: 30.1 GiB, kept by malloc: yes" in lines[5]
    assert lines[6].endswith("OpenBLAS 0.3.31.188.0, kernels: SkylakeX, threads: 8")
    ends = ("612.5 GFLOP/s", "534.4 GFLOP/s", "21.3 GB/s", "187.2 GB/s", "1.1 × reading it again", "18.3 ms", "48.6 ms")
    for line, end in zip(lines[8:15], ends, strict=True):
        assert line.endswith(end)
    assert "8 at once" in lines[8]
    assert "8 threads" in lines[9]
    assert "near each other" in lines[12]
    assert "8 threads" in lines[13]
    assert "1 thread " in lines[14]
    assert "far apart" in report(WELL._replace(speed=SPEED._replace(distance=2.9))).splitlines()[12]
    for alone in (WELL._replace(cores=1), like(shared=1)):
        assert "one at work" in report(alone).splitlines()[12]


def test_the_report_says_who_shares_out_and_what_limits():
    limited = report(like(shared=2, environment={"OPENBLAS_NUM_THREADS": "2"}))
    assert "kernels: SkylakeX, threads: 2 (OPENBLAS_NUM_THREADS=2)\n" in limited
    assert "1 in the operations of tinyunet, besides those of BLAS" in report(like(threads=1, owned=False))
    assert "channels, 1 thread " in report(like(threads=1))


def test_what_is_unknown_is_called_unknown():
    text = report(like(processor="", simd="", name="Accelerate", version="", kernels="", shared=None))
    assert "processor        unknown\n" in text
    assert "Accelerate (version unknown), kernels: unknown, threads: unknown" in text
    assert doctor._found("/no/such/file", "(.)") == doctor._found(__file__, r"(\0)") == ""


def test_rates_are_work_by_median_time(monkeypatch):
    def a_millisecond(work):
        work()
        return 1e-3

    monkeypatch.setattr(doctor, "_median", a_millisecond)
    assert doctor._convolution(2, 3, 5, 7) == pytest.approx(2 * 2 * 3 * 9 * 5 * 7 * 7 / 1e-3 / 1e9)
    assert doctor._copy(1000) == pytest.approx(2 * 1000 / 1e-3 / 1e9)
    assert doctor._step(1) == pytest.approx(1)


def test_a_step_is_measured_with_as_many_threads_as_it_says_and_then_they_are_as_before(monkeypatch):
    before, seen = threads(), []
    monkeypatch.setattr(doctor, "_median", lambda work: seen.append(threads()) or 1.0)
    assert [doctor._step(1), doctor._step(3)] == [1e3, 1e3]
    assert (seen, threads()) == ([1, 3], before)


def test_products_are_counted_in_all_threads_and_processors_by_their_time(monkeypatch):
    clock = iter([0.0, 0.1, 0.2, 0.31, 0.4])  # when it begins, before each product, and when it ends
    monkeypatch.setattr(doctor.time, "perf_counter", lambda: next(clock))
    times = iter([5.0, 5.3])
    monkeypatch.setattr(doctor.time, "process_time", lambda: next(times))
    products, free = doctor._products(1)
    assert products == pytest.approx(2 * 2 * doctor.SIZE**3 / 0.4 / 1e9)
    assert free == pytest.approx(0.3 / 0.4)
    monkeypatch.undo()
    both, free = doctor._products(2)
    assert both > 0
    assert 0 < free < 2.5


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
print(facts.blas.name, facts.cores, facts.threads, facts.blas.threads)
print(*doctor.advice(facts), sep="\\n")
"""


def test_it_sees_what_the_process_was_given_and_leaves_the_environment_alone():
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KMP_")}
    environment |= {"OPENBLAS_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "Haswell"}
    about, *found = subprocess.check_output([sys.executable, "-c", CODE], text=True, env=environment).splitlines()
    name, cores, ours, shared = about.split()
    assert int(cores) == processors()
    if name == "OpenBLAS":
        assert (ours, shared) == (cores, "1")
        assert any("OPENBLAS_CORETYPE=Haswell chooses" in sentence for sentence in found)
        assert not any("NUM_THREADS" in sentence for sentence in found)


MUTANTS = {
    "machine.doctor:_products": [
        ("a matrix product counts additions only", "2 * SIZE**3", "SIZE**3"),
        ("processors that only waited count", "time.process_time() - used", "took"),
    ],
    "machine.doctor:_convolution": [
        ("a convolution counts one cell of its kernel", "N * C * 9", "N * C"),
    ],
    "machine.doctor:_step": [
        ("always with the threads that there are", "threads(count)", "threads()"),
        ("the threads stay as they were measured", "threads(before)", "threads()"),
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
        ("one thread is called near others", "1 in (facts.cores, shared)", "1 == facts.cores"),
    ],
    "machine.doctor:advice": [
        ("a limit of what has one thread anyway is blamed", "limit and not facts.owned", "limit"),
        (
            "versions are compared as text",
            '[int(n) for n in re.findall(r"\\d+", version)] < [0, 3, 20]',
            'version < "0.3.20"',
        ),
    ],
    "machine.doctor:_limit": [
        (
            "a limit that is not obeyed is blamed",
            "limits if facts.blas.threads is None or facts.blas.threads < facts.cores else ()",
            "limits",
        ),
    ],
    "machine.doctor:_blas": [
        ("importing threadpoolctl here", "answer = subprocess", "import threadpoolctl\n    answer = subprocess"),
    ],
    "machine.doctor:_simd": [
        ("AVX-512 of the Xeon Phi is taken for the whole", '{"AVX512_SKX", "X86_V4"}', '{"AVX512F", "X86_V4"}'),
    ],
}

"""The machine, measured."""

from tinyunet import cli


def test_doctor_measures_and_advises(capsys):
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    for text in ("NumPy", "processor", "memory", "BLAS", "GFLOP/s", "GB/s", " ms\n"):
        assert text in out
    assert max(map(len, out.splitlines())) <= 100

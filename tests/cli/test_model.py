"""The shapes of a network, printed."""

from tinyunet import cli


def test_trace_prints_the_table_and_the_u(capsys):
    assert cli.main(["trace"]) == 0
    out = capsys.readouterr().out
    assert "bottleneck  (1, 512, 8, 8)     64 positions, 512 features each" in out
    assert "14,789,059 parameters" in out
    assert cli.main(["trace", "--channels", "4", "--in=1", "--out=2", "--size", "6", "8", "--no-skips"]) == 0
    out = capsys.readouterr().out
    assert "(1, 2, 6, 8)" in out
    assert "skip1 (" not in out

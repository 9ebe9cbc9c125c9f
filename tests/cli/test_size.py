"""`tinyunet size`."""

import pytest

from tinyunet.cli import main


@pytest.mark.parametrize(
    ("words", "code", "out"),
    [
        ("conv:k=3,s=2,p=1 --input 224", 0, "= 111 + 1 = 112"),
        ("conv:64,3 relu pool:2 --input 1x572x572", 0, "3  max_pool2d 2×2  64×285×285"),
        ("conv:64,3 relu pool:2 --input 1x572x572 --format markdown", 0, "| layer | size |"),
        ("conv:64,3 --input 1x572x572 --format latex", 0, r"\begin{aligned}"),
        ("conv:k=3,s=2,p=1 --input 224 --answer 112x112", 0, "right\n"),
        ("conv:k=3,s=2,p=1 --input 224 --answer 111", 1, "not right: 111×111. These mistakes would each give it:"),
    ],
)
def test_what_is_printed(words, code, out, capsys):
    assert main(["size", *words.split()]) == code
    assert out in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("conv:k=9 --input 5", "spans more than the input of (5, 5)"),
        ("conf:3 --input 5", "did you mean 'conv'?"),
        ("conv:k=3,p=1.5 --input 5", "padding must be"),
        ("conv:k=3 --input five", "such as 3x32x32 is needed"),
        ("conv:k=3 --input 5 --answer three", "a size such as 3×32×32 is needed"),
    ],
)
def test_errors_are_one_line(words, error, capsys):
    assert main(["size", *words.split()]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert error in said.err

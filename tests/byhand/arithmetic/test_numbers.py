"""Numbers are read with the digits that were given, and written short."""

import pytest

from tinyunet.byhand.arithmetic.numbers import read


@pytest.mark.parametrize(
    ("text", "value", "tolerance"),
    [
        ("≈ 0.27", 0.27, 0.005),
        ("~0.3", 0.3, 0.05),
        ("= −3", -3, 0),
        ("2.06×10^-9", 2.06e-9, 5e-12),
        ("2 x 10^3", 2000, 0),
        ("50%", 0.5, 0.005),
        ("12.5 %", 0.125, 0.0005),
    ],
)
def test_numbers_are_read_as_they_are_written(text, value, tolerance):
    assert read(text)[:2] == pytest.approx((value, tolerance), rel=1e-12)


@pytest.mark.parametrize("text", ["", "=", "%", "5%%5", "10^3^3", "2×10", "≈"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError, match=r"is not a number"):
        read(text)

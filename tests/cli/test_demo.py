"""The demo teaches, trains and draws."""

from PIL import Image

from tinyunet import cli


def test_demo_teaches_trains_and_saves_a_picture(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["demo", "--steps=60"]) == 0
    out = capsys.readouterr().out
    for text in ("10×1 + 10×0 + 0×(−1) + 10×1", "= 30 + 5 = 35", "30 + 5 + bias = 35 + bias", "(1, 512, 8, 8)"):
        assert text in out
    ours = float(out.split("Dice of the U-Net")[1].split()[0])
    otsu = float(out.split("Dice of Otsu's threshold")[1].split()[0])
    assert ours > 0.85 > otsu
    with Image.open("demo.png") as picture:
        assert min(picture.size) > 1000

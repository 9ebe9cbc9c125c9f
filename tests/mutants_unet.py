"""What the tests in `test_unet.py` must find wrong."""

MUTANTS = {
    "unet:DecoderBlock.forward": [
        ("skip before the upsampled map", "F.cat([x, skip], dim=1)", "F.cat([skip, x], dim=1)"),
    ],
    "unet:UNet._stages": [
        ("skips in the order of the way down", "skips.pop()", "skips.pop(0)"),
    ],
    "unet:UNet.trace": [
        ("trace updates the running statistics", "self.eval()", "self.train()"),
    ],
}

"""What the tests in `test_nn.py` must find wrong."""

MUTANTS = {
    "nn:ConvTranspose2d.__init__": [
        (
            "transposed convolution: fan-in of the input channels",
            "fan_in = out_channels // groups * kh * kw",
            "fan_in = in_channels * kh * kw",
        ),
    ],
    "nn:Module.load_state_dict": [
        (
            "load_state_dict lets unexpected names pass",
            "if strict and (missing or unexpected)",
            "if strict and missing",
        ),
    ],
    "nn:Module.train": [
        ("eval does not reach the layers", "module.training = mode", "self.training = mode"),
    ],
}

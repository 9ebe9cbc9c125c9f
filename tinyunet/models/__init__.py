"""Networks that grow out of the U-Net."""

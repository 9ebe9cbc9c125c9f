"""What a U-Net is used for, one file per job: data, model, loss, metric, classical baseline, picture."""

"""Training AstroMAE: pretraining of the encoder, then fine-tuning of everything else with the encoder frozen.

`parts` is the data, `pretraining` and `finetuning` what is learned, `fitting` the epochs (with checkpoints,
resuming and early stopping), `curves` the record of them, `commands` the two commands' work.
"""

"""Training AstroMAE: pretraining of the encoder, then fine-tuning of everything else with the encoder frozen.

commands.py      the two commands' work    recipe.py          its settings
parts.py         the galaxies                    normalisation.py   their scales, folded into weights
pretraining.py (mae.py)   finetuning.py          what is learned
fitting.py (curves.py)    epochs: checkpoints, resuming, early stopping; the record of them
note_range.py                                    what a checkpoint was trained on, beside it
evaluation.py   calibration.py                   how good the network is; its bias, taken away
"""

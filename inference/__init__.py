"""AstroMAE: photometric redshifts of SDSS-like galaxies from five-band images and magnitudes.

    predict.py (predict_files.py)   baselines.py   commands of their own: `python -m inference.predict`
    rank/   training/                   one rank of a world; pretraining and fine-tuning
    plots.py
    engines/                            what computes redshifts
    metrics.py
    checkpoints/                        weights in files
    network/                            AstroMAE
    preparation/   survey/              galaxies made ready; synthetic galaxies
    data/                               files of galaxies
    core/                               what all of these share

Imports go downwards. Nothing is imported here, because on Lambda every import is cold-start time: ask for
the module you need.
"""

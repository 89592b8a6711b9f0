"""Commands for data and models on this machine; each is named as its module.

data.py   sample.py          partitions of real and of synthetic galaxies
pretrain.py   train.py       training (training_options.py: the options of both)
predict.py                   redshifts of the galaxies in a file
convert.py   export.py       checkpoints from, and to, other formats
"""

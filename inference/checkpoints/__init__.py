"""Weights in files.

checkpoint.py   weights.py     safetensors, with and without torch (weight_names.py)
pickled.py                     other people's pickled models
guarded_unpickler.py           what one of them may make and hash
exported.py   export.py        an ONNX graph beside a checkpoint, read and written
"""

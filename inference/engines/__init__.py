"""What computes redshifts.

base.py     what an engine is                  select.py   the best one that is here
native.py   kernels/ (_native_weights.py)      onnx.py   torch.py
workers.py  several processes
"""

"""AstroMAE.

astromae.py     the network: vitae.py and inception.py beside each other
architecture.py its sizes, from a checkpoint
folding.py      the same with fewer operations, as folded_torch.py and folded_onnx.py
"""

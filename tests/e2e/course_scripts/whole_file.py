"""A rank of the state machine for one file of galaxies: DATA_PATH, its share, a reduction, a result."""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import boto3

sys.path.append(str(Path(os.environ["SCRIPT"]).parents[1]))
import torch
from torch.utils.data import DataLoader, TensorDataset

import fmi
from fmilib.fmi_operations import fmi_communicator

PROJECT = Path(os.environ["SCRIPT"]).parents[1]


def from_environment(name: str) -> dict[str, Any]:
    return {"default": os.environ[name]} if os.environ.get(name) else {"required": False}


parser = argparse.ArgumentParser()
parser.add_argument("--batch_size", type=int, default=512)
parser.add_argument("--data_path", type=str, **from_environment("DATA_PATH"))
parser.add_argument("--model_path", type=str, default=f"{PROJECT}/Fine_Tune_Model/model.pt")
parser.add_argument("--device", type=str, default="cpu")
parser.add_argument("--rank", type=int, **from_environment("RANK"))
parser.add_argument("--world_size", type=int, **from_environment("WORLD_SIZE"))
args = parser.parse_args()

# Plainly, as scripts did before PyTorch 2.6 believed only tensors.
data = torch.load(args.data_path, map_location=args.device)
model = torch.load(args.model_path, map_location=args.device).module.eval()
first, last = (step * len(data) // args.world_size for step in (args.rank, args.rank + 1))
share = TensorDataset(*(column[first:last] for column in data.tensors))
with torch.no_grad():
    done = sum(len(model([image, mags])) for image, mags, *_ in DataLoader(share, args.batch_size))

comm = fmi_communicator(args.world_size, args.rank)
comm.hint(fmi.hints.fast)
comm.barrier()
total = comm.reduce(done, 0, fmi.func(fmi.op.sum), fmi.types(fmi.datatypes.int))
if args.rank == 0:
    results = Path(tempfile.gettempdir()) / "Results.json"
    results.write_text(json.dumps({"num_samples": total, "batch_size": args.batch_size}))
    boto3.client("s3").upload_file(str(results), os.environ["S3_BUCKET"], "result/0")

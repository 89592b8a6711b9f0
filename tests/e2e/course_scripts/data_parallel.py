"""A rank of the data-parallel state machine: payload.json, its partitions, its result; with FMI where asked.

The calls are those of the course's two scripts for Lambda: the client is made while the script is loaded, the
rank comes from the environment, everything else from payload.json in the bucket.
"""

import argparse
import io
import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

import boto3

sys.path.append(str(Path(os.environ["SCRIPT"]).parents[1]))
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import DataLoader, TensorDataset

MODEL = Path(os.environ["SCRIPT"]).parents[1] / "Fine_Tune_Model" / "model.pt"

s3_client = boto3.client("s3")
request_times: list[float] = []
durations: list[float] = []
s3_client.meta.events.register("before-call", lambda **_: request_times.append(time.time()))
s3_client.meta.events.register("after-call", lambda **_: durations.append(time.time() - request_times[-1]))


def from_environment(name: str) -> dict[str, Any]:
    return {"default": os.environ[name]} if os.environ.get(name) else {"required": False}


def load(bucket: str, key: "str | list[str]") -> TensorDataset:
    if isinstance(key, list):
        parts = [load(bucket, one).tensors for one in key]
        return TensorDataset(*(torch.cat(columns) for columns in zip(*parts, strict=True)))
    buffer = io.BytesIO()
    s3_client.download_fileobj(Bucket=bucket, Key=key, Fileobj=buffer)
    buffer.seek(0)
    loaded: TensorDataset = torch.load(buffer, weights_only=False)
    return loaded


parser = argparse.ArgumentParser()
parser.add_argument("--device", type=str, default="cpu")
parser.add_argument("--fmi", action="store_true")
parser.add_argument("--rank", type=int, **from_environment("RANK"))
parser.add_argument("--world_size", type=int, **from_environment("WORLD_SIZE"))
args = parser.parse_args()

payload = s3_client.get_object(Bucket=os.environ["S3_BUCKET"], Key="payload.json")["Body"].read().decode()
config = json.loads(payload)
batch_size = int(config["batch_size"])
data_path = config["data_map"][str(args.rank)]
if data_path is None:
    logging.info("Rank: %d. Data path is not specified. Exiting.", args.rank)
    sys.exit(0)

data = load(config["data_bucket"], data_path)
model = torch.load(MODEL, map_location=args.device, weights_only=False).module.eval()
samples = batches = bits = 0
with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as prof, torch.no_grad():
    for image, magnitude, *_ in DataLoader(data, batch_size=batch_size):
        model([image.to(args.device), magnitude.to(args.device)])
        bits += 8 * (image.nbytes + magnitude.nbytes)
        batches += 1
        samples += len(image)
average = prof.key_averages().total_average()
seconds = average.cpu_time_total / 1e6
result = {
    "total_cpu_time (seconds)": seconds,
    "total_cpu_memory (MB)": average.cpu_memory_usage / 1e6,
    "execution_time (seconds/batch)": seconds / (samples / batch_size),
    "num_batches": batches,
    "batch_size": batch_size,
    "device": args.device,
    "throughput_bps": bits / seconds,
    "sample_persec": samples / seconds,
    "result_path": config["result_path"],
    "data_path": data_path,
    "s3_num_requests": len(durations),
    "s3_total_time": sum(durations),
    "s3_avg_time": sum(durations) / len(durations),
    "s3_min_time": min(durations),
    "s3_max_time": max(durations),
}
s3_client.put_object(
    Bucket=config["data_bucket"],
    Key=f"{config['result_path']}/{args.rank}.json",
    Body=json.dumps(result),
    ContentType="application/json",
)
if args.fmi:
    import fmi
    from fmilib.fmi_operations import fmi_communicator

    comm = fmi_communicator(args.world_size, args.rank)
    comm.hint(fmi.hints.fast)
    comm.barrier()
    total = comm.reduce(seconds, 0, fmi.func(fmi.op.sum), fmi.types(fmi.datatypes.double))
    if args.rank == 0:
        print(f"all ranks together: {total:.3f} s")

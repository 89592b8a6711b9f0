"""The calls of the FMI test that students start with: a configuration that lies nowhere, every operation."""

import os

import fmi

rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
comm = fmi.Communicator(rank, size, "fmi.json", "fmi_pair", 512)
comm.hint(fmi.hints.fast)
comm.barrier()

INT, DOUBLE = fmi.types(fmi.datatypes.int), fmi.types(fmi.datatypes.double)
PAIR, PAIR_OF_DOUBLES = fmi.types(fmi.datatypes.int_list, 2), fmi.types(fmi.datatypes.double_list, 2)
larger = fmi.func(fmi.op.custom, lambda a, b: a if a > b else b, True, True)
doubled = fmi.func(fmi.op.custom, lambda a, b: 2 * a + 2 * b, True, True)

if rank == 0:
    for other in range(1, size):
        comm.send(42, other, INT)
        comm.send(14.2, other, DOUBLE)
        comm.send([1, 2], other, PAIR)
        comm.send([1.5, 2.5], other, PAIR_OF_DOUBLES)
else:
    assert comm.recv(0, INT) == 42
    assert comm.recv(0, DOUBLE) == 14.2
    assert comm.recv(0, PAIR) == [1, 2]
    assert comm.recv(0, PAIR_OF_DOUBLES) == [1.5, 2.5]

assert comm.bcast(42 if rank == 0 else None, 0, INT) == 42
assert comm.bcast([1, 2] if rank == 0 else None, 0, PAIR) == [1, 2]
gathered = comm.gather([rank, 10 * rank], 0, PAIR)
if rank == 0:
    assert gathered == [number for one in range(size) for number in (one, 10 * one)]
whole = fmi.types(fmi.datatypes.double_list, 2 * size)
assert comm.scatter([0.5 * one for one in range(2 * size)] if rank == 0 else None, 0, whole) == [
    rank,
    rank + 0.5,
]

total = comm.reduce(rank + 1, 0, fmi.func(fmi.op.sum), INT)
most = comm.reduce([float(rank), -float(rank)], 0, fmi.func(fmi.op.max), PAIR_OF_DOUBLES)
if rank == 0:
    assert total == size * (size + 1) // 2
    assert most == [size - 1, 0]
assert comm.allreduce([rank, 9 - rank], larger, PAIR) == [size - 1, 9]
pair = comm.allreduce([42, 14], doubled, PAIR)
assert pair[0] == 3 * pair[1]
if size == 2:
    assert pair == [168, 56]
assert comm.allreduce(2.0, fmi.func(fmi.op.prod), DOUBLE) == 2.0**size
assert comm.scan(rank + 1, fmi.func(fmi.op.sum), INT) == (rank + 1) * (rank + 2) // 2
print(f"rank {rank} of {size}: every operation")

"""A client program: a ring, a job dealt out and collected, with the communicator of fmilib."""

import os

import fmi
from fmilib.fmi_operations import fmi_communicator

rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
comm = fmi_communicator(size, rank)
comm.hint(fmi.hints.cheap)
INT = fmi.types(fmi.datatypes.int)

if rank == 0:
    comm.send(0, 1, INT)
    assert comm.recv(size - 1, INT) == sum(range(size))
else:
    comm.send(comm.recv(rank - 1, INT) + rank, (rank + 1) % size, INT)

job = fmi.types(fmi.datatypes.int_list, 3 * size)
share = comm.scatter(list(range(3 * size)) if rank == 0 else None, 0, job)
done = comm.gather([number**2 for number in share], 0, fmi.types(fmi.datatypes.int_list, 3))
if rank == 0:
    assert done == [number**2 for number in range(3 * size)]
comm.barrier()
print(f"rank {rank} of {size}: the job is done")

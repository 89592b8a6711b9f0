"""The keys of a rank's result: the course's are there, and its reader knows the types of the same ones."""

from __future__ import annotations

from cosmic_fmi.common.contract import reading
from cosmic_fmi.common.contract.result import CourseKeys, RankResult

COURSE = {
    "total_cpu_time (seconds)",
    "total_cpu_memory (MB)",
    "execution_time (seconds/batch)",
    "num_batches",
    "batch_size",
    "device",
    "throughput_bps",
    "sample_persec",
    "cpu_info",
    "ram_info (GB)",
}
"""What the course's own scripts write beside result_path and data_path."""


def test_the_course_s_keys_are_kept() -> None:
    assert CourseKeys.__required_keys__ >= COURSE
    assert {"result_path", "data_path"} <= RankResult.__required_keys__


def test_what_is_read_strictly_is_written() -> None:
    read = {*reading.COUNTS, *reading.NUMBERS, *reading.NUMBERS_BY_NAME, "refused_partitions"}
    assert read <= RankResult.__required_keys__

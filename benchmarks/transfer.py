"""A large result to S3 and back through our file objects, beside boto3's own transfer manager."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.report import Figure, median
from tests.servers.s3 import rclone_server

_PIECE = 1 << 20


def measure(megabytes: int = 2000, rounds: int = 2) -> list[Figure]:
    """Each way in a process of its own, whose peak memory counts; ours and the floor in turn.

    Now one first, now the other, and nothing left for the disk to do from before.
    """
    with tempfile.TemporaryDirectory(prefix="datanectar-benchmark-") as name:
        folder = Path(name)
        source = folder / "source"
        with source.open("wb") as stream:
            for _ in range(megabytes):
                stream.write(b"datanectar" * (_PIECE // 10) + b"bench!")
        with rclone_server(folder / "s3") as s3:
            with patch.dict(os.environ, s3.environ(DATANECTAR_PROJECT=name)):
                _in_a_process("prepare", source)
                measured = _in_rounds(source, rounds)
    figures = []
    for way in ("up", "down"):
        (seconds, memory), (floor, floor_memory) = (
            map(median, zip(*measured[way, whose], strict=True)) for whose in ("ours", "boto3")
        )
        figures += [
            Figure("transfer", f"{megabytes} MB {way}", seconds, "s", rounds, "boto3", floor),
            Figure("transfer", f"{megabytes} MB {way}, memory", memory, "MB", rounds,
                   "boto3", floor_memory),
        ]  # fmt: skip
    return figures


def _in_rounds(source: Path, rounds: int) -> dict[tuple[str, str], list[tuple[float, float]]]:
    measured: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for round in range(rounds):
        for way in ("up", "down"):
            for whose in ("boto3", "ours")[:: 1 if round % 2 else -1]:
                os.sync()
                done = _in_a_process(f"{way} {whose}", source)
                measured.setdefault((way, whose), []).append(done)
    return measured


def _in_a_process(way: str, source: Path) -> tuple[float, float]:
    command = [sys.executable, "-m", "benchmarks.transfer", way, str(source)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds, memory = done.stdout.split()
    return float(seconds), float(memory)


def _transfer(way: str, source: Path) -> None:
    from datanectar.keys import Key
    from datanectar.settings import current
    from datanectar.storage.s3 import S3Storage

    storage, key = S3Storage(current()), Key("bench", "big_chain", "BigTask", "0" * 32)
    if way == "prepare":
        storage.prepare()
        print(0, 0)
        return
    began = time.perf_counter()
    if way == "up boto3":
        _boto3().upload_file(str(source), current().bucket, "boto3")
    elif way == "down boto3":
        _boto3().download_file(current().bucket, "boto3", str(source) + ".down")
    elif way == "up ours":
        with source.open("rb") as stream, storage.open_write(key, "out.bin", binary=True) as out:
            while piece := stream.read(_PIECE):
                out.write(piece)
    else:
        with storage.open_read(key, "out.bin", binary=True) as stream:
            with Path(f"{source}.ours").open("wb") as out:
                while piece := stream.read(_PIECE):
                    out.write(piece)
    print(time.perf_counter() - began, _peak_memory())


def _peak_memory() -> float:
    """Return the most MB that this process has had (proc_pid_status(5), ``VmHWM``).

    Not ``ru_maxrss``, which begins with what the process that started this one had.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _boto3() -> Any:
    """Return boto3's own client, with the checksums that any S3 server knows."""
    import boto3
    from botocore.config import Config

    checksums = "when_required"
    return boto3.client(
        "s3",
        config=Config(
            s3={"addressing_style": "path"},
            request_checksum_calculation=checksums,
            response_checksum_validation=checksums,
        ),
    )


if __name__ == "__main__":
    _transfer(sys.argv[1], Path(sys.argv[2]))

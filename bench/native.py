"""What the native column of a benchmark is written with; `python <slug>.py <title> <folder>` is called by harness.ts."""

import json
import sys
import time
from pathlib import Path

import numpy as np

title = sys.argv[1]
_folder = Path(sys.argv[2])


def read(name, shape=(-1,), dtype=np.float64):
    """An input that the benchmark wrote."""
    return np.fromfile(_folder / name, dtype=dtype).reshape(shape)


def native(name, run, answer=lambda result: result):
    """Times run() (median of 15 after 2 warm-ups) and hands back its answer for comparison."""
    times = []
    for _ in range(17):
        start = time.perf_counter()
        result = run()
        times.append(1000 * (time.perf_counter() - start))
    np.ascontiguousarray(answer(result), dtype=np.float64).tofile(_folder / "answer")
    print(json.dumps({"name": name, "milliseconds": float(np.median(times[2:]))}))

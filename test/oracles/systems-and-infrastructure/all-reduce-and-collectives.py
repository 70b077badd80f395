"""Reductions by NumPy, the published costs, and collectives between real processes by torch.distributed (gloo)."""

import os
import socket
from math import ceil, log2

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from oracle import emit

rng = np.random.default_rng(20270)


def reductions():
    for op, f in [("sum", np.sum), ("max", np.max), ("min", np.min), ("prod", np.prod), ("mean", np.mean)]:
        buffers = rng.standard_normal((int(rng.integers(2, 8)), 11))
        yield {"op": op, "buffers": buffers, "result": f(buffers, axis=0)}


def table():
    """Thakur, Rabenseifner, Gropp 2005: all-gather 4.1, broadcast 4.2, reduce-scatter 4.3, all-reduce 4.5; tree and star by hand."""
    for p, n in ((2, 80), (4, 4096), (8, 1000000), (16, 320)):
        a, b, c = 2e-6, 3e-10, 1e-10
        lg = ceil(log2(p))
        share = (p - 1) / p
        times = {
            "all-reduce/recursive-doubling": lg * a + n * lg * b + n * lg * c,
            "all-reduce/recursive-halving-doubling": 2 * lg * a + 2 * share * n * b + share * n * c,
            "all-reduce/ring": 2 * (p - 1) * a + 2 * share * n * b + share * n * c,
            "all-gather/ring": (p - 1) * a + share * n * b,
            "reduce-scatter/ring": (p - 1) * a + share * n * b + share * n * c,
            "broadcast/binomial": lg * (a + n * b),
            "all-reduce/binomial-tree": lg * (a + n * b + n * c) + lg * (a + n * b),
            "all-reduce/star": (p - 1) * (a + n * b + n * c) + (p - 1) * (a + n * b),
        }
        yield {"ranks": p, "bytes": n, "alpha": a, "beta": b, "gamma": c, "times": times}


def rank_main(rank, ranks, port, buffers, queue):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=ranks)
    x = torch.tensor(buffers[rank], dtype=torch.float64)
    total = x.clone()
    dist.all_reduce(total)
    piece = torch.empty(len(x) // ranks, dtype=torch.float64)
    dist.reduce_scatter_tensor(piece, x.clone())
    turned = torch.empty_like(x)
    dist.all_to_all_single(turned, x.clone())
    queue.put((rank, total.tolist(), piece.tolist(), turned.tolist()))
    dist.barrier()
    dist.destroy_process_group()


def gloo():
    """Integers, so that the order of the sums does not matter."""
    ranks = 3
    buffers = rng.integers(-100, 100, (ranks, 6)).astype(float).tolist()
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    context = mp.get_context("spawn")
    queue = context.Queue()
    processes = [context.Process(target=rank_main, args=(r, ranks, port, buffers, queue)) for r in range(ranks)]
    for process in processes:
        process.start()
    answers = sorted(queue.get(timeout=120) for _ in range(ranks))
    for process in processes:
        process.join()
    return {
        "buffers": buffers,
        "allReduce": answers[0][1],
        "reduceScatter": [answer[2] for answer in answers],
        "allToAll": [answer[3] for answer in answers],
    }


if __name__ == "__main__":
    emit(["numpy", "torch"], reductions=list(reductions()), table=list(table()), gloo=gloo())

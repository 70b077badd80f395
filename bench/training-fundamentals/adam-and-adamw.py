import numpy as np
import torch
from native import native, read

torch.set_num_threads(1)
start = torch.tensor(read("start"), dtype=torch.float32)
gradient = torch.tensor(read("gradient"), dtype=torch.float32)


def ten_steps():
    theta = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([theta], lr=0.01, eps=1e-7)
    theta.grad = gradient
    for _ in range(10):
        optimizer.step()
    return theta.detach()


native(f"torch {torch.__version__.split('+')[0]}", ten_steps, lambda theta: theta.numpy().astype(np.float64))

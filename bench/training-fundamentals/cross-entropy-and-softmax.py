import numpy as np
import torch
from native import native, read

torch.set_num_threads(1)
n, k = read("sizes", dtype=np.int32)
logits = torch.tensor(read("logits", (n, k)), requires_grad=True)
labels = torch.tensor(read("labels", dtype=np.int32).astype(np.int64))


def loss_and_gradient():
    logits.grad = None
    loss = torch.nn.functional.cross_entropy(logits, labels)
    loss.backward()
    return loss.item(), logits.grad


def answer(result):
    loss, gradient = result
    return np.concatenate([[loss], gradient.numpy().ravel()])


native(f"torch {torch.__version__.split('+')[0]}", loss_and_gradient, answer)

"""Loss and gradients of four small networks by PyTorch in float64, and Hessian-vector products by its double backward."""

import numpy as np
import torch
from oracle import emit
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
rng = np.random.default_rng(20267)


def network(inputs, loss, **constants):
    """The inputs, the loss and its gradient with respect to each input; the constants are handed on."""
    tensors = {name: torch.tensor(value, requires_grad=True) for name, value in inputs.items()}
    value = loss(**tensors)
    gradients = torch.autograd.grad(value, list(tensors.values()))
    return {
        "inputs": {name: flat(value) for name, value in inputs.items()},
        "loss": value.item(),
        "gradients": {name: g.numpy().ravel() for name, g in zip(tensors, gradients)},
        **constants,
    }


def flat(value):
    return {"shape": list(value.shape), "data": np.asarray(value).ravel()}


def normal(*shape, scale=0.5):
    return scale * rng.standard_normal(shape)


def mlp():
    y = np.array([3, 0, 4, 1, 2, 2])
    inputs = {"x": normal(6, 7), "w1": normal(7, 9), "b1": normal(9), "w2": normal(9, 5), "b2": normal(5)}
    return network(
        inputs,
        lambda x, w1, b1, w2, b2: F.cross_entropy(torch.tanh(x @ w1 + b1) @ w2 + b2, torch.tensor(y)),
        labels=y,
    )


def cnn():
    """Channels last, as in the library: permuted for torch."""
    y = np.array([1, 0, 2])
    inputs = {
        "x": normal(3, 9, 7, 2),
        "w1": normal(3, 2, 2, 4),
        "b1": normal(4),
        "w2": normal(2, 2, 4, 6),
        "dense": normal(6, 3),
    }

    def loss(x, w1, b1, w2, dense):
        h = F.conv2d(x.permute(0, 3, 1, 2), w1.permute(3, 2, 0, 1), b1, stride=(1, 1), padding=1)
        h = F.max_pool2d(F.gelu(h), 2)
        h = torch.relu(F.conv2d(h, w2.permute(3, 2, 0, 1), stride=2))
        return F.cross_entropy(h.mean((2, 3)) @ dense, torch.tensor(y))

    return network(inputs, loss, labels=y)


def lstm():
    """Gates in torch's order: input, forget, cell, output."""
    inputs = {"x": normal(5, 3, 4), "wx": normal(4, 24), "wh": normal(6, 24), "b": normal(24), "target": normal(3, 6)}

    def loss(x, wx, wh, b, target):
        cell = torch.nn.LSTMCell(4, 6)
        names = {"weight_ih": wx.T, "weight_hh": wh.T, "bias_ih": b, "bias_hh": torch.zeros(24)}
        h, c = torch.zeros(3, 6), torch.zeros(3, 6)
        for t in range(x.shape[0]):
            h, c = torch.func.functional_call(cell, names, (x[t], (h, c)))
        return ((h - target) ** 2).mean()

    return network(inputs, loss)


def transformer_block():
    """Pre-norm, causal, two heads of three."""
    d, heads, n = 6, 2, 5
    inputs = {
        "x": normal(2, n, d, scale=1),
        "wq": normal(d, d),
        "wk": normal(d, d),
        "wv": normal(d, d),
        "wo": normal(d, d),
        "gain1": 1 + normal(d),
        "bias1": normal(d),
        "gain2": 1 + normal(d),
        "w1": normal(d, 11),
        "w2": normal(11, d),
    }

    def split(x):
        return x.view(2, n, heads, d // heads).transpose(1, 2)

    def loss(x, wq, wk, wv, wo, gain1, bias1, gain2, w1, w2):
        h = F.layer_norm(x, (d,), gain1, bias1)
        a = F.scaled_dot_product_attention(split(h @ wq), split(h @ wk), split(h @ wv), is_causal=True)
        x = x + a.transpose(1, 2).reshape(2, n, d) @ wo
        h = F.rms_norm(x, (d,), gain2, eps=1e-5)
        x = x + F.gelu(h @ w1) @ w2
        return torch.logsumexp(x, -1).sum()

    return network(inputs, loss)


def hessian_products():
    """∇²f·v of a tanh network's mean squared error."""
    names = {"w1": normal(4, 5), "b1": normal(5), "w2": normal(5, 2)}
    x, y = normal(7, 4), normal(7, 2)
    tensors = [torch.tensor(value, requires_grad=True) for value in names.values()]
    v = [normal(*value.shape) for value in names.values()]
    w1, b1, w2 = tensors
    loss = ((torch.tanh(torch.tensor(x) @ w1 + b1) @ w2 - torch.tensor(y)) ** 2).mean()
    gradients = torch.autograd.grad(loss, tensors, create_graph=True)
    products = torch.autograd.grad(sum((g * torch.tensor(u)).sum() for g, u in zip(gradients, v)), tensors)
    return {
        "inputs": {name: flat(value) for name, value in names.items()},
        "x": flat(x),
        "y": flat(y),
        "v": {name: u.ravel() for name, u in zip(names, v)},
        "products": {name: p.numpy().ravel() for name, p in zip(names, products)},
    }


def kinks():
    """What torch takes as the derivative where there is none."""

    def slope(f, at):
        x = torch.tensor(at, requires_grad=True)
        return torch.autograd.grad(f(x), x)[0].tolist()

    return {
        "relu at 0": slope(torch.relu, 0.0),
        "abs at 0": slope(torch.abs, 0.0),
        "max of [2, 2, 1]": slope(torch.max, [2.0, 2.0, 1.0]),
        "sqrt at 0": slope(torch.sqrt, 0.0),
        "clamp at a bound": slope(lambda x: torch.clamp(x, 0, 1), 1.0),
        "maximum of equals": slope(lambda x: torch.maximum(x[0], x[1]), [2.0, 2.0]),
    }


emit(
    ["numpy", "torch"],
    mlp=mlp(),
    cnn=cnn(),
    lstm=lstm(),
    transformerBlock=transformer_block(),
    hessianProducts=hessian_products(),
    kinks=kinks(),
)

"""Schedules and posteriors by their definitions, mixtures' scores by PyTorch's autograd, the guided density by quadrature."""

import numpy as np
import torch
from oracle import emit
from scipy.integrate import quad
from scipy.stats import norm

rng = np.random.default_rng(20271)


def schedules():
    linear = np.linspace(1e-4, 0.02, 1000)
    t = np.arange(51) / 50
    f = np.cos((t + 0.008) / 1.008 * np.pi / 2) ** 2
    cosine = np.minimum(1 - f[1:] / f[:-1], 0.999)
    return {
        "linear": linear[::111],
        "linearAlphaBar": np.cumprod(1 - linear)[::111],
        "cosine": cosine,
        "cosineAlphaBar": np.cumprod(1 - cosine),
        "rescaled": 1000 / 50 * np.linspace(1e-4, 0.02, 50),
    }


def posteriors():
    """q(x_{t-1} | x_t, x0) as the product of two Gaussians of x_{t-1}: precisions add."""
    for _ in range(5):
        before, alpha = rng.uniform(0.1, 0.99), rng.uniform(0.3, 0.999)
        x0, xt = rng.standard_normal((3, 2)), rng.standard_normal((3, 2))
        likelihood = alpha / (1 - alpha)  # precision of x_t = √α x + noise, as a function of x
        prior = 1 / (1 - before)
        variance = 1 / (likelihood + prior)
        mean = variance * (likelihood * xt / np.sqrt(alpha) + prior * np.sqrt(before) * x0)
        yield {"before": before, "alpha": alpha, "x0": x0, "xt": xt, "mean": mean, "variance": variance}


def mixtures():
    for k, d, n in ((1, 1, 4), (3, 2, 5), (4, 3, 6)):
        weights = rng.dirichlet(np.ones(k))
        means, s2 = rng.standard_normal((k, d)), rng.uniform(0.05, 0.5)
        for alpha_bar in (0.03, 0.6, 1.0):
            x = torch.tensor(rng.standard_normal((n, d)), requires_grad=True)
            mu = torch.tensor(np.sqrt(alpha_bar) * means)
            var = alpha_bar * s2 + 1 - alpha_bar
            logs = -((x[:, None] - mu[None]) ** 2).sum(-1) / (2 * var) - d / 2 * np.log(2 * np.pi * var)
            log = torch.logsumexp(logs + torch.tensor(np.log(weights)), dim=1)
            (score,) = torch.autograd.grad(log.sum(), x)
            # Tweedie: E[x0 | x_t] = (x_t + (1 − ᾱ)·score)/√ᾱ
            mean = (x.detach().numpy() + (1 - alpha_bar) * score.numpy()) / np.sqrt(alpha_bar)
            yield {
                "weights": weights,
                "means": means,
                "variance": s2,
                "alphaBar": alpha_bar,
                "x": x.detach().numpy(),
                "logDensity": log.detach().numpy(),
                "score": score.numpy(),
                "mean": mean,
            }


def guided():
    """p(x|c)^w p(x)^(1−w) for classes N(±1, 0.25), equally likely, w = 3."""
    w, s = 3, 0.5

    def density(x):
        conditional = norm(1, s).pdf(x)
        return conditional**w * ((conditional + norm(-1, s).pdf(x)) / 2) ** (1 - w)

    z = quad(density, -10, 10, points=[0, 1, 2])[0]
    mean = quad(lambda x: x * density(x), -10, 10, points=[0, 1, 2])[0] / z
    second = quad(lambda x: x * x * density(x), -10, 10, points=[0, 1, 2])[0] / z
    return {"mean": mean, "deviation": np.sqrt(second - mean**2)}


def bayes_loss():
    """E|ε − E[ε | x_t]|² per coordinate on the unit-variance ring, cosine with 50 steps, averaged over t, by a large sample."""
    scale = 1 / np.sqrt(2.01)
    angles = np.arange(8) * np.pi / 4
    mu = 2 * scale * np.stack([np.cos(angles), np.sin(angles)], 1)
    s2 = (0.1 * scale) ** 2
    t = np.arange(51) / 50
    f = np.cos((t + 0.008) / 1.008 * np.pi / 2) ** 2
    alpha_bars = np.cumprod(1 - np.minimum(1 - f[1:] / f[:-1], 0.999))
    n, total = 40000, []
    for a in alpha_bars:
        x0 = mu[rng.integers(0, 8, n)] + np.sqrt(s2) * rng.standard_normal((n, 2))
        eps = rng.standard_normal((n, 2))
        x = np.sqrt(a) * x0 + np.sqrt(1 - a) * eps
        var = a * s2 + 1 - a
        logs = -((x[:, None] - np.sqrt(a) * mu[None]) ** 2).sum(-1) / (2 * var)
        p = np.exp(logs - logs.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        mean = p @ mu * (1 - np.sqrt(a) * np.sqrt(a) * s2 / var) + np.sqrt(a) * s2 / var * x
        predicted = (x - np.sqrt(a) * mean) / np.sqrt(1 - a)
        total.append(((eps - predicted) ** 2).mean())
    return np.mean(total)


emit(
    ["numpy", "scipy", "torch"],
    schedules=schedules(),
    posteriors=list(posteriors()),
    mixtures=list(mixtures()),
    guided=guided(),
    bayesLoss=bayes_loss(),
)

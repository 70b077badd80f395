"""Hidden chains by enumeration of all paths (NumPy), log-domain recursions (SciPy) and automatic differentiation (PyTorch)."""

from itertools import product

import numpy as np
import torch
from oracle import emit
from scipy.special import logsumexp

rng = np.random.default_rng(20268)


def laws(*shape):
    p = rng.random(shape) + 0.05
    return p / p.sum(axis=-1, keepdims=True)


def enumerated():
    """Every one of the Kᵀ paths: total, posteriors, steps, the best paths."""
    for k, m, t in ((2, 3, 1), (2, 4, 6), (3, 2, 8), (4, 5, 5)):
        start, transition, emission = laws(k), laws(k, k), laws(k, m)
        if k == 4:
            transition[0, 2] = transition[3, 1] = 0  # forbidden steps
            transition /= transition.sum(axis=1, keepdims=True)
        x = rng.integers(m, size=t)
        paths = np.array(list(product(range(k), repeat=t)))
        p = start[paths[:, 0]] * np.prod(emission[paths, x], axis=1)
        for s in range(1, t):
            p *= transition[paths[:, s - 1], paths[:, s]]
        total = p.sum()
        gamma = np.array([[p[paths[:, s] == i].sum() for i in range(k)] for s in range(t)]) / total
        xi = np.zeros((k, k))
        for s in range(1, t):
            np.add.at(xi, (paths[:, s - 1], paths[:, s]), p / total)
        best = np.argsort(-p)[:4]
        yield {
            "start": start,
            "transition": transition,
            "emission": emission,
            "x": x,
            "logLikelihood": np.log(total),
            "gamma": gamma,
            "xi": xi,
            "best": [{"path": paths[b], "log": np.log(p[b])} for b in best if p[b] > 0],
            "possible": int((p > 0).sum()),
        }


def long_chains():
    """Log-domain recursions on long sequences; symbols by a formula that both sides know."""
    for k, m, t in ((2, 3, 3000), (5, 4, 700)):
        start, transition, emission = laws(k), laws(k, k), laws(k, m)
        x = (np.arange(t) ** 2 * 7 + np.arange(t)) % 11 % m
        log_a, log_b = np.log(transition), np.log(emission[:, x]).T
        alpha = np.zeros((t, k))
        beta = np.zeros((t, k))
        alpha[0] = np.log(start) + log_b[0]
        for s in range(1, t):
            alpha[s] = logsumexp(alpha[s - 1][:, None] + log_a, axis=0) + log_b[s]
        for s in range(t - 2, -1, -1):
            beta[s] = logsumexp(log_a + log_b[s + 1] + beta[s + 1], axis=1)
        total = logsumexp(alpha[-1])
        score = np.log(start) + log_b[0]
        pointers = []
        for s in range(1, t):
            ways = score[:, None] + log_a
            pointers.append(ways.argmax(axis=0))
            score = ways.max(axis=0) + log_b[s]
        path = [int(score.argmax())]
        for back in reversed(pointers):
            path.append(int(back[path[-1]]))
        at = np.array([0, 1, t // 2, t - 1])
        yield {
            "start": start,
            "transition": transition,
            "emission": emission,
            "length": t,
            "logLikelihood": total,
            "at": at,
            "filter": np.exp(alpha - logsumexp(alpha, axis=1, keepdims=True))[at],
            "gamma": np.exp(alpha + beta - total)[at],
            "viterbiLog": score.max(),
            "viterbiCounts": np.bincount(path, minlength=k),
            "viterbiBeginning": path[::-1][:60],
        }


def log_partition(unary, pairwise):
    v = unary[0]
    for u in unary[1:]:
        v = torch.logsumexp(v[:, None] + pairwise, dim=0) + u
    return torch.logsumexp(v, dim=0)


def fields():
    """log Z of conditional random fields, gradients by PyTorch."""
    for k, t, scale in ((3, 6, 1.0), (4, 9, 30.0), (2, 1, 2.0)):
        unary = torch.tensor(rng.standard_normal((t, k)) * scale, requires_grad=True)
        pairwise = torch.tensor(rng.standard_normal((k, k)) * scale + 5, requires_grad=True)
        z = log_partition(unary, pairwise)
        z.backward()
        yield {
            "unary": unary.detach().numpy(),
            "pairwise": pairwise.detach().numpy(),
            "logPartition": z.item(),
            "unaryGradient": unary.grad.numpy(),
            "pairwiseGradient": pairwise.grad.numpy() if pairwise.grad is not None else np.zeros((k, k)),
        }


def posterior_gradients():
    """∂ log P(x) / ∂ log b and ∂ log P(x) / ∂ log a of a hidden chain, by PyTorch."""
    k, m, t = 3, 4, 7
    start, transition, emission = laws(k), laws(k, k), laws(k, m)
    x = rng.integers(m, size=t)
    log_b = torch.tensor(np.log(emission[:, x]).T.copy(), requires_grad=True)
    log_a = torch.tensor(np.log(transition), requires_grad=True)
    first = torch.zeros(t, k, dtype=torch.float64)
    first[0] = torch.tensor(np.log(start))
    log_partition(log_b + first, log_a).backward()
    return {
        "start": start,
        "transition": transition,
        "emission": emission,
        "x": x,
        "unary": log_b.grad.numpy(),
        "pairwise": log_a.grad.numpy(),
    }


def faint():
    """States that are 1e-300 to 1e-3000 as probable as others when first seen, and decide in the end: densities of a hidden
    chain, and scores of a field. Logarithms and PyTorch's gradients; for the chain the first score is log start + log b."""
    for k, t, spread in ((2, 2, 0), (3, 7, 2000), (4, 5, 900)):
        if spread:
            unary, pairwise = -spread * rng.random((t, k)), np.log(laws(k, k))
        else:  # two chains that never meet: the one that the first observation favours is refuted by the second
            unary, pairwise = np.array([[0.0, -800], [-1000, 0]]), np.array([[0, -np.inf], [-np.inf, 0]])
        u = torch.tensor(unary, requires_grad=True)
        a = torch.tensor(pairwise, requires_grad=True)
        z = log_partition(u, a)
        z.backward()
        yield {
            "logB": unary,
            "transition": np.exp(pairwise),
            "logPartition": z.item(),
            "gamma": u.grad.numpy(),
            "xi": np.nan_to_num(a.grad.numpy()),
        }


def rabiner():
    """Scaled passes as in the tutorial, equations (91) to (97): both α and β are multiplied by 1/Σα, β's last row too."""
    k, m, t = 3, 4, 9
    start, transition, emission = laws(k), laws(k, k), laws(k, m)
    x = rng.integers(m, size=t)
    alpha, beta, c = np.zeros((t, k)), np.zeros((t, k)), np.zeros(t)
    for s in range(t):
        alpha[s] = (start if s == 0 else alpha[s - 1] @ transition) * emission[:, x[s]]
        c[s] = 1 / alpha[s].sum()
        alpha[s] *= c[s]
    beta[-1] = c[-1]
    for s in range(t - 2, -1, -1):
        beta[s] = c[s] * (transition @ (emission[:, x[s + 1]] * beta[s + 1]))
    return {
        "start": start,
        "transition": transition,
        "emission": emission,
        "x": x,
        "alpha": alpha,
        "beta": beta,
        "logLikelihood": -np.log(c).sum(),
    }


emit(
    ["numpy", "scipy", "torch"],
    enumerated=list(enumerated()),
    longChains=list(long_chains()),
    fields=list(fields()),
    posteriorGradients=posterior_gradients(),
    faint=list(faint()),
    rabiner=rabiner(),
)

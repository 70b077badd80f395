"""Values of FrozenLake and CliffWalking by NumPy, on tables built from their rules; means of maxima by SciPy; DQN's update by PyTorch."""

import numpy as np
import torch
from oracle import emit
from scipy import integrate, stats


def table(rows, columns, moves, land, slippery):
    """P[s, a, s'] of steps that do not end, and expected rewards; land(s') = (next state, reward, ends)."""
    n = rows * columns
    P, R = np.zeros((n, 4, n)), np.zeros((n, 4))
    for s in range(n):
        if land(s)[2]:
            continue
        for a in range(4):
            ways = [a - 1, a, a + 1] if slippery else [a]
            for way in ways:
                down, right = moves[way % 4]
                r, c = np.clip(s // columns + down, 0, rows - 1), np.clip(s % columns + right, 0, columns - 1)
                to, reward, ends = land(r * columns + c)
                R[s, a] += reward / len(ways)
                if not ends:
                    P[s, a, to] += 1 / len(ways)
    return P, R


CELLS = "SFFFFHFHFFFHHFFG"
LAKE = table(
    4, 4, [(0, -1), (1, 0), (0, 1), (-1, 0)], lambda s: (s, float(CELLS[s] == "G"), CELLS[s] in "HG"), True
)
CLIFF = table(
    4, 12, [(-1, 0), (0, 1), (1, 0), (0, -1)], lambda s: (36, -100.0, False) if 36 < s < 47 else (s, -1.0, s == 47), False
)


def optimal(P, R, gamma):
    """Policy iteration: a linear system a round."""
    policy = np.zeros(len(P), dtype=int)
    while True:
        at = np.arange(len(P)), policy
        Q = R + gamma * P @ np.linalg.solve(np.eye(len(P)) - gamma * P[at], R[at])
        better = np.where(Q.max(1) > Q[at] + 1e-12, Q.argmax(1), policy)
        if (better == policy).all():
            return Q
        policy = better



def n_step(P, R, gamma, n):
    """Fixed point of Q = R + g P (R_mu + g P_mu (... + g P_mu max Q)), mu uniform, n steps in all."""
    Q = np.zeros_like(R)
    P_mu, R_mu = P.mean(1), R.mean(1)
    for _ in range(20_000 // n):
        V = Q.max(1)
        for _ in range(n - 1):
            V = R_mu + gamma * P_mu @ V
        Q = R + gamma * P @ V
    return Q


def dqn_updates():
    """Targets, losses and gradients of DQN on a batch of 5 steps: 3 numbers seen, 4 hidden units, 2 actions."""
    rng = np.random.default_rng(0)
    shapes = {"hidden.weight": (3, 4), "hidden.bias": (4,), "output.weight": (4, 2), "output.bias": (2,)}
    network, frozen = ({k: rng.normal(size=shape) for k, shape in shapes.items()} for _ in range(2))
    batch = {
        "observations": rng.normal(size=(5, 3)),
        "nextObservations": rng.normal(size=(5, 3)),
        "actions": np.array([0, 1, 1, 0, 1]),
        "rewards": np.array([0.5, -4.0, 3.0, 0.0, 1.0]),
        "terminated": np.array([0, 1, 0, 0, 0]),
    }
    t = {k: torch.tensor(v) for k, v in batch.items()}
    cases = []
    for activation in ["tanh", "relu"]:
        for double in [False, True]:
            for huber in [False, True]:
                p = {k: torch.tensor(v, requires_grad=True) for k, v in network.items()}
                q = {k: torch.tensor(v) for k, v in frozen.items()}

                def values(x, w):
                    h = getattr(torch, activation)(x @ w["hidden.weight"] + w["hidden.bias"])
                    return h @ w["output.weight"] + w["output.bias"]

                with torch.no_grad():
                    judged = values(t["nextObservations"], q)
                    chosen = (values(t["nextObservations"], p) if double else judged).argmax(1, keepdim=True)
                    following = judged.gather(1, chosen)[:, 0]
                    target = t["rewards"] + 0.9 * following * (1 - t["terminated"])
                predicted = values(t["observations"], p).gather(1, t["actions"][:, None])[:, 0]
                loss = torch.nn.functional.huber_loss(predicted, target) if huber else 0.5 * ((predicted - target) ** 2).mean()
                loss.backward()
                cases.append(
                    {
                        "activation": activation,
                        "double": double,
                        "huber": huber,
                        "targets": target.numpy(),
                        "loss": loss.item(),
                        "gradients": {k: v.grad.numpy() for k, v in p.items()},
                    }
                )
    return {"network": network, "frozen": frozen, "batch": batch, "cases": cases}


cliff = optimal(*CLIFF, 0.95)
# Cells of the cliff itself are never entered.
emit(
    ["numpy", "scipy", "torch"],
    lakeQ=optimal(*LAKE, 0.99),
    cliffQ=cliff,
    uniformLakeV=np.linalg.solve(np.eye(16) - 0.99 * LAKE[0].mean(1), LAKE[1].mean(1)),
    maxOfNormals=integrate.quad(lambda x: x * 10 * stats.norm.pdf(x) * stats.norm.cdf(x) ** 9, -10, 12)[0],
    # Estimates N(0, 1) and N(1/2, 1): the mean of the larger, and of a second estimate of whichever is larger in the first.
    maxOfTwo=integrate.quad(
        lambda x: x * (stats.norm.pdf(x) * stats.norm.cdf(x - 0.5) + stats.norm.pdf(x - 0.5) * stats.norm.cdf(x)), -12, 12
    )[0],
    doubleOfTwo=0.5 * stats.norm.cdf(0.5 / np.sqrt(2)),
    nStepLakeQ={str(n): n_step(*LAKE, 0.99, n) for n in [1, 2, 3, 5]},
    dqn=dqn_updates(),
)

"""Values of FrozenLake and CliffWalking by NumPy, on tables built from their rules; the mean of the largest of ten normals by SciPy."""

import numpy as np
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


cliff = optimal(*CLIFF, 0.95)
# Cells of the cliff itself are never entered.
emit(
    ["numpy", "scipy"],
    lakeQ=optimal(*LAKE, 0.99),
    cliffQ=cliff,
    uniformLakeV=np.linalg.solve(np.eye(16) - 0.99 * LAKE[0].mean(1), LAKE[1].mean(1)),
    maxOfNormals=integrate.quad(lambda x: x * 10 * stats.norm.pdf(x) * stats.norm.cdf(x) ** 9, -10, 12)[0],
)

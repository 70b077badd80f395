"""Markov chains by NumPy, SciPy, NetworkX and exact fractions."""

import json
from collections import Counter
from fractions import Fraction
from math import gcd

import networkx as nx
import numpy as np
import scipy.linalg as la
from oracle import DATA, emit

rng = np.random.default_rng(20267)


def random_chain(n, density=1.0):
    """Rows of random laws; with a low density many ways are missing."""
    p = rng.random((n, n)) * (rng.random((n, n)) < density)
    for i in np.flatnonzero(p.sum(axis=1) == 0):
        p[i, rng.integers(n)] = 1
    return p / p.sum(axis=1, keepdims=True)


def left_vector(p):
    """The left eigenvector of the eigenvalue 1, by the eigen-solver of NumPy."""
    values, vectors = np.linalg.eig(p.T)
    pi = vectors[:, np.argmin(abs(values - 1))].real
    return pi / pi.sum()


def chains():
    for n in (1, 2, 3, 5, 9, 14):
        p = random_chain(n)
        moduli = np.sort(abs(np.linalg.eigvals(p)))[::-1]
        power = np.linalg.matrix_power(p, 7)
        yield {"p": p, "stationary": left_vector(p), "second": moduli[1] if n > 1 else 0, "seventh": power[n - 1]}


def nearly_decoupled():
    """Ways of probability 10⁻¹⁶ … 10⁻¹; the diagonal is what they leave. Exact: the fractions of the floats are solved."""
    for n in (3, 5, 7):
        p = 10.0 ** rng.uniform(-16, -1, (n, n)) / n
        for i in range(n):
            p[i, i] = 1 - sum(p[i, j] for j in range(n) if j != i)
        # π_j Σ_k p_jk = Σ_i π_i p_ij over the ways only, and Σπ = 1: Gauss in fractions.
        a = [[Fraction(p[i, j]) if i != j else -sum(Fraction(p[j, k]) for k in range(n) if k != j) for i in range(n)] + [Fraction(0)] for j in range(n)]
        a[-1] = [Fraction(1)] * (n + 1)
        for k in range(n):
            pivot = next(i for i in range(k, n) if a[i][k] != 0)
            a[k], a[pivot] = a[pivot], a[k]
            a[k] = [x / a[k][k] for x in a[k]]
            for i in range(n):
                if i != k:
                    a[i] = [x - a[i][k] * y for x, y in zip(a[i], a[k])]
        yield {"p": p, "stationary": [float(row[-1]) for row in a]}


def class_period(p, states):
    """The greatest common divisor of the return times up to 2n², by Boolean powers."""
    n = len(p)
    way = p > 0
    power, period = way.copy(), 0
    for t in range(1, 2 * n * n + 2):
        if power[states[0], states[0]]:
            period = gcd(period, t)
        power = power @ way
    return period


def classifications():
    for n, density in ((2, 0.4), (4, 0.25), (6, 0.2), (7, 0.18), (8, 0.15), (9, 0.13), (11, 0.1), (12, 0.1)):
        p = random_chain(n, density)
        graph = nx.DiGraph([(i, j) for i in range(n) for j in range(n) if p[i, j] > 0])
        recurrent = [set(c) for c in nx.attracting_components(graph)]
        components = sorted(sorted(c) for c in nx.strongly_connected_components(graph))
        yield {
            "p": p,
            "classes": [
                {"states": c, "recurrent": set(c) in recurrent, "period": class_period(p, c)} for c in components
            ],
        }


def absorptions():
    for t, a in ((1, 1), (2, 3), (5, 2), (9, 4)):
        p = np.eye(t + a)
        p[:t] = random_chain(t + a)[:t]
        order = rng.permutation(t + a)  # so that absorbing states are anywhere
        shuffled = p[np.ix_(order, order)]
        transient = np.flatnonzero(np.diag(shuffled) < 1)
        absorbing = np.flatnonzero(np.diag(shuffled) == 1)
        q = shuffled[np.ix_(transient, transient)]
        n = la.inv(np.eye(t) - q)
        steps = n.sum(axis=1)
        yield {
            "p": shuffled,
            "transient": transient,
            "absorbing": absorbing,
            "fundamental": n,
            "probabilities": n @ shuffled[np.ix_(transient, absorbing)],
            "steps": steps,
            "variance": (2 * n - np.eye(t)) @ steps - steps**2,
        }


def solve_fractions(a, b):
    """a⁻¹b by Gauss and Jordan, exact; a is a nonsingular M-matrix, so that no pivot is 0."""
    n = len(a)
    a = [[*row, *side] for row, side in zip(a, b)]
    for k in range(n):
        a[k] = [x / a[k][k] for x in a[k]]
        for i in range(n):
            if i != k:
                a[i] = [x - a[i][k] * y for x, y in zip(a[i], a[k])]
    return [row[n:] for row in a]


def rare_ends():
    """The last two states absorb, and what leads there may be as small as 10⁻³⁰. Exact, the diagonal being what is left."""
    for t in (1, 3, 6):
        p = np.eye(t + 2)
        for i in range(t):
            p[i] = 10.0 ** np.concatenate([rng.uniform(-16, -1, t), rng.uniform(-30, -18, 2)]) / t
            if t > 1:
                p[i, (i + 1) % t] = 0.6
            p[i, i] = 1 - sum(p[i, j] for j in range(t + 2) if j != i)
        ways = [[Fraction(x) for x in row] for row in p[:t]]
        for i, row in enumerate(ways):
            row[i] = 1 - (sum(row) - row[i])
        leaving = [[(i == j) - ways[i][j] for j in range(t)] for i in range(t)]
        n = solve_fractions(leaving, [[Fraction(i == j) for j in range(t)] for i in range(t)])
        ends = solve_fractions(leaving, [row[t:] for row in ways])
        m = [sum(row) for row in n]
        # E T² = 1 + 2 E m(next) + E T²(next), solved for the second moments.
        second = solve_fractions(leaving, [[2 * m[i] - 1] for i in range(t)])
        yield {
            "p": p,
            "fundamental": [[float(x) for x in row] for row in n],
            "probabilities": [[float(x) for x in row] for row in ends],
            "steps": [float(x) for x in m],
            "variance": [float(x[0] - y * y) for x, y in zip(second, m)],
        }


def metropolis():
    """The kernel of random-walk Metropolis on N(0, 1) by a trapezoidal rule on [−8, 8], and of it what the simulation only
    estimates: acceptance, and Var(x) over the asymptotic variance of the mean of x, by the equation (I − P)g = x."""
    x, h = np.linspace(-8, 8, 1601, retstep=True)
    pi = np.exp(-x * x / 2)
    pi /= pi.sum()
    for scale in (0.1, 1, 2, 2.2, 2.4, 2.6, 3, 10):
        p = h * np.exp(-((x[:, None] - x) ** 2) / (2 * scale**2)) / (scale * np.sqrt(2 * np.pi))
        p *= np.minimum(1, np.exp((x[:, None] ** 2 - x**2) / 2))
        acceptance = pi @ p.sum(axis=1)  # what lies beyond ±8 is refused, near 8 only
        p[np.diag_indices_from(p)] += 1 - p.sum(axis=1)
        g = la.solve(np.eye(len(x)) - p + pi, x)
        yield {"scale": scale, "acceptance": acceptance, "efficiency": pi @ x**2 / (2 * pi @ (x * g) - pi @ x**2)}


def hitting():
    """By the fundamental matrix of Kemeny and Snell, Z = (I − P + 1π)⁻¹: m_ij = (z_jj − z_ij)/π_j."""
    for n in (2, 4, 7):
        p = random_chain(n)
        pi = left_vector(p)
        z = la.inv(np.eye(n) - p + np.outer(np.ones(n), pi))
        m = (np.diag(z)[None, :] - z) / pi[None, :]
        np.fill_diagonal(m, 1 / pi)
        yield {"p": p, "times": m}


def fits():
    for states, order, length, smoothing in ((3, 0, 40, 0.5), (4, 1, 300, 0), (3, 2, 200, 0.25), (2, 3, 90, 0), (5, 1, 60, 1.5)):
        sequences = [rng.integers(states, size=length).tolist(), rng.integers(states, size=length // 2 + 1).tolist()]
        fresh = rng.integers(states, size=25).tolist()
        follow = Counter((tuple(s[t - order : t]), s[t]) for s in sequences for t in range(order, len(s)))
        context = Counter(tuple(s[t - order : t]) for s in sequences for t in range(order, len(s)))

        def probability(c, x):
            if context[c] + smoothing == 0:
                return 0.0
            return (follow[c, x] + smoothing) / (context[c] + states * smoothing)

        laws = {c: np.array([probability(c, x) for x in range(states)]) for c in context}
        with np.errstate(divide="ignore"):
            fresh_log = sum(np.log(probability(tuple(fresh[t - order : t]), fresh[t])) for t in range(3, len(fresh)))
        yield {
            "states": states,
            "order": order,
            "smoothing": smoothing,
            "sequences": sequences,
            "contexts": [list(c) for c in sorted(context)],
            "transition": [laws[c] for c in sorted(context)],
            "logLikelihood": sum(n * np.log(probability(c, x)) for (c, x), n in follow.items()),
            "entropyRate": sum(context[c] * -np.sum(law[law > 0] * np.log(law[law > 0])) for c, law in laws.items()) / sum(context.values()),
            "fresh": fresh,
            "freshLogLikelihood": fresh_log,
        }


def weather():
    labels = [int(c) for c in json.loads((DATA / "seattle-weather.json").read_text())["weather"]]
    counts = np.zeros((5, 5))
    np.add.at(counts, (labels[:-1], labels[1:]), 1)
    p = counts / counts.sum(axis=1, keepdims=True)
    return {"transition": p, "stationary": left_vector(p), "shares": np.bincount(labels) / len(labels)}


def page_ranks():
    """Random links with pages that link nowhere; no two equal links."""
    for n, links, damping in ((5, 9, 0.85), (12, 20, 0.5), (30, 70, 0.95)):
        graph = nx.gnm_random_graph(n, links, seed=n, directed=True)
        rank = nx.pagerank(graph, alpha=damping, tol=1e-16, max_iter=10000)
        yield {"nodes": n, "edges": [list(e) for e in graph.edges], "damping": damping, "rank": [rank[i] for i in range(n)]}


def karate():
    graph = nx.karate_club_graph()
    for _, _, edge in graph.edges(data=True):
        edge.pop("weight", None)
    tight = nx.pagerank(graph, tol=1e-16, max_iter=10000)
    default = nx.pagerank(graph)
    a = nx.to_numpy_array(graph)
    p = a / a.sum(axis=1, keepdims=True)
    google = 0.85 * p + 0.15 / 34
    return {
        "rank": [tight[i] for i in range(34)],
        "defaultError": sum(abs(default[i] - tight[i]) for i in range(34)),
        "secondOfGoogle": np.sort(abs(np.linalg.eigvals(google)))[-2],
        "stationary": left_vector(p),
    }


def effective_sizes():
    """Vehtari et al. 2021, equations (3.1) and (3.2), with autocovariances by the fast Fourier transform."""
    for m, n, phi in ((1, 40, 0.5), (2, 101, 0.9), (3, 64, -0.6), (4, 200, 0.3)):
        x = np.zeros((m, n))
        for t in range(1, n):
            x[:, t] = phi * x[:, t - 1] + rng.standard_normal(m)
        half = n // 2
        y = np.concatenate([x[:, :half], x[:, -half:]])
        within = y.var(axis=1, ddof=1).mean()
        pooled = (half - 1) / half * within + y.mean(axis=1).var(ddof=1)
        z = y - y.mean(axis=1, keepdims=True)
        spectrum = np.fft.rfft(z, 2 * half)
        covariance = np.fft.irfft(abs(spectrum) ** 2)[:, :half] / half
        rho = 1 - (within - covariance.mean(axis=0)) / pooled
        rho[0] = 1
        pairs = rho[: half // 2 * 2].reshape(-1, 2).sum(axis=1)
        stop = np.flatnonzero(pairs <= 0)
        pairs = np.minimum.accumulate(pairs[: stop[0] if len(stop) else None])
        tau = max(2 * pairs.sum() - 1, 1 / np.log10(y.size))
        yield {"chains": x, "size": y.size / tau, "rhat": np.sqrt(pooled / within)}


def conventions():
    p = np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.0, 0.3, 0.7]])
    values, right = np.linalg.eig(p)
    vector = right[:, np.argmin(abs(values - 1))].real
    dangling = nx.pagerank(nx.DiGraph([(0, 1)]), tol=1e-16, max_iter=1000)
    try:
        nx.pagerank(nx.DiGraph([(0, 1), (1, 2), (2, 0), (0, 2)]), tol=1e-16, max_iter=3)
        failure = "none"
    except Exception as error:  # noqa: BLE001
        failure = type(error).__name__
    return {
        "rightVectorIsConstant": np.ptp(vector) < 1e-12,
        "rightVectorNorm": np.linalg.norm(vector),
        "danglingRank": [dangling[0], dangling[1]],
        "failure": failure,
    }


emit(
    ["numpy", "scipy", "networkx"],
    chains=list(chains()),
    nearlyDecoupled=list(nearly_decoupled()),
    classifications=list(classifications()),
    absorptions=list(absorptions()),
    hitting=list(hitting()),
    fits=list(fits()),
    weather=weather(),
    pageRanks=list(page_ranks()),
    karate=karate(),
    effectiveSizes=list(effective_sizes()),
    conventions=conventions(),
    rareEnds=list(rare_ends()),
    metropolis=list(metropolis()),
)

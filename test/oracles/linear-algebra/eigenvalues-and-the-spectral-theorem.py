"""Eigenvalues, projectors, matrix functions and a graph by NumPy, SciPy and NetworkX."""

import networkx as nx
import numpy as np
import scipy.linalg as la
from oracle import emit
from scipy.sparse.linalg import eigsh

rng = np.random.default_rng(20263)


def formula(n):
    """A symmetric matrix that both sides can make from integers."""
    i, j = np.indices((n, n))
    return ((7 * (i * i + j * j) + 13 * i * j + i + j) % 211) / 211 - 0.5


def symmetric():
    for n in (1, 2, 3, 5, 8, 13, 37):
        x = rng.standard_normal((n, n)) * 10.0 ** rng.integers(-3, 4)
        a = x + x.T
        values, vectors = np.linalg.eigh(a)
        half = vectors[:, : (n + 1) // 2]  # the projector on the lower half of the spectrum has no sign and no order
        yield {"a": a, "values": values, "projector": half @ half.T}


def large():
    for n in (60, 100):
        yield {"n": n, "values": np.linalg.eigh(formula(n))[0]}


def general():
    for n in (1, 2, 3, 4, 6, 9, 20):
        a = rng.standard_normal((n, n))
        values = np.linalg.eigvals(a)
        values = values[np.lexsort((-values.imag, -values.real, -np.abs(values).round(9)))]
        yield {"a": a, "real": values.real, "imaginary": values.imag}


def functions():
    for n in (1, 3, 7):
        x = rng.standard_normal((n, n + 2))
        a = x @ x.T
        yield {"a": a, "sqrt": la.sqrtm(a).real, "exp": la.expm(a / 4)}


def lanczos():
    a = formula(60)
    return {"largest": np.sort(eigsh(a, 4, which="LA")[0]), "smallest": np.sort(eigsh(a, 3, which="SA")[0])}


def karate():
    g = nx.karate_club_graph()
    laplacian = nx.laplacian_matrix(g, weight=None).toarray().astype(float)
    values, vectors = np.linalg.eigh(laplacian)
    v = vectors[:, 1] * np.sign(vectors[0, 1])
    same = [(v[i] > 0) == (g.nodes[i]["club"] == "Mr. Hi") for i in range(34)]
    return {"values": values, "fiedler": v, "exceptions": [i + 1 for i in range(34) if not same[i]]}


def growth():
    a = np.array([[0.9, 1.0], [0.0, 0.9]])
    return [np.linalg.norm(np.linalg.matrix_power(a, k), 2) for k in range(1, 41)]


def polynomial_error():
    """How far numpy.roots ends from 1 … 20, from exact coefficients rounded to float64; rounded to one digit."""
    coefficients = [1]
    for root in range(1, 21):
        coefficients = [c - root * d for c, d in zip([*coefficients, 0], [0, *coefficients])]
    found = np.sort(np.roots(np.array(coefficients, dtype=float)).real)
    return float(f"{np.max(np.abs(found - np.arange(1, 21))):.0e}")


def conventions():
    a = np.array([[1.0, 9.0], [2.0, 1.0]])
    return {
        "numpyLower": np.linalg.eigh(a)[0],
        "scipyLower": la.eigh(a)[0],
        "numpyAscending": np.linalg.eigh(np.diag([3.0, -1.0, 2.0]))[0],
        "numpyGeneral": np.linalg.eig(np.diag([2.0, -3.0, 1.0]))[0],
        "scipyGeneral": la.eig(np.diag([2.0, -3.0, 1.0]))[0].real,
    }


emit(
    ["numpy", "scipy", "networkx"],
    symmetric=list(symmetric()),
    large=list(large()),
    general=list(general()),
    functions=list(functions()),
    lanczos=lanczos(),
    karate=karate(),
    growth=growth(),
    polynomialError=polynomial_error(),
    conventions=conventions(),
)

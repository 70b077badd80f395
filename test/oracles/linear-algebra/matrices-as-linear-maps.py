"""Products, QR, least squares, the four subspaces, leverages and changes of basis by NumPy and SciPy."""

import numpy as np
import scipy.linalg as la
from oracle import emit, load

rng = np.random.default_rng(20261)


def of_rank(m, n, rank):
    return rng.standard_normal((m, rank)) @ rng.standard_normal((rank, n))


def products():
    for m, k, n in [(1, 1, 1), (2, 3, 4), (5, 3, 7), (4, 1, 6), (1, 9, 2), (33, 17, 20)]:
        a, b, x = rng.standard_normal((m, k)), rng.standard_normal((k, n)), rng.standard_normal(k)
        yield {"a": a, "b": b, "x": x, "ab": a @ b, "ax": a @ x}


def qr_factorisations():
    """Signs are free: here every r_ii is positive, which makes both factors unique."""
    for m, n in [(6, 4), (5, 5), (4, 7), (7, 1), (1, 3)]:
        a = rng.standard_normal((m, n))
        q, r = np.linalg.qr(a)
        sign = np.sign(np.diag(r))
        scipy_r = la.qr(a, mode="r")[0][: len(sign)]
        yield {"a": a, "q": q * sign, "r": sign[:, None] * r, "numpySigns": sign, "scipySigns": np.sign(np.diag(scipy_r))}


def pivoted_qr():
    for m, n, rank in [(6, 4, 4), (5, 8, 5), (7, 5, 3)]:
        a = of_rank(m, n, rank)
        r, permutation = la.qr(a, mode="r", pivoting=True)
        size = np.abs(np.diag(r))
        # Beyond the rank the order of the columns is decided by rounding.
        yield {"a": a, "rank": rank, "permutation": permutation[:rank], "sizeOfDiagonal": np.where(size > 1e-12, size, 0)}


def least_squares():
    """rcond as in the demo's tolerance: rank-deficient and wide systems have the solution of least norm."""
    for m, n, rank in [(8, 3, 3), (5, 5, 5), (3, 6, 3), (7, 5, 3), (4, 9, 2)]:
        a, b = of_rank(m, n, rank), rng.standard_normal(m)
        solution, _, found, _ = np.linalg.lstsq(a, b, rcond=None)
        yield {"a": a, "b": b, "solution": solution, "residual": b - a @ solution, "rank": found}


def subspaces():
    for m, n, rank in [(5, 3, 3), (3, 5, 3), (4, 4, 4), (6, 4, 2), (4, 7, 1), (8, 5, 4)]:
        a = of_rank(m, n, rank)
        bases = {
            "columnSpace": la.orth(a),
            "rowSpace": la.orth(a.T),
            "nullSpace": la.null_space(a),
            "leftNullSpace": la.null_space(a.T),
        }
        projectors = {f"{name}Projector": basis @ basis.T for name, basis in bases.items()}
        yield {"a": a, "rank": np.linalg.matrix_rank(a), **projectors}


def linear_functions():
    p = rng.standard_normal(6)
    x, kernel = rng.standard_normal(9), rng.standard_normal(3)
    z = rng.standard_normal(7) + 1j * rng.standard_normal(7)
    fourier = np.fft.fft(z)
    return {
        "differentiation": {"coefficientsAscending": p, "derivativeAscending": np.polynomial.polynomial.polyder(p)},
        "zeroPaddedConvolution": {"x": x, "kernel": kernel, "same": np.convolve(x, kernel, "same")},
        "discreteFourierTransform": {"re": z.real, "im": z.imag, "reOut": fourier.real, "imOut": fourier.imag},
    }


def leverages():
    """Diagonal of the projector onto the columns of [1, x], here from singular vectors of the standardised design."""
    x, _ = load("diabetes")
    u = la.orth(np.column_stack([np.ones(len(x)), (x - x.mean(0)) / x.std(0)]))
    leverage = (u**2).sum(1)
    return {"data": "diabetes", "leverage": leverage, "trace": leverage.sum(), "mean": leverage.mean(), "largest": leverage.max()}


def changes_of_basis():
    for a, basis in [
        (np.diag([2.0, 1.0]), np.array([[1.0, 5.0], [0.0, 1.0]])),
        (rng.standard_normal((5, 5)), rng.standard_normal((5, 5)) + 3 * np.eye(5)),
    ]:
        b = np.linalg.solve(basis, a @ basis)
        yield {
            "a": a,
            "basis": basis,
            "inBasis": b,
            "trace": np.trace(b),
            "determinant": np.linalg.det(b),
            "singularValues": np.linalg.svd(b, compute_uv=False),
            "singularValuesOfA": np.linalg.svd(a, compute_uv=False),
        }


def rotations():
    x = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    y = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    return {"aboutX": x, "aboutY": y, "xThenY": y @ x, "yThenX": x @ y, "frobeniusDifference": np.linalg.norm(y @ x - x @ y)}


def hilbert():
    """The inverse is exact (integers), so that the condition number is right to all digits; rank counts s > n·eps·s[0]."""
    result = {}
    for n in (3, 6, 10):
        result[f"conditionNumber{n}"] = np.linalg.norm(la.hilbert(n), 2) * np.linalg.norm(la.invhilbert(n), 2)
    for n in (10, 12, 20):
        result[f"numericalRank{n}"] = np.linalg.matrix_rank(la.hilbert(n), hermitian=False)
    return result


# A first column with nothing below its head, one with a head of 0, and a single last entry.
SPECIAL = [[[5, 1], [0, 3], [0, 4]], [[0, 1], [4, 2], [0, 2]], [[3, 1], [4, 2]]]


def conventions():
    """Sizes of Q by default, on which side of max(m, n)·eps·s[0] a singular value counts, and the signs of special columns."""
    a = rng.standard_normal((5, 3))
    threshold = 3 * np.finfo(float).eps * 8
    at, above = ([[8, 0], [0, s], [0, 0]] for s in (threshold, 1.01 * threshold))
    return {
        "a": a,
        "numpyQ": np.linalg.qr(a)[0].shape,
        "scipyQ": la.qr(a)[0].shape,
        "threshold": threshold,
        "numpyRanks": [np.linalg.matrix_rank(at), np.linalg.matrix_rank(above)],
        "numpyDiagonals": [np.diag(np.linalg.qr(np.array(x, dtype=float))[1]) for x in SPECIAL],
        "scipyDiagonals": [np.diag(la.qr(np.array(x, dtype=float))[1]) for x in SPECIAL],
        "scipyNullities": [la.null_space(at).shape[1], la.null_space(above).shape[1]],
    }


emit(
    ["numpy", "scipy"],
    products=list(products()),
    qr=list(qr_factorisations()),
    pivotedQr=list(pivoted_qr()),
    leastSquares=list(least_squares()),
    subspaces=list(subspaces()),
    linearFunctions=linear_functions(),
    leverages=leverages(),
    changesOfBasis=list(changes_of_basis()),
    rotations=rotations(),
    hilbert=hilbert(),
    conventions=conventions(),
)

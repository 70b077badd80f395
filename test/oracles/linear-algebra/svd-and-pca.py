"""
Singular values, projectors, low-rank errors and pseudo-inverses by NumPy; singular values of badly scaled matrices by
mpmath; PCA and randomised SVD by scikit-learn; what NumPy, SciPy, PyTorch and scikit-learn do unless told otherwise.
"""

import mpmath
import numpy as np
import scipy.linalg
import torch
from oracle import emit, load, photograph
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from sklearn.utils.extmath import randomized_svd

rng = np.random.default_rng(20262)


def of_rank(m, n, rank):
    return rng.standard_normal((m, rank)) @ rng.standard_normal((rank, n))


def orthogonal(n):
    return np.linalg.qr(rng.standard_normal((n, n)))[0]


def matrices():
    yield "tall", rng.standard_normal((6, 4))
    yield "wide", rng.standard_normal((4, 7))
    yield "square", rng.standard_normal((5, 5))
    yield "row", rng.standard_normal((1, 4))
    yield "column", rng.standard_normal((5, 1))
    yield "rank 3 of 5", of_rank(6, 5, 3)
    yield "rank 2 of 4", of_rank(4, 8, 2)
    yield "repeated singular values", orthogonal(6)[:, :4] @ np.diag([3.0, 2.0, 2.0, 0.5]) @ orthogonal(4)
    yield "zero", np.zeros((3, 2))
    yield "graded", orthogonal(7)[:, :4] @ np.diag([1.0, 1e-3, 1e-6, 1e-9]) @ orthogonal(4)


def decompositions():
    """Vectors are free up to sign, and rotate where singular values are equal: projectors onto the first r are not."""
    for name, a in matrices():
        u, s, vt = np.linalg.svd(a, full_matrices=False)
        r = int(np.linalg.matrix_rank(a))
        best = (u[:, :1] * s[:1]) @ vt[:1]
        yield {
            "name": name,
            "a": a,
            "s": s,
            "rank": r,
            "leftProjector": u[:, :r] @ u[:, :r].T,
            "rightProjector": vt[:r].T @ vt[:r],
            "rankOneApproximation": best,
            "rankOneSpectralError": np.linalg.norm(a - best, 2),
            "rankOneFrobeniusError": np.linalg.norm(a - best),
        }


def badly_scaled():
    """Columns of very different length, in no order; 120 digits see all singular values."""
    columns = np.array([1e-30, 1.0, 1e-20, 1e-10])
    for seed in range(5):
        a = np.random.default_rng(seed).standard_normal((9, 4)) * columns
        with mpmath.workdps(120):
            s = sorted((float(sigma) for sigma in mpmath.svd_r(mpmath.matrix(a.tolist()), compute_uv=False)), reverse=True)
        yield {"a": a, "s": s}


def pseudo_inverses():
    for m, n, rank in [(5, 3, 3), (3, 6, 3), (6, 5, 2), (4, 4, 4)]:
        a = of_rank(m, n, rank)
        yield {"a": a, "rcond": 1e-12, "pseudoInverse": np.linalg.pinv(a, rcond=1e-12)}
    a = np.diag([4.0, 2.0, 1e-3])
    yield {"a": a, "rcond": 1e-2, "pseudoInverse": np.linalg.pinv(a, rcond=1e-2)}


def condition_numbers():
    for m, n in [(4, 4), (7, 3), (3, 7)]:
        a = rng.standard_normal((m, n))
        yield {"a": a, "conditionNumber": np.linalg.cond(a)}


def principal_components(name, scale=False, components=None):
    """Signs as in scikit-learn ≥ 1.5: the entry of largest size in each component is positive. Five rows of the scores."""
    x, _ = load(name)
    if scale:
        x = StandardScaler().fit_transform(x)  # by the standard deviation with n in the denominator
    model = PCA(n_components=components, svd_solver="full").fit(x)
    whitened = PCA(n_components=components, svd_solver="full", whiten=True).fit(x)
    return {
        "data": name,
        "standardised": scale,
        "mean": model.mean_,
        "components": model.components_,
        "explainedVariance": model.explained_variance_,
        "explainedVarianceRatio": model.explained_variance_ratio_,
        "singularValues": model.singular_values_,
        "firstScores": model.transform(x[:5]),
        "firstWhitenedScores": whitened.transform(x[:5]),
        "firstReconstructed": model.inverse_transform(model.transform(x[:5])),
    }


def cosine(a, b):
    return abs(a @ b) / np.linalg.norm(a) / np.linalg.norm(b)


def uncentred_iris():
    x, _ = load("iris")
    first = np.linalg.svd(x)[2][0]
    return {"cosineWithMean": cosine(first, x.mean(0)), "cosineWithFirstComponent": cosine(first, PCA(1).fit(x).components_[0])}


def digits():
    x, _ = load("digits")
    model = PCA(svd_solver="full").fit(x)
    share = np.cumsum(model.explained_variance_ratio_)
    constant = np.ptp(x, axis=0) == 0
    standardised = StandardScaler().fit_transform(x[:1700, np.ptp(x[:1700], axis=0) > 0])
    n, d = standardised.shape
    variances = np.linalg.svd(standardised, compute_uv=False) ** 2 / n
    above = int((variances > (1 + np.sqrt(d / n)) ** 2).sum())
    reconstruction = {}
    for k in (1, 5, 13, 40):
        part = PCA(k, svd_solver="full").fit(x)
        reconstruction[str(k)] = ((x - part.inverse_transform(part.transform(x))) ** 2).sum(1).mean()
    return {
        "rank": np.linalg.matrix_rank(x - x.mean(0)),
        "constantPixels": np.flatnonzero(constant),
        "aboveTheEdge": above,
        "edgeOfTheRest": variances[above:].mean() * (1 + np.sqrt((d - above) / n)) ** 2,
        "largestWhiteningRatio": model.singular_values_[0] / model.singular_values_[60],
        "componentsFor": {str(part): int(np.argmax(share > part)) + 1 for part in (0.80, 0.90, 0.95, 0.99)},
        "meanSquaredReconstructionError": reconstruction,
    }


def randomised(power_iterations, k=10, oversampling=10, seeds=20):
    """Frobenius error of the rank-k result, and of the whole basis Q, over the best possible error of rank k."""
    x, _ = load("digits")
    a = x - x.mean(0)
    optimal = np.sqrt((np.linalg.svd(a, compute_uv=False)[k:] ** 2).sum())
    rank_k, basis = [], []
    for seed in range(seeds):
        options = {"n_oversamples": oversampling, "n_iter": power_iterations, "random_state": seed, "power_iteration_normalizer": "QR"}
        u, s, vt = randomized_svd(a, k, **options)
        rank_k.append(np.linalg.norm(a - (u * s) @ vt) / optimal)
        # With n_components = k + p and no oversampling the same Gaussian block is drawn, and U spans all of Q.
        u, s, vt = randomized_svd(a, k + oversampling, **{**options, "n_oversamples": 0})
        basis.append(np.linalg.norm(a - u @ (u.T @ a)) / optimal)
    return {
        "k": k,
        "oversampling": oversampling,
        "powerIterations": power_iterations,
        "seeds": seeds,
        "optimalError": optimal,
        "errorRatio": {"mean": np.mean(rank_k), "smallest": np.min(rank_k), "largest": np.max(rank_k)},
        "basisErrorRatioMean": np.mean(basis),
    }


def noise():
    m, n = 1000, 200
    largest = [np.linalg.norm(np.random.default_rng(seed).standard_normal((m, n)), 2) ** 2 / m for seed in range(20)]
    return {"rows": m, "columns": n, "edge": (1 + np.sqrt(n / m)) ** 2, "largestEigenvalues": largest}


def grey_photograph():
    a = photograph("grey-photograph")
    s = np.linalg.svd(a, compute_uv=False)
    tail = np.sqrt(np.cumsum(s[::-1] ** 2)[::-1])
    error = np.append(tail[1:], 0) / np.linalg.norm(s)
    return {"data": "grey-photograph", "shape": a.shape, "s": s, "rankForOnePercentError": int(np.argmax(error <= 0.01)) + 1}


def cutoff(is_zero):
    """The largest ratio of a 5×3 matrix' second singular value to its first that still counts as zero, by bisection."""
    low, high = 1e-17, 1e-13
    for _ in range(60):
        ratio = np.sqrt(low * high)
        a = np.zeros((5, 3))
        a[0, 0], a[1, 1] = 1, ratio
        low, high = (ratio, high) if is_zero(a) else (low, ratio)
    return low


def power_steps():
    """The default numbers of power steps: the number that gives the same bits."""
    a = np.random.default_rng(1).standard_normal((50, 40))

    def of(k):
        options = {"n_components": k, "random_state": 0}
        default = randomized_svd(a, **options)[1]
        return next(q for q in range(20) if np.array_equal(randomized_svd(a, n_iter=q, **options)[1], default))

    def lowrank(**options):
        torch.manual_seed(0)
        return torch.svd_lowrank(torch.from_numpy(a), **options)[1]

    return {
        "randomized_svd, k = 3 of 40": of(3),
        "randomized_svd, k = 4 of 40": of(4),
        "torch.svd_lowrank": next(q for q in range(20) if torch.equal(lowrank(niter=q), lowrank())),
    }


def conventions():
    a = np.random.default_rng(0).standard_normal((5, 3))
    functions = {
        "numpy.linalg.svd": lambda: np.linalg.svd(a),
        "scipy.linalg.svd": lambda: scipy.linalg.svd(a),
        "torch.linalg.svd": lambda: [part.numpy() for part in torch.linalg.svd(torch.from_numpy(a))],
        "torch.svd": lambda: [part.numpy() for part in torch.svd(torch.from_numpy(a))],
    }
    returned = {}
    for name, function in functions.items():
        u, s, third = function()
        transposed = bool(np.allclose((u[:, :3] * s) @ third, a))
        assert transposed or np.allclose((u[:, :3] * s) @ third.T, a)
        returned[name] = {"columnsOfU": u.shape[1], "third": "vt" if transposed else "v"}
    scaler = StandardScaler().fit(np.array([[1.0, 7.0], [2.0, 7.0], [4.0, 7.0]]))
    return {
        "svd": returned,
        "cutoff": {
            "numpy.linalg.matrix_rank": cutoff(lambda a: np.linalg.matrix_rank(a) == 1),
            "numpy.linalg.pinv": cutoff(lambda a: np.linalg.pinv(a)[1, 1] == 0),
            "scipy.linalg.pinv": cutoff(lambda a: scipy.linalg.pinv(a)[1, 1] == 0),
        },
        "deviationOf124": {
            "StandardScaler": scaler.scale_[0],
            "numpy.std": np.std([1, 2, 4]),
            "torch.std": torch.std(torch.tensor([1, 2, 4], dtype=torch.float64)).item(),
        },
        "standardScalerOfConstant": scaler.scale_[1],
        "powerSteps": power_steps(),
    }


emit(
    ["numpy", "scipy", "scikit-learn", "torch", "mpmath"],
    svd=list(decompositions()),
    badlyScaled=list(badly_scaled()),
    pseudoInverse=list(pseudo_inverses()),
    conditionNumber=list(condition_numbers()),
    pca=[
        principal_components("iris"),
        principal_components("wine"),
        principal_components("wine", scale=True),
        principal_components("digits", components=10),
    ],
    uncentredIris=uncentred_iris(),
    digits=digits(),
    randomizedSvd=[randomised(0), randomised(2)],
    noise=noise(),
    photograph=grey_photograph(),
    conventions=conventions(),
)

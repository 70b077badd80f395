"""Lloyd's algorithm from given centroids, silhouettes and Rand indices by scikit-learn; small optima by exhaustive search."""

import itertools

import numpy as np
from oracle import emit, load
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.metrics import adjusted_rand_score, silhouette_samples

rng = np.random.default_rng(20263)

BLOBS = np.concatenate([rng.normal(centre, spread, (size, 3)) for centre, spread, size in [
    ((0, 0, 0), 1.0, 30), ((6, 0, 1), 0.5, 20), ((0, 7, -2), 1.5, 25), ((5, 6, 4), 0.8, 15)
]])
POINTS = {"iris": load("iris")[0], "digits": load("digits")[0], "blobs": BLOBS}


def lloyd(data, rows):
    """Until no label changes, from the points in these rows. Iterations count scikit-learn's, the last one without change."""
    x = POINTS[data]
    model = KMeans(len(rows), init=x[list(rows)], n_init=1, tol=0, algorithm="lloyd", max_iter=1000).fit(x)
    return {
        "data": data,
        "initRows": rows,
        "centroids": model.cluster_centers_,
        "labels": model.labels_,
        "inertia": model.inertia_,
        "iterations": model.n_iter_,
    }


def runs():
    yield lloyd("iris", [0, 50])
    yield lloyd("iris", [0, 50, 100])
    yield lloyd("iris", [7, 3, 41])  # three setosa: ends elsewhere
    yield lloyd("iris", [118, 60, 12, 77, 140])
    yield lloyd("digits", list(range(10)))
    yield lloyd("digits", [900, 17, 333, 1500, 64, 1201, 720])
    yield lloyd("blobs", [0, 1, 2, 3])
    yield lloyd("blobs", [5, 35, 60, 80])
    yield lloyd("blobs", [89])


def stopped_early():
    """With a coarse tolerance: the labels are assigned once more to the last centroids."""
    rows, tol = [900, 17, 333, 1500, 64, 1201, 720], 0.02
    model = KMeans(len(rows), init=POINTS["digits"][rows], n_init=1, tol=tol).fit(POINTS["digits"])
    return {"initRows": rows, "tol": tol, "labels": model.labels_, "inertia": model.inertia_, "iterations": model.n_iter_}


class Recorder(np.random.RandomState):
    """Notes how many numbers each call of uniform draws."""

    def uniform(self, *args, **kwargs):
        self.sizes = [*getattr(self, "sizes", []), kwargs.get("size")]
        return super().uniform(*args, **kwargs)


def plus_plus_trials():
    """Rows drawn for each further centroid of k-means++, by default."""
    for k in [2, 7, 8, 20]:
        recorder = Recorder(0)
        kmeans_plusplus(POINTS["iris"], k, random_state=recorder)
        (trials,) = set(recorder.sizes)
        yield {"k": k, "trials": trials}


def starts_with_plus_plus():
    """How many starts n_init = 'auto' makes."""
    model = KMeans(3).fit(POINTS["iris"])
    return model._n_init


def empty_cluster():
    """Two of the four centroids start so far away that they get no point: each is given the farthest one."""
    init = np.array([[0.0, 0, 0], [6, 0, 1], [90, 90, 90], [-90, 90, 0]])
    model = KMeans(4, init=init, n_init=1, tol=0, max_iter=1000).fit(BLOBS)
    return {"init": init, "labels": model.labels_, "inertia": model.inertia_, "iterations": model.n_iter_}


def iris_optima():
    """The best of 100 k-means++ starts: the optimum as far as anybody knows, and the eigenvalue bound below it."""
    x = POINTS["iris"]
    eigenvalues = np.linalg.svd(x - x.mean(0), compute_uv=False) ** 2
    for k in range(1, 7):
        model = KMeans(k, n_init=100, tol=0, random_state=0).fit(x)
        yield {"k": k, "inertia": model.inertia_, "lowerBound": eigenvalues[k - 1 :].sum()}


def random_start_inertias():
    """Where Lloyd ends on iris with k = 3 from 200 random triples of rows, rounded: the local minima and how often each."""
    x, ends = POINTS["iris"], {}
    for seed in range(200):
        init = x[np.random.default_rng(seed).choice(len(x), 3, replace=False)]
        inertia = KMeans(3, init=init, n_init=1, tol=0).fit(x).inertia_
        ends[f"{inertia:.3f}"] = ends.get(f"{inertia:.3f}", 0) + 1
    return ends


def silhouettes():
    for run in [lloyd("iris", [0, 50]), lloyd("iris", [0, 50, 100]), lloyd("blobs", [5, 35, 60, 80])]:
        samples = silhouette_samples(POINTS[run["data"]], run["labels"])
        yield {"data": run["data"], "labels": run["labels"], "samples": samples, "mean": samples.mean()}
    x = rng.standard_normal((9, 2))
    labels = np.array([0, 0, 1, 1, 1, 1, 2, 1, 0])  # the third cluster is a single point: its silhouette is 0
    yield {"points": x, "labels": labels, "samples": silhouette_samples(x, labels), "mean": silhouette_samples(x, labels).mean()}


def rand_indices():
    species = load("iris")[1]
    pairs = [
        (species, lloyd("iris", [0, 50, 100])["labels"]),
        (species, lloyd("iris", [0, 50])["labels"]),
        (rng.integers(0, 4, 40), rng.integers(0, 3, 40)),
        (np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0])),
        (np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])),
        (np.array([0, 0, 1, 2]), np.array([0, 0, 1, 1])),
        (np.array([0, 0, 0, 0]), np.array([0, 1, 2, 3])),
        (np.array([0, 0, 0]), np.array([2, 2, 2])),
    ]
    return [{"a": a, "b": b, "adjustedRandIndex": adjusted_rand_score(a, b)} for a, b in pairs]


def spread(x):
    return ((x - x.mean(0)) ** 2).sum()


def optimal_on_a_line():
    """Every way to cut the sorted numbers into k runs."""
    for n, k in [(7, 3), (12, 4), (10, 1), (6, 6), (13, 2)]:
        x = np.round(rng.normal(0, 5, n), 3)
        runs = (np.split(np.sort(x), cuts) for cuts in itertools.combinations(range(1, n), k - 1))
        best = min(runs, key=lambda parts: sum(map(spread, parts)))
        yield {"x": x, "k": k, "inertia": sum(map(spread, best)), "centroids": [part.mean() for part in best]}


def optimal_in_space():
    """Every way to label n points with k labels."""
    for n, d, k in [(8, 2, 3), (9, 3, 2)]:
        x = rng.standard_normal((n, d))
        labellings = (np.array(labels) for labels in itertools.product(range(k), repeat=n) if len(set(labels)) == k)
        yield {"points": x, "k": k, "inertia": min(sum(spread(x[labels == c]) for c in range(k)) for labels in labellings)}


emit(
    ["numpy", "scikit-learn"],
    blobs=BLOBS,
    lloyd=list(runs()),
    stoppedEarly=stopped_early(),
    defaults={name: KMeans().get_params()[name] for name in ["n_init", "tol", "max_iter", "algorithm"]},
    plusPlusTrials=list(plus_plus_trials()),
    startsWithPlusPlus=starts_with_plus_plus(),
    emptyCluster=empty_cluster(),
    irisOptima=list(iris_optima()),
    irisRandomStartInertias=random_start_inertias(),
    silhouettes=list(silhouettes()),
    adjustedRandIndex=rand_indices(),
    optimal1d=list(optimal_on_a_line()),
    optimalExhaustive=list(optimal_in_space()),
)

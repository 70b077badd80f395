"""Trees, pruning paths and importances by scikit-learn, where no two splits tie; impurities of distributions by SciPy."""

import numpy as np
from oracle import emit, load
from scipy.stats import entropy
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

rng = np.random.default_rng(20261)


def float32(x):
    """Numbers that scikit-learn, which stores X in float32, does not round."""
    return x.astype(np.float32).astype(float)


X = float32(rng.standard_normal((160, 5)))
NUMBERS = np.round(3 * X[:, 0] + X[:, 1] * X[:, 2] + rng.standard_normal(160), 6)
CLASSES = np.digitize(X[:, 0] + X[:, 3] ** 2 + 0.5 * rng.standard_normal(160), [0.2, 1.4])
WEIGHTS = np.round(rng.uniform(0, 3, 160), 3) * (rng.random(160) < 0.9)
FRESH = float32(rng.standard_normal((40, 5)))


def arrays(tree):
    return {
        "feature": tree.feature,
        "threshold": tree.threshold,
        "childrenLeft": tree.children_left,
        "childrenRight": tree.children_right,
        "impurity": tree.impurity,
        "nNodeSamples": tree.n_node_samples,
        "weightedNNodeSamples": tree.weighted_n_node_samples,
        "value": tree.value[:, 0, :],
    }


def fitted(Model, y, weighted=False, **options):
    """The tree, its predictions and its pruning path; the same for every random order of the features, so that nothing ties."""
    weight = WEIGHTS if weighted else None
    models = [Model(random_state=seed, **options).fit(X, y, weight) for seed in range(5)]
    for model in models[1:]:
        for name, values in arrays(model.tree_).items():
            np.testing.assert_allclose(values, arrays(models[0].tree_)[name], atol=1e-12, err_msg=f"{options}: {name}")
    model = models[0]
    path = Model(**options).cost_complexity_pruning_path(X, y, weight)
    pruned = Model(ccp_alpha=path.ccp_alphas[len(path.ccp_alphas) // 2] * 1.0001, **options).fit(X, y, weight)
    return {
        "options": {key: value for key, value in options.items()},
        "weighted": weighted,
        "tree": arrays(model.tree_),
        "predictions": model.predict(FRESH),
        "probabilities": model.predict_proba(FRESH) if Model is DecisionTreeClassifier else None,
        "apply": model.apply(FRESH),
        "importances": model.feature_importances_,
        "ccpAlphas": path.ccp_alphas,
        "impurities": path.impurities,
        "pruneAlpha": pruned.ccp_alpha,
        "prunedTree": arrays(pruned.tree_),
    }


def classifiers():
    for criterion in ["gini", "entropy"]:
        yield fitted(DecisionTreeClassifier, CLASSES, criterion=criterion, max_depth=4, min_samples_leaf=12)
        yield fitted(DecisionTreeClassifier, CLASSES, criterion=criterion, min_samples_split=60, min_samples_leaf=12)
        yield fitted(DecisionTreeClassifier, CLASSES, weighted=True, criterion=criterion, max_depth=3, min_samples_leaf=6)
        yield fitted(DecisionTreeClassifier, CLASSES, criterion=criterion, min_impurity_decrease=0.02, min_samples_leaf=9)


def regressors():
    for criterion in ["squared_error", "absolute_error"]:
        yield fitted(DecisionTreeRegressor, NUMBERS, criterion=criterion, max_depth=5, min_samples_leaf=7)
        if criterion == "squared_error":  # the other's impurities depend, with weights, on the order in which rows come
            yield fitted(DecisionTreeRegressor, NUMBERS, weighted=True, criterion=criterion, max_depth=4, min_samples_leaf=12)
        yield fitted(DecisionTreeRegressor, NUMBERS, criterion=criterion, min_impurity_decrease=0.05, min_samples_leaf=9)


def real():
    """Where splits tie the trees differ, the sizes of the tree too; the impurity of the first splits does not."""
    for name, Model, criterion in [
        ("iris", DecisionTreeClassifier, "gini"),
        ("wine", DecisionTreeClassifier, "entropy"),
        ("breast-cancer", DecisionTreeClassifier, "gini"),
        ("diabetes", DecisionTreeRegressor, "squared_error"),
    ]:
        x, y = load(name)
        model = Model(criterion=criterion, max_depth=2, random_state=0).fit(x, y)
        yield {
            "data": name,
            "criterion": criterion,
            "impurity": np.bincount(model.apply(x), minlength=model.tree_.node_count) @ model.tree_.impurity / len(x),
            "rootGain": model.tree_.impurity[0]
            - model.tree_.weighted_n_node_samples[1:][[0, model.tree_.children_right[0] - 1]]
            @ model.tree_.impurity[[1, model.tree_.children_right[0]]]
            / len(x),
        }


def distributions():
    for _ in range(6):
        counts = rng.integers(0, 9, 4)
        p = counts / counts.sum()
        yield {"counts": counts, "gini": 1 - (p**2).sum(), "entropy": entropy(p, base=2)}


def zero_gain():
    """XOR: a split without gain is made unless min_impurity_decrease asks for one."""
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 25), np.array([0, 1, 1, 0] * 25)
    return [
        DecisionTreeClassifier(min_impurity_decrease=least, random_state=0).fit(x, y).get_n_leaves() for least in [0, 1e-7]
    ]


def useless_splits_stay():
    """With ccp_alpha = 0 nothing is pruned: leaves after splits that bought nothing stay."""
    x, y = np.array([[0], [1], [0], [1]]), np.array([0, 0, 1, 1])
    return DecisionTreeClassifier(ccp_alpha=0, random_state=0).fit(x, y).get_n_leaves()


def conventions():
    """Equal gains are split at random, X is rounded to float32, and NaN goes to one side."""
    column = np.arange(4.0)[:, None]
    y = np.array([0, 0, 1, 1])
    twice = np.hstack([column, column])
    close = 1 + column * 1e-12
    missing = np.array([[0], [1], [np.nan], [np.nan]])
    return {
        "rootFeatures": sorted({int(DecisionTreeClassifier(random_state=k).fit(twice, y).tree_.feature[0]) for k in range(20)}),
        "leavesWithinFloat32": DecisionTreeClassifier(random_state=0).fit(close, y).get_n_leaves(),
        "missing": DecisionTreeClassifier(random_state=0).fit(missing, y).predict(missing),
    }


defaults = DecisionTreeClassifier().get_params()
emit(
    ["numpy", "scipy", "scikit-learn"],
    x=X,
    numbers=NUMBERS,
    classes=CLASSES,
    weights=WEIGHTS,
    fresh=FRESH,
    classifiers=list(classifiers()),
    regressors=list(regressors()),
    real=list(real()),
    distributions=list(distributions()),
    xorLeaves=zero_gain(),
    uselessSplitLeaves=useless_splits_stay(),
    conventions=conventions(),
    defaults={name: defaults[name] for name in ["criterion", "max_depth", "min_samples_split", "min_samples_leaf", "ccp_alpha"]},
)

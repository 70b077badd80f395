import numpy as np
import sklearn
from native import native, read, title
from sklearn.tree import DecisionTreeClassifier

n, d, max_depth = read("sizes", dtype=np.int32)
x, y = read("x", (n, d)), read("y", dtype=np.int32)
criterion = title.split(", ")[-1]


def fit():
    return DecisionTreeClassifier(criterion=criterion, max_depth=int(max_depth), random_state=0).fit(x, y)


def answer(model):
    tree = model.tree_
    nodes = [0, tree.children_left[0], tree.children_right[0]]
    return np.array([[tree.threshold[t], tree.impurity[t], tree.n_node_samples[t]] for t in nodes]).ravel()


native(f"scikit-learn {sklearn.__version__}", fit, answer)

import numpy as np
import sklearn
from native import native, read
from sklearn.metrics import precision_recall_curve

scores, y = read("scores"), read("y", dtype=np.int32)


def answer(result):
    precision, recall, _ = result
    return np.concatenate([precision[-2::-1], recall[-2::-1]])  # without the invented end, recall rising


native(f"scikit-learn {sklearn.__version__}", lambda: precision_recall_curve(y, scores), answer)

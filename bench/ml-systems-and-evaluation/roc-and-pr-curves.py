import numpy as np
import sklearn
from native import native, read, title
from sklearn.metrics import roc_auc_score, roc_curve

scores, y = read("scores"), read("y", dtype=np.int32)

if title.startswith("AUC"):
    native(f"scikit-learn {sklearn.__version__}", lambda: roc_auc_score(y, scores), lambda auc: np.array([auc]))
else:
    native(
        f"scikit-learn {sklearn.__version__}",
        lambda: roc_curve(y, scores, drop_intermediate=False),
        lambda curve: np.concatenate(curve[:2]),
    )

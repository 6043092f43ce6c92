"""The grid search that heads are tuned by, done plainly by scikit-learn."""

from sklearn.model_selection import GridSearchCV


def plain_search(head, X, y, **options):
    """Return the best score of a head's grid and the parameters that reached it."""
    step = head.estimator.steps[-1][0] + "__"
    grid = {step + name: values for name, values in head.grid.items()}
    found = GridSearchCV(head.estimator, grid, refit=False, **options).fit(X, y)
    return found.best_score_, {name.removeprefix(step): value for name, value in found.best_params_.items()}

"""What a learnt scorecard promises, held against a truth that is known."""

import numpy as np
import pytest
from scipy.special import expit

from risk.services.scorecards import Card, Scorecard

CARDS = [Card(f"indicator-{k}", (0,) * 6, 0, None, 0, (1, 2, 3, 4, 5)) for k in range(8)]


def world(rows: int, seed: int):
    """Eight indicators of which one says a little; the chance of a finding is known."""
    g = np.random.default_rng(seed)
    X = g.integers(0, 6, (rows, 8)).astype(float)
    truth = expit(-1.6 + 0.25 * (X[:, 0] - 2.5))
    return X, (g.random(rows) < truth).astype(float), truth


@pytest.mark.parametrize("seed", [7, 8])
def test_a_boosted_model_promises_what_new_sites_hold(seed):
    """From few results boosted steps learn noise by heart: their own rows are no measure."""
    X, y, _truth = world(400, seed)
    card = Scorecard(CARDS, "ebm", 1).fit(X, y)
    fresh, _y, truth = world(20_000, seed + 100)
    promised = card.predict(fresh)
    first = promised > np.quantile(promised, 0.9)
    assert promised[first].mean() == pytest.approx(truth[first].mean(), abs=0.06)
    assert np.abs(promised - truth).mean() < 0.055


def test_the_same_rows_give_the_same_curve():
    X, y, _truth = world(200, 3)
    knots = [Scorecard(CARDS, "ebm", 1).fit(X, y).knots(X) for _ in range(2)]
    assert knots[0] == knots[1]


def test_the_order_alone_is_learnt_once_and_is_the_same():
    """The curve takes five times as many parts; whoever waits hears of each."""
    X, y, _truth = world(200, 5)
    signs: list[str] = []
    whole = Scorecard(CARDS, "ebm", 1, alive=lambda: signs.append("whole")).fit(X, y)
    order = Scorecard(CARDS, "ebm", 1, curve=False, alive=lambda: signs.append("order")).fit(X, y)
    assert (signs.count("whole"), signs.count("order")) == (6, 1)
    assert order.score(X).tolist() == whole.score(X).tolist()
    assert len(set(order.score(X))) > 1
    with pytest.raises(ValueError, match="not fitted"):
        order.predict(X)


def test_one_finding_alone_is_no_reason_to_stop():
    """A window may begin with a single finding: then there is nothing to leave out."""
    X, y, _truth = world(60, 4)
    y[:] = 0
    y[5] = 1
    p = Scorecard(CARDS, "ebm", 1).fit(X, y).predict(X)
    assert ((p > 0) & (p < 1)).all()

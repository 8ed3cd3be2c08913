from seatrial.history.trends import sparkline, trends

LIMIT = {"comparison": "<", "limit": 2.0}


def test_a_trend_follows_one_figure(run):
    (trend,) = trends([run(1.0), run(None), run(3.0, objective=LIMIT), run(4.0, objective=LIMIT)])
    assert trend.values == (1.0, None, 3.0, 4.0)
    assert (trend.last, trend.median, trend.factor) == (4.0, 2.0, 2.0)
    assert (trend.comparison, trend.limit) == ("<", 2.0)


def test_what_nobody_judges_is_left_out_unless_asked_for(run):
    assert trends([run(1.0)]) == []
    (trend,) = trends([run(1.0)], judged_only=False)
    assert (trend.median, trend.factor, trend.limit) == (None, None, None)
    assert trends([]) == []


def test_another_unit_is_another_figure(run):
    (trend,) = trends([run(1.0, unit="bytes"), run(2.0)], judged_only=False)
    assert trend.values == (None, 2.0)


def test_a_sparkline_goes_from_low_to_high():
    assert sparkline([0, 1]) == "▁█"
    assert sparkline([None, 5, 5]) == " ▄▄"
    assert sparkline([None, None]) == "  "

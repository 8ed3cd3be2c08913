from seatrial.checks.listing import as_tables
from seatrial.settings.loading import load


def test_ids_stay_whole_without_a_terminal(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    settings = load()
    listed = as_tables(settings)
    assert [objective.id for objective in settings.objectives if objective.id not in listed] == []

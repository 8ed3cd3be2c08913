from seatrial.events import from_json
from seatrial.report.jsonl import EventLog
from seatrial.report.model import fold


def test_the_file_holds_the_stream_and_folds_to_the_same_report(script, tmp_path):
    path = tmp_path / "new" / "events.jsonl"
    log = EventLog(path)
    events = script(slow=60, failed_check="security")
    for count, event in enumerate(events, start=1):
        log.handle(event)
        assert len(path.read_text(encoding="utf-8").splitlines()) == count
    log.close()
    log.close()
    read = [from_json(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert read == events
    assert fold(read) == fold(events)

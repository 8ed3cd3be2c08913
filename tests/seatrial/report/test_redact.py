import pytest

from seatrial.events import LogLine
from seatrial.report.console import ConsoleReport, make_console
from seatrial.report.files import file_handlers
from seatrial.report.redact import REDACTED, EventStream, Redactor

PLANTED = "kx9-planted-secret/42"


@pytest.fixture
def redactor():
    return Redactor.from_environment({"SEATRIAL_TARGET_KEY": PLANTED, "HOME": "/root", "SHORT_KEY": "abc"})


@pytest.mark.parametrize(
    "text",
    [
        f"answered 401 to {PLANTED}",
        "GET http://h/?key=kx9-planted-secret%2F42",
        "postgresql://user:hunter2hunter2@db:5432/x",
        "Authorization: Bearer abcdef0123456789",
        '{"api_key": "abcdef0123456789"}',
        "password=hunter2hunter2",
        "db-AbCdEfGhIjKlMnOpQrStUvWxYz",
        "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_secrets_go(redactor, text):
    clean = redactor.text(text)
    assert REDACTED in clean
    for secret in (PLANTED, "kx9-planted", "hunter2", "abcdef0123456789", "AbCdEf", "abc\n"):
        assert secret not in clean


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8000/v1/about",
        "duckdb:///relative.db",
        "api key: refused with 401",
        "basic authentication is off",
        "token missing",
        "abc",
        "/root/credentials.json",
    ],
)
def test_evidence_stays(redactor, text):
    assert redactor.text(text) == text


def test_a_path_to_credentials_is_no_secret():
    redactor = Redactor.from_environment({"GOOGLE_APPLICATION_CREDENTIALS": "/path/to/key.json"})
    assert redactor.text("reads /path/to/key.json") == "reads /path/to/key.json"


def test_a_planted_secret_is_in_no_artefact(script, tmp_path, capsys, redactor):
    import sys

    console = ConsoleReport(make_console(sys.stdout), verbose=True)
    stream = EventStream([console, *file_handlers(tmp_path)], redactor)
    for event in script(secret=PLANTED, failed_check="security"):
        stream.handle(event)
    stream.close()
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) == 8
    for path in written:
        assert PLANTED not in path.read_text(encoding="utf-8"), path
    out = capsys.readouterr().out
    assert PLANTED not in out
    assert f"used key {REDACTED}" in out
    assert any(REDACTED in path.read_text(encoding="utf-8") for path in written)


def test_every_handler_is_closed_even_when_one_fails(script, redactor):
    class Broken:
        def handle(self, event):
            pass

        def close(self):
            raise OSError("disk full")

    class Counting:
        closed = 0

        def handle(self, event):
            pass

        def close(self):
            self.closed += 1

    last = Counting()
    with pytest.raises(ExceptionGroup, match="reports could not be finished"):
        EventStream([Broken(), last], redactor).close()
    assert last.closed == 1


def test_an_event_without_secrets_is_handed_on_as_it_is(script, redactor):
    for event in script():
        assert redactor.value(event) == event
    event = LogLine(ts=script()[0].ts, run_id="r", level="info", source="s", message=f"a {PLANTED} b")
    assert redactor.value(event).message == f"a {REDACTED} b"


def test_a_secret_learnt_during_the_run(redactor):
    redactor.add("issued-key-1")
    assert redactor.text("x issued-key-1 y") == f"x {REDACTED} y"

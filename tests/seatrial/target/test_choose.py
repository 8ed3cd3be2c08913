import pytest

from seatrial.errors import ConfigurationError
from seatrial.sabotage.saboteurs import NOOP
from seatrial.target.choose import choose_target, refuse_production
from seatrial.target.http import HttpTarget
from seatrial.target.protocol import foreign_symbols, has_capability


class Adapter:
    """An adapter of somebody's own."""

    lacks = frozenset({"books"})

    def __init__(self, depth=1):
        self.depth = depth
        self.symbols = ("ZSA",)


HERE = f"{__name__}:Adapter"


def test_an_address_is_reached_over_http_and_is_not_ours_to_kill():
    target = choose_target("http://127.0.0.1:1", key="k", options={"symbols": "AAPL, IBM"}, lacks=["books.risk"])
    assert isinstance(target, HttpTarget)
    assert target.symbols == ("AAPL", "IBM")
    assert target.lacks == {"control", "books.risk"}
    assert not has_capability(target, "control")
    assert not has_capability(target, "books.risk")
    assert has_capability(target, "books")


def test_an_adapter_gets_its_options_and_what_the_settings_say_it_lacks():
    target = choose_target(HERE, options={"depth": 3}, lacks=["control"])
    assert (target.depth, target.lacks) == (3, {"books", "control"})


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("no_such_module:X", {}, "no module 'no_such_module'"),
        ("json:NoSuchClass", {}, "has no 'NoSuchClass'"),
        (HERE, {"width": 2}, r"target\.options"),
        ("http://127.0.0.1:1", {"symbol": "AAPL"}, "'symbol' is not an option"),
        ("http://127.0.0.1:1", {"symbols": " , "}, "names no symbol"),
    ],
)
def test_what_cannot_be_made_is_a_configuration_error(kind, options, words):
    with pytest.raises(ConfigurationError, match=words):
        choose_target(kind, options=options)


def test_only_the_bundled_target_is_sabotaged_and_never_on_anybody_s_database():
    with pytest.raises(ConfigurationError, match="bundled"):
        choose_target("http://127.0.0.1:1", saboteur=NOOP)
    mine, sabotaged = (
        choose_target("bundled", database_url="duckdb:////tmp/mine.db", saboteur=saboteur) for saboteur in (None, NOOP)
    )
    assert mine.launch.database_url == "duckdb:////tmp/mine.db"
    assert "mine.db" not in sabotaged.launch.database_url
    # A target that is only made leaves nothing behind.
    assert not any(target.launch.folder.exists() for target in (mine, sabotaged))


@pytest.mark.parametrize(
    ("environment", "broker", "words"), [("staging", "live", "'live'"), ("production", "paper", "'production'")]
)
def test_production_is_refused(environment, broker, words):
    with pytest.raises(ConfigurationError, match=words):
        refuse_production(environment, broker, "theirs")


def test_a_paper_broker_outside_production_is_tried():
    for environment in ("development", "staging"):
        refuse_production(environment, "paper", "theirs")


def test_symbols_of_a_target_to_be_kept():
    target = HttpTarget("http://x", key=None, symbols=["AAPL", "ZSA"])
    assert foreign_symbols(target, disposable=False) == ("AAPL",)
    assert foreign_symbols(target, disposable=True) == ()

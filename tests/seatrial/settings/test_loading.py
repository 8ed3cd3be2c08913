from datetime import date

import pytest

from seatrial.errors import ConfigurationError
from seatrial.settings.loading import load
from seatrial.verdict.objective import Level

P95 = "stress_testing.concurrent_recommendations.response_time_p95"


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "seatrial.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("profile", ["quick", "standard", "full", "soak", "prove"])
def test_the_packaged_defaults_can_be_run_in_every_profile(profile):
    settings = load(profile=profile)
    assert list(settings.categories) == [
        "end_to_end_workflows",
        "stress_testing",
        "real_world_scenarios",
        "production_readiness",
    ]
    assert all(category.critical for category in settings.categories.values())
    assert list(settings.weights.values()) == [25, 25, 20, 15, 10, 20, 5]
    assert settings.leaks == (profile in ("full", "soak", "prove"))
    assert settings.target.kind == "bundled"
    assert settings.target.is_disposable


def test_an_objective_of_the_defaults():
    (found,) = load().objectives_for(P95)
    assert (str(found.comparison), found.limit, found.min_samples, found.level) == ("<", 2.0, 59, Level.REQUIRED)


def test_a_file_changes_one_key_and_keeps_the_rest(write):
    settings = load(write(f'[objectives."{P95}"]\nlimit = 1.5\n[weights]\nsecurity = 40\n'))
    (found,) = settings.objectives_for(P95)
    assert (found.limit, found.min_samples) == (1.5, 59)
    assert settings.weights["security"] == 40
    assert settings.weights["performance"] == 25


def test_two_objectives_may_read_one_figure():
    cpu = load().objectives_for("stress_testing.concurrent_recommendations.cpu_sustained")
    assert [(o.limit, str(o.level)) for o in cpu] == [(0.8, "required"), (0.7, "target")]


def test_an_objective_can_be_taken_away_or_left_out_of_a_profile(write):
    assert not load(write(f'[objectives."{P95}"]\nenabled = false\n')).objectives_for(P95)
    path = write(f'[objectives."{P95}"]\nprofiles = ["full"]\n')
    assert load(path).left_out == (P95,)
    assert load(path, profile="full").objectives_for(P95)


def test_a_category_of_ones_own(write):
    text = '[categories.compliance]\ntitle = "Compliance"\ndescription = "Rules"\nfile = "test_compliance.py"\ncritical = false\n'
    settings = load(write(text))
    assert list(settings.select([]))[-1] == "compliance"
    assert list(settings.select(["compliance", "stress_testing"])) == ["stress_testing", "compliance"]
    with pytest.raises(ConfigurationError, match="did you mean 'stress_testing'"):
        settings.select(["stress_test"])


def test_waivers(write):
    text = '[[waivers]]\nid = "security.tls"\nowner = "ops"\nreason = "behind a proxy"\nexpires = 2026-05-01\n'
    (found,) = load(write(text)).waivers
    assert (found.owner, found.expires) == ("ops", date(2026, 5, 1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[target]\ndisposible = true\n", "target: key 'disposible' is not known, did you mean 'disposable'?"),
        ("[targets]\nkind = 'bundled'\n", "top level: key 'targets' is not known, did you mean 'target'?"),
        (f'[objectives."{P95}"]\nlimt = 3\n', "key 'limt' is not known, did you mean 'limit'?"),
        ("[target]\nkind = 'nonsense'\n", 'neither "bundled", nor an address'),
        (f'[objectives."{P95}"]\ncomparison = "=<"\n', "given: '=<'"),
        (f'[objectives."{P95}"]\nlimit = nan\n', "limit"),
        ('[objectives."stress_testng.a.b"]\ncomparison = "<"\nlimit = 1\n', "did you mean 'stress_testing'?"),
        ('[objectives."stress_testing.b"]\ncomparison = "<"\nlimit = 1\n', "is not <category>.<scenario>.<name>"),
        (f'[objectives."{P95}"]\nprofiles = ["quik"]\n', "did you mean 'quick'?"),
        ('[[waivers]]\nid = "x"\nowner = ""\nreason = "y"\nexpires = 2026-05-01\n', "owner is blank"),
        ('[[waivers]]\nid = "x"\nreason = "y"\nexpires = 2026-05-01\n', "waivers.0.owner: Field required"),
        ("[weights]\nsecurity = -1\n", "none may be negative"),
        ("[profiles.standard]\nextends = 'quick'\n", "in a circle: standard -> quick"),
        ("[profiles.standard.stages]\nx = { rate = 1 }\n", "needs seconds"),
        ("[profiles.standard.stages]\nx = { seconds = 1 }\n", "rate and seconds"),
        ("[profiles.standard.stages]\nx = { users = [1, 2], operations = [1] }\n", "2 figures in users"),
        ("[categories.stress_testing]\nfile = 'readme.md'\n", "not a Python test file"),
        ("[target\n", "is not TOML"),
    ],
)
def test_rule_2_5_what_is_wrong_is_told_with_where_and_what_to_do(write, text, message):
    path = write(text)
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    assert message in str(caught.value)


def test_every_problem_is_told_at_once(write):
    with pytest.raises(ConfigurationError) as caught:
        load(write("[target]\nkin = 'x'\n[categories.stress_testing]\ncritcal = true\n"))
    assert len(str(caught.value).splitlines()) == 2


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        load(tmp_path / "absent.toml")


def test_unknown_profiles_and_policies():
    with pytest.raises(ConfigurationError, match="did you mean 'quick'"):
        load(profile="quik")
    with pytest.raises(ConfigurationError, match="choose one of standard, release"):
        load(policy="strict")


def test_the_environment_is_optional_and_caps_the_users():
    env = {
        "STRESS_TEST_MAX_USERS": "10",
        "PYTEST_TIMEOUT": "120",
        "TEST_DATABASE_URL": "duckdb:///x.db",
        "DATABENTO_API_KEY": "",
        "HOME": "/root",
    }
    settings = load(env=env)
    assert settings.stage("user_family").users == (5, 10, 10)
    assert settings.environment.scenario_seconds == 120
    assert settings.environment.test_database_url.get_secret_value() == "duckdb:///x.db"
    assert settings.environment.databento_api_key is None
    assert load().environment.scenario_seconds == 300
    with pytest.raises(ConfigurationError, match="STRESS_TEST_MAX_USERS"):
        load(env={"STRESS_TEST_MAX_USERS": "many"})


@pytest.mark.parametrize(
    ("kind", "way", "disposable"),
    [("bundled", "bundled", True), ("http://127.0.0.1:80", "http", False), ("mine.adapter:Target", "adapter", False)],
)
def test_the_target_of_the_command_line_wins(kind, way, disposable):
    target = load(target=kind).target
    assert (target.way, target.is_disposable) == (way, disposable)


def test_an_unknown_stage_is_told():
    with pytest.raises(ConfigurationError, match="did you mean 'market_open'"):
        load().stage("market_opn")


def test_rule_2_5_an_unknown_metric_is_a_configuration_error():
    settings = load()
    known = {objective.measures for objective in settings.objectives}
    settings.check_metrics(known)
    with pytest.raises(ConfigurationError, match="which no scenario measures; did you mean"):
        settings.check_metrics(known - {P95})

from seatrial.host import fingerprint, scenario_hash


def test_the_fingerprint_names_what_figures_depend_on():
    assert {"python", "cpu_model", "cores", "memory_bytes"} <= fingerprint().keys()


def test_another_scenario_is_another_hash(tmp_path):
    file = tmp_path / "test_speed.py"
    file.write_text("LIMIT = 1\n")
    first = scenario_hash([file])
    assert scenario_hash([file]) == first
    file.write_text("LIMIT = 2\n")
    assert scenario_hash([file]) != first

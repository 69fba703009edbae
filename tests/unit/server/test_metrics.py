"""The text that Prometheus reads."""

from __future__ import annotations

from paddock.sdk.memory import DeviceState, MemoryDevice
from paddock.sdk.types import EngineStats, LoadedModel
from paddock.server.metrics import METRICS, exposition


def loaded(name: str, **fields: object) -> LoadedModel:
    return LoadedModel(id="1", model=name, engine="echo", state="ready", **fields)  # type: ignore[arg-type]


def test_every_metric_has_help_and_type_and_one_sample_per_model():
    lines = exposition([loaded("a"), loaded("b")]).splitlines()
    assert len(lines) == len(METRICS) * 4
    for number, (name, kind, _, _) in enumerate(METRICS):
        help_, type_, *samples = lines[4 * number : 4 * number + 4]
        assert help_.startswith(f"# HELP {name} ")
        assert type_ == f"# TYPE {name} {kind}"
        assert samples == [f'{name}{{model="a"}} 0', f'{name}{{model="b"}} 0']


def test_memory_is_told_per_load_and_per_device():
    state = DeviceState(device=MemoryDevice(name="RAM", total=100, free=60), others=10, free=55)
    text = exposition([loaded("a", predicted_bytes=30, measured_bytes=29), loaded("a", identifier="b")], [state])
    assert 'paddock_predicted_bytes{model="a"} 30\n' in text
    assert 'paddock_prediction_error_bytes{model="a"} -1\n' in text
    assert 'paddock_prediction_error_bytes{model="b"} 0\n' in text
    assert 'paddock_device_total_bytes{device="RAM"} 100\n' in text
    assert 'paddock_device_free_bytes{device="RAM"} 55\n' in text
    assert 'paddock_device_other_bytes{device="RAM"} 10\n' in text


def test_values_and_awkward_names():
    stats = EngineStats(prompt_tokens=100, cached_tokens=60, disk_bytes=5)
    text = exposition([loaded('a"b\\c\n', active=2, queued=1, stats=stats)])
    assert 'llamacpp:prompt_tokens_total{model="a\\"b\\\\c\\n"} 40\n' in text
    assert "llamacpp:requests_processing{" in text
    assert 'paddock_disk_bytes{model="a\\"b\\\\c\\n"} 5\n' in text

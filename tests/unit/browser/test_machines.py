from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.browser.machines import parse
from paddock.sdk.errors import BadRequest
from paddock.sdk.memory import MACHINE_MEMORY

GB = 2**30


@pytest.mark.parametrize(
    ("text", "name", "sizes"),
    [
        ("24GB", "24 GB card, 32 GB of RAM assumed", [32, 24]),
        ("24 gb", "24 GB card, 32 GB of RAM assumed", [32, 24]),
        ("24", "24 GB card, 32 GB of RAM assumed", [32, 24]),
        ("A100-80GB", "80 GB card, 128 GB of RAM assumed", [128, 80]),
        ("RTX 4090 24GB", "24 GB card, 32 GB of RAM assumed", [32, 24]),
        ("2x16GB", "2 x 16 GB, 32 GB of RAM assumed", [32, 16, 16]),
        ("2 × 16 GB", "2 x 16 GB, 32 GB of RAM assumed", [32, 16, 16]),
        ("64GB mac", "Mac with 64 GB", [64, 48]),
        ("mac 64", "Mac with 64 GB", [64, 48]),
        ("MacBook Pro M4 Max 128", "Mac with 128 GB", [128, 96]),
        ("24GB mac mini", "Mac with 24 GB", [24, 16]),
        ("32GB ram", "32 GB of RAM", [32]),
        ("8GB laptop", "8 GB of RAM", [8]),
        ("2x16GB ddr5", "32 GB of RAM", [32]),
        ("24GB + 64GB ram", "24 GB card, 64 GB of RAM", [64, 24]),
        ("ram 64gb gpu 24gb", "24 GB card, 64 GB of RAM", [64, 24]),
        ("24gb card 64gb ram", "24 GB card, 64 GB of RAM", [64, 24]),
        ("24GB and 12GB with 128 GB of memory", "24 GB card + 12 GB card, 128 GB of RAM", [128, 24, 12]),
        ("1.5 TB ram, 8x80GB", "8 x 80 GB, 1536 GB of RAM", [1536, *[80] * 8]),
    ],
)
def test_a_computer_is_read_from_a_few_words(text: str, name: str, sizes: list[int]) -> None:
    machine = parse(text)

    assert machine.name == name
    assert machine.planned
    assert [round(device.total / GB) for device in machine.devices] == sizes
    assert machine.devices[0].name == MACHINE_MEMORY
    assert len({device.name for device in machine.devices}) == len(machine.devices)
    assert all(0 < (device.free or 0) <= device.total for device in machine.devices)


def test_the_system_has_its_usual_share_and_a_mac_lends_its_gpu_memory() -> None:
    memory, metal = parse("64GB mac").devices
    assert memory.free == 60 * GB
    assert (metal.shares_ram, metal.free) == (True, 48 * GB)

    memory, card = parse("8GB + 8GB ram").devices
    assert memory.free == 6 * GB
    assert (card.shares_ram, card.free) == (False, 8 * GB - GB // 2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "-3GB",
        "4090",
        "2x3090",
        "0GB",
        "24GB + something",
        "24GB mac + 64GB ram",
        "1e9GB",
        "9999x24GB",
        "9" * 500,
    ],
)
def test_what_describes_no_computer_is_refused_with_examples(text: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse(text)
    assert "24GB" in refused.value.hint


@given(st.text(max_size=60) | st.from_regex(r"[0-9x×. gbtmac+,ram]{0,60}", fullmatch=True))
def test_any_text_is_a_computer_or_refused(text: str) -> None:
    try:
        machine = parse(text)
    except BadRequest:
        return
    assert 1 <= len(machine.devices) <= 65
    assert all(device.total > 0 for device in machine.devices)

"""The cache of headers: bounded by models and by real bytes, shared by processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from paddock.browser.header_cache import HeaderCache
from paddock.sdk.errors import StorageFailed

MEGABYTE = 2**20


def stored(cache: HeaderCache, key: str, size: int = 1000, name: str = "a.gguf") -> tuple[Path, ...]:
    staged = cache.stage()
    (staged / name).write_bytes(b"x" * size)
    return cache.keep(key, staged, {name: 10**9})


def test_the_least_recently_used_header_leaves(tmp_path):
    cache = HeaderCache(tmp_path, most_models=3)
    for number, key in enumerate("abc"):
        stored(cache, key)
        os.utime(tmp_path / key, (number, number))
    assert cache.find("a", ["a.gguf"])
    stored(cache, "d")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c", "d"]


def test_the_cache_is_bounded_by_real_bytes(tmp_path):
    cache = HeaderCache(tmp_path, most_bytes=3 * MEGABYTE)
    for key in "abcdef":
        assert stored(cache, key, MEGABYTE)[0].stat().st_size == 10**9
    assert len(list(tmp_path.iterdir())) <= 3


def test_two_processes_that_keep_the_same(tmp_path):
    cache = HeaderCache(tmp_path)
    first, second = cache.stage(), cache.stage()
    for staged in (first, second):
        (staged / "a.gguf").write_bytes(b"x")
    assert cache.keep("k", first, {"a.gguf": 10}) == cache.keep("k", second, {"a.gguf": 10})
    assert [path.name for path in tmp_path.iterdir()] == ["k"]


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageFailed) as error:
        HeaderCache(tmp_path / "file").stage()
    assert str(tmp_path / "file") in error.value.message

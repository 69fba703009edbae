"""Doctor's checks of this computer, each with what to do."""

from __future__ import annotations

import importlib.metadata

import pytest

from paddock.sdk.cli import checks
from paddock.sdk.paths import Home


def test_this_python_is_fine():
    assert checks.python().status == "ok"


def test_what_is_installed_is_listed_with_versions():
    found = {finding.name: finding for finding in checks.libraries()}
    assert found["Libraries"].status == "ok"
    assert f"msgspec {importlib.metadata.version('msgspec')}" in found["Libraries"].message


def test_a_missing_library_is_named_with_how_to_get_it(monkeypatch):
    required = ["msgspec", 'nothing-of-the-kind>=2; extra == "host"', 'nor-this; extra == "gui"', 'x; extra == "test"']
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: required)
    found = {finding.name: finding for finding in checks.libraries()}
    assert set(found) == {"Libraries", "Libraries of the host", "Libraries of the window"}
    host, window = found["Libraries of the host"], found["Libraries of the window"]
    assert (host.status, window.status) == ("fail", "warn")
    assert "nothing-of-the-kind" in host.message
    assert "paddock[host]" in host.remedy


def test_without_a_display_there_is_a_warning_and_another_way():
    found = {finding.name: finding for finding in checks.qt({})}
    assert found["Qt"].status == "ok"
    assert found["Display"].status == "warn"
    assert "paddock serve" in found["Display"].remedy
    assert "Display" not in {finding.name for finding in checks.qt({"DISPLAY": ":0"})}


def test_a_data_folder_that_cannot_be_made_fails(tmp_path):
    (tmp_path / "file").write_text("")
    found = {finding.name: finding for finding in checks.data_folder(Home(tmp_path / "file" / "home"))}
    assert found["Data folder"].status == "fail"
    assert "PADDOCK_HOME" in found["Data folder"].remedy
    assert "free" in found["Disk space"].message


@pytest.mark.parametrize(("free", "status"), [(1e12, "ok"), (1e9, "warn"), (1e6, "fail")])
def test_little_space_is_told_before_it_is_gone(tmp_path, monkeypatch, free, status):
    usage = checks.shutil.disk_usage(tmp_path)._replace(free=free)
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda path: usage)
    found = {finding.name: finding for finding in checks.data_folder(Home(tmp_path))}
    assert found["Disk space"].status == status
    assert bool(found["Disk space"].remedy) == (status != "ok")


def test_proxy_variables_are_told():
    assert checks.proxies({}).status == "ok"
    assert checks.proxies({"http_proxy": "http://x", "NO_PROXY": "localhost, 127.0.0.1"}).status == "ok"
    warned = checks.proxies({"HTTP_PROXY": "http://x"})
    assert warned.status == "warn"
    assert "HTTP_PROXY" in warned.message
    assert "127.0.0.1" in warned.remedy

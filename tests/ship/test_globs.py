"""Which folders may bring what a path or glob names."""

import os
from pathlib import Path

import pytest

from app.ship.globs import Named


@pytest.mark.parametrize(
    ("pattern", "folders"),
    [
        ("x.log", [""]),
        ("*.log", [""]),
        ("pods/*/x.log", ["pods", "pods/a", "pods/b"]),
        ("pods/*/deep/*.log", ["pods", "pods/a", "pods/b", "pods/a/deep"]),
        ("pods/**/*.log", ["pods", "pods", "pods/a", "pods/a/deep", "pods/b"]),
    ],
)
def test_the_folders_on_the_way_are_found(tmp_path: Path, pattern: str, folders: list[str]) -> None:
    (tmp_path / "pods" / "a" / "deep").mkdir(parents=True)
    (tmp_path / "pods" / "b").mkdir()
    found = [os.path.relpath(folder, tmp_path) for folder in Named(str(tmp_path / pattern)).folders()]
    assert sorted(found) == sorted(os.path.normpath(folder) for folder in folders)


def test_an_entry_may_be_named_if_it_fits_the_end_of_the_glob() -> None:
    assert Named("/logs/*.log").may_name("/logs/x.log")
    assert Named("/logs/**/*.log").may_name("/logs/x.log")
    assert Named("/logs/*/*.log").may_name("/logs/a/x.log")
    assert not Named("/logs/*.log").may_name("/logs/x.txt")
    assert not Named("/logs/*.log").may_name("/other/x.log")
    assert not Named("/logs/x.log").may_name("/logs/x.log")  # it is known without looking


def test_a_folder_may_lead_to_what_is_named() -> None:
    assert Named("/logs/*/x.log").may_lead("/logs/a")
    assert Named("/logs/x.log").may_lead("/logs")
    assert not Named("/logs/*.log").may_lead("/logs/a")
    assert not Named("/logs/*/x.log").may_lead("/other")

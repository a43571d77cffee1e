"""Settings come from variables, secrets from files too, and no secret is ever shown."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from app.__main__ import main
from app.errors import SettingsError
from app.settings import PREFIX, SECRET_FILES, Settings, choices, read_settings, secrets

# Of what a secret means nothing without.
BESIDE = {
    "TETRASTASH_KAFKA_PASSWORD_FILE": {"KAFKA_SECURITY": "SASL_SSL", "KAFKA_USERNAME": "u"},
    "TETRASTASH_ELASTICSEARCH_PASSWORD_FILE": {"ELASTICSEARCH_USERNAME": "u"},
    "TETRASTASH_ELASTICSEARCH_API_KEY_FILE": {},
}
PASSWORD_FILE = "TETRASTASH_ELASTICSEARCH_PASSWORD_FILE"


def test_every_password_and_key_may_come_from_a_file() -> None:
    assert set(secrets()) == {"kafka_password", "elasticsearch_api_key", "elasticsearch_password"}
    assert set(SECRET_FILES) == {f"{PREFIX}{name.upper()}_FILE" for name in secrets()}


@pytest.mark.parametrize("variable", SECRET_FILES)
@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_secret_is_what_its_file_holds_without_the_end_of_line(tmp_path: Path, variable: str, ending: str) -> None:
    file = tmp_path / "secret"
    file.write_bytes(" pässword ".encode() + ending.encode())

    settings = read_settings(
        {variable: str(file), **{PREFIX + name: value for name, value in BESIDE[variable].items()}}
    )

    assert getattr(settings, SECRET_FILES[variable]).get_secret_value() == " pässword "


def test_a_secret_from_a_file_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("hunter2\n")

    settings = read_settings({PASSWORD_FILE: str(file), "TETRASTASH_ELASTICSEARCH_USERNAME": "u"})

    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        (None, "which cannot be read: No such file or directory."),
        (b"", "which holds nothing."),
        (b"\n", "which holds nothing."),
        (b"hunter2\nhunter3\n", "which holds more than a secret."),
        (b"hunter2" * 10_000, "which holds more than a secret."),
        (b"hunter2\xff", "which cannot be read: it is no text."),
    ],
)
def test_a_file_without_a_secret_is_refused_and_not_quoted(tmp_path: Path, held: bytes | None, reason: str) -> None:
    file = tmp_path / "secret"
    if held is not None:
        file.write_bytes(held)

    with pytest.raises(SettingsError) as refused:
        read_settings({PASSWORD_FILE: str(file)})

    sentence = str(refused.value)
    assert sentence.startswith(f"Setting {PASSWORD_FILE} has value {str(file)!r}, {reason} Expected ")
    assert "hunter2" not in sentence


def test_a_folder_is_no_secret(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="which cannot be read: Is a directory"):
        read_settings({PASSWORD_FILE: str(tmp_path)})


def test_a_secret_is_given_once(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("hunter2")

    with pytest.raises(SettingsError) as refused:
        read_settings({"TETRASTASH_ELASTICSEARCH_PASSWORD": "hunter3", PASSWORD_FILE: str(file)})

    assert str(refused.value) == (
        "Settings TETRASTASH_ELASTICSEARCH_PASSWORD and TETRASTASH_ELASTICSEARCH_PASSWORD_FILE are both set. Expected "
        "one of them: unset the other."
    )


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("TETRASTASH_KAFAK", "TETRASTASH_KAFKA"),
        ("TETRASTASH_ELASTICSEARCH_PASWORD_FILE", PASSWORD_FILE),
    ],
)
def test_a_misspelt_setting_is_refused_with_the_one_that_was_meant(variable: str, meant: str) -> None:
    with pytest.raises(SettingsError, match=rf"^Setting {variable} is unknown\. Did you mean {meant}\?"):
        read_settings({variable: "x"})


def test_what_is_no_secret_does_not_come_from_a_file() -> None:
    with pytest.raises(SettingsError, match=r"^Setting TETRASTASH_KAFKA_FILE is unknown"):
        read_settings({"TETRASTASH_KAFKA_FILE": "/etc/kafka"})


def test_every_setting_and_every_file_of_a_secret_is_listed() -> None:
    listed = CliRunner().invoke(main, ["settings"]).output

    assert all(f"{PREFIX}{name.upper()}=" in listed for name in Settings.model_fields)
    assert all(choice in listed for name in Settings.model_fields for choice in choices(name))
    assert [*choices("log_level"), *choices("partitions"), *choices("listen")] == [
        "one of `DEBUG`, `INFO`, `WARNING`, `ERROR`",
        "from 1 to 1000",
    ]
    assert all(variable in listed for variable in SECRET_FILES)

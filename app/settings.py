"""Every setting, read once from the environment."""

import difflib
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from app.contradictions import contradictions
from app.durations import Duration
from app.errors import SettingsError

PREFIX: Final = "TETRASTASH_"
FILE: Final = "_FILE"  # a secret's variable with this behind it names a file that holds the secret
_SECRET_BYTES: Final = 64 * 1024  # more than any password or key; a wrong path may lead to a log


class Settings(BaseModel):
    """A setting exists only where two deployments need different values."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kafka: str = Field("localhost:9092", description="Kafka's bootstrap servers, host:port, separated by commas")
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="Kafka's security protocol"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="how kafka_username and kafka_password are shown to Kafka"
    )
    kafka_username: str | None = Field(None, description="Kafka's user name, for SASL")
    kafka_password: SecretStr | None = Field(None, description="Kafka's password, for SASL")
    kafka_ca: Path | None = Field(None, description="PEM file of the authority that signed Kafka's certificate")
    kafka_cert: Path | None = Field(None, description="PEM file of the client's certificate, for mutual TLS")
    kafka_key: Path | None = Field(None, description="PEM file of the client's private key, for mutual TLS")
    topic_prefix: str = Field(
        "tetragon",
        pattern=r"^[a-zA-Z0-9._-]{1,200}$",
        description="the topics are <prefix>.events, .documents, .checkpoints and .rejected; "
        "the groups <prefix>.enrich and .index",
    )
    partitions: int = Field(12, ge=1, le=1000, description="of the topics that setup makes: the most workers of use")
    replication: int = Field(1, ge=1, le=9, description="copies of each partition of the topics that setup makes")
    elasticsearch: str = Field("http://localhost:9200", description="URLs of Elasticsearch, separated by commas")
    elasticsearch_api_key: SecretStr | None = Field(None, description="Elasticsearch's API key, encoded")
    elasticsearch_username: str | None = Field(None, description="Elasticsearch's user name")
    elasticsearch_password: SecretStr | None = Field(None, description="Elasticsearch's password")
    elasticsearch_ca: Path | None = Field(None, description="PEM file of the authority behind Elasticsearch's TLS")
    data_stream: str = Field(
        "logs-cilium_tetragon.log-default",
        pattern=r"^logs-[^-A-Z]+-[^-A-Z]+$",
        description="where documents go: logs-<dataset>-<namespace>",
    )
    agents: Path | None = Field(None, description="a folder of agents of your own, loaded beside the built-in ones")
    drops: Path | None = Field(
        None, description="a file of rules that say which events are left out, see docs/drops.md"
    )
    sweep: bool = Field(
        True,
        description="remove the second copy of what was stored before and after a rollover; needs the privileges "
        "view_index_metadata, maintenance and delete",
    )
    rejected_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="a worker takes nothing more once more than this share of its last 10,000 lines, or documents, was "
        "rejected; 1 for never",
    )
    event_original: bool = Field(True, description="keep each event as Tetragon wrote it in event.original")
    node: str | None = Field(
        None,
        description="the key of what ship sends, cluster/node; else the first line of each file tells, else the host",
    )
    positions: Path = Field(
        Path("/var/lib/tetrastash/positions.json"), description="where ship keeps how far it has read"
    )
    exclude: tuple[str, ...] = Field(
        (), description="globs for paths, or names, of files that ship does not read; separated by commas"
    )
    start: Literal["beginning", "end"] = Field(
        "beginning",
        description="where ship begins in logs that it sees for the first time when it starts; `end` leaves out what "
        "they and their backups hold by then",
    )
    ignore_older: Duration | None = Field(
        None,
        description="of files that ship has not begun, it leaves out what was last written to longer ago, like 7d",
    )
    close_inactive: Duration | None = Field(
        None,
        description="ship closes a log that has not grown for so long, like 1h; one that is then removed may lose its "
        "last lines",
    )
    backfill_rate: float | None = Field(
        None, gt=0, description="MB a second, at most, of what logs hold when ship sees them for the first time"
    )
    listen: str = Field(
        "127.0.0.1:0", description="host:port of /healthz, /readyz and /metrics; port 0 takes a free one and logs it"
    )
    session_timeout: float = Field(
        15.0, ge=1, le=300, description="seconds after which the partitions of a silent worker go to another"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="how much is logged to stderr")

    @field_validator("exclude", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value

    @property
    def events_topic(self) -> str:
        return f"{self.topic_prefix}.events"

    @property
    def documents_topic(self) -> str:
        return f"{self.topic_prefix}.documents"

    @property
    def checkpoints_topic(self) -> str:
        return f"{self.topic_prefix}.checkpoints"

    @property
    def rejected_topic(self) -> str:
        return f"{self.topic_prefix}.rejected"

    @property
    def enrich_group(self) -> str:
        return f"{self.topic_prefix}.enrich"

    @property
    def index_group(self) -> str:
        return f"{self.topic_prefix}.index"

    @property
    def listen_address(self) -> tuple[str, int]:
        host, _, port = self.listen.rpartition(":")
        if not host or not port.isdigit():
            raise SettingsError(
                f"Setting {PREFIX}LISTEN has value {self.listen!r}. Expected host:port, like 127.0.0.1:9600."
            )
        return host.strip("[]"), int(port)


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """From the variables that begin with TETRASTASH_. Raises SettingsError for an unknown one, a bad value, and values
    that contradict each other."""
    given: dict[str, Any] = {}
    for variable, value in environment.items():
        if variable.startswith(PREFIX):
            name = variable.removeprefix(PREFIX).lower()
            if name in Settings.model_fields:
                given[name] = value
            elif variable not in SECRET_FILES:
                raise SettingsError(_unknown(variable, name))
    for variable, name in SECRET_FILES.items():
        if variable in environment:
            if name in given:
                raise SettingsError(
                    f"Settings {PREFIX}{name.upper()} and {variable} are both set. Expected one of them: unset the "
                    "other."
                )
            given[name] = _secret_of(variable, environment[variable])
    try:
        settings = Settings(**given)
    except ValidationError as error:
        raise SettingsError(" ".join(_refused(problem) for problem in error.errors())) from None
    _ = settings.listen_address
    if found := " ".join(contradictions(settings)):
        raise SettingsError(found)
    return settings


def secrets() -> Iterator[str]:
    """The names of the settings that are never shown."""
    return (name for name, field in Settings.model_fields.items() if field.annotation == SecretStr | None)


# By variable; the value is the setting's name.
SECRET_FILES: Final[Mapping[str, str]] = {f"{PREFIX}{name.upper()}{FILE}": name for name in secrets()}


def choices(name: str) -> Iterator[str]:
    """What a setting may be, where that is a few words or a range."""
    field = Settings.model_fields[name]
    if get_origin(field.annotation) is Literal:
        yield "one of " + ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    least = next((each.ge for each in field.metadata if isinstance(each, Ge)), None)
    most = next((each.le for each in field.metadata if isinstance(each, Le)), None)
    if least is not None and most is not None:
        yield f"from {least} to {most}"


def host_name() -> str:
    """The last resort for a record's key."""
    return socket.gethostname()


def _secret_of(variable: str, path: str) -> str:
    """Without the end of line that editors and `echo` leave behind it."""
    try:
        with Path(path).open("rb") as file:
            held = file.read(_SECRET_BYTES + 1)
        secret = held.decode().removesuffix("\n").removesuffix("\r")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SettingsError(
            f"Setting {variable} has value {path!r}, which cannot be read: {reason}. Expected a file with nothing but "
            "the secret, that this user may read."
        ) from None
    if not secret or "\n" in secret or len(held) > _SECRET_BYTES:
        found = "more than a secret" if secret else "nothing"
        raise SettingsError(
            f"Setting {variable} has value {path!r}, which holds {found}. Expected one line, the secret."
        )
    return secret


def _unknown(variable: str, name: str) -> str:
    known = [*Settings.model_fields, *(each.removeprefix(PREFIX).lower() for each in SECRET_FILES)]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {PREFIX}{close[0].upper()}?" if close else ""
    return f"Setting {variable} is unknown.{hint} `tetrastash settings` lists them all."


def _refused(problem: Any) -> str:
    variable = PREFIX + str(problem["loc"][0]).upper()
    shown = "'**********'" if problem["loc"][0] in secrets() else repr(problem["input"])
    return f"Setting {variable} has value {shown}. {problem['msg'].removeprefix('Value error, ').rstrip('.')}."

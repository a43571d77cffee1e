"""What went wrong, sorted by what happens next.

    TetrastashError
    ├── Retry        Kafka or Elasticsearch is away: say so, wait, try again; nothing is lost
    └── Stop         a person must act: one sentence on stderr, exit status 1
        ├── SettingsError
        ├── AgentError       an agent's file cannot be loaded
        ├── DropsError       the file of drops cannot be used
        ├── ConditionError   what --where was given is no condition
        └── TopicError       a topic is not as setup left it

What cannot become a document is no exception but a `schemas.rejection.Rejection`.
"""


class TetrastashError(Exception):
    """Its text is for the person who runs tetrastash: what, the value, what was expected, what to do."""


class Retry(TetrastashError):
    """The outside world is away for now."""


class Stop(TetrastashError):
    """Going on would lose or spoil something."""


class SettingsError(Stop):
    """A setting is unknown, or its value is not of the kind expected."""


class AgentError(Stop):
    """An agent's file breaks the contract."""


class DropsError(Stop):
    """The rules by which events are left out cannot be read, or mean nothing."""


class ConditionError(Stop):
    """A condition on documents cannot be read."""


class TopicError(Stop):
    """A topic is missing, or has another partition count or identity than it was set up with."""

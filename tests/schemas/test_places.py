"""Where a program lies, by its path alone."""

import pytest

from schemas.places import is_hidden


@pytest.mark.parametrize(
    ("binary", "hidden"),
    [
        ("/var/tmp/.x", True),
        ("/home/eve/.../x", True),
        ("/home/eve/.. /x", True),
        ("/home/eve/. /x", True),
        ("/usr/bin/.cache/sshd", True),
        ("/dev/a/.b/x", True),
        ("/etc/.x/y", True),
        ("/home/eve/.local/bin/x", False),
        ("/usr/share/app/node_modules/.bin/tsc", False),
        ("/usr/bin/../lib/x", False),
        ("/srv/app/./x", False),
        ("/opt/x", False),
        ("relative/.x", False),
    ],
)
def test_what_is_hidden(binary: str, hidden: bool) -> None:
    assert is_hidden(binary) is hidden

"""logrotate itself, where it is on the PATH, while somebody looks on and while nobody does."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.ship.disk import Reading, Writer

pytestmark = pytest.mark.skipif(shutil.which("logrotate") is None, reason="logrotate is not on the PATH")

ROTATIONS = 6
SECOND = 1.05  # after which a date is another one


@pytest.mark.parametrize("by_glob", [False, True])
@pytest.mark.parametrize("is_looking", [False, True])
@pytest.mark.parametrize(
    "how",
    [
        "rotate 9",
        "rotate 9\ncompress",
        "rotate 9\ncompress\ndelaycompress",
        "rotate 9\ncopytruncate\ncompress\ndelaycompress",
        "rotate 9\nstart 0\ncompress",
        "rotate 9\ndateext\ndateformat -%Y%m%d-%s\ncompress",
    ],
)
def test_every_line_is_read_once(tmp_path: Path, how: str, is_looking: bool, by_glob: bool) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    writer = Writer(folder)
    reading = Reading(f"{writer.log}*" if by_glob else writer.log, wall=time.time)
    configuration = tmp_path / "logrotate.conf"
    configuration.write_text(f'"{writer.log}" {{\n{how}\nnocreate\n}}\n')
    configuration.chmod(0o600)
    for number in range(ROTATIONS):
        writer.write(b"".join(b'{"number":%d}\n' % (number * 1000 + line) for line in range(1000)))
        if number == ROTATIONS // 2:
            reading.run(20)
            reading.save()
        command = ["logrotate", "--force", "--state", str(tmp_path / "state"), str(configuration)]
        rotating = subprocess.Popen(command, env={**os.environ, "TZ": "UTC"})
        while rotating.poll() is None:
            if is_looking:
                reading.step()
                reading.acknowledge()
        assert rotating.returncode == 0
        if "dateext" in how:
            time.sleep(SECOND)
    reading.write_down()
    reading.restart()
    writer.write(b'{"number":-1}\n')
    reading.run(20)
    assert len(os.listdir(folder)) == ROTATIONS + 1
    assert sorted(reading.lines()) == sorted(writer.written)
    assert reading.losses() == []

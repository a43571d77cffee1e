"""Which process is a shell, and what it was told to do: nothing, a script, a server's check, mail, log or picture."""

import re
import shlex
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from schemas.arguments import split_arguments
from schemas.lineage import Execution, basename
from schemas.places import SCRATCH
from schemas.programs import BOXES, HEALTH_CHECKS, HEALTH_CLIENTS, SHELLS

# Their next argument belongs to them.
_TAKING: Final = frozenset(("--init-file", "--rcfile", "-O", "-o", "+O", "+o"))
# One command of plain words, its output anywhere, and a status for whoever asked.
_CHECK: Final = re.compile(
    r"(?:exec )?(?P<program>[\w./-]+)(?P<words>(?: (?:[^\s;&|<>`$(){}\\]|\$\{?\w++\}?)++)*)"
    r"(?: ?[12]?>{1,2} ?(?:/dev/null|&[12]))*(?: \|\| exit \d+)?",
    re.ASCII,
)
_PATH: Final = re.compile(r"[\w./-]+", re.ASCII)
_MAIL: Final = re.compile(r"/usr/(?:s?bin|lib)/sendmail(?: -(?:[ti]+|o[ime]+|f ?[\w.+@-]+))+ ?", re.ASCII)
# One segment of the write-ahead log is put away.
_ARCHIVE: Final = re.compile(
    r"(?:exec )?(?:test ! -f [\w./-]+ && )?(?:/usr/(?:local/)?bin/)?"
    r"(?:barman-cloud-wal-archive|barman-wal-archive|cp|pgbackrest|rsync|wal-g|wal-e)(?: [\w./:=@-]+)*"
    r" (?:/[\w./-]+/)?pg_wal/[0-9A-F]{24}(?:\.\w+)*(?: [\w./:=@-]+)*",
    re.ASCII,
)
# Programs that make one picture of another.
_PICTURES: Final = frozenset(
    ("composite", "convert", "cwebp", "ffprobe", "gifsicle", "gm", "identify", "jpegoptim", "jpegtran", "magick",
     "mogrify", "montage", "optipng", "pdfinfo", "pdftoppm", "pdftotext", "pngquant")
)  # fmt: skip
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"$`\\]*\"")
_PLAIN: Final = re.compile(r"(?:[\w ./,:%#^!=+~-]|\\[()])+", re.ASCII)
# A file, an option or its value: no script, no address, and nothing that ImageMagick runs or reads from elsewhere.
_OF_PICTURES: Final = re.compile(
    r"(?!-script)(?:(?:bmp|gif|gray|heic|jpe?g|null|pdf|png|pnm|rgba?|tiff?|webp|xc):)?[\w ./,%#^!=+~<>()-]*", re.ASCII
)
_SILENT: Final = re.compile(r"(?: ?[12]?> ?(?:/dev/null|&[12]))+$")
_PAGE: Final = re.compile(r"\.(?:jspx?|ph(?:ar|p\d?|tml)|cgi|htaccess|sh)\b", re.ASCII)
_ASKING: Final = re.compile(r" (?:ping|status|check_\w+)(?: |$)", re.ASCII)


def called(binary: str, arguments: str) -> str:
    """The name of what runs: of one program that is many, which of them."""
    name = basename(binary)
    return arguments.partition(" ")[0] if name in BOXES else name


def is_shell(execution: Execution) -> bool:
    name = execution.name
    return name in SHELLS or (name in BOXES and called(execution.binary, execution.arguments) in SHELLS)


@lru_cache(maxsize=4096)
def awaits_commands(binary: str, arguments: str) -> bool:
    """Of a shell: it was given neither a command nor a script."""
    words = iter(_own(binary, arguments))
    for word in words:
        if word in _TAKING:
            next(words, None)
        elif not word.startswith(("-", "+")) or word == "-":
            return False
        elif not word.startswith("--") and ("c" in word or "s" in word):
            return False  # -c, or -s: from its standard input, which `curl | sh -s` is
        elif word in ("--command", "--version", "--help"):
            return False
    return True


@lru_cache(maxsize=4096)
def is_health_check(binary: str, arguments: str) -> bool:
    """Of a shell: all that it was told to run is a program that asks a server how it is."""
    words = _own(binary, arguments)
    place = next((place for place, word in enumerate(words) if not word.startswith("-")), len(words))
    if place == len(words):
        return False
    if not any("c" in word for word in words[:place]):
        return _is_check(words[place])
    command = _CHECK.fullmatch(" ".join(words[place].split()))
    if command is None:
        return False
    is_client = basename(command["program"]) in HEALTH_CLIENTS and not command["program"].startswith(SCRATCH)
    return _is_check(command["program"]) or (is_client and _ASKING.search(command["words"]) is not None)


@lru_cache(maxsize=4096)
def sends_mail(binary: str, arguments: str) -> bool:
    """Of a shell: all that it was told is to hand over a mail, as PHP does for mail()."""
    command = _command(binary, arguments)
    return command is not None and _MAIL.fullmatch(command) is not None


@lru_cache(maxsize=4096)
def makes_picture(binary: str, arguments: str) -> bool:
    """Of a shell: all that it was told is to make one picture of another, as PHP's programs do."""
    command = _command(binary, arguments) if basename(binary) in SHELLS and "\n" not in arguments else None
    if command is None:
        return False
    command = _SILENT.sub("", command).removeprefix("exec ")
    # What is quoted is one word, and the rest nothing that the shell runs.
    if _PLAIN.fullmatch(_QUOTED.sub("_", command)) is None or _PAGE.search(command) is not None:
        return False
    program, *words = shlex.split(command)
    folder, _, name = program.rpartition("/")
    known = name in _PICTURES and folder in ("", "/bin", "/usr/bin", "/usr/local/bin")
    return known and all(_OF_PICTURES.fullmatch(word) for word in words)


@lru_cache(maxsize=4096)
def archives_log(binary: str, arguments: str) -> bool:
    """Of a shell: it copies a segment of a database's log, as Postgres has it do. COPY could ask for the same."""
    command = _command(binary, arguments)
    return command is not None and _ARCHIVE.fullmatch(command) is not None


@lru_cache(maxsize=4096)
def runs_script_below(folder: str, binary: str, arguments: str) -> bool:
    """Of a shell: all that it was told to run is one file below the folder, by its plain path."""
    words = _own(binary, arguments)
    told = words[-1] if len(words) == 1 or (len(words) == 2 and words[0] == "-c") else ""
    return told.startswith(f"{folder}/") and "/." not in told and _PATH.fullmatch(told) is not None


def _command(binary: str, arguments: str) -> str | None:
    words = _own(binary, arguments)
    return " ".join(words[1].split()) if len(words) == 2 and words[0] == "-c" else None


def _is_check(program: str) -> bool:
    return basename(program) in HEALTH_CHECKS and not program.startswith(SCRATCH)


def _own(binary: str, arguments: str) -> Sequence[str]:
    words = split_arguments(arguments)
    return words[1:] if basename(binary) in BOXES else words

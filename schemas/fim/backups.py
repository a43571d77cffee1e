"""Whether a file is read because a whole folder is packed into a place for backups."""

from collections.abc import Iterator
from typing import Final

from schemas.arguments import split_arguments
from schemas.fim.classifier import Classifier

_BACKUP: Final = "backup"  # the category
_BASES: Final = ("-C", "--directory")  # of tar: where the names behind it begin


def is_packed(path: str, arguments: str, classifier: Classifier, *, anywhere: bool = False) -> bool:
    """By a program with `arguments`: one names a folder above the file, another a file where backups lie.

    `anywhere`: what it makes is a backup wherever it lies.
    """
    named = list(_named(arguments))
    whole = path not in named and any(path.startswith(f"{folder.rstrip('/')}/") for folder in named)
    return whole and (anywhere or any(_is_backup(each, classifier) for each in named))


def _named(arguments: str) -> Iterator[str]:
    """Paths, as far as they can be told from other words."""
    base = ""
    words = iter(split_arguments(arguments))
    for word in words:
        option, _, value = word.partition("=")
        if option in _BASES:
            base = value or next(words, "")
        elif word.startswith("-"):
            if value.startswith("/"):
                yield value
        elif word.startswith("/"):
            yield word.rstrip("/") or "/"
        elif base:
            yield f"{base.rstrip('/')}/{word.removeprefix('./')}".rstrip("/")


def _is_backup(path: str, classifier: Classifier) -> bool:
    known = classifier.classify(path).knowledge
    return known is not None and known.categories[0] == _BACKUP

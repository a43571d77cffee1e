"""How many command lines come back from Tetragon's form as they were: `sh -c` with scripts as people write them.

    python -m tests.schemas.scripts [--seed N] [--scripts N] [FILE...]

Of a FILE, a shell script, each line is what the shell is given.
"""

import argparse
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Final

from schemas.arguments import split_arguments

# A script is made of these. In braces: {w} a word, {p} a path, {s} a sentence, {h} a host, {n} a number, {c} a command.
COMMANDS: Final = (
    "ls -la {p}",
    "cat {p}",
    'echo "{s}"',
    "echo '{s}'",
    "echo {w} >> {p}",
    'echo "{s}" > {p}',
    'printf "%s\\n" "{s}" "{w}"',
    "printf '%s\\t%s\\n' {w} {w}",
    "curl -fsSL https://{h}/{w}.sh",
    'curl -s -H "Authorization: Bearer {w}" -H "Accept: application/json" https://{h}/api',
    'curl -X POST -d \'{{"{w}": "{s}", "n": {n}}}\' http://{h}:{n}/',
    'curl -X POST -d "{{\\"{w}\\": \\"{s}\\"}}" http://{h}/',
    "wget -qO- {h} | sh",
    'grep -r "{s}" {p}',
    "grep -v '^#' {p}",
    "grep -E '({w}|{w})' {p}",
    'sed -i "s/{w}/{w}/g" {p}',
    "sed -e 's|{p}|{p}|' -e '/{w}/d' {p}",
    "awk '{{print $1}}' {p}",
    'awk -F: \'{{print $1 " " $3}}\' {p}',
    "awk -F'\"' '{{print $2}}' {p}",
    "find {p} -name '*.{w}' -mtime +{n} -delete",
    'find {p} -type f -exec grep -l "{w}" {{}} \\;',
    'if [ -f "{p}" ]; then {c}; fi',
    'if [ "$({c})" = "{w}" ]; then {c}; else {c}; fi',
    '[ -d "{p}" ] || mkdir -p "{p}"',
    'for f in "{p}"/*; do {c}; done',
    'for i in 1 2 3; do echo "$i {w}"; sleep {n}; done',
    'while read -r line; do echo "$line"; done < {p}',
    'X="{s}" Y=\'{w}\' {c}',
    'export PATH="$PATH:{p}"',
    'test -n "$HOME" && {c}',
    '{c} && {c} || exit {n}',
    "{c} | tee -a {p}",
    "{c} | sort | uniq -c",
    "{c} 2>/dev/null",
    "nohup {c} >/dev/null 2>&1 &",
    "set -e; {c}; {c}",
    'ssh -o StrictHostKeyChecking=no root@{h} "{w} {w}"',
    "python3 -c 'import os; print(os.environ[\"{w}\"])'",
    'python3 -c "import socket; print(\'{w}\')"',
    'bash -c "{w} {p}"',
    "bash -c 'echo \"{s}\"'",
    'su - {w} -c "{w} --{w}={p}"',
    "docker exec {w} sh -c 'ls {p}'",
    "kubectl get pods -n {w} -o jsonpath='{{.items[*].metadata.name}}'",
    'kubectl patch {w} {w} -p \'{{"spec":{{"replicas":{n}}}}}\'',
    "tar czf {p}.tgz {p}",
    'echo "{w}" | base64 -d | bash',
    'mysql -e "SELECT * FROM {w} WHERE name = \'{w}\'"',
    'psql -c \'SELECT "{w}" FROM "{w}"\'',
    "crontab -l | {{ cat; echo \"* * * * * {p}\"; }} | crontab -",
    'echo "it\'s {s}"',
    'test "$1" != "" -a -x {p}',
    'logger -t {w} "{s}: \\"{w}\\""',
    "rm -rf -- {p} {p}",
    "chmod +x {p} && {p}",
    "PORT={n} exec {w} {p}",
)  # fmt: skip
WORDS: Final = (
    "app",
    "backup",
    "cache",
    "eth0",
    "job",
    "key",
    "log",
    "node",
    "root",
    "svc",
    "tmp",
    "user",
    "web",
    "y2",
)
PATHS: Final = ("/etc/passwd", "/tmp/x", "/var/log/syslog", "~/.ssh/id_rsa", "$HOME/bin", "./run.sh", "/opt/my app/bin")
HOSTS: Final = ("example.com", "10.0.0.5", "localhost", "$HOST")
SHELLS: Final = (("-c",), ("-c",), ("-c",), ("-lc",), ("-x", "-c"), ("-e", "-c"), ("-o", "pipefail", "-c"))


def scripts(seed: int) -> Iterator[str]:
    random = Random(seed)

    def filled(depth: int) -> str:
        command = random.choice(COMMANDS)
        while depth > 2 and "{c}" in command:
            command = random.choice(COMMANDS)
        while "{c}" in command:
            command = command.replace("{c}", filled(depth + 1).replace("{", "{{").replace("}", "}}"), 1)
        for mark, words in (("{w}", WORDS), ("{p}", PATHS), ("{h}", HOSTS), ("{n}", ("1", "2", "30", "8080"))):
            while mark in command:
                command = command.replace(mark, random.choice(words), 1)
        while "{s}" in command:
            command = command.replace("{s}", " ".join(random.choices(WORDS, k=random.randint(1, 4))), 1)
        return command.replace("{{", "{").replace("}}", "}")

    while True:
        yield filled(0)


def command_lines(seed: int, number: int) -> Iterator[list[str]]:
    """argv[1:] of shells, now and then with arguments behind the script."""
    random = Random(seed + 1)
    for _, script in zip(range(number), scripts(seed), strict=False):
        behind = random.choice(((), (), (), (), ("sh",), ("sh", "a b"), ("--", "1")))
        yield [*random.choice(SHELLS), script, *behind]


def joined(arguments: Iterable[str]) -> str:
    """As Tetragon's ArgsDecoder does it."""
    text = ""
    for argument in arguments:
        if " " in argument:
            text += f' "{argument}"'
        elif not text:
            text = argument
        else:
            text += f" {argument}"
    return text


def recovered(lines: Iterable[Sequence[str]], split: Callable[[str], Sequence[str]]) -> int:
    return sum(list(_attempt(split, joined(line))) == list(line) for line in lines)


def _attempt(split: Callable[[str], Sequence[str]], text: str) -> Sequence[str]:
    try:
        return split(text)
    except ValueError:  # of shlex: no closing quotation
        return ()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.schemas.scripts", description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scripts", type=int, default=10_000)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    given = parser.parse_args()
    sets = {f"{given.scripts:,} scripts of seed {given.seed}": list(command_lines(given.seed, given.scripts))}
    if given.files:
        lines = [line.strip() for file in given.files for line in file.read_text("utf-8", "replace").splitlines()]
        sets["lines of the files"] = [["-c", line] for line in lines if line and not line.startswith("#")]
    for name, each in sets.items():
        ours, other = recovered(each, split_arguments), recovered(each, shlex.split)
        shown = ", ".join(f"{what} {count / len(each):.2%}" for what, count in (("ours", ours), ("shlex", other)))
        print(f"{name}, {len(each):,}, recovered exactly: {shown}")  # noqa: T201 - a command's output


if __name__ == "__main__":
    main()

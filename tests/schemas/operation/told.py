"""Lines with one hook, and the operations they are told as."""

from typing import Any

from msgspec.structs import asdict

from app.enrich.decode import decode
from schemas.operation import operations

FILE = '{"file_arg":{"path":"/etc/cron.d/a","permission":"-rw-r--r--"}}'
SOCK = (
    '{"sock_arg":{"family":"AF_INET","type":"SOCK_STREAM","protocol":"IPPROTO_TCP","saddr":"10.0.0.1",'
    '"daddr":"1.2.3.4","sport":50000,"dport":443,"cookie":"18446612682070104064","state":"TCP_SYN_SENT"}}'
)
PLAIN = {"path": "/etc/cron.d/a", "permission": "-rw-r--r--"}


def told(value: Any) -> Any:
    """Without what is not told, so that a case says no more than it means."""
    if hasattr(value, "__struct_fields__"):
        members = {name: told(each) for name, each in asdict(value).items()}
        return {name: each for name, each in members.items() if each or (each == 0 and each is not False)}
    return [told(each) for each in value] if isinstance(value, list | tuple) else value


def done(line: str) -> list[dict[str, Any]]:
    event, _ = decode(line.encode())
    found: list[dict[str, Any]] = told(operations(event))
    assert told(operations(event)) == found
    return found


def kprobe(function: str, args: str, more: str = "", cwd: str = "/home/user") -> list[dict[str, Any]]:
    process = '"process":{"pid":1,"cwd":"' + cwd + '"}'
    return done(
        '{"process_kprobe":{' + process + ',"function_name":"' + function + '","args":[' + args + "]" + more + "}}"
    )

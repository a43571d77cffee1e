import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.fim.classifier import Classifier
from schemas.fim.taxonomy import built_in

CLASSIFIER = Classifier(built_in())

# Path, all categories, severity of reading, severity of changing.
CASES = [
    ("/etc/shadow", "credentials.shadow etc.other", 3, 4),
    ("/etc/passwd", "credentials.accounts etc.other", 0, 3),
    ("/etc/sudoers.d/admins", "auth.sudoers etc.other", 1, 4),
    ("/lib/x86_64-linux-gnu/security/pam_unix.so", "auth.pam libraries", 0, 4),
    ("/etc/ssh/ssh_host_rsa_key", "ssh.host_keys ssh.server_config etc.other", 3, 3),
    ("/etc/ssh/ssh_host_rsa_key.pub", "ssh.server_config etc.other", 0, 3),
    ("/root/.ssh/authorized_keys", "ssh.authorized_keys ssh.user_config user.home", 1, 4),
    ("/srv/git/.ssh/id_ed25519", "ssh.private_keys ssh.user_config", 3, 2),
    ("/home/a/.ssh/config", "ssh.user_config user.home", 1, 2),
    ("/home/a/.aws/credentials", "cloud.credentials user.home", 3, 2),
    ("/tmp/x.ko", "kernel.modules scratch.tmp", 0, 4),
    ("/tmp", "scratch.tmp", 0, 1),
    ("/tmpx", "", 0, 0),
    ("/run/docker.sock", "container.runtime_socket runtime.run", 3, 3),
    ("/run/secrets/kubernetes.io/serviceaccount/..data/token", "k8s.serviceaccount_token runtime.run", 2, 3),
    ("/etc/kubernetes/admin.conf", "k8s.admin_kubeconfig k8s.config etc.other", 3, 4),
    ("/etc/kubernetes/manifests/x.key", "k8s.static_manifests trust.private_keys k8s.config etc.other", 3, 4),
    ("/proc/sys/kernel/core_pattern", "escape.kernel_interface kernel.tunables", 1, 4),
    ("/sys/fs/cgroup/a/b/release_agent", "escape.kernel_interface", 1, 4),
    ("/proc/1/environ", "proc.sensitive", 2, 3),
    ("/var/log/auth.log", "audit.logs", 1, 3),
    ("/home/a/.bash_history", "audit.shell_history user.home", 1, 2),
    ("/usr/bin/sudo", "binaries.privileged binaries.system opt.usr", 0, 4),
    ("/usr/lib/x86_64-linux-gnu/libc.so.6", "libraries opt.usr", 0, 3),
    ("/dev/nvme0n1p1", "devices", 2, 3),
    ("/nix/store/x", "", 0, 0),
    ("/proc/1/root/etc/shadow", "credentials.shadow etc.other escape.kernel_interface", 3, 4),
    ("/var/lib/docker/overlay2/a/merged/srv/x", "container.runtime_state", 1, 3),
]


@pytest.mark.parametrize(("path", "categories", "read", "write"), CASES)
def test_a_path_has_all_its_categories_the_one_that_knows_most_first(
    path: str, categories: str, read: int, write: int
) -> None:
    known = CLASSIFIER.classify(path).knowledge

    assert (known.categories if known else ()) == tuple(categories.split())
    assert (known is not None and (known.read.severity, known.write.severity)) == (bool(categories) and (read, write))


def test_the_gravest_category_of_the_best_tier_says_how_grave_it_is() -> None:
    known = CLASSIFIER.classify("/etc/kubernetes/manifests/x.key").knowledge

    assert known is not None
    assert (known.categories[0], known.read.category) == ("k8s.static_manifests", "trust.private_keys")


def test_requirements_are_those_of_all_categories_once() -> None:
    known = CLASSIFIER.classify("/usr/local/bin/x").knowledge

    assert known is not None
    assert known.pci == ("11.5.2",)


@pytest.mark.parametrize(
    "path", ["/etc/cron.d/.x.swp", "/etc/shadow.dpkg-new", "/etc/ssh/sedAbC123", "/etc/pam.d/x~", "/root/.ssh/.x.swp"]
)
def test_an_editors_temporary_file_is_known_by_its_folder(path: str) -> None:
    assert CLASSIFIER.classify(path).knowledge is not None


@given(st.text())
def test_no_path_is_refused(path: str) -> None:
    assert CLASSIFIER.classify_anew(path).path.startswith("/")

from tests.read.conftest import ready, run
from tests.stream.conftest import worker

__all__ = ["ready", "run", "worker"]

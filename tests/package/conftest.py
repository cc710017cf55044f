"""Fixtures of the package's tests: they need root, Debian's mirror, and a package in build/deb."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEBS = ROOT / "build/deb"
WORK = ROOT / "build/package"


def pytest_configure():
    if os.geteuid() != 0:
        pytest.exit("the package's tests need root: they install it in systems of their own", 1)


def run(*command, check=0, **options):
    """What a command printed, both streams; check: the exit status that it must have, or None."""
    result = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
                            **options)
    assert check in (None, result.returncode), f"{command}: {result.returncode}\n{result.stdout}"
    return result.stdout


class System:
    """A Debian system in a directory of its own, where commands run without services."""

    def __init__(self, directory, base):
        self.directory = directory
        directory.mkdir(parents=True)
        run("tar", "-C", directory, "-xf", base)
        shutil.copy("/etc/resolv.conf", directory / "etc/resolv.conf")

    def path(self, name):
        return self.directory / name.lstrip("/")

    def run(self, *command, check=0):
        """In a process namespace of its own, so that nothing is left running."""
        return run("unshare", "--pid", "--fork", "--kill-child", "--mount", "--ipc",
                   f"--root={self.directory}", "--mount-proc=/proc",
                   "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
                   "DEBIAN_FRONTEND=noninteractive", *command, check=check)

    def apt(self, *arguments):
        return self.run("apt-get", "-qq", "-y", "--no-install-recommends", *arguments)

    def remove(self):
        """Nothing that is mounted inside may be reached by rm."""
        run("rm", "-rf", "--one-file-system", self.directory)


@pytest.fixture(scope="session")
def deb():
    """The package under test."""
    (path,) = [path for path in DEBS.glob("udpwatch_*.deb")]
    return path


@pytest.fixture(scope="session")
def base():
    """A fresh bookworm, as small as it gets, as a tar with the lists of today's packages."""
    path = WORK / "base.tar"
    if not path.exists() or path.stat().st_mtime < time.time() - 86400:
        WORK.mkdir(parents=True, exist_ok=True)
        run("mmdebstrap", "--variant=minbase", "--skip=cleanup/apt/lists", "bookworm",
            path.with_suffix(".new.tar"))
        path.with_suffix(".new.tar").rename(path)
    return path


@pytest.fixture
def system(base, tmp_path):
    """A fresh system; tmp_path's parents are root's alone, which is well for a root directory."""
    made = System(tmp_path / "system", base)
    yield made
    made.remove()

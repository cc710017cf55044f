"""What is built: as Debian wants it, hardened, and the same wherever it is built."""

import hashlib
import os

from conftest import DEBS, ROOT, run


def test_lintian_has_nothing_to_say():
    (changes,) = DEBS.glob("*.changes")
    output = run("lintian", "--allow-root", "--fail-on", "error,warning", changes)
    assert not output.strip(), output


def test_every_file_is_hardened():
    assert not run("blhc", "--all", DEBS / "build.log").strip()


def digests(directory):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in directory.glob("*.deb")}


def test_another_build_is_the_same_to_the_byte(tmp_path):
    """Elsewhere, in another time zone, under another umask and locale; the symbols too."""
    directory = tmp_path / "in-a-folder-of-another-length"
    environment = {**os.environ, "TZ": "Asia/Kathmandu", "LC_ALL": "C",
                   "DEB_BUILD_OPTIONS": "nocheck"}
    run("sh", "-c", 'umask 027; exec tests/tools/build-deb "$0"', directory, cwd=ROOT,
        env=environment)
    assert len(digests(DEBS)) == 2
    assert digests(directory) == digests(DEBS)


def test_the_unit_is_shut(capsys):
    """By systemd's own measure, from 0 to 10; what is left is what the job takes."""
    output = run("systemd-analyze", "security", "--no-pager", "--offline=yes", "--threshold=20",
                 ROOT / "debian/udpwatch.service")
    with capsys.disabled():
        print("\n" + output.strip().splitlines()[-1])

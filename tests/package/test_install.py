"""What an administrator does with the package: install, configure, upgrade, remove, purge."""

import shutil

from conftest import ROOT, run

INI = "etc/udpwatch/udpwatch.ini"


def newer(deb, directory):
    """The same package as version 9, with another default configuration."""
    tree = directory / "newer"
    run("dpkg-deb", "--raw-extract", deb, tree)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace("\nVersion: ", "\nVersion: 9+"))
    with open(tree / INI, "a") as file:
        file.write("; a line of version 9\n")
    path = directory / "udpwatch_9.deb"
    run("dpkg-deb", "--root-owner-group", "--build", tree, path)
    return path


def files_of_ours(system):
    """All that bears the name, but what dpkg and apt keep of their own doing."""
    found = run("find", system.directory, "-xdev", "-path", system.path("proc"), "-prune", "-o",
                "-iname", "*udpwatch*", "-printf", "/%P\n").split()
    return {name for name in found if not name.startswith(("/var/cache/apt/", "/root/"))}


def test_from_installation_to_purge(system, deb, tmp_path):
    shutil.copy(deb, system.path("root/udpwatch.deb"))
    shutil.copy(newer(deb, tmp_path), system.path("root/newer.deb"))
    assert not files_of_ours(system)

    system.apt("install", "/root/udpwatch.deb")
    assert f"\nVersion: {system.run('udpwatch', '--version').split()[1]}\n" \
        in system.run("dpkg", "--status", "udpwatch")
    assert "udpwatch" in system.run("id", "udpwatch")
    assert system.run("udpwatch", "check-config").startswith("[agent]\n")
    conffiles = system.run("dpkg-query", "--show", "--showformat=${Conffiles}", "udpwatch")
    assert "/" + INI in conffiles and "/etc/udpwatch/conf.d/README" in conffiles
    assert system.run("systemctl", "is-enabled", "udpwatch").strip() == "enabled"

    # What the administrator wrote stays: on reinstallation, and when both sides changed it.
    edited = "[receiver mine]\nports = 5514\n"
    system.path(INI).write_text(edited)
    own = system.path("etc/udpwatch/conf.d/own.ini")
    own.write_text("[receiver other]\nports = 5515\n")
    system.apt("install", "--reinstall", "/root/udpwatch.deb")
    assert system.path(INI).read_text() == edited
    system.apt("-o", "Dpkg::Options::=--force-confold", "install", "/root/newer.deb")
    assert "\nVersion: 9+" in system.run("dpkg", "--status", "udpwatch")
    assert system.path(INI).read_text() == edited
    assert "version 9" in system.path(INI + ".dpkg-dist").read_text()
    assert "[receiver other]" in system.run("udpwatch", "check-config")

    system.path("var/lib/udpwatch").mkdir()
    system.path("var/lib/udpwatch/ledger").write_text("udpwatch-ledger 1\n")
    system.apt("remove", "udpwatch")
    assert not system.path("usr/bin/udpwatch").exists()
    assert system.path(INI).read_text() == edited
    assert system.path("var/lib/udpwatch/ledger").exists()

    own.unlink()
    system.apt("purge", "udpwatch")
    # The user stays, as Debian wants it; so does nothing else but deb-systemd-helper's parent.
    assert files_of_ours(system) == set()
    assert "udpwatch" in system.run("id", "udpwatch")


def test_an_administrators_own_file_outlives_the_package(system, deb):
    shutil.copy(deb, system.path("root/udpwatch.deb"))
    system.apt("install", "/root/udpwatch.deb")
    own = system.path("etc/udpwatch/conf.d/own.ini")
    own.write_text("[receiver other]\nports = 5515\n")
    system.apt("purge", "udpwatch")
    assert own.read_text() == "[receiver other]\nports = 5515\n"


def test_autopkgtest(system, deb, tmp_path):
    """The tests that Debian would run of the installed package."""
    source = tmp_path / "source"
    shutil.copytree(ROOT / "debian", source / "debian")
    output = run("unshare", "--mount", "--propagation", "private", "autopkgtest",
                 "--no-built-binaries", deb, source, "--", "chroot", system.directory)
    assert "PASS" in output
    print(output[-400:])


def test_piuparts(system, deb):
    """Installing and purging leaves the system as it was."""
    system.apt("install", "systemd")  # which leaves some of its own behind
    output = run("piuparts", "--existing-chroot", system.directory, "--distribution", "bookworm",
                 "--no-upgrade-test", "--skip-logrotatefiles-test", deb, check=None,
                 env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"})
    assert "PASS: All tests." in output, output[-4000:]

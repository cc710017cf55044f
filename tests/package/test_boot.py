"""The package in a real systemd, booted in a container of its own. See guest.py."""

import re
import shutil
from pathlib import Path

from conftest import ROOT, run

FILES = {
    "etc/systemd/system/filebeat@.service":
        "[Service]\nExecStart=/usr/sbin/rsyslogd -n -iNONE -f /etc/filebeat-%i.conf\n",
    "etc/systemd/system/guest.service":
        "[Unit]\nAfter=basic.target\n[Service]\nExecStart=/usr/bin/python3 /root/guest.py\n"
        "StandardOutput=journal+console\n[Install]\nWantedBy=multi-user.target\n",
    "etc/filebeat-a.conf": 'module(load="imudp")\ninput(type="imudp" port="6984")\n*.* /dev/null\n',
    "etc/filebeat-b.conf": 'module(load="imudp")\ninput(type="imudp" port="6985")\n*.* /dev/null\n',
    # Who types the commands of the README answers apt's question.
    "etc/apt/apt.conf.d/90test": 'APT::Get::Assume-Yes "true";\nAPT::Install-Recommends "false";\n',
}
PACKAGES = ["systemd-sysv", "dbus", "python3", "iproute2", "curl", "procps", "rsyslog",
            "openssl", "ca-certificates"]


def commands_of(readme, heading):
    """The commands that stand under a heading, without what explains them."""
    section = readme.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = re.findall(r"^    (.+)$", section, re.MULTILINE)
    return [re.sub(r"\s{2,}#.*", "", line) for line in lines]


def prepare(system, deb):
    system.apt("install", *PACKAGES)
    shutil.copy(deb, system.path("root"))
    # The system that is booted has no network: lists and what the package needs are fetched before.
    system.apt("install", "--download-only", f"/root/{deb.name}")
    for name, text in FILES.items():
        system.path(name).write_text(text)
    shutil.copy(Path(__file__).with_name("guest.py"), system.path("root"))
    commands = commands_of((ROOT / "README.md").read_text(), "Install")
    commands.remove("apt update")
    assert any(command.startswith("apt install ./udpwatch_") for command in commands), commands
    system.path("root/readme-commands").write_text("\n".join(commands) + "\n")
    system.path("etc/machine-id").write_text("")
    system.run("systemctl", "disable", "rsyslog")
    system.run("systemctl", "enable", "guest.service")


def boot(system):
    result = system.path("root/result")
    result.unlink(missing_ok=True)
    console = run("systemd-nspawn", "--quiet", f"--directory={system.directory}", "--boot",
                  "--private-network", "--register=no", "--keep-unit", check=None, timeout=600)
    assert result.exists(), console[-4000:]
    return result.read_text()


def test_in_a_real_systemd(system, deb, capsys):
    prepare(system, deb)
    first = boot(system)
    with capsys.disabled():
        print(f"\n{first}")
    assert first.endswith("passed all 13\n"), first
    second = boot(system)
    assert second == "passed: after_another_boot\n", second

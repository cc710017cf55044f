"""What a process holds, read from /proc."""

import os
from pathlib import Path


def process_status(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines)


def capabilities(pid):
    status = process_status(pid)
    return {name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")}


def inet_sockets(pid):
    """Inodes of the process's descriptors that are TCP, UDP or raw sockets."""
    inet = set()
    for table in ("tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6"):
        path = Path(f"/proc/{pid}/net/{table}")
        rows = path.read_text().splitlines()[1:] if path.exists() else []
        inet |= {f"socket:[{row.split()[9]}]" for row in rows}
    links = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()}
    return links & inet


def libraries(pid):
    maps = Path(f"/proc/{pid}/maps").read_text()
    return {name for name in ("civetweb", "deflate", "libz.", "libssl", "libcrypto", "libcurl",
                              "libmnl") if f"/lib{name.removeprefix('lib')}" in maps}

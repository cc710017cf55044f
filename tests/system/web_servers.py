"""What the tests of [web] checks ask: nginx and openssl s_server with certificates made on the
spot, and a name service of the test's own."""

import contextlib
import ctypes
import os
import subprocess
from pathlib import Path

import harness

CLONE_NEWNS = 0x20000
TEN_GIB = 10 << 30
MOST_BODY = 1 << 20
NEEDLE = "all is ready"
LOOPBACK = "IP:::1,IP:127.0.0.1"
# In the shape of what filebeat answers with `http.enabled: true`.
FILEBEAT_STATS = ('{"beat":{"cpu":{"system":{"ticks":1710}},"info":{"uptime":{"ms":7500}}},'
                  '"libbeat":{"output":{"events":{"acked":0,"active":0,"failed":0}},'
                  '"pipeline":{"events":{"published":11}}}}\n')

NGINX = """
daemon off;
master_process off;
user root;
pid {0}/nginx.pid;
error_log {0}/error.log;
events {{ }}
http {{
    log_format told '$request_method $uri $status $bytes_sent $msec';
    access_log {0}/access.log told;
    client_body_temp_path {0}/temp;
    proxy_temp_path {0}/temp;
    fastcgi_temp_path {0}/temp;
    uwsgi_temp_path {0}/temp;
    scgi_temp_path {0}/temp;
    default_type text/plain;
    root {0}/www;
    server {{
        listen 127.0.0.1:8080;
        listen [::1]:8080;
        listen 127.0.0.1:5066;
        location /ok {{ return 200 "fine: {1}\\n"; }}
        location = /204 {{ return 204; }}
        location = /500 {{ return 500; }}
        location = /to-ok {{ return 302 /ok; }}
        location = /to-file {{ return 302 file:///etc/passwd; }}
        location = /to-tls {{ return 302 https://127.0.0.1:8443/ping; }}
        location = /to-closed {{ return 302 http://127.0.0.1:1/; }}
        location = /loop {{ return 302 /loop; }}
        location = /head-only {{
            if ($request_method != HEAD) {{ return 405; }}
            return 200;
        }}
        location = /token {{
            if ($http_x_token != "s3cret-token") {{ return 403; }}
            return 200;
        }}
        location = /password {{
            if ($http_authorization != "Basic c2VjcmV0LXVzZXI6czNjcmV0LXdvcmQ=") {{ return 401; }}
            return 200 $arg_key;
        }}
        location = /over-ipv4 {{
            if ($server_addr != "127.0.0.1") {{ return 404; }}
            return 200;
        }}
        location = /over-ipv6 {{
            if ($server_addr != "::1") {{ return 404; }}
            return 200;
        }}
    }}
    server {{
        listen 127.0.0.1:8443 ssl;
        ssl_certificate {0}/right.crt;
        ssl_certificate_key {0}/right.key;
        location = /ping {{ return 200 pong; }}
    }}
    server {{
        listen 127.0.0.1:8444 ssl;
        ssl_certificate {0}/expired.crt;
        ssl_certificate_key {0}/right.key;
        location = /ping {{ return 200 pong; }}
    }}
    server {{
        listen 127.0.0.1:8445 ssl;
        ssl_certificate {0}/other-name.crt;
        ssl_certificate_key {0}/other-name.key;
        location = /ping {{ return 200 pong; }}
    }}
}}
"""


def openssl(*arguments):
    result = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True,
                            check=False, timeout=harness.DEADLINE)
    assert result.returncode == 0, result.stderr
    return result.stdout


def make_certificate(directory, name, subject=LOOPBACK, days=30):
    """NAME.crt, signed by itself, and NAME.key. subject: as of subjectAltName."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", days, "-subj", f"/CN={name}", "-addext", f"subjectAltName={subject}",
            "-keyout", directory / f"{name}.key", "-out", directory / f"{name}.crt")
    return directory / f"{name}.crt"


def make_certificates(directory):
    """Those that the servers show: right, expired and other-name."""
    right = make_certificate(directory, "right", "IP:127.0.0.1")
    make_certificate(directory, "other-name", "DNS:elsewhere.example")
    # It expired before it began; openssl req makes none such.
    openssl("x509", "-in", right, "-signkey", directory / "right.key", "-days", "-1", "-out",
            directory / "expired.crt")
    for name in ("right", "other-name", "expired"):
        (directory / f"{name}.crt").chmod(0o644)


def expiry(certificate):
    """When openssl says that it ends, in Unix time."""
    text = openssl("x509", "-in", certificate, "-noout", "-enddate").split("=", 1)[1].strip()
    return float(subprocess.run(["date", "-d", text, "+%s"], capture_output=True, text=True,
                                check=True).stdout)


def write_files(directory):
    """What nginx serves from files."""
    directory.mkdir()
    directory.chmod(0o755)
    (directory / "stats").write_text(FILEBEAT_STATS)
    for name, length in (("just-within", MOST_BODY), ("just-beyond", MOST_BODY + 1)):
        (directory / name).write_text("x" * (length - len(NEEDLE)) + NEEDLE)
    with open(directory / "endless", "wb") as sparse:
        sparse.truncate(TEN_GIB)


def has_listener(port):
    """Whether a TCP socket of the test's namespace listens there, asked without connecting."""
    rows = [row for table in ("tcp", "tcp6")
            for row in Path(f"/proc/thread-self/net/{table}").read_text().splitlines()[1:]]
    return any(row.split()[1].endswith(f":{port:04X}") and row.split()[3] == "0A" for row in rows)


@contextlib.contextmanager
def daemon(arguments, log, ports, **options):
    """A server that runs until it listens at these TCP ports, and is ended in the end."""
    with open(log, "wb") as output:
        process = subprocess.Popen(list(map(str, arguments)), stdout=output, stderr=output,
                                   **{"stdin": subprocess.DEVNULL, **options})
    try:
        harness.wait_for(lambda: process.poll() is not None or all(map(has_listener, ports)),
                         f"{arguments[0]} to listen")
        assert process.poll() is None, log.read_text()
        yield process
    finally:
        process.terminate()
        process.wait(harness.DEADLINE)


class Nginx:
    """An nginx that serves all that NGINX says, as the test asks for it with `with`."""

    def __init__(self, directory):
        self.directory = directory / "nginx"
        self.directory.mkdir()
        self.directory.chmod(0o755)
        make_certificates(self.directory)
        write_files(self.directory / "www")
        (self.directory / "nginx.conf").write_text(NGINX.format(self.directory, NEEDLE))
        self.running = contextlib.ExitStack()

    def __enter__(self):
        path, environment = harness.daemon_of("nginx", "usr/sbin/nginx")
        self.running.enter_context(
            daemon([path, "-c", self.directory / "nginx.conf", "-e", self.directory / "error.log"],
                   self.directory / "nginx.log", (8080, 5066, 8443, 8444, 8445), env=environment))
        return self

    def __exit__(self, *_):
        self.running.close()

    def requests(self, path):
        """[(method, status, bytes sent, Unix time)] of the requests for it that are over."""
        log = self.directory / "access.log"
        lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
        return [(line[0], int(line[2]), int(line[3]), float(line[4])) for line in lines
                if line[1] == path]


def s_server(directory, certificate, port, *options):
    """openssl s_server with that certificate, which answers each GET with a page."""
    return daemon(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", certificate,
                   "-key", certificate.with_suffix(".key"), "-www", *options],
                  directory / f"s_server-{port}.log", [port])


class TlsServer:
    """The same with a certificate of its own, until stop()."""

    def __init__(self, directory, port, days=30):
        self.port = port
        self.running = contextlib.ExitStack()
        certificate = make_certificate(directory, f"server-{port}-{days}", days=days)
        self.running.enter_context(s_server(directory, certificate, port))

    def section(self, name, *lines):
        """[web NAME] that asks it each second."""
        return "\n".join([f"[web {name}]", f"url = https://127.0.0.1:{self.port}/ping",
                          "interval = 1s", "timeout = 10s", "verify = no", *lines, ""])

    def stop(self):
        self.running.close()


@contextlib.contextmanager
def mounts_of_its_own():
    """This thread, and what it starts, sees mounts that nobody else does."""
    root, place = os.open("/", os.O_PATH), os.getcwd()
    with open("/proc/thread-self/ns/mnt", "rb") as before:
        if harness.libc.unshare(CLONE_NEWNS) != 0:
            raise OSError(ctypes.get_errno(), "unshare: the system tests need CAP_SYS_ADMIN")
        # A chroot's root is no mount point, and its mounts are no others' anyway.
        subprocess.run(["mount", "--make-rprivate", "/"], check=False, capture_output=True)
        try:
            yield
        finally:
            # It leads out of a chroot.
            assert harness.libc.setns(before.fileno(), CLONE_NEWNS) == 0
            os.fchdir(root)
            os.chroot(".")
            os.chdir(place)
            os.close(root)


@contextlib.contextmanager
def name_service(directory):
    """Names are looked up by DNS on 127.0.0.1 alone, for the test and what it starts."""
    files = {"resolv.conf": "nameserver 127.0.0.1\noptions timeout:30\n", "hosts": "",
             "nsswitch.conf": "hosts: files dns\n"}
    with mounts_of_its_own(), contextlib.ExitStack() as mounted:
        for name, text in files.items():
            (directory / name).write_text(text)
            place = os.path.realpath(f"/etc/{name}")
            if not os.path.exists(place):  # as on a small system: something to mount over
                open(place, "x").close()
                mounted.callback(os.unlink, place)
            subprocess.run(["mount", "--bind", directory / name, place], check=True)
            mounted.callback(subprocess.run, ["umount", "--lazy", place], check=True)
        yield


def dnsmasq(directory, *records):
    """A name server on 127.0.0.1 that knows these (host-record=...) and no other name."""
    path, environment = harness.daemon_of("dnsmasq-base", "usr/sbin/dnsmasq")
    return daemon([path, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv",
                   "--no-hosts", "--port=53", "--listen-address=127.0.0.1",
                   "--bind-interfaces", "--user=root", "--pid-file=",
                   "--log-facility=-", "--local=/example/",
                   *(f"--host-record={record}" for record in records)],
                  directory / "dnsmasq.log", [53], env=environment)

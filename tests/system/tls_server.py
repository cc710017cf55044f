"""An HTTPS server, and certificates that signed themselves."""

import subprocess

import harness


def make_certificate(directory, name, days=30):
    """A key and a certificate that it signed itself, for the loopback addresses."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", str(days), "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=IP:::1,IP:127.0.0.1", "-keyout",
                    directory / f"{name}.key", "-out", directory / f"{name}.crt"],
                   check=True, capture_output=True)


def listens(port):
    """Whether a TCP socket does, asked without a connection."""
    sockets = subprocess.run(["ss", "-tlnH"], capture_output=True, text=True, check=True).stdout
    return f":{port} " in sockets


class TlsServer:
    """openssl s_server on 127.0.0.1, which answers each GET with a page."""

    def __init__(self, directory, port, days=30):
        self.port = port
        name = f"server-{port}-{days}"
        make_certificate(directory, name, days)
        with open(directory / f"{name}.log", "wb") as log:
            self.process = subprocess.Popen(
                ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-www", "-cert",
                 directory / f"{name}.crt", "-key", directory / f"{name}.key"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        harness.wait_for(lambda: self.process.poll() is not None or listens(port),
                         "openssl s_server to listen")
        assert self.process.poll() is None, (directory / f"{name}.log").read_text()

    def section(self, name, *lines):
        """[web NAME] that asks it each second."""
        return "\n".join([f"[web {name}]", f"url = https://127.0.0.1:{self.port}/ping",
                          "interval = 1s", "timeout = 10s", "verify = no", *lines, ""])

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(harness.DEADLINE)

"""Debian's Prometheus and Alertmanager, and a receiver of what Alertmanager sends."""

import http.server
import json
import re
import shutil
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request

import harness

PROMETHEUS = harness.DAEMONS / "prometheus/usr/bin/prometheus"
PROMTOOL = harness.DAEMONS / "prometheus/usr/bin/promtool"
ALERTMANAGER = harness.DAEMONS / "prometheus-alertmanager/usr"
SECOND = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}


def promtool(*arguments):
    """Run promtool to its end; it must be content. Returns what it printed."""
    result = subprocess.run([PROMTOOL, *map(str, arguments)], capture_output=True, text=True,
                            timeout=harness.HANGS, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


class Daemon:
    """A program that serves HTTP on a loopback address, up to /-/ready."""

    def __init__(self, directory, name, address, arguments):
        self.url = f"http://{address}"
        self.log_file = directory / f"{name}.log"
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, cwd=directory)
        self.pid = self.process.pid
        try:
            harness.wait_for(self._is_ready, f"{name} to be ready")
        except BaseException:
            self.stop()
            raise

    def _is_ready(self):
        assert self.process.poll() is None, f"it left:\n{self.log()}"
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=harness.DEADLINE):
                return True
        except OSError:
            return False

    def log(self):
        return self.log_file.read_text(errors="replace")

    def get(self, path, **parameters):
        """The JSON that it answers."""
        query = f"?{urllib.parse.urlencode(parameters, doseq=True)}" if parameters else ""
        try:
            with urllib.request.urlopen(f"{self.url}{path}{query}",
                                        timeout=harness.DEADLINE) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path} {parameters}: {error.read().decode()}") from None

    def stop(self):
        """End it; its files may be removed then."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(harness.DEADLINE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Prometheus(Daemon):
    """config: Prometheus' configuration as a dict (JSON is YAML); relative paths in it, of rule
    files say, are those in directory. Scrapes and evaluates each second, where it does not say
    otherwise."""

    def __init__(self, directory, config, address="127.0.0.1:9090"):
        config = {**config, "global": {**SECOND, **config.get("global", {})}}
        (directory / "prometheus.yml").write_text(json.dumps(config))
        super().__init__(directory, "prometheus", address, [
            PROMETHEUS, f"--config.file={directory}/prometheus.yml",
            f"--storage.tsdb.path={directory}/tsdb", f"--web.listen-address={address}"])

    def query(self, expression, time=None):
        """[(labels, value)] of an instant query; time in Unix seconds, now by default."""
        at = {} if time is None else {"time": time}
        data = self.get("/api/v1/query", query=expression, **at)["data"]
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(series["metric"], float(series["value"][1])) for series in data["result"]]

    def samples(self, selector, seconds):
        """{labels as a frozenset of items: [value, ...]}: the raw samples of the last seconds."""
        data = self.get("/api/v1/query", query=f"{selector}[{seconds}s]")["data"]
        return {frozenset(series["metric"].items()): [float(value) for _, value in series["values"]]
                for series in data["result"]}

    def value(self, expression):
        """The value of the only series, None when there is none."""
        found = self.query(expression)
        assert len(found) <= 1, f"{expression} is not one series: {found}"
        return found[0][1] if found else None

    def wait_for(self, expression, check=bool, what=None):
        """Query until check holds for the answer, and return that."""
        def ask():
            answer = self.query(expression)
            return (answer,) if check(answer) else None

        return harness.wait_for(ask, what or expression)[0]

    def wait_for_value(self, expression, value):
        """Query until there is one series, and its value is this."""
        self.wait_for(expression, lambda found: [each for _, each in found] == [value],
                      f"{expression} == {value}")

    def alerts(self, state="firing"):
        """[labels] of the alerts in this state."""
        return [alert["labels"] for alert in self.get("/api/v1/alerts")["data"]["alerts"]
                if alert["state"] == state]

    def targets(self):
        """The active targets, as /api/v1/targets tells of them."""
        return self.get("/api/v1/targets", state="active")["data"]["activeTargets"]

    def metadata(self):
        """{metric: [what its target said of it: type, help, unit]}."""
        return self.get("/api/v1/metadata")["data"]


def make_root(root, program):
    """A root directory with the program and its libraries; beside a copy of its own share."""
    libraries = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    for file in [str(program), *re.findall(r"/\S+", libraries)]:
        copy = root / file.lstrip("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)


class Alertmanager(Daemon):
    """config: the text of Alertmanager's configuration. It is unpacked, not installed, and finds its
    templates in /usr/share alone: it gets a root of its own."""

    def __init__(self, directory, config, address="127.0.0.1:9093"):
        self.address = address
        root = directory / "root"
        make_root(root, ALERTMANAGER / "bin/prometheus-alertmanager")
        shutil.copytree(ALERTMANAGER / "share/prometheus", root / "usr/share/prometheus")
        (root / "alertmanager.yml").write_text(config)
        super().__init__(directory, "alertmanager", address, [
            "chroot", root, ALERTMANAGER / "bin/prometheus-alertmanager",
            "--config.file=/alertmanager.yml", "--storage.path=/alertmanager",
            f"--web.listen-address={address}", "--cluster.listen-address="])

    def alerts(self):
        """[labels] of the alerts that nothing inhibits or silences."""
        return [alert["labels"] for alert in
                self.get("/api/v2/alerts", silenced="false", inhibited="false")]

    def post(self, alerts):
        """Let alerts with these labels fire, as Prometheus would."""
        request = urllib.request.Request(
            f"{self.url}/api/v2/alerts", json.dumps([{"labels": each} for each in alerts]).encode(),
            {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=harness.DEADLINE):
            pass


class Webhook:
    """Takes what Alertmanager posts. posts: the bodies in order."""

    def __init__(self, port=9999):
        self.posts = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.url = f"http://127.0.0.1:{port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def _handler(self):
        posts = self.posts

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # the name is http.server's
                posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                """Nothing: pytest would show it."""

        return Handler

    def alerts(self, status, begin=0):
        """[labels] of the alerts posted so far with this status, firing or resolved; begin: from
        this post on."""
        return [alert["labels"] for post in self.posts[begin:] for alert in post["alerts"]
                if alert["status"] == status]

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

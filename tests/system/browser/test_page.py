"""The status page in Chromium: what people see, without a mouse, a screen or a script too."""

import base64
import re
import signal
import subprocess
import tempfile

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common import utils
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

import harness

URL = f"http://127.0.0.1:{harness.PORT}/"
SCREENSHOTS = harness.ROOT / "build/screenshots"
HOSTILE = "<i>\"x'&\n\u202e\udcff"  # of at most 15 bytes, as a command's name has
STATES = ["absent", "wrong_owner", "unknown", "shared", "ok", "standby"]
CONFIG = """
[receiver right]
ports = 2001, 127.0.0.1:2002
process = rsyslogd
[receiver <b>hot</b> "standby" & 'more']
ports = 2003
required = no
[filebeat gone]
ports = 2004
[filebeat wrong]
ports = 2005
[filebeat dark]
ports = 2006
"""
# Of a process whose first thread has ended the kernel shows no descriptor: nobody can say that it
# does not hold the socket.
DARK = """
import ctypes, socket, sys, threading
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(("0.0.0.0", 2006))
threading.Thread(target=sys.stdin.read).start()
ctypes.CDLL(None).syscall(60, 0)
"""
# The lowest ratio of contrast of any text to what lies behind it (WCAG 2.1, 1.4.3).
CONTRAST = r"""
const light = (colour) => {
    const [r, g, b] = colour.match(/[0-9.]+/g).slice(0, 3).map((part) => {
        const share = part / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (element) => {
    for (; element; element = element.parentElement) {
        const colour = getComputedStyle(element).backgroundColor;
        if (!/^rgba\(.*, 0\)$/.test(colour)) {
            return colour;
        }
    }
    throw new Error("nothing is behind the text");
};
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
let worst = [99, ""];
let count = 0;
while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.offsetParent || element.localName === "meter") {
        continue;
    }
    const [low, high] = [light(getComputedStyle(element).color), light(behind(element))].sort();
    const ratio = (Math.max(low, high) + 0.05) / (Math.min(low, high) + 0.05);
    count++;
    if (ratio < worst[0]) {
        worst = [ratio, texts.currentNode.data];
    }
}
return [...worst, count];
"""


class Driver(Service):
    """Named by its address, and talking to the browser through a pipe: a small system may have
    nothing to look localhost up in."""

    @property
    def service_url(self):
        return f"http://127.0.0.1:{self.port}"

    def is_connectable(self):
        return utils.is_connectable(self.port, "127.0.0.1")


@pytest.fixture(scope="module")
def chromium():
    """One browser for all tests; they, it and their agents share a network namespace."""
    options = webdriver.ChromeOptions()
    for option in ["headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run",
                   "disable-background-networking", "disable-component-update", "disable-sync",
                   "remote-debugging-pipe"]:
        options.add_argument(f"--{option}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with harness.network_namespace(), tempfile.TemporaryDirectory() as profile:
        options.add_argument(f"--user-data-dir={profile}")
        driver = webdriver.Chrome(options=options, service=Driver("/usr/bin/chromedriver"))
        try:
            yield driver
        finally:
            driver.quit()


@pytest.fixture(autouse=True)
def network(chromium):
    """Instead of a namespace for each test: the browser cannot follow."""


@pytest.fixture
def browser(chromium, network):
    """The browser as new; the test must leave nothing in its log."""
    chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    look_like(chromium, 1200, 900, "light")
    chromium.get_log("browser")
    yield chromium
    assert chromium.get_log("browser") == []
    chromium.get("about:blank")


def look_like(browser, width, height, scheme):
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "features": [{"name": "prefers-color-scheme", "value": scheme}]})


def take_screenshot(browser, name):
    """The whole page, as build/screenshots/NAME.png."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    picture = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
    path = SCREENSHOTS / f"{name}.png"
    path.write_bytes(base64.b64decode(picture["data"]))


def text(browser, selector="body"):
    return browser.find_element(By.CSS_SELECTOR, selector).text


def states(browser):
    return browser.execute_script(
        "return [...document.querySelectorAll('.ports td.state')].map((cell) => cell.innerText)")


def sticks_out(browser):
    """Whether the page is wider than the window."""
    return browser.execute_script("""
        const page = document.documentElement;
        return page.scrollWidth > page.clientWidth;""")


@pytest.fixture
def six(agent, hold):
    """An agent with a port in each of the six states, and the holders by their ports."""
    holders = {
        2001: hold("0.0.0.0:2001,reuseport", name="rsyslogd"),
        2002: hold("0.0.0.0:2001,reuseport", "127.0.0.1:2002", name="rsyslogd"),
        2005: hold("0.0.0.0:2005", name=HOSTILE)}
    running = agent(CONFIG)
    harness.wait_for(lambda: running.scrape().states()["wrong", "*", 2005] == "wrong_owner",
                     "the wrong owner to be known")
    with subprocess.Popen(["/usr/bin/python3", "-c", DARK], stdin=subprocess.PIPE) as dark:
        harness.wait_for(lambda: running.scrape().states()["dark", "*", 2006] == "unknown",
                         "a socket whose holder cannot be known")
        harness.wait_for(lambda: running.scrape().value("udpwatch_unreadable_processes") == 1,
                         "the process that cannot be read")
        running.holders = holders
        yield running
        dark.stdin.close()
        dark.wait(harness.DEADLINE)


def test_every_state_is_told(six, browser):
    browser.get(URL)
    assert states(browser) == STATES
    assert browser.title.startswith("2 of 6 ports unhealthy, 1 unknown \u2013 ")
    assert browser.title.endswith(" \u2013 udpwatch")
    rows = [row.text for row in browser.find_elements(By.CSS_SELECTOR, ".ports tbody")]
    assert "no socket: is the receiver running" in rows[0]
    assert f"{six.holders[2005].pid}" in rows[1] and "held by <i>" in rows[1]
    assert "not known" in rows[2] and "CAP_SYS_PTRACE" in rows[2]
    for port in (2001, 2002):
        assert re.search(rf"rsyslogd {six.holders[port].pid}\b", rows[3]), rows[3]
    assert re.search(r"0 % \d+ KiB 0 bytes 0 0 s \d+ s\s\d\d:\d\d:\d\d$", rows[4]), rows[4]
    assert "<b>hot</b> \"standby\" & 'more'" in rows[5]
    assert re.search(r"Looked at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+, \d+ s ago", text(browser))


def test_names_do_not_become_markup(six, browser):
    browser.get(URL)
    assert "<i>\"x'&\\n\\u202e\ufffd" in text(browser, "#port-4")
    assert browser.find_elements(By.CSS_SELECTOR, "i, td b b, th b") == []


def test_it_looks_right(six, browser):
    """Nothing sticks out and every text can be read, in both schemes, on a phone too."""
    browser.get(URL)
    for name, width, scheme in [("light", 1200, "light"), ("dark", 1200, "dark"),
                                ("narrow-320", 320, "light"), ("narrow-390-dark", 390, "dark")]:
        look_like(browser, width, 900, scheme)
        take_screenshot(browser, f"six-states-{name}")
        ratio, worst, count = browser.execute_script(CONTRAST)
        assert count > 50 and ratio >= 4.5, (name, ratio, worst)
        assert not sticks_out(browser)
        assert states(browser) == STATES


def test_two_hundred_ports(agent, hold, browser):
    hold(*[f"0.0.0.0:{port}" for port in range(3001, 3200)], name="filebeat")
    agent("[filebeat core]\nports = 3001-3200\n")
    browser.get(URL)
    assert states(browser) == ["absent"] + 199 * ["ok"]
    assert browser.title.startswith("1 of 200 ports unhealthy")
    for name, width in [("wide", 1200), ("narrow", 360)]:
        look_like(browser, width, 900, "light")
        take_screenshot(browser, f"200-ports-{name}")
        assert not sticks_out(browser)
    # What is well takes a line or two of a phone, what is not all that it needs.
    heights = browser.execute_script("""
        return [...document.querySelectorAll(".ports tbody")].map((card) => card.offsetHeight);""")
    assert max(heights[1:]) < 60 < heights[0]
    assert "no socket" in text(browser, ".ports .bad") and "no socket" not in text(browser, ".quiet")
    for part in ["ok", "*:3001", "core", "filebeat"]:
        assert part in text(browser, ".quiet")


def test_of_many_ports_the_worst_are_shown(agent, hold, browser):
    for first in (3001, 3201):
        hold(*[f"127.0.0.1:{port}" for port in range(first, first + 200)], name="filebeat")
    agent("[filebeat core]\nports = 3001-3401\n")
    browser.get(URL)
    assert states(browser) == ["absent"] + 299 * ["ok"]
    assert text(browser, ".rest").startswith("101 more ports are not shown")


def test_nothing_is_configured(agent, hold, browser):
    hold("127.0.0.1:2001", name="filebeat")
    agent("")
    browser.get(URL)
    assert browser.title.startswith("no receiver is configured")
    assert "udpwatch discover" in text(browser)
    assert states(browser) == ["ok"]
    take_screenshot(browser, "nothing-configured")


def rows_of_checks(browser):
    return [row.text for row in browser.find_elements(By.CSS_SELECTOR, ".webs tbody")]


def test_web_checks(agent, hold, tls_server, browser):
    """The worst first, with what became of it; the page shows it as soon as it changes."""
    hold("0.0.0.0:2001", name="filebeat")
    server, dead = tls_server(8443), tls_server(8444)
    running = agent("[filebeat one]\nports = 2001\n" + server.section("ping") +
                    dead.section("a-check-with-a-name-that-is-quite-long") +
                    "[web <b>]\nurl = http://secret:word@127.0.0.1:81/?key=secret#x\ninterval = 1s\n")
    harness.wait_for(lambda: len(running.scrape().samples("udpwatch_web_up")) == 3,
                     "the first results")
    browser.get(URL)
    assert browser.title.startswith("all of 1 ports healthy, 1 of 3 web checks down")
    down, *others = rows_of_checks(browser)
    assert re.match(r"down <b>\s*http://127.0.0.1:81/\s*connect \d.* ms – [1-9]\d* of \d+\nFailed to ",
                    down), down
    assert re.search(r"^up ping\s*https://127.0.0.1:8443/ping\s*ok 200 \d.* (ms|s) 29 d 23 h "
                     r"\d{4}-\d\d-\d\d 0 of \d+$", others[0]), others
    assert "secret" not in browser.page_source
    dead.stop()
    harness.wait_for(lambda: [row.split()[0] for row in rows_of_checks(browser)] ==
                     ["down", "down", "up"], "the page to show that another is down")
    for name, width, scheme in [("light", 1200, "light"), ("narrow-320-dark", 320, "dark")]:
        look_like(browser, width, 900, scheme)
        take_screenshot(browser, f"web-checks-{name}")
        ratio, worst, count = browser.execute_script(CONTRAST)
        assert count > 30 and ratio >= 4.5, (name, ratio, worst)
        assert not sticks_out(browser)
    browser.find_element(By.LINK_TEXT, "connect").click()
    assert "no connection" in text(browser, "#words div:target")


def test_a_screen_reader_finds_its_way(six, browser):
    browser.get(URL)
    look_like(browser, 320, 900, "light")
    nodes = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = {(node["role"]["value"], node.get("name", {}).get("value", ""))
             for node in nodes if not node["ignored"]}
    for role, name in [("heading", "Ports"), ("heading", "Receivers"), ("heading", "Host"),
                       ("region", "Ports"), ("navigation", "Page"), ("rowheader", "*:2004"),
                       ("columnheader", "Receiver"), ("meter", "fill of *:2006"),
                       ("link", "absent")]:
        assert (role, name) in named, sorted(named)
    assert any(role == "table" and name.startswith("The worst first") for role, name in named)
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == "en"


def test_the_keyboard_reaches_every_link_in_order(six, browser):
    browser.get(URL)
    links = [link.get_attribute("href") for link in browser.find_elements(By.TAG_NAME, "a")]
    assert URL + "metrics" in links and URL + "api/v1/status" in links
    assert URL + "#word-absent" in links
    reached = []
    for _ in links:
        browser.switch_to.active_element.send_keys(Keys.TAB)
        focused = browser.switch_to.active_element
        reached.append(focused.get_attribute("href"))
        assert browser.execute_script(
            "return getComputedStyle(arguments[0]).outlineStyle", focused) == "solid"
    assert reached == links


def test_it_keeps_itself_fresh(six, hold, browser):
    """In place: neither the focus, nor the selection, nor the scroll position is lost."""
    browser.get(URL)
    browser.execute_script("""
        window.same = true;
        document.querySelector("#port-4 a").focus();
        getSelection().selectAllChildren(document.querySelector("#host-head"));
        scrollTo(0, 77);""")
    hold("0.0.0.0:2004", name="filebeat")
    harness.wait_for(lambda: states(browser) == ["wrong_owner", "unknown", "shared", "ok", "ok",
                                                 "standby"], "the page to show the new socket")
    assert browser.title.startswith("1 of 6 ports unhealthy, 1 unknown")
    assert browser.execute_script("""
        return window.same && document.activeElement.closest("tbody").id === "port-4" &&
            getSelection().toString() === "Host" && scrollY === 77;""")
    assert browser.find_element(By.ID, "news").get_attribute("textContent") == browser.title
    six.stop()
    harness.wait_for(lambda: browser.title.startswith("OLD "), "the page to say that it is old")
    seen = text(browser, "main time")
    assert text(browser, "#stale").startswith(f"Old: this is what was seen at {seen}. udpwatch "
                                              "cannot be reached.")
    take_screenshot(browser, "old")
    assert all("ERR_CONNECTION_REFUSED" in line["message"]
               for line in browser.get_log("browser")), "nothing else goes wrong"


# As after a sleep of an hour, by the clock that goes on then; the other one was set back, or stood.
AN_HOUR_LATER = """
    const [fast, slow] = arguments[0] ? [Date, performance] : [performance, Date];
    const [ahead, behind] = [fast.now.bind(fast), slow.now.bind(slow)];
    fast.now = () => ahead() + 3600000;
    slow.now = () => behind() - 3600000;"""
SET_VISIBILITY = """
    Object.defineProperty(document, "visibilityState", {value: arguments[0], configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));"""


@pytest.mark.parametrize("wall", [True, False], ids=["wall clock", "steady clock"])
def test_a_tab_in_the_background_does_not_pass_for_fresh(agent, browser, wall):
    """Its title is seen all the time, and the rest before an answer comes."""
    agent("[filebeat gone]\nports = 2001\n")
    browser.get(URL)
    browser.execute_script(SET_VISIBILITY, "hidden")
    assert browser.title.startswith("1 of 1 ports unhealthy")
    browser.execute_script(AN_HOUR_LATER, wall)
    harness.wait_for(lambda: browser.title.startswith("OLD "), "the title to say that it is old")
    assert ", 60 min ago" in text(browser) and text(browser, "#stale").startswith("Old: this is ")
    browser.execute_script(SET_VISIBILITY, "visible")
    harness.wait_for(lambda: browser.title.startswith("1 of 1 ports"), "the page to be renewed")
    assert not browser.find_element(By.ID, "stale").is_displayed()


def test_it_keeps_itself_fresh_behind_a_password(agent, hold, directory, browser):
    """Also where the address holds the password, which a script's fetch() refuses in an address."""
    users = directory / "users"
    users.touch(0o600)
    users.write_text("anna:$2b$04$I4jZVN5jmsjlRleREtZBcOkLriU9w.S9oWYN6XvCICnzrlcmpDSTm\n")  # "secret"
    running = agent(f"[agent]\nauth_file = {users}\n[filebeat late]\nports = 2001\n")
    browser.get(URL.replace("//", "//anna:secret@"))
    assert states(browser) == ["absent"]
    hold("127.0.0.1:2001", name="filebeat")
    harness.wait_for(lambda: states(browser) == ["ok"], "the page to show the new socket")
    # The user is removed: the page says so, and the browser does not ask for a password.
    users.write_text(users.read_text().replace("anna", "bert"))
    running.process.send_signal(signal.SIGHUP)
    told = "udpwatch answers 401 wrong user or password."
    harness.wait_for(lambda: told in text(browser, "#stale"), "the page to tell of the password")
    assert any("401 (Unauthorized)" in line["message"] for line in browser.get_log("browser"))


def test_it_tells_that_its_script_was_not_loaded(agent, browser):
    """Then nothing renews it, and what is for a browser without scripts does not hold."""
    agent("")
    come = "document.getAnimations().forEach((animation) => animation.finish())"
    browser.get(URL)
    browser.execute_script(come)
    assert "nothing renews it" not in text(browser)
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/page.js"]})
    try:
        browser.get(URL)
        assert "nothing renews it" not in text(browser), "shown too early"
        browser.execute_script(come)
        assert "nothing renews it" in text(browser)
    finally:
        browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
        browser.execute_cdp_cmd("Network.disable", {})
    assert all("ERR_BLOCKED_BY_CLIENT" in line["message"] for line in browser.get_log("browser"))


def test_it_needs_no_script(agent, hold, browser):
    agent("[filebeat late]\nports = 2001\n")
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.get(URL)
    assert states(browser) == ["absent"]
    hold("127.0.0.1:2001", name="filebeat")
    harness.wait_for(lambda: states(browser) == ["ok"], "the page to load itself again")


def test_only_its_own_files_are_let_in(agent):
    agent("")
    code, headers, _ = harness.get("/")
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert code == 200
    assert policy == {"default-src": "'none'", "style-src": "'self'", "script-src": "'self'",
                      "connect-src": "'self'", "img-src": "data:", "base-uri": "'none'",
                      "form-action": "'none'", "frame-ancestors": "'none'"}
    for path, kind in [("/page.css", "text/css"), ("/page.js", "text/javascript")]:
        code, headers, body = harness.get(path)
        assert (code, headers["Content-Type"]) == (200, f"{kind}; charset=utf-8")
        assert body == (harness.ROOT / f"src/server{path}").read_bytes()

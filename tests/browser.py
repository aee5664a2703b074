"""A headless Chromium, led through a pipe by its DevTools protocol, which needs no library.

Reference: https://chromedevtools.github.io/devtools-protocol
"""

import base64
import fcntl
import itertools
import json
import os
import select
import shutil
import subprocess

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
)
# What is told of a page: that it is there, what it logs, what it asks for.
DOMAINS = ("Page", "Runtime", "Log", "Network")
LOADED = "Page.loadEventFired"
HEIGHT, PHONE = 844, 600
SECONDS = 60
FIRST_FREE_DESCRIPTOR = 10


def executable():
    """Return the path of Chromium, None where it is not installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page in a Chromium.

    Attributes:
        events: list of dicts, what has happened since the page was opened.
    """

    def __init__(self, folder):
        self._process, self._commands, self._answers = _started(folder)
        self._numbers, self._unread, self._session, self.events = itertools.count(1), b"", {}, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in DOMAINS:
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._process.terminate()
        self._process.wait(SECONDS)
        os.close(self._commands)
        os.close(self._answers)

    def call(self, method, **parameters):
        """Call a method of the protocol and return its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters, **self._session}
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._message()).get("id") != number:
            self.events.append(answer)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def open(self, url, width, scheme):
        """Open a page in a window of a width, as a phone's if it is narrow, and light or dark."""
        size = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": width < PHONE}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.call("Page.navigate", url=url)
        while not self.told(LOADED):
            self.events.append(self._message())

    def told(self, *methods):
        """Return what was told by events of these names."""
        return [event["params"] for event in self.events if event["method"] in methods]

    def run(self, script):
        """Return what an expression of JavaScript, or a promise, gives."""
        how = {"returnByValue": True, "awaitPromise": True}
        told = self.call("Runtime.evaluate", expression=script, **how)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def screenshot(self, path):
        """Write the page, all of it, as a PNG."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def _message(self):
        while b"\0" not in self._unread:
            ready = select.select([self._answers], [], [], SECONDS)[0]
            read = os.read(self._answers, 1 << 20) if ready else b""
            assert read, f"Chromium does not answer; its exit code: {self._process.poll()}"
            self._unread += read
        message, _, self._unread = self._unread.partition(b"\0")
        return json.loads(message)


def _started(folder):
    """Return the process, and the ends of the pipes to it and from it."""
    (its_commands, commands), (answers, its_answers) = _pipe(), _pipe()
    # As root it refuses to run in its sandbox.
    flags = [*FLAGS, f"--user-data-dir={folder}", *["--no-sandbox"][os.getuid() :]]
    # It reads from the descriptor 3 and writes to 4.
    launch = ["bash", "-c", f'exec "$@" 3<&{its_commands} 4>&{its_answers}', "bash", executable()]
    process = subprocess.Popen(
        [*launch, *flags],
        pass_fds=(its_commands, its_answers),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(its_commands)
    os.close(its_answers)
    return process, commands, answers


def _pipe():
    """Return both ends of a pipe, which do not stand where Chromium looks for its own."""
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE_DESCRIPTOR) for end in ends]
    for end in ends:
        os.close(end)
    return moved

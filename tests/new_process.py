"""New processes at once: forks of one that has imported Keras and computed nothing.

    python -m tests.new_process ADDRESS

Some thirty tests want a process that knows nothing of theirs, and importing Keras takes seconds.
The package itself is not imported before a fork: each imports it anew.
"""

import json
import os
import socketserver
import sys
import tempfile
import traceback
import types
import warnings

import numpy as np


class Fork(socketserver.StreamRequestHandler):
    """Run the code of one request as the main program; answer how it ended and what it printed."""

    def handle(self):
        code, *arguments = json.loads(self.rfile.readline())
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            answer = [run(code, arguments)]
            for file in (out, err):
                file.seek(0)
                answer.append(file.read().decode(errors="replace"))
        self.wfile.write(json.dumps(answer).encode())


def run(code: str, arguments: list[str]) -> int:
    """Do what `python -c code arguments` does, up to its exit; return 0, or 1 where it raised."""
    np.random.seed()  # As `random` does by itself: a fork would go on with its parent's.
    sys.argv = ["-c", *arguments]
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    warnings.resetwarnings()
    status = 0
    try:
        exec(compile(code, "<string>", "exec"), vars(main))
    except SystemExit as end:
        status = int(end.code not in (None, 0))
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


class Server(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    """Answers every request in a fork, for as long as the process lives that has started it."""

    started_by = os.getppid()

    def service_actions(self):
        super().service_actions()
        if os.getppid() != self.started_by:
            sys.exit()


if __name__ == "__main__":
    # JAX and Python warn of forks among threads, of which there are none yet.
    warnings.simplefilter("ignore")
    import keras  # noqa: F401

    with Server(sys.argv[1], Fork) as server:
        print("ready", flush=True)
        server.serve_forever()

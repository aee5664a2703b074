"""A lock on a path: one holder, whatever becomes of it."""

import copy
import errno
import gc
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import warnings

import filelock
import pytest

from keras_trainkit.callbacks import _lock
from keras_trainkit.callbacks._lock import LOCK, Lock

pytestmark = pytest.mark.host

HOLDER = """
import runpy, sys
lock = runpy.run_path(sys.argv[2])["Lock"](sys.argv[1])
assert lock.acquire()
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "made" / "here")


def another_process(path):
    """Start a process that holds the lock until it reads a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path, _lock.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    return process


def in_a_fork(action):
    """Return what `action` returns in a fork of this process."""
    process = os.fork()
    if process == 0:
        os._exit(int(action()))
    return bool(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))


def test_one_holder_at_a_time_in_one_process(path):
    first, second = Lock(path), Lock(path)
    assert first.acquire()
    assert first.acquire()
    assert not second.acquire()
    assert second.holder == f"process {os.getpid()} on {socket.gethostname()}"
    first.release()
    assert not os.path.exists(f"{path}{LOCK}")
    assert second.acquire()
    first.release()
    assert os.path.exists(f"{path}{LOCK}")
    assert not first.acquire()


def test_one_holder_at_a_time_among_processes_and_a_killed_one_is_none(path):
    process, lock = another_process(path), Lock(path)
    assert not lock.acquire()
    assert lock.holder.startswith(f"process {process.pid} on ")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert os.path.exists(f"{path}{LOCK}")
    assert lock.acquire()
    assert lock.holder.startswith(f"process {os.getpid()} on ")


def test_the_file_goes_when_the_process_ends(path):
    another_process(path).communicate("end\n")
    assert not os.path.exists(f"{path}{LOCK}")
    assert Lock(path).holder == "another process"


def test_a_file_that_a_dead_process_left_is_no_lock(path):
    os.makedirs(os.path.dirname(path))
    with open(f"{path}{LOCK}", "w") as file:
        file.write("process 1 on another host")
    assert Lock(path).acquire()


def test_is_released_with_its_file_when_it_is_forgotten(path):
    lock = Lock(path)
    assert lock.acquire()
    del lock
    gc.collect()
    assert not os.path.exists(f"{path}{LOCK}")
    assert Lock(path).acquire()


def test_any_thread_may_release_it(path):
    lock = Lock(path)
    thread = threading.Thread(target=lock.acquire)
    thread.start()
    thread.join()
    assert not Lock(path).acquire()
    lock.release()
    assert Lock(path).acquire()


def test_neither_a_fork_nor_a_copy_of_the_holder_holds_it(path):
    lock = Lock(path)
    assert lock.acquire()
    assert not in_a_fork(lock.acquire)
    for other in (copy.deepcopy(lock), pickle.loads(pickle.dumps(lock))):
        assert not other.acquire()
        other.release()

    def forget():
        lock.release()
        return True

    assert in_a_fork(forget)
    assert os.path.exists(f"{path}{LOCK}")
    assert not Lock(path).acquire()


def test_a_fork_that_lives_on_does_not_keep_it(path):
    lock = Lock(path)
    assert lock.acquire()
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    lock.release()
    assert Lock(path).acquire()
    os.close(write)
    os.waitpid(process, 0)
    os.close(read)


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_the_umask_says_who_may_lock(path, umask, mode):
    before = os.umask(umask)
    try:
        lock = Lock(path)
        assert lock.acquire()
    finally:
        os.umask(before)
    assert os.stat(f"{path}{LOCK}").st_mode & 0o777 == mode


def failing(monkeypatch, error):
    def acquire(self):
        raise error

    monkeypatch.setattr(filelock.FileLock, "acquire", acquire)


def test_where_nothing_can_be_locked_it_may_be_written_with_a_warning(path, monkeypatch):
    os.makedirs(os.path.dirname(path))
    open(f"{path}{LOCK}", "w").close()
    failing(monkeypatch, OSError(errno.ENOLCK, "No locks available"))
    lock = Lock(path)
    with pytest.warns(UserWarning, match="cannot be locked: No locks available. See to it"):
        assert lock.acquire()
    assert lock.acquire()  # Without another warning.


def test_what_cannot_be_written_at_all_is_not_locked(tmp_path):
    (tmp_path / "blocked").write_text("")  # A file in the place of a folder refuses root too.
    with warnings.catch_warnings(action="error"):
        assert Lock(str(tmp_path / "blocked" / "file")).acquire()


def test_what_another_user_may_hold_is_not_taken(path, monkeypatch):
    os.makedirs(os.path.dirname(path))
    open(f"{path}{LOCK}", "w").close()
    failing(monkeypatch, PermissionError(errno.EACCES, "Permission denied"))
    assert not Lock(path).acquire()


def test_a_system_without_locks_gets_none_of_another_kind(path, monkeypatch):
    def flock(fd, operation):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(pytest.importorskip("fcntl"), "flock", flock)
    with pytest.warns(UserWarning, match="cannot be locked") as warned:
        assert Lock(path).acquire()
    assert len(warned) == 1


def test_the_file_of_who_came_after_a_clean_up_stays(path):
    first, second = Lock(path), Lock(path)
    assert first.acquire()
    os.remove(f"{path}{LOCK}")
    assert second.acquire()
    first.release()
    assert os.path.exists(f"{path}{LOCK}")
    assert not Lock(path).acquire()

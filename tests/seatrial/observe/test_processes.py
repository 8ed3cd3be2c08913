from __future__ import annotations

import time

import psutil
import pytest

from seatrial.observe.processes import ProcessTree

FAMILY = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import sys; print('ready', flush=True); sys.stdin.readline()"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print("ready", flush=True)
sys.stdin.readline()
child.kill()
child.wait()
print("alone", flush=True)
sys.stdin.readline()
"""
OPEN_THINGS = """
import socket, sys, tempfile, threading
stop = threading.Event()
kept = []
print("ready", flush=True)
for line in sys.stdin:
    kept.append(tempfile.TemporaryFile())
    listener = socket.create_server(("127.0.0.1", 0))
    kept.append(listener)
    kept.append(threading.Thread(target=stop.wait, daemon=True))
    kept[-1].start()
    print("ready", flush=True)
"""
WORK_AND_END = """
import subprocess, sys
work = "end = __import__('time').process_time() + 0.4\\nwhile __import__('time').process_time() < end: pass"
child = subprocess.Popen([sys.executable, "-c", work])
print("ready", flush=True)
sys.stdin.readline()
child.wait()
print("waited", flush=True)
sys.stdin.readline()
"""


def test_children_belong_to_the_tree_and_leave_it(start) -> None:
    process = start(FAMILY)
    tree = ProcessTree([process.pid])
    assert tree.cpu_seconds() == 0.0
    assert len(tree.running()) == 2
    alone = ProcessTree([process.pid])
    both = tree.memory()
    assert both is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "alone\n"
    assert len(alone.running()) == 1
    tree.cpu_seconds()
    assert tree.vanished == 1
    left = tree.memory()
    assert left is not None
    assert left.unique < both.unique


def test_the_time_of_a_child_is_counted_once(start) -> None:
    process = start(WORK_AND_END)
    tree = ProcessTree([process.pid])
    tree.cpu_seconds()
    total = 0.0
    child = psutil.Process(process.pid).children()[0]
    while child.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.05)
        total += tree.cpu_seconds() or 0.0
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "waited\n"
    total += tree.cpu_seconds() or 0.0
    assert total == pytest.approx(0.4, abs=0.1)


def test_the_kernels_tables(start) -> None:
    process = start(OPEN_THINGS)
    tree = ProcessTree([process.pid])
    before = tree.tables(connections=True)
    for _ in range(3):
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ready\n"
    after = tree.tables(connections=True)
    assert after.file_descriptors - before.file_descriptors == 6
    assert after.threads - before.threads == 3
    assert after.connections - before.connections == 3
    assert tree.tables().connections is None


def test_memory_that_may_not_be_read_in_full_is_labelled(start, monkeypatch) -> None:
    process = start(FAMILY)

    def refused(self):
        raise psutil.AccessDenied(self.pid)

    monkeypatch.setattr(psutil.Process, "memory_full_info", refused)
    reading = ProcessTree([process.pid]).memory()
    assert reading is not None
    assert (reading.total_kind, reading.unique_kind) == ("rss", "rss")
    assert reading.total == reading.unique > 10**6


def test_an_empty_tree(start) -> None:
    process = start(FAMILY)
    tree = ProcessTree([process.pid])
    for member in reversed(tree.running()):
        member.kill()
    process.wait()
    assert tree.running() == []
    assert tree.memory() is None
    assert tree.tables(connections=True).threads is None
    assert tree.cpu_seconds() is None

"""Runs Makefile targets of the jobs on this worker: runner.py <bucket_id> <target> [--jobs a,b]

Written by maand; python3 standard library only. It finds its root from its own path, runs
`make -s -C jobs/<job> <target>` for each job and exits with the first failing target's status.
"""

import fcntl
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import time

# Seconds that output may still trickle in after make has ended, when a background process keeps the pipe open.
GRACE_SECONDS = 0.2
# Exit status for what is wrong before make is started (EX_USAGE and EX_CONFIG of sysexits.h).
EX_USAGE, EX_CONFIG = 64, 78
PASSED_THROUGH = ("CURRENT_VERSION", "NEW_VERSION", "JOB", "ALLOCATION_IP", "BUCKET_ID")


def fail(status, message):
    sys.stderr.write("runner: %s\n" % message)
    sys.stderr.flush()
    sys.exit(status)


def read_json(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        fail(EX_CONFIG, "cannot read %s: %s; run maand deploy" % (path, error))


def choose_jobs(root, target, named):
    if named:
        return named
    rows = read_json(os.path.join(root, "jobs.json"))
    if target in ("start", "restart"):
        rows = [row for row in rows if not row["disabled"]]
    return [row["job"] for row in rows]


def lock_job(directory, name):
    """One target at a time per job: an earlier run may have lost its connection and still be at work."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.stderr.write("runner: waiting for an earlier target of %s to end\n" % name)
        sys.stderr.flush()
        fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def forward(process):
    """Passes make's output on until make ends, not until the last holder of the pipe ends."""
    selector = selectors.DefaultSelector()
    for source, sink in ((process.stdout, sys.stdout.buffer), (process.stderr, sys.stderr.buffer)):
        os.set_blocking(source.fileno(), False)
        selector.register(source, selectors.EVENT_READ, sink)
    deadline = None
    while selector.get_map():
        if deadline is None and process.poll() is not None:
            deadline = time.monotonic() + GRACE_SECONDS
        if deadline is not None and time.monotonic() > deadline:
            return False
        for key, _ in selector.select(0.05):
            chunk = os.read(key.fd, 65536)
            if not chunk:
                selector.unregister(key.fileobj)
                continue
            key.data.write(chunk)
            key.data.flush()
    process.wait()
    return True


def has_target(directory, target, environment):
    """Whether make knows the target; asked only after it failed, because a dry run still expands $(shell ...)."""
    probe = subprocess.run(
        ["make", "-n", "-s", "-C", directory, target],
        env=dict(environment, LC_ALL="C"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    return re.search(rb"No rule to make target '%s'" % re.escape(target.encode()), probe.stderr) is None


def run_target(root, name, target, environment):
    directory = os.path.join(root, "jobs", name)
    if not os.path.isdir(directory):
        fail(EX_CONFIG, "job %s is not on this worker (%s); run maand deploy" % (name, directory))
    lock = lock_job(directory, name)
    try:
        process = subprocess.Popen(
            ["make", "-s", "-C", directory, target],
            env=dict(environment, JOB=environment.get("JOB") or name),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        if not forward(process):
            sys.stderr.write(
                "runner: a process that '%s' of %s left behind still holds its output and will lose it;"
                " redirect it in the Makefile, such as '>logs/out.log 2>&1'\n" % (target, name)
            )
    finally:
        os.close(lock)
    if process.returncode != 0 and not has_target(directory, target, environment):
        sys.stderr.write("runner: the Makefile of %s has no target '%s'\n" % (name, target))
    sys.stderr.flush()
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def main(arguments):
    named = []
    if "--jobs" in arguments:
        at = arguments.index("--jobs")
        if at + 1 >= len(arguments):
            fail(EX_USAGE, "--jobs needs a comma-separated list")
        named = [name for name in arguments[at + 1].split(",") if name]
        arguments = arguments[:at] + arguments[at + 2 :]
    if len(arguments) != 2:
        fail(EX_USAGE, "usage: runner.py <bucket_id> <target> [--jobs a,b]")
    bucket_id, target = arguments
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    found = read_json(os.path.join(root, "worker.json")).get("bucket_id")
    if found != bucket_id:
        fail(EX_CONFIG, "this worker belongs to bucket %s, not %s" % (found, bucket_id))
    # A closed connection must end the run, not be swallowed.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    environment = {key: value for key, value in os.environ.items() if key not in PASSED_THROUGH or value}
    environment["BUCKET_ID"] = bucket_id
    status = 0
    for name in choose_jobs(root, target, named):
        result = run_target(root, name, target, environment)
        status = status or result
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

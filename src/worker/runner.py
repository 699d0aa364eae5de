"""Runs Makefile targets of the jobs on this worker: runner.py <bucket_id> <target> [--jobs a,b]. Written by maand."""

# python3 standard library only, Python 3.6 or newer. It finds its root from its own path, runs
# `make -s -C jobs/<job> <target>` for each job and exits with the first failing target's status.
# Every check of a worker carries this file, less its comment lines: that is why functions have no docstrings.

# An older Python must come as far as this and say what is wrong, so every line below is written in what it can parse.
import sys

# Exit status where Python is too old (EX_UNAVAILABLE of sysexits.h).
EX_UNAVAILABLE = 69
if sys.version_info < (3, 6):
    sys.stderr.write(
        "runner: python3 is %d.%d.%d here, and Python 3.6 or newer is needed; install that on this worker\n"
        % tuple(sys.version_info[:3])
    )
    sys.exit(EX_UNAVAILABLE)

# Only what every run needs is imported here: on a small worker the imports take longer than the rest of the runner.
import fcntl
import os
import select
import signal
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


def read_text(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, ValueError) as error:
        fail(EX_CONFIG, "cannot read %s: %s; run maand deploy" % (path, error))


def read_json(path):
    import json

    try:
        return json.loads(read_text(path))
    except ValueError as error:
        fail(EX_CONFIG, "cannot read %s: %s; run maand deploy" % (path, error))


def check_bucket(root, bucket_id, expected):
    # `expected` is what else worker.json must say, by key: a connection may lead to another machine than it did before.
    path = os.path.join(root, "worker.json")
    text = read_text(path)
    wanted = [("bucket_id", bucket_id)] + sorted(expected.items())
    if all('"%s":%s,' % (key, value if key == "update_seq" else '"%s"' % value) in text for key, value in wanted):
        return
    found = read_json(path)
    for key, value in wanted:
        said = found.get(key)
        if str(said) != value and key == "bucket_id":
            fail(EX_CONFIG, "this worker belongs to bucket %s, not %s" % (said, value))
        if str(said) != value:
            fail(EX_CONFIG, "this worker's worker.json has %s %s, not %s; run maand deploy" % (key, said, value))


def choose_jobs(root, target, named):
    if named:
        return named
    rows = read_json(os.path.join(root, "jobs.json"))
    if target in ("start", "restart"):
        rows = [row for row in rows if not row["disabled"]]
    return [row["job"] for row in rows]


def lock_job(directory, name):
    # One target at a time per job: an earlier run may have lost its connection and still be at work.
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.stderr.write("runner: waiting for an earlier target of %s to end\n" % name)
        sys.stderr.flush()
        fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def spawn_make(arguments, environment, stdout, stderr):
    # Starts make with these descriptors as its output and no input; returns its pid.
    null = os.open(os.devnull, os.O_RDWR)
    descriptors = (null, stdout or null, stderr)
    try:
        # Python 3.8 and newer need not copy themselves first, which takes 2 ms.
        if hasattr(os, "posix_spawnp"):
            moves = [(os.POSIX_SPAWN_DUP2, source, target) for target, source in enumerate(descriptors)]
            return os.posix_spawnp("make", ["make"] + arguments, environment, file_actions=moves)
        pid = os.fork()
        if pid == 0:
            become_make(arguments, environment, descriptors)
        return pid
    except OSError as error:
        fail(EX_CONFIG, "cannot start make: %s" % error)
    finally:
        os.close(null)


def become_make(arguments, environment, descriptors):
    # Goes on as make in a new process; never returns, whatever happens.
    try:
        for target, source in enumerate(descriptors):
            os.dup2(source, target)
        # By hand: os.execvpe imports what only it needs.
        for directory in environment.get("PATH", "/bin:/usr/bin").split(":"):
            try:
                os.execve(os.path.join(directory, "make"), ["make"] + arguments, environment)
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                pass
    finally:
        os.write(2, b"runner: cannot start make\n")
        os._exit(EX_CONFIG)


def exit_status(wait_status):
    # The status as a shell would report it: 128 and the number for a signal.
    if os.WIFSIGNALED(wait_status):
        return 128 + os.WTERMSIG(wait_status)
    return os.WEXITSTATUS(wait_status)


def forward(pid, sources):
    # Passes output on until make ends, not until the last holder of the pipes ends: (status, everything was read).
    poller = select.poll()
    for source in sources:
        os.set_blocking(source, False)
        poller.register(source, select.POLLIN | select.POLLHUP)
    left, status, deadline = len(sources), None, None
    while left > 0:
        if status is None:
            ended, wait_status = os.waitpid(pid, os.WNOHANG)
            if ended:
                status, deadline = exit_status(wait_status), time.monotonic() + GRACE_SECONDS
        elif time.monotonic() > deadline:
            return status, False
        for source, _ in poller.poll(50):
            chunk = os.read(source, 65536)
            if chunk:
                write_all(sources[source], chunk)
            else:
                poller.unregister(source)
                left -= 1
    return (exit_status(os.waitpid(pid, 0)[1]) if status is None else status), True


def write_all(target, chunk):
    while chunk:
        chunk = chunk[os.write(target, chunk) :]


def run_make(arguments, environment):
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    pid = spawn_make(arguments, environment, out_write, err_write)
    os.close(out_write)
    os.close(err_write)
    try:
        return forward(pid, {out_read: 1, err_read: 2})
    finally:
        os.close(out_read)
        os.close(err_read)


def has_target(directory, target, environment):
    # Whether make knows the target; asked only after it failed, because a dry run still expands $(shell ...).
    read, write = os.pipe()
    pid = spawn_make(["-n", "-s", "-C", directory, target], dict(environment, LC_ALL="C"), None, write)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        said = answer.read()
    os.waitpid(pid, 0)
    return b"No rule to make target '%s'" % os.fsencode(target) not in said


def run_target(root, name, target, environment):
    directory = os.path.join(root, "jobs", name)
    if not os.path.isdir(directory):
        fail(EX_CONFIG, "job %s is not on this worker (%s); run maand deploy" % (name, directory))
    environment = dict(environment, JOB=environment.get("JOB") or name)
    lock = lock_job(directory, name)
    try:
        status, complete = run_make(["-s", "-C", directory, target], environment)
    finally:
        os.close(lock)
    if not complete:
        sys.stderr.write(
            "runner: a process that '%s' of %s left behind still holds its output and will lose it;"
            " redirect it in the Makefile, such as '>logs/out.log 2>&1'\n" % (target, name)
        )
    if status != 0 and not has_target(directory, target, environment):
        sys.stderr.write("runner: the Makefile of %s has no target '%s'\n" % (name, target))
    sys.stderr.flush()
    return status


def take_option(arguments, name, what):
    # The value of an option and the arguments without it; None where it is not there.
    if name not in arguments:
        return None, arguments
    at = arguments.index(name)
    if at + 1 >= len(arguments):
        fail(EX_USAGE, "%s needs %s" % (name, what))
    return arguments[at + 1], arguments[:at] + arguments[at + 2 :]


def main(arguments):
    names, arguments = take_option(arguments, "--jobs", "a comma-separated list")
    named = [name for name in (names or "").split(",") if name]
    expected = {}
    for key in ("worker_id", "update_seq", "run_id"):
        value, arguments = take_option(arguments, "--" + key.replace("_", "-"), "a value")
        if value is not None:
            expected[key] = value
    if len(arguments) != 2:
        fail(EX_USAGE, "usage: runner.py <bucket_id> <target> [--jobs a,b] [--worker-id ID --update-seq N --run-id ID]")
    bucket_id, target = arguments
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    check_bucket(root, bucket_id, expected)
    # A closed connection must end the run, not be swallowed; and make must not inherit that Python ignores it.
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

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
# Seconds between looks at what goes on, and between two lines that say what is waited for.
LOOK_SECONDS, SAY_SECONDS = 0.05, 30
# Seconds that work whose time is up has for an orderly end; 10 after its first signal `timeout` kills the runner.
END_SECONDS = 7
# The number of the lock's descriptor in make: none that a shell script is likely to use for itself.
LOCK_DESCRIPTOR = 97
# Where in a lock file the processes are listed that make waits for.
CHILDREN_AT = 512
# Exit status for what is wrong before make is started (EX_USAGE, EX_TEMPFAIL and EX_CONFIG of sysexits.h).
EX_USAGE, EX_TEMPFAIL, EX_CONFIG = 64, 75, 78
# Signals that end the runner, and with it the work.
ENDING = (signal.SIGTERM, signal.SIGINT)
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


class BrokenOff(BaseException):
    # The time is up, or somebody wants the runner to end.
    pass


def break_off(number, _frame):
    # `timeout` signals its child and then the whole group: the second must not disturb what the first has begun.
    for other in ENDING:
        signal.signal(other, signal.SIG_IGN)
    raise BrokenOff(number)


def say(message):
    # To a caller who may be gone.
    try:
        os.write(2, ("runner: %s\n" % message).encode("utf-8", "replace"))
    except OSError:
        pass


# One target of a job runs at a time on a worker, whatever dies. The lock is a record lock on locks/<job>, which the
# process takes that then becomes make: the kernel keeps it exactly as long as make lives, a process that make has
# started does not have it, and no death but make's own gives it away. The file says what runs there: should make be
# killed, the next can tell what it was waiting for, and waits for that.


class Lock:
    def __init__(self, root, name, directory):
        self.name = name
        self.take, self.handle = fcntl.lockf, None
        try:
            self.handle = open_lock_file(os.path.join(root, "locks"), name)
        except OSError as error:
            # A disk that is full or read-only must not keep a job from being stopped.
            say("the lock of %s cannot be kept (%s): its directory is locked instead" % (name, error))
            self.take, self.handle = fcntl.flock, os.open(directory, os.O_RDONLY)
        # A descriptor that make inherits. It is moved before anything is locked: closing one gives the lock away.
        moved = fcntl.fcntl(self.handle, fcntl.F_DUPFD, LOCK_DESCRIPTOR)
        os.close(self.handle)
        self.handle = moved

    def is_taken(self):
        # Takes it if it is free.
        try:
            self.take(self.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except (BlockingIOError, PermissionError):
            return False

    def note(self, text, at=0):
        # At this place of the file, and nothing behind it. A full disk costs no more than the note.
        try:
            os.pwrite(self.handle, text.encode(), at)
            os.ftruncate(self.handle, at + len(text))
        except OSError:
            pass

    def read(self):
        # What the last target left: (pid of make, when that was started, its pipes, what runs), [what make waits for].
        try:
            said = os.pread(self.handle, 8192, 0)
            pid, start, out, err, target, version = said[:CHILDREN_AT].strip(b"\0").decode().split()
        except (OSError, ValueError):
            return None, []
        return (int(pid), int(start), (out, err), (target, version)), said[CHILDREN_AT:].decode().split()

    def is_noted(self, pid):
        record, _ = self.read()
        return record is not None and record[0] == pid

    def end(self, pid):
        # The work of this make is over: what it left behind is nobody's concern.
        if self.take is fcntl.flock:
            fcntl.flock(self.handle, fcntl.LOCK_UN)
        elif self.is_noted(pid):
            self.note("")

    def left_over(self):
        # Of a make that was killed: the processes that it was waiting for and that go on. Those are its last known
        # children, and what still writes to its output; a daemon is neither, once its output has been redirected.
        record, children = self.read()
        if record is None:
            return []
        session, _, pipes, _ = record
        known = [int(pid) for pid, _, start in (child.partition(":") for child in children) if starts_at(pid) == start]
        writing = [
            pid
            for pid, (_, own, _) in all_processes().items()
            if own == session and pid != session and any(link_of(pid, fd) in pipes for fd in (1, 2))
        ]
        return sorted(set(known + writing))

    def waits_for(self):
        what = "an earlier target of %s to end" % self.name
        record, _ = self.read()
        if record is None:
            return what
        pid, start, _, (target, version) = record
        where = "process %d" % pid
        if starts_at(pid) != str(start):
            left = self.left_over()
            if not left:
                return what
            where = "make is gone, process %s is not" % ", ".join(map(str, left))
        seconds = max(0, time.monotonic() - start / os.sysconf("SC_CLK_TCK"))
        return "%s: '%s' of version %s, begun %d s ago (%s)" % (what, target, version, seconds, where)


def open_lock_file(directory, name):
    path = os.path.join(directory, name)
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        os.mkdir(directory, 0o700)
        return os.open(path, flags, 0o600)


def process(pid):
    # (parent, session, start) of a process that is there and no zombie.
    try:
        with open("/proc/%s/stat" % pid, "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in b"ZX" else (int(fields[1]), int(fields[3]), fields[19].decode())


def starts_at(pid):
    found = process(pid)
    return found and found[2]


def all_processes():
    found = ((int(entry), process(entry)) for entry in os.listdir("/proc") if entry.isdigit())
    return {pid: known for pid, known in found if known is not None}


def link_of(pid, descriptor):
    try:
        return os.readlink("/proc/%d/fd/%d" % (pid, descriptor))
    except OSError:
        return None


def children_of(pid):
    try:
        handle = os.open("/proc/%d/task/%d/children" % (pid, pid), os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(handle, 4096)
    except OSError:
        return b""
    finally:
        os.close(handle)


def is_caller_gone(runner):
    # Nobody reads the output of the runner any more, or the runner is gone itself.
    poller = select.poll()
    for descriptor in (1, 2):
        poller.register(descriptor, 0)
    return os.getppid() != runner or any(event & (select.POLLHUP | select.POLLERR) for _, event in poller.poll(0))


def wait_for_turn(lock, runner):
    # Returns whether there was anything to wait for, once the lock is this process's and no work of the last one is left.
    next_word, waited = 0, False
    while True:
        if lock.is_taken() and not lock.left_over():
            if is_caller_gone(runner):
                os._exit(EX_TEMPFAIL)
            return waited
        # Whoever asked for the target is gone: it must not begin, for somebody else may have asked for another since.
        if is_caller_gone(runner):
            os._exit(EX_TEMPFAIL)
        waited = True
        if time.monotonic() >= next_word:
            say("waiting for %s" % lock.waits_for())
            next_word = time.monotonic() + SAY_SECONDS
        time.sleep(LOOK_SECONDS)


def become_make(lock, directory, target, environment, descriptors, runner, recheck):
    # Waits for its turn in a new process and goes on as make; never returns, whatever happens.
    try:
        # make must not inherit what the runner or Python ignores.
        for number in ENDING + (signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        # A session of its own: the runner ends it as a whole, and nothing that ends the runner ends half of it.
        os.setsid()
        if wait_for_turn(lock, runner):
            recheck()
        pipes = [link_of(os.getpid(), descriptor) for descriptor in descriptors[1:]]
        version = "".join(environment.get("NEW_VERSION", "").split()) or "-"
        words = (os.getpid(), starts_at("self"), pipes[0], pipes[1], target, version)
        lock.note(("%s %s %s %s %s %s" % words).ljust(CHILDREN_AT, "\0"))
        for number, source in enumerate(descriptors):
            os.dup2(source, number)
        exec_make(["-s", "-C", directory, target], environment)
    except SystemExit as ended:
        os._exit(ended.code)
    except BaseException as error:
        say("cannot start make: %s" % error)
    finally:
        os._exit(EX_CONFIG)


def exec_make(arguments, environment):
    # By hand: os.execvpe imports what only it needs.
    problem = "it is not installed"
    path = environment.get("PATH", "/bin:/usr/bin")
    for directory in path.split(":"):
        program = os.path.join(directory, "make")
        try:
            os.execve(program, ["make"] + arguments, environment)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            problem = "%s: %s" % (program, error.strerror)
    fail(EX_CONFIG, "cannot start make: %s (PATH is %s)" % (problem, path))


def exit_status(wait_status):
    # The status as a shell would report it: 128 and the number for a signal.
    if os.WIFSIGNALED(wait_status):
        return 128 + os.WTERMSIG(wait_status)
    return os.WEXITSTATUS(wait_status)


class Work:
    # One make under way, whose output is passed on as long as somebody reads it and thrown away afterwards.
    def __init__(self, pid, lock, sources):
        self.pid, self.lock, self.sources = pid, lock, sources
        self.status, self.deadline, self.orphaned = None, None, False
        # The last that was written to stderr.
        self.tail = b""
        self.children, self.next_look = b"", 0
        self.poller = select.poll()
        for source in sources:
            os.set_blocking(source, False)
            self.poller.register(source, select.POLLIN | select.POLLHUP)
        self.left = len(sources)

    def look(self):
        # Notes what make waits for, and whether it has ended.
        now = time.monotonic()
        if self.status is None and now >= self.next_look:
            self.next_look = now + LOOK_SECONDS
            children = children_of(self.pid)
            if children != self.children:
                self.children = children
                known = ("%s:%s" % (pid, starts_at(pid)) for pid in children.decode().split())
                self.lock.note(" ".join(known), CHILDREN_AT)
        if self.status is None:
            try:
                ended, wait_status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                # A signal came just after it had been asked for the first time.
                ended, wait_status = self.pid, EX_TEMPFAIL << 8
            if ended:
                self.status = exit_status(wait_status)
                self.orphaned = os.WIFSIGNALED(wait_status)
        if self.status is not None and self.deadline is None:
            if self.orphaned and self.lock.left_over():
                return
            self.deadline = now + GRACE_SECONDS

    def run(self):
        # Until make and what it waits for have ended, not until the last holder of the pipes has: (status, all was read).
        while self.deadline is None or (self.left > 0 and time.monotonic() <= self.deadline):
            self.look()
            if self.left > 0:
                self.pass_on(65536)
            elif self.deadline is None:
                time.sleep(0.001)
        return self.status, self.left == 0

    def pass_on(self, size, patient=True):
        for source, _ in self.poller.poll(LOOK_SECONDS * 1000):
            chunk = os.read(source, size)
            if chunk:
                self.write(self.sources[source], chunk, patient)
            else:
                self.poller.unregister(source)
                self.left -= 1

    def write(self, target, chunk, patient):
        if target == 2:
            self.tail = (self.tail + chunk)[-4096:]
        try:
            while chunk and (patient or is_writable(target)):
                chunk = chunk[os.write(target, chunk) :]
        except OSError:
            # Nobody reads it any more. That is no reason for the work to end half done.
            pass

    def end(self):
        # Ends all that make has started and that has not left both its session and its family.
        known, begun = {}, time.monotonic()
        while True:
            self.look()
            now = all_processes()
            for pid in family(now, self.pid):
                known.setdefault(pid, (now[pid][2], []))
            alive = [pid for pid, (start, _) in known.items() if pid in now and now[pid][2] == start]
            seconds = time.monotonic() - begun
            if not alive or seconds > END_SECONDS + 2:
                return
            number = signal.SIGTERM if seconds < END_SECONDS else signal.SIGKILL
            for pid in alive:
                if number in known[pid][1]:
                    continue
                known[pid][1].append(number)
                try:
                    os.kill(pid, number)
                except OSError:
                    pass
            # Less than a pipe takes at once, so that a reader who has stopped reading cannot hold this up.
            self.pass_on(select.PIPE_BUF, False)
            time.sleep(LOOK_SECONDS)


def is_writable(descriptor):
    poller = select.poll()
    poller.register(descriptor, select.POLLOUT)
    return bool(poller.poll(0))


def family(processes, session):
    # The processes of a session, and all their descendants.
    found = {pid for pid, (_, own, _) in processes.items() if own == session or pid == session}
    size = 0
    while size != len(found):
        size = len(found)
        found.update(pid for pid, (parent, _, _) in processes.items() if parent in found)
    return found


def run_make(lock, directory, target, environment, recheck):
    # (exit status, whether all its output was read, its last words)
    runner, null = os.getpid(), os.open(os.devnull, os.O_RDWR)
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    # Held back until there is somebody to take care of the new process.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    pid = os.fork()
    if pid == 0:
        become_make(lock, directory, target, environment, (null, out_write, err_write), runner, recheck)
    work = Work(pid, lock, {out_read: 1, err_read: 2})
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        for handle in (null, out_write, err_write):
            os.close(handle)
        status, complete = work.run()
        lock.end(pid)
        return status, complete, work.tail
    except BrokenOff as broken:
        begun = lock.is_noted(pid)
        work.end()
        if not lock.left_over():
            lock.end(pid)
        say("'%s' of %s was broken off%s" % (target, lock.name, "" if begun else ": it had not begun"))
        sys.exit(128 + broken.args[0])
    finally:
        for handle in (out_read, err_read, lock.handle):
            os.close(handle)


def lacks_target(said, target):
    # Whether make's last words are that it has no such target, in whatever language: its own messages have three stars,
    # that a recipe failed is in brackets, and a prerequisite that is missing is quoted beside the target.
    lines = said.decode("utf-8", "replace").strip().split("\n")
    if not lines[-1].startswith("make: *** ") or lines[-1].startswith("make: *** ["):
        return False
    import re

    quote = "[\"'`\u2018-\u201e\u00ab\u00bb]"
    return re.findall(r"%s\s?(\S+?)\s?%s" % (quote, quote), lines[-1]) == [target]


def run_target(root, name, target, environment, recheck):
    directory = os.path.join(root, "jobs", name)
    if not os.path.isdir(directory):
        fail(EX_CONFIG, "job %s is not on this worker (%s); run maand deploy" % (name, directory))
    environment = dict(environment, JOB=environment.get("JOB") or name)
    status, complete, said = run_make(Lock(root, name, directory), directory, target, environment, recheck)
    if not complete:
        say(
            "a process that '%s' of %s left behind still holds its output and will lose it;"
            " redirect it in the Makefile, such as '>logs/out.log 2>&1'" % (target, name)
        )
    if status == 2 and lacks_target(said, target):
        say("the Makefile of %s has no target '%s'" % (name, target))
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
    # A connection that is closed ends nobody's work: Python ignores SIGPIPE, and a lost terminal is no reason either.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in ENDING:
        signal.signal(number, break_off)
    environment = {key: value for key, value in os.environ.items() if key not in PASSED_THROUGH or value}
    environment["BUCKET_ID"] = bucket_id
    status = 0
    try:
        for name in choose_jobs(root, target, named):
            result = run_target(root, name, target, environment, lambda: check_bucket(root, bucket_id, expected))
            status = status or result
    except BrokenOff as broken:
        return 128 + broken.args[0]
    return status


if __name__ == "__main__":
    # At once: tidying up the interpreter takes as long as the fork did, and nothing is buffered.
    os._exit(main(sys.argv[1:]))

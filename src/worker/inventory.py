"""Prints what lies below a bucket's directory on this worker, as one JSON document: python3 -c PROGRAM DIRECTORY"""

# python3 standard library only, Python 3.6 or newer. It changes nothing.
#
# {"worker_json": TEXT or null, "jobs": {JOB: {"mark": TEXT or null, "files": [[PATH, KIND, MODE, REF], ...]}}}
# KIND is file, dir or link; REF a file's SHA-256, a link's target, or "". Runtime directories are left out.
import hashlib
import json
import os
import stat
import sys

RUNTIME = ("data", "logs", "bin")
MARK = ".maand-synced"


def text_of(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(65536)
    except OSError:
        return None


def digest(path):
    total = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            total.update(chunk)
    return total.hexdigest()


def entry(path, shown):
    status = os.lstat(path)
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return [shown, "link", 0, os.readlink(path)]
    if stat.S_ISDIR(status.st_mode):
        return [shown, "dir", mode, ""]
    if stat.S_ISREG(status.st_mode):
        return [shown, "file", mode, digest(path)]
    return [shown, "other", mode, ""]


def walk(top, below, found):
    for name in sorted(os.listdir(os.path.join(top, below))):
        shown = os.path.join(below, name)
        if below == "" and (name in RUNTIME or name == MARK):
            continue
        row = entry(os.path.join(top, shown), shown)
        found.append(row)
        if row[1] == "dir":
            walk(top, shown, found)


def main(root):
    jobs = {}
    directory = os.path.join(root, "jobs")
    for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
        top = os.path.join(directory, name)
        if not os.path.isdir(top):
            continue
        files = []
        walk(top, "", files)
        jobs[name] = {"mark": text_of(os.path.join(top, MARK)), "files": files}
    json.dump({"worker_json": text_of(os.path.join(root, "worker.json")), "jobs": jobs}, sys.stdout)
    sys.stdout.write("\n")


main(sys.argv[1])

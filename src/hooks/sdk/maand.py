"""The "maand" module of Python hooks: context, KV, demands, semaphores, workers. Twin of maand.ts.

Written by maand beside the hooks of a job, for the CLI host; python3 standard library only, Python 3.6 or newer.
"""

import contextlib
import http.client
import json as _json
import os
import shlex
import urllib.parse

# Longer than any wait that the API allows, in seconds: what ends a request is the API's answer.
_LONGEST_WAIT = 700_000


class HookApiError(RuntimeError):
    """The runtime API refused a request; `status` is 0 when there was no answer."""

    def __init__(self, message, status=0):
        super().__init__(message)
        self.status = status


class CommandError(RuntimeError):
    """A command on a worker ended with another status than 0."""

    def __init__(self, message, result):
        super().__init__(message)
        self.result = result


class Response:
    """What the runtime API answered."""

    def __init__(self, status_code, text, what):
        self.status_code = status_code
        self.status = status_code
        self.text = text
        self.ok = 200 <= status_code < 300
        self._what = what

    def json(self):
        return _json.loads(self.text)

    def raise_for_status(self):
        """Raises HookApiError unless `ok`; returns the response, so that calls can be chained."""
        if self.ok:
            return self
        try:
            reason = self.json()["error"]
        except (ValueError, KeyError, TypeError):
            reason = self.text
        raise HookApiError("%s: %d %s" % (self._what, self.status_code, reason), self.status_code)


class CommandResult:
    """How a command on a worker ended."""

    def __init__(self, worker_ip, returncode, stdout, stderr, what):
        self.worker_ip = worker_ip
        self.returncode = returncode
        self.stdout = stdout
        self.stderr = stderr
        self._what = what

    def raise_for_status(self):
        """Raises CommandError unless `returncode` is 0; returns the result, so that calls can be chained."""
        if self.returncode == 0:
            return self
        said = (self.stderr if self.stderr.strip() else self.stdout).strip()
        message = "%s on %s ended with status %d: %s" % (self._what, self.worker_ip, self.returncode, said)
        raise CommandError(message, self)


# --- context ---------------------------------------------------------------------------------------------------------


def env(name, default=None):
    """A variable of the hook's environment."""
    return os.environ.get(name, default)


def _need(name):
    value = os.environ.get(name)
    if value is None:
        raise HookApiError("%s is not set: this script was not started by maand" % name)
    return value


def _list_of(text):
    return [item.strip() for item in text.split(",") if item.strip()]


def allocation_id():
    return _need("ALLOCATION_ID")


def allocation_ip():
    return _need("ALLOCATION_IP")


def allocation_index():
    return int(_need("ALLOCATION_INDEX"))


def job_name():
    return _need("JOB")


def hook_name():
    return _need("HOOK")


def hook_event():
    return _need("EVENT")


def is_allocation_disabled():
    return _need("DISABLED") == "1"


def batch_allocations():
    """Worker addresses of this batch."""
    return _list_of(_need("BATCH_ALLOCATIONS"))


def batch_index():
    """Counts from 0."""
    return int(_need("BATCH_INDEX"))


def batch_count():
    return int(_need("BATCH_COUNT"))


def find_bucket_root():
    return _need("BUCKET_ROOT")


command_name = hook_name
command_event = hook_event
get_allocation_id = allocation_id
get_allocation_ip = allocation_ip
get_allocation_index = allocation_index
get_event = hook_event
get_command = hook_name
get_job = job_name


def job():
    """The job of this hook."""
    return {
        "job": job_name(),
        "allocation_id": allocation_id(),
        "current_version": _need("CURRENT_VERSION"),
        "new_version": _need("NEW_VERSION"),
    }


def worker():
    """The worker of this hook's allocation."""
    namespace = "maand/worker/%s" % allocation_ip()
    return {
        "worker_ip": allocation_ip(),
        "worker_id": get_kv_value(namespace, "worker_id"),
        "labels": _list_of(get_kv_value(namespace, "labels")),
    }


# --- requests --------------------------------------------------------------------------------------------------------


def _request(method, path, fields=None):
    given = {name: value for name, value in (fields or {}).items() if value is not None}
    headers = {"Authorization": "Bearer %s" % _need("HOOK_API_TOKEN"), "Content-Type": "application/json"}
    body = None
    what = "%s %s" % (method, path)
    if method == "GET":
        if given:
            path = "%s?%s" % (path, urllib.parse.urlencode(given))
    else:
        body = _json.dumps(given).encode("utf-8")
    connection = http.client.HTTPConnection(_need("HOOK_API_HOST"), int(_need("HOOK_API_PORT")), timeout=_LONGEST_WAIT)
    try:
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return Response(answer.status, answer.read().decode("utf-8"), what)
    except (OSError, http.client.HTTPException) as error:
        raise HookApiError("the runtime API of maand does not answer: %s" % error) from error
    finally:
        connection.close()


# --- KV --------------------------------------------------------------------------------------------------------------


def _vars_of(name):
    return "vars/job/%s" % name


def _secrets_of(name):
    return "secrets/job/%s" % name


def _kv_path(namespace):
    return "/kv/secret" if namespace.startswith("secrets/") else "/kv"


def _text(value):
    """Values are strings; True and False are written as in JSON, so that both languages store the same."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def get_store_value(namespace, key):
    return _request("GET", "/kv", {"namespace": namespace, "key": key})


def get_kv_value(namespace, key):
    """The value; raises HookApiError when there is none or it may not be read."""
    return get_store_value(namespace, key).raise_for_status().json()["value"]


def kv_get(namespace, key, default=None):
    """The value, or `default` when the key does not exist."""
    response = get_store_value(namespace, key)
    if response.status_code == 404:
        return default
    return response.raise_for_status().json()["value"]


def kv_put(namespace, key, value):
    """Writes a key; one of secrets/job/<job> is stored encrypted."""
    return _request("PUT", _kv_path(namespace), {"namespace": namespace, "key": key, "value": _text(value)})


def kv_put_secret(namespace, key, value):
    return _request("PUT", "/kv/secret", {"namespace": namespace, "key": key, "value": _text(value)})


def _kv_delete(namespace, key):
    return _request("DELETE", _kv_path(namespace), {"namespace": namespace, "key": key})


class kv:
    """kv.get(ns, key, default=None), kv.put(ns, key, value), kv.delete(ns, key)."""

    get = staticmethod(kv_get)
    put = staticmethod(kv_put)
    delete = staticmethod(_kv_delete)


def put_job_variable(key, value):
    return kv_put(_vars_of(job_name()), key, value)


def delete_job_variable(key):
    return _kv_delete(_vars_of(job_name()), key)


def get_job_secret(key):
    """The secret; raises HookApiError when there is none."""
    return get_kv_value(_secrets_of(job_name()), key)


def put_job_secret(key, value):
    return kv_put_secret(_secrets_of(job_name()), key, value)


def delete_job_secret(key):
    return _kv_delete(_secrets_of(job_name()), key)


def list_job_keys(namespace=None):
    """Names of keys by namespace: those of the job's variables and secrets when none is named."""
    return _request("GET", "/kv/keys", {"namespace": namespace})


def get_rollout_order():
    """Worker addresses in the order in which a rollout of this job goes."""
    return _list_of(kv_get("maand/job/%s" % job_name(), "rollout_order", ""))


def put_rollout_order(workers):
    """In pre_deploy and cli hooks: sets that order until the next build that changes the catalog."""
    value = workers if isinstance(workers, str) else ",".join(workers)
    fields = {"namespace": "maand/job/%s" % job_name(), "key": "rollout_order", "value": value}
    return _request("PUT", "/kv", fields)


put_deploy_order = put_rollout_order


# --- demands ---------------------------------------------------------------------------------------------------------


def list_hook_demands():
    return _request("GET", "/demands")


list_command_demands = list_hook_demands
get_demands = list_hook_demands


def demands():
    """Hooks elsewhere whose demand names this job and hook: dicts with job, hook, command, demand_config."""
    return list_hook_demands().raise_for_status().json()


# --- semaphores ------------------------------------------------------------------------------------------------------


def acquire_semaphore(name, capacity=1, timeout_seconds=600):
    """Waits for a place; the response is 408 when there was none in time. Released with the hook at the latest."""
    fields = {"name": name, "capacity": capacity, "timeout_seconds": timeout_seconds}
    return _request("POST", "/semaphore/acquire", fields)


def release_semaphore(name):
    return _request("POST", "/semaphore/release", {"name": name})


def semaphore_status(name):
    return _request("GET", "/semaphore/status", {"name": name})


@contextlib.contextmanager
def semaphore(name, capacity=1, timeout_seconds=600):
    """Holds the semaphore inside a with block; raises HookApiError when there is no place in time."""
    acquire_semaphore(name, capacity, timeout_seconds).raise_for_status()
    try:
        yield
    finally:
        release_semaphore(name)


def with_semaphore(name, work, capacity=1, timeout_seconds=600):
    """Calls `work` while holding the semaphore and returns its result."""
    with semaphore(name, capacity, timeout_seconds):
        return work()


# --- workers ---------------------------------------------------------------------------------------------------------


def _on_worker(path, fields, what):
    answer = _request("POST", path, fields).raise_for_status().json()
    return CommandResult(answer["worker_ip"], answer["returncode"], answer["stdout"], answer["stderr"], what)


def run_ssh(worker_ip, command, timeout_seconds=None, sudo=False, input=None):
    """Runs a shell command (text, or a list of words) on a worker, over the connection that maand holds."""
    text = command if isinstance(command, str) else " ".join(map(shlex.quote, command))
    fields = {"worker_ip": worker_ip, "command": text, "timeout_seconds": timeout_seconds, "sudo": sudo, "input": input}
    return _on_worker("/worker/run", fields, "the command")


def run_runner_target(target, worker_ip=None, jobs=None, timeout_seconds=None):
    """Runs a Makefile target of jobs (this one when none is named) through runner.py; the hook's own worker when none is named."""
    names = _list_of(jobs) if isinstance(jobs, str) else None if jobs is None else list(jobs)
    fields = {"target": target, "worker_ip": worker_ip, "jobs": names, "timeout_seconds": timeout_seconds}
    return _on_worker("/worker/runner", fields, "target %s" % target)


def run_make_target(target, worker_ip=None, variables=None, timeout_seconds=None):
    """Runs `make <target> NAME=value...` in this job's directory; the hook's own worker when none is named."""
    texts = {name: _text(value) for name, value in (variables or {}).items()}
    fields = {"target": target, "worker_ip": worker_ip, "variables": texts, "timeout_seconds": timeout_seconds}
    return _on_worker("/worker/make", fields, "make %s" % target)


def load_ssh():
    """User, path of the private key, and whether lifecycle commands go through sudo."""
    answer = _request("GET", "/worker/ssh").raise_for_status().json()
    return answer["user"], answer["key_path"], answer["use_sudo"]

"""Polls every instance from outside and notes the fewest that answered at one time.

poll.py REPORT SECONDS URL...: asks all URLs every 50 ms until the file REPORT.stop appears or SECONDS are over,
then writes one line to REPORT: <rounds> <fewest answering> <versions seen>.
"""

import json
import os
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

report, seconds, urls = sys.argv[1], float(sys.argv[2]), sys.argv[3:]


def ask(url):
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return json.load(answer)["version"]
    except (OSError, ValueError):
        return None


rounds, fewest, versions = 0, len(urls), set()
deadline = time.monotonic() + seconds
with ThreadPoolExecutor(len(urls)) as pool:
    while time.monotonic() < deadline and not os.path.exists(report + ".stop"):
        answers = list(pool.map(ask, urls))
        rounds += 1
        fewest = min(fewest, sum(answer is not None for answer in answers))
        versions.update(answer for answer in answers if answer)
        time.sleep(0.05)
with open(report, "w", encoding="utf-8") as file:
    file.write("%d %d %s\n" % (rounds, fewest, ",".join(sorted(versions))))

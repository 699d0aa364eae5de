"""A small HTTP service: answers who it is and which version, and ends gracefully on SIGTERM."""

import json
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

with open(sys.argv[1], encoding="utf-8") as file:
    CONFIG = json.load(file)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"worker": CONFIG["worker"], "version": CONFIG["version"]}) + "\n"
        self.send_response(200 if self.path in ("/", "/health") else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format, *args):
        pass


server = ThreadingHTTPServer((CONFIG["worker"], CONFIG["port"]), Handler)
server.daemon_threads = False
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print("listening on %s:%s, version %s" % (CONFIG["worker"], CONFIG["port"], CONFIG["version"]), flush=True)
server.serve_forever()
server.server_close()
print("stopped", flush=True)

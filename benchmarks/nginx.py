"""nginx that serves the files of a folder by one worker, until SIGTERM: `nginx.py PORT FOLDER`. Measures nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

CONFIGURATION = """{user}worker_processes 1;
daemon off;
pid {place}/nginx.pid;
error_log {place}/nginx.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    types {{ text/plain txt; }}
    client_body_temp_path {place}/body;
    fastcgi_temp_path {place}/fastcgi;
    proxy_temp_path {place}/proxy;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=511;
        keepalive_requests 100000000;
        location /files/ {{ alias {folder}/; }}
        location = /json {{ default_type application/json; return 200 '{{"message":"Hello, World!"}}'; }}
    }}
}}
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        user = "user root;\n" if os.geteuid() == 0 else ""
        text = CONFIGURATION.format(user=user, place=place, port=sys.argv[1], folder=sys.argv[2])
        (Path(place) / "nginx.conf").write_text(text)
        child = subprocess.Popen(["nginx", "-c", f"{place}/nginx.conf"])
        signal.signal(signal.SIGTERM, lambda _number, _frame: child.terminate())
        child.wait()


main()

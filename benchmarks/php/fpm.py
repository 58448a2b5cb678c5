"""nginx before php-fpm on one port, one process of each, until SIGTERM: `fpm.py PORT PHP-FPM`. Measures nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
POOL = """[global]
error_log = {folder}/fpm.log
daemonize = no
[bench]
listen = {folder}/fpm.sock
pm = static
pm.max_children = 1
php_admin_value[memory_limit] = 256M
"""
NGINX = """worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    fastcgi_temp_path {folder}/fastcgi;
    proxy_temp_path {folder}/proxy;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream php {{ server unix:{folder}/fpm.sock; keepalive 4; }}
    server {{
        listen 127.0.0.1:{port} backlog=511;
        keepalive_requests 100000000;
        location / {{
            fastcgi_pass php;
            fastcgi_keep_conn on;
            fastcgi_param SCRIPT_FILENAME {app};
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param REQUEST_URI $request_uri;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param CONTENT_LENGTH $content_length;
        }}
    }}
}}
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        words = {"folder": folder, "port": sys.argv[1], "app": str(HERE / "fpm_app.php")}
        (Path(folder) / "fpm.conf").write_text(POOL.format(**words) + user())
        (Path(folder) / "nginx.conf").write_text(("user root;\n" if user() else "") + NGINX.format(**words))
        jit = ["-d", "opcache.enable=1", "-d", "opcache.jit=tracing", "-d", "opcache.jit_buffer_size=64M"]
        fpm = [sys.argv[2], "-R", *jit, "-y", f"{folder}/fpm.conf"]
        children = [subprocess.Popen(fpm)]
        begin = time.monotonic()
        while not (Path(folder) / "fpm.sock").exists() and time.monotonic() - begin < 10:
            time.sleep(0.01)
        children.append(subprocess.Popen(["nginx", "-c", f"{folder}/nginx.conf"]))

        def end(_number: int, _frame: object) -> None:
            for child in children:
                child.terminate()

        signal.signal(signal.SIGTERM, end)
        for child in children:
            child.wait()


def user() -> str:
    return "user = root\ngroup = root\n" if os.geteuid() == 0 else ""


main()

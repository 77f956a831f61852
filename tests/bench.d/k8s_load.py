#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""k8s_load.py KUBECONFIG COUNT [RATE]: makes so many suspended MPIJobs, at most RATE a second. Nothing but the standard library: it runs on a lab's host."""
import base64
import http.client
import json
import os
import re
import ssl
import sys
import tempfile
import threading
import time
import urllib.parse

config, count = sys.argv[1], int(sys.argv[2])
rate = float(sys.argv[3]) if len(sys.argv) > 3 else 0
text = open(config, encoding="utf-8").read()


def value(key):
    return re.search(key + r":\s*\"?([^\s\",}]+)", text)[1]


def data(key):
    f = tempfile.NamedTemporaryFile(delete=False)
    f.write(base64.b64decode(value(key + "-data")))
    f.close()
    return f.name


server = urllib.parse.urlsplit(value("server"))
files = [data("certificate-authority"), data("client-certificate"), data("client-key")]
tls = ssl.create_default_context(cafile=files[0])
tls.load_cert_chain(files[1], files[2])
for name in files:
    os.unlink(name)
pod = {"containers": [{"name": "main", "image": "wattle.lab/mpi:latest", "imagePullPolicy": "Never", "command": ["sleep", "60"]}]}
prefix = f"load-{int(time.time()) % 100000}"
begin = time.monotonic()


def work(first, step):
    connection = http.client.HTTPSConnection(server.hostname, server.port or 443, context=tls)
    for i in range(first, count, step):
        if rate:
            time.sleep(max(0, begin + i / rate - time.monotonic()))
        job = {
            "apiVersion": "kubeflow.org/v2beta1",
            "kind": "MPIJob",
            "metadata": {"name": f"{prefix}-{i}", "annotations": {"wattle.hpc/power": f"{150 + i % 200}W"}},
            "spec": {
                "runPolicy": {"suspend": True},
                "mpiReplicaSpecs": {"Launcher": {"replicas": 1, "template": {"spec": pod}}, "Worker": {"replicas": 2, "template": {"spec": pod}}},
            },
        }
        connection.request("POST", "/apis/kubeflow.org/v2beta1/namespaces/default/mpijobs", json.dumps(job), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 201:
            sys.exit(f"{answer.status}: {said[:300]!r}")


threads = [threading.Thread(target=work, args=(i, 8)) for i in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(f"{count / (time.monotonic() - begin):.0f} a second", file=sys.stderr)

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays the providers of carbon forecasts over https, and what goes wrong with them.

usage: carbon_server.py DIR    DIR has {good,stranger,misnamed}.{crt,key}; DIR/port-NAME tells each port, DIR/log each request.

The first part of a path says what is to happen: /CASE/v3/carbon-intensity/forecast. The answers have the shape that the
services' own had, moved to the present."""
import base64
import datetime
import json
import os
import re
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HERE = sys.argv[1]
HOUR = 3600
NOW = int(time.time())  # one hour for all, whatever hour the test ends in
log_lock = threading.Lock()
seen = {}


def iso(t, form="%Y-%m-%dT%H:%M:%S.000Z"):
    return datetime.datetime.fromtimestamp(t, datetime.timezone.utc).strftime(form)


def electricitymaps(case, history):
    hour = NOW - NOW % HOUR
    if history:
        rows = [{"zone": "DE", "carbonIntensity": None if i == 1 else 300 + i, "datetime": iso(hour - i * HOUR), "updatedAt": iso(hour),
                 "emissionFactorType": "lifecycle", "isEstimated": i < 4, "estimationMethod": None} for i in range(23, 0, -1)]
        return {"zone": "DE", "history": rows, "temporalGranularity": "hourly"}
    issued, hours, start, value = hour, 72, hour, lambda i: 200 + 100 * (i % 24 < 12) + i
    if case == "older":
        issued -= HOUR
    if case == "stale":
        issued -= 13 * HOUR
        start -= 13 * HOUR
    if case == "future":
        issued += 2 * HOUR
    if case == "fewer":
        hours = 24
    if case == "over":
        start -= 80 * HOUR
    if case == "next-hour":
        start += HOUR
    if case == "negative":
        value = lambda i: -5
    if case == "kilograms":
        value = lambda i: 0.35
    answer = {"zone": "FR" if case == "zone" else "DE",
              "forecast": [{"carbonIntensity": value(i), "datetime": iso(start + i * HOUR)} for i in range(hours)],
              "updatedAt": iso(issued), "temporalGranularity": "hourly"}
    if case == "unit":
        answer["unit"] = "lbs/MWh"
    if case == "hole":
        answer["forecast"] = answer["forecast"][:5] + answer["forecast"][15:]
    return answer


def watttime(case, path, query):
    five = NOW - NOW % 300
    if "historical" in path:
        start = five - 6 * HOUR
        meta = {"generated_at_period_seconds": 300}
    else:
        start = five
        meta = {"generated_at_period_seconds": 300, "generated_at": iso(five, "%Y-%m-%dT%H:%M:%S+00:00")}
    signal = re.search(r"signal_type=(\w+)", query).group(1)
    meta.update({"data_point_period_seconds": 300, "region": "CAISO_NORTH", "signal_type": signal, "warnings": [], "model": {"date": "2026-03-01"},
                 "units": "usd_per_mwh" if case == "unit-watttime" else "lbs_co2_per_mwh"})
    if case == "signal":
        meta["signal_type"] = "co2_aoer"
    return {"data": [{"point_time": iso(start + i * 300, "%Y-%m-%dT%H:%M:%S+00:00"), "value": 1000 + i} for i in range(72)], "meta": meta}


def uk(case, path):
    def slot(t, forecast, actual):
        intensity = {"forecast": forecast, "index": "moderate"}
        if actual != "none":
            intensity["actual"] = actual
        return {"from": iso(t, "%Y-%m-%dT%H:%MZ"), "to": iso(t + 1800, "%Y-%m-%dT%H:%MZ"), "intensity": intensity}

    moment = re.search(r"intensity/([^/]+)", path).group(1)
    start = int(datetime.datetime.strptime(moment, "%Y-%m-%dT%H:%MZ").replace(tzinfo=datetime.timezone.utc).timestamp())
    if "regional" in path:
        region = 5 if case == "region" else int(path.rsplit("/", 1)[1])
        rows = [dict(slot(start + i * 1800, 40 + i, "none"), generationmix=[{"fuel": "gas", "perc": 43.6}]) for i in range(96)]
        return {"data": {"regionid": region, "dnoregion": "Electricity North West", "shortname": "North West England", "data": rows}}
    if "fw48h" in path:
        return {"data": [slot(start + i * 1800, 245 + i, None) for i in range(96)]}
    end = int(datetime.datetime.strptime(path.rsplit("/", 1)[1], "%Y-%m-%dT%H:%MZ").replace(tzinfo=datetime.timezone.utc).timestamp())
    n = (end - start) // 1800
    return {"data": [slot(start + i * 1800, 245, 250 + i if i < n - 2 else None) for i in range(n)]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def put(self, status, body, headers=(), length=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
        if length is not None:
            self.close_connection = True

    def do_GET(self):
        path, _, query = self.path.partition("?")
        case, path = path[1:].split("/", 1)
        with log_lock:
            seen[case] = n = seen.get(case, 0) + 1
            with open(HERE + "/log", "a") as log:
                log.write(json.dumps({"case": case, "path": path, "query": query, "t": time.time(), "headers": dict(self.headers)}) + "\n")
        try:
            self.answer(case, path, query, n)
        except (ConnectionError, ssl.SSLError):
            self.close_connection = True

    def answer(self, case, path, query, n):
        if path == "login":
            if self.headers.get("Authorization") != "Basic dXNlcjpwYXNzIHdvcmQ=":  # user:pass word
                said = base64.b64decode(self.headers.get("Authorization", "Basic ").split()[1]).decode()
                return self.put(401, json.dumps({"error": "wrong password: " + said}).encode())
            return self.put(200, b'{"token": "t0ken.of.watttime"}' if case != "no-token" else b'{"hello": "there"}')
        if path.startswith("v3/carbon") and self.headers.get("auth-token") != "s3cret-t0ken":
            return self.put(401, b'{"status": "error", "message": "Invalid auth-token"}')
        if path.startswith("v3/") and "carbon" not in path and self.headers.get("Authorization") != "Bearer t0ken.of.watttime":
            return self.put(401, b'{"error": "no token"}')
        if case == "401":
            return self.put(401, b'{"message": "Invalid auth-token s3cret-t0ken"}')
        if case == "403":
            return self.put(403, b'{"message": "not in your plan"}')
        if case == "429" and n == 1:
            return self.put(429, b'{"message": "slow down"}', [("Retry-After", "2")])
        if case == "429-long":
            return self.put(429, b"{}", [("Retry-After", "3600")])
        if case == "500" or (case == "500-once" and n == 1):
            return self.put(500, b"<html>Internal Server Error</html>")
        if case == "redirect":
            return self.put(302, b"", [("Location", "http://localhost:1/stolen?x=1")])
        if case == "redirect-host":
            return self.put(301, b"", [("Location", "https://127.0.0.1:%d/ok/%s?%s" % (self.server.server_port, path, query))])
        if case == "html":
            return self.put(200, b"<html><body>Please log in</body></html>")
        if case == "empty":
            return self.put(200, b"")
        if case == "huge-length":
            return self.put(200, b"{", length=10 ** 9)
        if case == "huge":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            for _ in range(64):
                self.wfile.write(b'{"forecast": [' + b" " * 131072)
            return None
        if path.startswith("v3/carbon"):
            body = electricitymaps(case, "history" in path)
        elif path.startswith("v3/"):
            body = watttime(case, path, query)
        else:
            body = uk(case, path)
        body = json.dumps(body).encode()
        if case == "history-403" and "history" in path:
            return self.put(403, b'{"message": "not in your plan"}')
        if case == "truncated":
            return self.put(200, body[:len(body) // 2], length=len(body))
        if case == "cut":
            return self.put(200, body[:len(body) // 2])
        if case == "drip":
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            for byte in body:
                self.wfile.write(bytes([byte]))
                time.sleep(0.2)
            return None
        return self.put(200, body)


for name in ("good", "stranger", "misnamed"):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("%s/%s.crt" % (HERE, name), "%s/%s.key" % (HERE, name))
    # the handshake belongs to the connection's thread: one that is refused must not hold up the others
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open("%s/port-%s.new" % (HERE, name), "w") as f:
        f.write(str(server.server_port))
    os.rename("%s/port-%s.new" % (HERE, name), "%s/port-%s" % (HERE, name))
# ends with whoever started it
sys.stdin.read()

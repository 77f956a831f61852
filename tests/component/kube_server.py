# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays the API server of Kubernetes: objects, lists in pages, watches with bookmarks, 410, leases; and whatever can go wrong, on order.

It knows no kinds: a collection is what was declared by Server.kind(). For semantics that matter (field ownership, validation) there is the real
one in tests/k8s."""
import copy
import json
import re
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def merge(into, patch):
    """RFC 7386."""
    for key, value in patch.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict):
            if not isinstance(into.get(key), dict):
                into[key] = {}
            merge(into[key], value)
        else:
            into[key] = value


class Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *who):
        """A client that was killed is what some tests are about."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(*who)


class Server:
    def __init__(self):
        self.lock = threading.Condition()
        self.version = 100
        self.kinds = {}  # "/api/v1/nodes" -> kind
        self.objects = {}  # path of the object -> object
        self.events = []  # (version, type, collection, object)
        self.compacted = 0  # older versions are gone
        self.faults = []
        self.log = []
        self.watch_list = True
        self.token = None
        self.bookmark_s = 60
        self.closing = False
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def handle_any(self):
                server.handle(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

        self.http = Http(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        with self.lock:
            self.closing = True
            self.lock.notify_all()
        self.http.shutdown()
        self.http.server_close()

    # --- what a test says ---------------------------------------------------
    def kind(self, collection, kind):
        with self.lock:
            self.kinds[collection] = kind

    def put(self, collection, name, namespace=None, **fields):
        """Makes or replaces an object."""
        with self.lock:
            path = self.path_of(collection, name, namespace)
            old = self.objects.get(path)
            obj = {"metadata": {"name": name}}
            if namespace:
                obj["metadata"]["namespace"] = namespace
            merge(obj, fields)
            self.store(collection, path, obj, "MODIFIED" if old else "ADDED", old)

    def delete(self, collection, name, namespace=None):
        with self.lock:
            self.remove(collection, self.path_of(collection, name, namespace))

    def get(self, collection, name, namespace=None):
        with self.lock:
            return copy.deepcopy(self.objects.get(self.path_of(collection, name, namespace)))

    def compact(self):
        with self.lock:
            self.compacted = self.version
            self.events.clear()

    def fault(self, match, times=1, **what):
        """status=, headers=, body=, raw= (bytes for a stream, then it closes), stall= and delay= (seconds)"""
        with self.lock:
            self.faults.append({"match": re.compile(match), "times": times, **what})

    def requests(self, match="."):
        with self.lock:
            return [line for line in self.log if re.search(match, line)]

    # --- objects --------------------------------------------------------------
    @staticmethod
    def path_of(collection, name, namespace=None):
        if namespace:
            head, _, tail = collection.rpartition("/")
            return f"{head}/namespaces/{namespace}/{tail}/{name}"
        return f"{collection}/{name}"

    def store(self, collection, path, obj, kind_of_event, old=None):
        self.version += 1
        meta = obj["metadata"]
        meta["resourceVersion"] = str(self.version)
        meta.setdefault("uid", old["metadata"]["uid"] if old else f"uid-{self.version}")
        obj["kind"] = self.kinds[collection]
        self.objects[path] = obj
        self.events.append((self.version, kind_of_event, collection, copy.deepcopy(obj)))
        self.lock.notify_all()

    def remove(self, collection, path):
        obj = self.objects.pop(path)
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        self.events.append((self.version, "DELETED", collection, copy.deepcopy(obj)))
        self.lock.notify_all()

    def resolve(self, path):
        """(collection, namespace, name, subresource) of a path."""
        m = re.fullmatch(r"(.*)/namespaces/([^/]+)/([^/]+)(?:/([^/]+))?(?:/([^/]+))?", path)
        if m and f"{m[1]}/{m[3]}" in self.kinds:
            return f"{m[1]}/{m[3]}", m[2], m[4], m[5]
        for collection in self.kinds:
            if path == collection:
                return collection, None, None, None
            if path.startswith(collection + "/"):
                rest = path[len(collection) + 1 :].split("/")
                return collection, None, rest[0], rest[1] if len(rest) > 1 else None
        return None, None, None, None

    def of(self, collection, namespace):
        head, _, tail = collection.rpartition("/")
        found = []
        for path, obj in sorted(self.objects.items()):
            ns = obj["metadata"].get("namespace")
            if path == self.path_of(collection, obj["metadata"]["name"], ns) and (namespace is None or ns == namespace):
                found.append(obj)
        return found

    # --- requests ---------------------------------------------------------------
    def handle(self, request):
        url = urllib.parse.urlsplit(request.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        length = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(length) if length else b""
        line = f"{request.command} {request.path}"
        with self.lock:
            self.log.append(line)
            fault = next((f for f in self.faults if f["times"] > 0 and f["match"].search(line)), None)
            if fault:
                fault["times"] -= 1
        try:
            if fault and self.play(request, fault):
                return
            if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
                self.status(request, 401, "Unauthorized")
                return
            self.serve(request, url.path, query, body)
        except (BrokenPipeError, ConnectionResetError):
            request.close_connection = True

    def play(self, request, fault):
        time.sleep(fault.get("delay", 0))
        if "status" in fault:
            self.status(request, fault["status"], fault.get("body", "as ordered"), fault.get("headers", {}))
            return True
        if "raw" in fault or "stall" in fault:
            request.send_response(200)
            request.send_header("Content-Type", "application/json")
            request.send_header("Connection", "close")
            request.end_headers()
            request.wfile.write(fault.get("raw", b""))
            request.wfile.flush()
            time.sleep(fault.get("stall", 0))
            request.close_connection = True
            return True
        if fault.get("reset"):
            request.close_connection = True
            request.connection.close()
            return True
        return False

    @staticmethod
    def answer(request, status, obj, headers=None):
        text = json.dumps(obj).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(text)))
        for key, value in (headers or {}).items():
            request.send_header(key, value)
        request.end_headers()
        request.wfile.write(text)

    def status(self, request, code, message, headers=None):
        self.answer(request, code, {"kind": "Status", "code": code, "message": message}, headers)

    def serve(self, request, path, query, body):
        with self.lock:
            collection, namespace, name, sub = self.resolve(path)
        if not collection:
            self.status(request, 404, "the server could not find the requested resource")
        elif name:
            self.one(request, collection, path, sub, query, body)
        elif request.command == "POST":
            self.create(request, collection, path, json.loads(body))
        elif query.get("watch"):
            self.watch(request, collection, namespace, query)
        else:
            self.list(request, collection, namespace, query)

    def one(self, request, collection, path, sub, query, body):
        if sub:
            path = path[: -len(sub) - 1]
        with self.lock:
            old = self.objects.get(path)
            if request.command == "PATCH" and not old and "apply-patch" in request.headers["Content-Type"]:
                old = {"metadata": {}}
            if not old:
                reply = 404, {"kind": "Status", "code": 404, "message": f"{path} not found"}
            elif request.command == "GET":
                reply = 200, copy.deepcopy(old)
            elif request.command == "DELETE":
                self.remove(collection, path)
                reply = 200, {"kind": "Status", "status": "Success"}
            else:
                asked = json.loads(body)
                guard = asked.get("metadata", {}).get("resourceVersion")
                if guard and guard != old["metadata"].get("resourceVersion"):
                    reply = 409, {"kind": "Status", "code": 409, "message": "the object has been modified"}
                else:
                    new = asked if request.command == "PUT" else copy.deepcopy(old)
                    if request.command == "PATCH":
                        merge(new, asked)
                    self.store(collection, path, new, "MODIFIED", old if "uid" in old["metadata"] else None)
                    reply = 200, copy.deepcopy(new)
        self.answer(request, *reply)

    def create(self, request, collection, path, obj):
        with self.lock:
            path = f"{path}/{obj['metadata']['name']}"
            if path in self.objects:
                reply = 409, {"kind": "Status", "code": 409, "message": "already exists"}
            else:
                self.store(collection, path, obj, "ADDED")
                reply = 201, copy.deepcopy(obj)
        self.answer(request, *reply)

    def list(self, request, collection, namespace, query):
        with self.lock:
            items = copy.deepcopy(self.of(collection, namespace))
            version = str(self.version)
        first = int(query.get("continue") or 0)
        limit = int(query.get("limit") or 0) or len(items)
        meta = {"resourceVersion": version}
        if first + limit < len(items):
            meta["continue"] = str(first + limit)
        self.answer(request, 200, {"kind": "List", "metadata": meta, "items": items[first : first + limit]})

    def watch(self, request, collection, namespace, query):
        initial = query.get("sendInitialEvents") == "true"
        if initial and not self.watch_list:
            self.status(request, 422, "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled")
            return
        request.send_response(200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()

        def send(kind, obj):
            text = json.dumps({"type": kind, "object": obj}).encode() + b"\n"
            request.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
            request.wfile.flush()

        with self.lock:
            at = self.version if initial else int(query["resourceVersion"])
            items = copy.deepcopy(self.of(collection, namespace)) if initial else []
            stale = at < self.compacted
        if stale:
            send("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"})
            request.wfile.write(b"0\r\n\r\n")
            return
        for obj in items:
            send("ADDED", obj)

        def bookmark(annotations):
            send("BOOKMARK", {"kind": self.kinds[collection], "metadata": {"resourceVersion": str(at), "annotations": annotations}})

        if initial:
            bookmark({"k8s.io/initial-events-end": "true"})
        end = time.monotonic() + float(query.get("timeoutSeconds") or 300)
        next_bookmark = time.monotonic() + self.bookmark_s
        while time.monotonic() < end and not self.closing:
            with self.lock:
                fresh = [e for e in self.events if e[0] > at]
                if not fresh:
                    self.lock.wait(min(0.2, self.bookmark_s))
                    fresh = [e for e in self.events if e[0] > at]
                present = self.version
            for _, kind, where, obj in fresh:
                if where == collection and namespace in (None, obj["metadata"].get("namespace")):
                    send(kind, obj)
            at = max([at] + [e[0] for e in fresh])
            if time.monotonic() > next_bookmark:
                next_bookmark = time.monotonic() + self.bookmark_s
                at = max(at, present if not fresh else at)
                bookmark({})
            if any(f["times"] > 0 and f["match"].search("CUT " + collection) for f in self.faults):
                with self.lock:
                    fault = next(f for f in self.faults if f["times"] > 0 and f["match"].search("CUT " + collection))
                    fault["times"] -= 1
                raw = fault.get("raw", b"")
                if raw:
                    request.wfile.write(b"%x\r\n%s\r\n" % (len(raw), raw))
                time.sleep(fault.get("stall", 0))
                request.close_connection = True
                return
        request.wfile.write(b"0\r\n\r\n")

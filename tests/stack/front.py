#!/usr/bin/env python3
"""The hub's front server in small: TLS on one origin, and behind it Keycloak, oauth2-proxy and the API.

It stands for the hub's ingress: `/keycloak/` goes to Keycloak, a call with an API token (`454f4448…`) to the API, everything else
through oauth2-proxy. On a port of its own it also stands before the object store. For the suites it notes every request, and
disturbs those that a rule names: holds them before or after the server saw them, loses or cuts the answer, changes a text in it.
    usage: front.py CONFIG.json      {"listen", "listen_store", "controls", "certificate", "key", "keycloak", "proxy", "api", "s3", "log"}
"""
import http.client
import http.server
import json
import re
import socket
import ssl
import sys
import threading
import time
import urllib.parse

PAGE_502 = b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-connection"}
HOLD_LIMIT = 300
# Fields of a form that are no secret: noted with their values, all others by their names only.
PLAIN = {"grant_type", "client_id", "redirect_uri", "scope", "code_challenge_method", "token_type_hint"}


def form_of(body):
    """A form's fields; the values of those that are no secret."""
    fields = urllib.parse.parse_qsl(body.decode("latin-1"), keep_blank_values=True)
    return {name: value if name in PLAIN else "" for name, value in fields}


def refusal_of(status, headers, body):
    """What an OpenID provider says when it refuses, in an answer or in a redirect: `STATUS error: description`, or an empty text."""
    location = next((value for name, value in headers if name.lower() == "location"), "")
    told = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))
    if "error" not in told:
        try:
            told = json.loads(body) if body[:1] == b"{" else {}
        except ValueError:
            told = {}
    return f"{status} {told['error']}: {told.get('error_description', '')}" if "error" in told else ""


class Rules:
    """What is to happen to which requests, and what has happened."""

    def __init__(self):
        self.lock = threading.Condition()
        self.rules, self.seen, self.tokens, self.refusals, self.next = [], [], [], [], 1

    def add(self, rule):
        with self.lock:
            rule = {"id": self.next, "times": 1, "released": False, "waiting": 0, "done": 0, **rule}
            self.next += 1
            self.rules.append(rule)
            return rule["id"]

    def match(self, method, path, body):
        """The latest rule that fits and is not used up; it counts as used from now on."""
        with self.lock:
            for rule in reversed(self.rules):
                fits = (rule.get("method", method) == method and re.search(rule["path"], path)
                        and re.search(rule.get("body", ""), body.decode("latin-1")))
                if fits and rule["times"] != 0:
                    rule["times"] -= 1
                    return rule
        return None

    def hold(self, rule):
        with self.lock:
            rule["waiting"] += 1
            self.lock.notify_all()
            self.lock.wait_for(lambda: rule["released"], HOLD_LIMIT)

    def keep_tokens(self, answer):
        """The tokens given out, for the search for secrets: in memory only."""
        with self.lock:
            self.tokens += re.findall(r'"(?:access|refresh|id)_token":"([^"]+)"', answer.decode("utf-8", "replace"))

    def keep_refusal(self, text):
        with self.lock:
            self.refusals += [text] if text else []

    def is_dead(self, rule, bearer):
        """Whether it is the bearer that the rule saw first: that one is refused from then on, others are not."""
        with self.lock:
            return rule.setdefault("bearer", bearer) == bearer

    def finished(self, rule):
        with self.lock:
            rule["done"] += 1
            self.lock.notify_all()

    def note(self, row):
        with self.lock:
            self.seen.append(row)
            self.lock.notify_all()
        return row

    def order(self, order):
        """One order of a suite."""
        with self.lock:
            do = order["do"]
            if do == "seen":
                return list(self.seen)
            if do == "tokens":
                given, self.tokens = self.tokens, []
                return given
            if do == "refusals":
                given, self.refusals = self.refusals, []
                return given
            if do == "clear":
                for rule in self.rules:
                    rule["released"] = True
                self.rules, self.seen = [], []
                self.lock.notify_all()
                return None
            if do == "release":
                for rule in self.rules:
                    rule["released"] |= rule["id"] == order["id"]
                self.lock.notify_all()
                return None
            rule = next((r for r in self.rules if r["id"] == order.get("id")), None)
            if do == "await":
                reached = self.lock.wait_for(lambda: rule[order["what"]] >= order.get("count", 1), order.get("seconds", 60))
                return bool(reached)
        if do == "rule":
            return self.add(order["rule"])
        raise ValueError(do)


RULES = Rules()


class Front(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    config = None
    log = None
    name = "hub"

    def upstream(self, path):
        if path.startswith("/keycloak/"):
            return self.config["keycloak"]
        bearer = self.headers.get("Authorization", "")
        return self.config["api"] if bearer.startswith("Bearer 454f4448") else self.config["proxy"]

    def handle_request(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        row = RULES.note({"method": self.command, "path": path, "to": self.name, "status": 0, "at": time.time(), "answered": 0,
                          "grant": urllib.parse.unquote((re.findall(rb"grant_type=([^&]+)", body) or [b""])[0].decode("latin-1")),
                          "headers": sorted(name.lower() for name in self.headers.keys()),
                          "accept": self.headers.get("Accept", ""),
                          "form": form_of(body) if "form-urlencoded" in self.headers.get("Content-Type", "") else {},
                          "cookies": re.findall(r"(?:^|; )([^=;]+)=", self.headers.get("Cookie", ""))})
        # What a server's access log holds: the places where a secret must never be.
        self.log.write(json.dumps([self.command, self.path, self.headers.get("Referer", ""), self.headers.get("User-Agent", "")])
                       + "\n")
        self.log.flush()
        rule = RULES.match(self.command, self.path, body)
        do = rule["do"] if rule else ""
        try:
            self.serve(body, row, rule, do)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True
        finally:
            if rule:
                RULES.finished(rule)

    def serve(self, body, row, rule, do):
        then = do == "hold_before" and rule.get("then")
        if do == "hold_before":
            RULES.hold(rule)
        if do == "drop_before" or then == "drop":
            return self.drop()
        if do == "answer":
            row["status"] = rule["status"]
            return self.reply(rule["status"], rule.get("headers", [["Content-Type", "text/plain"]]), rule.get("text", "").encode())
        if do == "dead_bearer" and RULES.is_dead(rule, self.headers.get("Authorization", "")):
            row["status"] = 401
            return self.reply(401, [["Content-Type", "application/json"]], b"{}")
        changes = rule if do == "edit_request" else {}
        if "from" in changes:
            body = re.sub(changes["from"].encode(), changes["to"].encode(), body)
        if do == "twice" or then == "twice":
            first = self.ask(body)
        status, headers, answer = self.ask(body, changes)
        if do == "twice" and rule.get("told") == "first":
            status, headers, answer = first
        row["status"], row["answered"] = status, time.time()
        if do == "edit_answer":
            answer = re.sub(rule["from"].encode(), rule["to"].encode(), answer)
        if do == "hold_after":
            RULES.hold(rule)
            if rule.get("then") == "drop":
                return self.drop()
        if do == "drop_after":
            return self.drop()
        self.reply(status, headers, answer, rule["bytes"] if do == "cut" else None)
        if do == "cut":
            self.drop()

    def ask(self, body, changes=()):
        """One request to whom it concerns, as an ingress passes it on; `changes` to its method, path and headers come first."""
        changes = dict(changes)
        path = re.sub(*changes.get("path_edit", ("^", "")), self.path, count=1)
        host, port = self.upstream(path).split("//")[1].split(":")
        changed = changes.get("headers", {})
        left_out = HOP | {"content-length"} | {name.lower() for name in changed}
        headers = {name: value for name, value in self.headers.items() if name.lower() not in left_out}
        public = self.headers.get("Host", "")
        headers.update({"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": public,
                        "X-Forwarded-Port": public.partition(":")[2]})
        headers.update(changed)
        method = changes.get("as", self.command)
        connection = http.client.HTTPConnection(host, int(port), timeout=60)
        try:
            connection.request(method, path, None if method == "GET" else body, headers)
            answer = connection.getresponse()
            given = answer.status, answer.getheaders(), answer.read()
        except OSError:
            return 502, [("Content-Type", "text/html")], PAGE_502
        finally:
            connection.close()
        if path.endswith("/openid-connect/token"):
            RULES.keep_tokens(given[2])
        if path.startswith("/keycloak/"):
            RULES.keep_refusal(refusal_of(*given))
        return given

    def reply(self, status, headers, body, cut=None):
        """With `cut`, so many bytes of the body that its head announces."""
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP | {"content-length"}:
                self.send_header(name, value)
        if status != 204 and status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:cut])

    def drop(self):
        """The connection ends without an answer."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_POST = do_DELETE = do_PUT = do_HEAD = do_OPTIONS = handle_request

    def log_message(self, *_):
        pass


class Store(Front):
    """The same before the object store and its token service."""
    name = "store"

    def upstream(self, path):
        return self.config["s3"]


class Controls(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps(RULES.order(order)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port, handler, context=None):
        super().__init__(("127.0.0.1", port), handler)
        self.context = context

    def finish_request(self, request, client_address):
        """The handshake in the connection's own thread: nobody can keep the others waiting."""
        if self.context:
            request.settimeout(120)
            with self.context.wrap_socket(request, server_side=True) as sealed:
                super().finish_request(sealed, client_address)
        else:
            super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        pass


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        config = json.load(file)
    Front.config = config
    Front.log = open(config["log"], "a", encoding="utf-8")  # noqa: SIM115
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(config["certificate"], config["key"])
    controls = Server(config["controls"], Controls)
    threading.Thread(target=controls.serve_forever, daemon=True).start()
    store = Server(config["listen_store"], Store, context)
    threading.Thread(target=store.serve_forever, daemon=True).start()
    Server(config["listen"], Front, context).serve_forever()


if __name__ == "__main__":
    main()

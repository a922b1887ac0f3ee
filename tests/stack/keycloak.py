"""Keycloak's admin API, as far as the suites need it."""
import json
import time
import urllib.error
import urllib.parse
import urllib.request


class Admin:
    """An administrator of the realm `eodhp`. It asks Keycloak itself, past the front server, under the public address."""

    def __init__(self, keycloak, hub, name, password):
        self.keycloak, self.login = keycloak, (name, password)
        host = hub.partition("//")[2]
        self.forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": host, "X-Forwarded-Port": host.rpartition(":")[2]}
        self.token, self.until = None, 0

    def send(self, method, path, body=None, headers=()):
        request = urllib.request.Request(self.keycloak + path, body, {**self.forwarded, **dict(headers)}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def bearer(self):
        if time.monotonic() > self.until:
            form = {"grant_type": "password", "client_id": "admin-cli", "username": self.login[0], "password": self.login[1]}
            told = self.send("POST", "/keycloak/realms/master/protocol/openid-connect/token",
                             urllib.parse.urlencode(form).encode())
            self.token, self.until = told["access_token"], time.monotonic() + told["expires_in"] / 2
        return self.token

    def ask(self, method, path, value=None):
        body = None if value is None else json.dumps(value).encode()
        headers = {"Authorization": f"Bearer {self.bearer()}", "Content-Type": "application/json"}
        return self.send(method, f"/keycloak/admin/realms/eodhp{path}", body, headers)

    def client(self, name):
        return self.ask("GET", f"/clients?clientId={name}")[0]

    def set_client(self, name, attributes=None, **fields):
        """Changes a client; attributes are merged into those it has."""
        client = self.client(name)
        client.update(fields)
        client["attributes"] = {**client.get("attributes", {}), **(attributes or {})}
        self.ask("PUT", f"/clients/{client['id']}", client)

    def user(self, name):
        return self.ask("GET", f"/users?username={name}&exact=true")[0]

    def set_user(self, name, **fields):
        user = self.user(name)
        user.update(fields)
        self.ask("PUT", f"/users/{user['id']}", user)

    def sessions(self, name):
        return self.ask("GET", f"/users/{self.user(name)['id']}/sessions")

    def end_sessions(self, name):
        self.ask("POST", f"/users/{self.user(name)['id']}/logout")

    def forget_consents(self, name):
        user = self.user(name)["id"]
        for consent in self.ask("GET", f"/users/{user}/consents"):
            try:
                self.ask("DELETE", f"/users/{user}/consents/{consent['clientId']}")
            except urllib.error.HTTPError:
                pass  # it was an offline token's, which went with its session

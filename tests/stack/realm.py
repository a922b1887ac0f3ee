"""The realm `eodhp` as data: what the hub's Keycloak is to be, for the import at its first start.

People and workspaces are those of the sandbox (`src-tauri/sandbox/src/world.rs`), so that its API knows whoever signs in.
"""
import json
import uuid

SECRETS = {"eodh": "secret-of-the-hub", "eodh-workspaces": "secret-of-the-workspace-services"}
# user name: password, workspaces, owned ones, may stay signed in
PEOPLE = {
    "demo": ("demo-password", ["new-ws", "demo-ws", "bare-ws", "demo-lab"], ["demo-ws", "demo-lab"], True),
    "ada": ("ada-demo-password", ["tidewatch", "coastal-lab"], ["coastal-lab"], False),
}
# The sandbox's own subjects, which the tokens' owners are named by.
SUBJECTS = {"demo": "7d2f5b1a-1111-4222-8333-944455556666", "ada": "8e3f6c2b-2222-4333-8444-a55566667777"}
# Somebody of whom the API knows nothing, and for whom the store has no policy.
GUEST = ("guest", "guest-demo-password")
CALLBACK = "http://127.0.0.1/callback"
BUILT_IN = ["basic", "profile", "email", "roles", "web-origins", "acr"]


def mapper(name, kind, **config):
    tokens = {"access.token.claim": "true", "introspection.token.claim": "true"}
    return {"name": name, "protocol": "openid-connect", "protocolMapper": kind, "config": {**tokens, **config}}


def attribute(name, claim, many=False):
    return mapper(claim, "oidc-usermodel-attribute-mapper", **{
        "user.attribute": name, "claim.name": claim, "jsonType.label": "String", "multivalued": str(many).lower(),
        "id.token.claim": "true", "userinfo.token.claim": "true"})


def audience(client):
    return mapper(f"audience {client}", "oidc-audience-mapper", **{"included.client.audience": client})


def scope(name, *mappers, shown=True, **attributes):
    return {"name": name, "protocol": "openid-connect", "protocolMappers": list(mappers),
            "attributes": {"include.in.token.scope": str(shown).lower(), **attributes}}


def scopes():
    """A file that names scopes replaces all built-in ones, so the usual ones are here too."""
    return [
        scope("basic", mapper("sub", "oidc-sub-mapper"),
              mapper("auth_time", "oidc-usersessionmodel-note-mapper", **{
                  "user.session.note": "AUTH_TIME", "claim.name": "auth_time", "jsonType.label": "long",
                  "id.token.claim": "true"}), shown=False),
        scope("profile", attribute("username", "preferred_username"), attribute("firstName", "given_name"),
              attribute("lastName", "family_name")),
        scope("email", attribute("email", "email"),
              mapper("email verified", "oidc-usermodel-property-mapper", **{
                  "user.attribute": "emailVerified", "claim.name": "email_verified", "jsonType.label": "boolean",
                  "id.token.claim": "true", "userinfo.token.claim": "true"})),
        scope("roles", mapper("realm roles", "oidc-usermodel-realm-role-mapper", **{
            "claim.name": "realm_access.roles", "jsonType.label": "String", "multivalued": "true"}), shown=False),
        scope("web-origins", mapper("allowed web origins", "oidc-allowed-origins-mapper"), shown=False),
        scope("acr", mapper("acr", "oidc-acr-mapper", **{"id.token.claim": "true"}), shown=False),
        scope("offline_access", **{"consent.screen.text": "Stay signed in", "display.on.consent.screen": "true"}),
        scope("eodh-claims", attribute("workspaces", "workspaces", many=True),
              attribute("workspaces-owned", "workspaces-owned", many=True), attribute("policy", "policy", many=True),
              attribute("billing-accounts", "billing-accounts", many=True),
              mapper("groups", "oidc-group-membership-mapper", **{
                  "claim.name": "groups", "full.path": "false", "id.token.claim": "true", "userinfo.token.claim": "true"}),
              shown=False),
        scope("eodh-audience", audience("eodh"), shown=False),
        scope("eodh-audiences", audience("eodh"), audience("eodh-workspaces"), shown=False),
        # What the object store is configured for: the exchanged tokens name it too.
        scope("store-audience", audience("wayleave-desktop"), shown=False),
        scope("workspace", mapper("workspace", "oidc-parameterized-scope-mapper", **{
            "claim.name": "workspace", "jsonType.label": "String", "multivalued": "false", "id.token.claim": "true"}),
            **{"is.parameterized.scope": "true", "parameterized.scope.type": "custom",
               "parameterized.scope.regexp": "[a-z0-9][a-z0-9-]*"}),
    ]


def desktop(name, redirects=(CALLBACK,), device=True, audiences="eodh-audiences", **more):
    """A public client of a desktop program. `more`: attributes, with `_` for `.`, and `consentRequired`."""
    consent = more.pop("consentRequired", False)
    attributes = {"pkce.code.challenge.method": "S256", "oauth2.device.authorization.grant.enabled": str(device).lower(),
                  # Half of a device's sign-in is waiting, so it is told to ask often.
                  "oauth2.device.polling.interval": "2"}
    attributes.update({key.replace("_", "."): value for key, value in more.items()})
    return {"clientId": name, "enabled": True, "publicClient": True, "standardFlowEnabled": True,
            "directAccessGrantsEnabled": False, "fullScopeAllowed": True, "redirectUris": list(redirects),
            "consentRequired": consent, "attributes": attributes,
            "defaultClientScopes": [*BUILT_IN, "eodh-claims", audiences or "store-audience"],
            "optionalClientScopes": ["offline_access", "workspace"]}


def confidential(name, redirects=(), scopes_too=(), **attributes):
    return {"clientId": name, "enabled": True, "publicClient": False, "secret": SECRETS[name],
            "standardFlowEnabled": bool(redirects), "serviceAccountsEnabled": not redirects,
            "directAccessGrantsEnabled": False, "fullScopeAllowed": True, "redirectUris": list(redirects),
            "defaultClientScopes": [*BUILT_IN, "eodh-claims", "eodh-audiences", *scopes_too],
            "optionalClientScopes": ["offline_access", "workspace"],
            "attributes": {key.replace("_", "."): value for key, value in attributes.items()}}


def clients(hub):
    return [
        confidential("eodh", [f"{hub}/oauth2/callback"], post_logout_redirect_uris=hub + "/"),
        confidential("eodh-workspaces", scopes_too=["store-audience"], **{
            "standard.token.exchange.enabled": "true"}),
        desktop("wayleave-desktop"),
        # The same, as they go wrong: each is one bad registration, or one setting that makes an error visible.
        desktop("desktop-quick", access_token_lifespan="2"),
        desktop("desktop-ending"),
        desktop("desktop-idle", access_token_lifespan="2", client_session_idle_timeout="4"),
        desktop("desktop-longest", access_token_lifespan="2", client_session_max_lifespan="5"),
        desktop("desktop-consent", consentRequired=True),
        desktop("desktop-no-device", device=False),
        desktop("desktop-no-audience", audiences=False),
        # Good for the proxy, not for the workspace services.
        desktop("desktop-half-audience", audiences="eodh-audience"),
        desktop("desktop-device-short", **{"oauth2.device.code.lifespan": "4"}),
        desktop("desktop-localhost", redirects=["http://localhost/callback"]),
        desktop("desktop-other-path", redirects=["http://127.0.0.1/other"]),
        desktop("desktop-brief", audiences=False, access_token_lifespan="15"),
        desktop("desktop-fixed-port", redirects=["http://127.0.0.1:7777/callback"]),
    ]


def person(name):
    password, workspaces, owned, may_stay = PEOPLE[name]
    return {"id": SUBJECTS[name], "username": name, "enabled": True, "email": f"{name}@example.org", "emailVerified": True,
            "firstName": name.title(), "lastName": "Example", "groups": [f"/{w}" for w in workspaces],
            "attributes": {"workspaces": workspaces, "workspaces-owned": owned, "policy": [f"people-{name}"],
                           # As many as make the proxy split its cookie, as on the real hub.
                           "billing-accounts": [str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}-{n}")) for n in range(24)]},
            "realmRoles": ["default-roles-eodhp", *(["offline_access"] if may_stay else [])],
            "credentials": [{"type": "password", "value": password, "temporary": False}]}


def guest():
    attributes = {"workspaces": [], "workspaces-owned": []}
    return {**person("demo"), "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, GUEST[0])), "username": GUEST[0], "email": f"{GUEST[0]}@example.org",
            "firstName": "Guest", "groups": [], "attributes": attributes,
            "credentials": [{"type": "password", "value": GUEST[1], "temporary": False}]}


def user_profile():
    def field(name, **more):
        return {"name": name, "permissions": {"view": ["admin", "user"], "edit": ["admin", "user"]}, **more}
    fields = [field(name) for name in ("username", "email", "firstName", "lastName")]
    config = json.dumps({"attributes": fields, "unmanagedAttributePolicy": "ADMIN_EDIT"})
    return {"org.keycloak.userprofile.UserProfileProvider": [
        {"providerId": "declarative-user-profile", "config": {"kc.user.profile.config": [config]}}]}


def realm(hub):
    """The whole realm, for a hub at this origin."""
    everywhere = sorted({w for _, ws, _, _ in PEOPLE.values() for w in ws})
    return {
        "realm": "eodhp", "enabled": True, "sslRequired": "external",
        "accessTokenLifespan": 300, "ssoSessionIdleTimeout": 1800, "ssoSessionMaxLifespan": 36000,
        "revokeRefreshToken": True, "refreshTokenMaxReuse": 0,
        "oauth2DeviceCodeLifespan": 600, "oauth2DevicePollingInterval": 5,
        "bruteForceProtected": False, "eventsEnabled": False,
        # Named here, `offline_access` is not everybody's.
        "roles": {"realm": [{"name": "offline_access"}, {"name": "uma_authorization"}]},
        "groups": [{"name": name} for name in everywhere],
        "components": user_profile(), "clientScopes": scopes(),
        "defaultDefaultClientScopes": [*BUILT_IN, "eodh-claims", "eodh-audiences"],
        "defaultOptionalClientScopes": ["offline_access", "workspace"],
        "scopeMappings": [{"clientScope": "offline_access", "roles": ["offline_access"]}],
        "clients": clients(hub), "users": [*(person(name) for name in PEOPLE), guest()],
    }

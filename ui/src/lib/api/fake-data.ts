// Worlds for the fake back end. Names are made up; times are relative to the start.
import type { AccountView, CredentialView, HistoryView, PlatformView, QgisView, Snapshot, VaultInfo } from "./bindings";

export const SCENARIOS = ["first-run", "first-run-passphrase", "empty", "locked", "expiring", "offline", "error", "loading", "busy", "out"] as const;
export type Scenario = (typeof SCENARIOS)[number];

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const HUB = "https://eodatahub.org.uk";

export const id = (n: number): string => n.toString(16).padStart(32, "0");
const iso = (at: number): string => new Date(at).toISOString();

export const PLATFORM: PlatformView = {
  id: "eodh", name: "UK EO Data Hub", badge: "EO", subtitle: "eodatahub.org.uk",
  fields: [
    { key: "environment", label: "Environment", kind: "choice", options: ["production", "staging", "test", "custom"], default: "production", required: true, help: "Most people use production." },
    { key: "hub", label: "Address", kind: "url", options: [], default: null, required: false, help: "Only for a hub of your own." },
    { key: "client_id", label: "Client ID", kind: "text", options: [], default: null, required: false, help: "For signing in with your own browser." },
  ],
  tiles: [
    { name: "UK EO Data Hub", subtitle: "eodatahub.org.uk", connection: { environment: "production" } },
    { name: "Sandbox", subtitle: "127.0.0.1:8080", connection: { hub: "http://127.0.0.1:8080" } },
  ],
  ways: ["browser", "device", "portal", "paste"], key_hint: "454f4448…", lifetime: { min: 1, max: 30, default: 30 }, permissions: null, s3: { mode: "requested", seconds: 3600 },
  first_key: "", parts: [{ field: "api_key", label: "API Key" }], owners: false, qgis: true, scope: { label: "Workspace", typed: true }, expiry: "days", names_are_ids: false, session: null,
};

export const PORTAL: PlatformView = {
  ...PLATFORM, id: "opendatasoft", name: "Opendatasoft", badge: "OD", subtitle: "Data portal",
  fields: [{ key: "domain", label: "Portal", kind: "host", options: [], default: null, required: true, help: "The portal’s address." }],
  tiles: [{ name: "Opendatasoft", subtitle: "A data portal", connection: {} }],
  ways: ["paste"], key_hint: "A long text.", lifetime: null, first_key: "On the portal: your account, API keys.", qgis: false, scope: { label: "Portal", typed: false }, expiry: "none", s3: null,
  permissions: { all: [{ id: "edit_dataset", label: "Edit datasets" }, { id: "explore_restricted_dataset", label: "See restricted datasets" }], preset: ["explore_restricted_dataset"] },
};

export const PAIRS: PlatformView = {
  ...PORTAL, id: "ovh", name: "OVHcloud Data Platform", badge: "OV", fields: [{ key: "project", label: "Project", kind: "host", options: [], default: null, required: true, help: "The project’s name." }],
  tiles: [{ name: "OVHcloud Data Platform", subtitle: "A project", connection: {} }], parts: [{ field: "api_key", label: "API key" }, { field: "secret_key", label: "Secret key" }],
  owners: true, scope: { label: "Project", typed: false }, expiry: "manual", permissions: null, s3: { mode: "pair", seconds: null }, session: { seconds: 3600 },
};

const location = (workspace: string) => ({ bucket: "workspaces-eodhp", prefix: `${workspace}/`, region: "eu-west-2", endpoint: null });

export function account(n: number, over: Partial<AccountView> = {}): AccountView {
  const workspaces = ["forest-carbon", "peatland-mapping", "thames-flood"];
  return {
    id: id(n), name: "UK EO Data Hub", username: "eo-analyst", platform: "eodh", platform_name: "UK EO Data Hub", environment: "production", hub: HUB, client_id: null,
    sign_in: { state: "signed_in", with: "portal", until: iso(Date.now() + 30 * MINUTE) }, ways: ["portal", "paste"],
    capabilities: { issue: "yes", list: "yes", revoke: "yes", rotate: "no", edit: "no", read_key: "no", s3: "yes", session: "no" }, refused: [], permissions: null, key: null,
    workspaces: workspaces.map((name) => ({ name, status: "ready", can_issue: true, s3: location(name) })), manage_url: `${HUB}/workspaces`, ...over,
  };
}

export function token(n: number, name: string, workspace: string, left: number | null, over: Partial<CredentialView> = {}): CredentialView {
  const expires = left === null ? null : Date.now() + left;
  return {
    id: id(n), kind: "api_token", name, account: id(1), platform: "eodh", workspace, platform_id: `9f1c2e7a-41d0-4b7e-a3c5-60d2f1e8${n.toString(16).padStart(4, "0")}`,
    created: expires === null ? null : iso(expires - 30 * DAY), expires: expires === null ? null : iso(expires), end_confirmed: true,
    state: left !== null && left <= 0 ? "expired" : "active", installations: 0, verified_at: null, s3: null,
    fields: ["username", "api_key", "bearer_header", "token_id"], snippets: [], templates: [], permissions: [], owner: null, ...over,
  };
}

export function s3(n: number, workspace: string, left: number): CredentialView {
  return token(n, `Files of ${workspace}`, workspace, left, {
    kind: "s3", platform_id: null, created: iso(Date.now() + left - HOUR), s3: location(workspace),
    fields: ["access_key_id", "secret_access_key", "session_token"], snippets: ["env"],
  });
}

function credentials(): CredentialView[] {
  return [
    s3(15, "thames-flood", -2 * HOUR), token(11, "QGIS, office PC", "peatland-mapping", 22.5 * HOUR, { installations: 1, verified_at: iso(Date.now() - 2 * MINUTE) }),
    s3(12, "peatland-mapping", 46 * MINUTE), token(13, "Nightly peat index", "peatland-mapping", 12.1 * DAY),
    token(16, "Flood notebooks", "thames-flood", 5.2 * DAY, { end_confirmed: false }), token(17, "QGIS, field laptop", "thames-flood", 24.3 * DAY),
    token(18, "Pipeline runner", "forest-carbon", 18.9 * DAY), token(19, "Dataset sync", "forest-carbon", null, { platform_id: null, fields: ["username", "api_key", "bearer_header"] }),
  ];
}

export function history(credential: string, name: string): HistoryView[] {
  const entry = (event: HistoryView["event"], past: number, detail: string | null = null): HistoryView => ({ at: iso(Date.now() - past), event, credential, name, workspace: "peatland-mapping", platform_id: null, expires: null, detail });
  return [entry("copied", 20_000, "api_key"), entry("verified", 2 * MINUTE), entry("warned", 87 * MINUTE), entry("given_to_qgis", 28 * DAY), entry("copied", 29 * DAY, "bearer_header"), entry("requested", 29 * DAY)];
}

export const QGIS: QgisView[] = [
  { program: "/usr/bin/qgis", version: "3.40.6", packaging: "system", profiles: ["default"], can_apply: true, api_header: true },
  { program: "/opt/qgis-3.22/bin/qgis", version: "3.22.16", packaging: "system", profiles: ["default", "field"], can_apply: true, api_header: false },
  { program: null, version: null, packaging: "flatpak", profiles: ["default"], can_apply: false, api_header: true },
];

export const VAULT: VaultInfo = {
  path: "/home/eo-analyst/.local/share/wayleave/vault.db", format: 1, vault_id: id(99), epoch: 42, records: 9, size: 57344,
  slots: [{ id: id(7), kind: "keyring", memory_mib: null, passes: null }, { id: id(8), kind: "passphrase", memory_mib: 64, passes: 3 }], pragmas: { journal_mode: "truncate", synchronous: "2" }, checked: false,
};

/** The snapshot a scenario starts with; `null` where none comes. */
export function seed(scenario: Scenario): Snapshot | null {
  const full = base();
  switch (scenario) {
    case "loading": return null;
    case "first-run": return { ...full, accounts: [], credentials: [], vault: { ...full.vault, state: "missing", slots: [] } };
    case "first-run-passphrase": return { ...full, accounts: [], credentials: [], vault: { ...full.vault, state: "missing", slots: [], keyring: false } };
    case "empty": return { ...full, credentials: [] };
    case "locked": return lock(full);
    case "offline": return { ...full, offline: true };
    case "out": return { ...full, accounts: full.accounts.map((a) => ({ ...a, username: null, sign_in: { state: "expired", with: "portal", until: iso(Date.now() - HOUR) } })) };
    case "error": return { ...full, accounts: [], credentials: [], vault: { ...full.vault, state: "unusable", problem: { code: "vault_damaged", message: "the root does not match", params: {} } } };
    case "busy": return {
      ...full,
      activities: [{ id: id(70), kind: "verify", account: id(1), credential: id(13), since: iso(Date.now()), cancellable: true }],
      alerts: [{ id: id(71), error: { code: "session_ended", message: "the session ended", params: { at: iso(Date.now() - 90 * MINUTE) } }, at: iso(Date.now()), account: id(1), credential: null }],
    };
    case "expiring": return full;
  }
}

/** What stays visible of a vault that is locked. */
export function lock(snapshot: Snapshot): Snapshot {
  const watched = snapshot.credentials.filter((c) => c.state !== "revoked").map(({ kind, expires }) => ({ kind, expires }));
  return { ...snapshot, accounts: [], credentials: [], watched, vault: { ...snapshot.vault, state: "locked" } };
}

function base(): Snapshot {
  return {
    revision: 1, agent: { pid: 4242, version: "0.1.0", since: iso(Date.now() - 5 * HOUR) },
    vault: { state: "unlocked", path: VAULT.path, slots: ["keyring", "passphrase"], keyring: true, problem: null },
    accounts: [account(1), account(2, { name: "UK EO Data Hub staging", environment: "staging", hub: "https://staging.eodatahub.org.uk", workspaces: [], sign_in: { state: "signed_out", with: null, until: null } })],
    credentials: credentials(), watched: [], flows: [], activities: [], alerts: [], offline: false,
    settings: { theme: "system", clear_clipboard_after: 30, lock_after: 15, notices: true },
  };
}

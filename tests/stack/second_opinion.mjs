// A second OpenID provider, of other habits than Keycloak's: npm oidc-provider, at the path where a hub has its realm, with the two
// calls of the hub's API that the suite needs. Development interactions: any name and password are taken.
//   usage: node second_opinion.mjs FOLDER-WITH-NODE_MODULES PORT
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, port] = process.argv.slice(2);
const require = createRequire(`${folder}/package.json`);
const { default: Provider } = await import(pathToFileURL(require.resolve("oidc-provider")).href);

const origin = `http://127.0.0.1:${port}`;
const prefix = "/keycloak/realms/eodhp";
const grants = "urn:ietf:params:oauth:grant-type:device_code";
const provider = new Provider(origin + prefix, {
  clients: [{
    client_id: "wayleave-desktop", application_type: "native", token_endpoint_auth_method: "none",
    redirect_uris: ["http://127.0.0.1/callback"], response_types: ["code"],
    grant_types: ["authorization_code", "refresh_token", grants],
  }],
  pkce: { required: () => true },
  features: { deviceFlow: { enabled: true }, revocation: { enabled: true }, devInteractions: { enabled: true } },
  claims: { openid: ["sub"], profile: ["preferred_username"] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: id }) }),
  issueRefreshToken: (_, client) => client.grantTypeAllowed("refresh_token"),
  rotateRefreshToken: true,
  ttl: { AccessToken: 300, IdToken: 300, RefreshToken: 3600, Session: 3600, Grant: 3600, Interaction: 600, DeviceCode: 600 },
  cookies: { keys: ["a key for tests"] },
});
const callback = provider.callback();
const refreshes = [];
const requests = [];

async function api(request, response) {
  const bearer = (request.headers.authorization ?? "").replace(/^Bearer /, "");
  const known = bearer && (await provider.AccessToken.find(bearer));
  if (once && known) {
    refuse.add(bearer);
    once = false;
  }
  response.statusCode = known && !refuse.has(bearer) ? 200 : 401;
  response.setHeader("Content-Type", "application/json");
  response.end(response.statusCode === 200 ? "[]" : "{}");
}
const refuse = new Set();
let once = false;

createServer((request, response) => {
  if (request.url.startsWith(prefix)) {
    requests.push(`${request.method} ${request.url.split("?")[0]}`);
    if (request.url.endsWith("/token")) request.on("data", (d) => /grant_type=refresh_token/.test(d) && refreshes.push(1));
    request.originalUrl = request.url;
    request.url = request.url.slice(prefix.length) || "/";
    return callback(request, response);
  }
  if (request.url === "/refuse-next") return (once = true), response.end("ok");
  if (request.url === "/requests") return response.end(requests.join("\n"));
  if (request.url === "/refreshes") return response.end(String(refreshes.length));
  if (request.url === "/api/docs/workspace-services/doc.json") {
    response.setHeader("Content-Type", "application/json");
    return response.end('{"info":{"title":"EODHP Workspace Services API"}}');
  }
  if (request.url.startsWith("/api/")) return api(request, response);
  response.statusCode = 404;
  return response.end();
}).listen(Number(port), "127.0.0.1", () => console.log("ready"));

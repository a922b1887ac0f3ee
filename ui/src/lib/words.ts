// All words of the window. As to a colleague: verb first, sentence case, "…" only if more is
// asked. Plurals by Intl.
const rules = new Intl.PluralRules("en-GB");
const kilobytes = new Intl.NumberFormat("en-GB", { style: "unit", unit: "kilobyte" });
const list = new Intl.ListFormat("en-GB", { type: "conjunction" });

function plural(n: number, forms: { one: string; other: string }): string {
  return forms[rules.select(n) === "one" ? "one" : "other"].replace("#", String(n));
}

/** "a, b and c". */
export const listed = (items: string[]): string => list.format(items);

export const words = {
  app: "Wayleave",
  pages: { credentials: "Credentials", platform: "On the platform", accounts: "Accounts", settings: "Settings", main: "Main" },
  verbs: {
    add: "Add account…", back: "Back", cancel: "Cancel", change: "Change…", clear: "Clear", close: "Close", copy: "Copy",
    dismiss: "Dismiss", edit: "Edit…", forget: "Forget…", lock: "Lock", unlock: "Unlock…", request: "Request", requestMore: "Request…",
    rename: "Rename…", revoke: "Revoke…", save: "Save", signIn: "Sign in", signOut: "Sign out", tryNow: "Try now", tryAgain: "Try again",
    verify: "Verify now", waits: "Waits", newKey: "New key…", getNew: "Get new", restart: "Restart the agent", more: "More", details: "Copy details for support", open: "Open",
  },
  pagesShort: { platform: "Platform" },
  needYou: (n: number) => plural(n, { one: "# needs you", other: "# need you" }),
  left: {
    revoked: "Revoked", missing: "Gone from the platform", noEnd: "No end known",
    ended: (span: string) => `Ended ${span} ago`, endsIn: (span: string) => `Ends in ${span}`,
    until: (time: string) => `Until ${time}`, left: (span: string) => `${span} left`, label: "Time left",
    shareOf: (text: string, life: string) => `${text} of ${life}`,
  },
  list: {
    search: "Search credentials", searchShort: "Search", show: "Show", all: "All", needsYou: "Needs you", tokens: "API tokens", s3: "S3",
    everyAccount: "Every account", account: "Account", loading: "Reading the vault…",
    noHits: "Nothing found", noHitsText: (text: string) => `No name, workspace or account has “${text}” in it.`, noneHere: "Nothing here", noneHereText: "No credential fits what is chosen above.", showAll: "Show all",
    emptyTitle: "No credentials yet",
    emptyIn: (who: string, n: number) => plural(n, { one: `You are signed in as ${who} and have # workspace. Ask for a key; Wayleave keeps it, helps you put it into QGIS and warns you before it ends.`, other: `You are signed in as ${who} and have # workspaces. Ask for a key; Wayleave keeps it, helps you put it into QGIS and warns you before it ends.` }),
    emptyS3: (who: string) => `You are signed in as ${who}. Get S3 credentials; Wayleave keeps them, hands them to your tools and gets new ones when you ask.`,
    emptyOut: "Sign in and ask for a key; Wayleave keeps it, helps you put it into QGIS and warns you before it ends.",
    emptyNobody: "Say where your data is, and Wayleave gets the keys for it.", choosePlatform: "Choose a platform",
    moreWays: "More ways to get a key", requestToken: "Request an API token", getS3: "Get S3 credentials", haveKey: "Have a key already?", paste: "Paste it", or: ", or", stop: ".", look: { alone: "Look what lives on the platform", after: "look what lives on the platform" },
    offline: "Offline", offlineText: "Copy, reveal and warnings work. What needs the platform waits until you are back.",
    waitsTitle: "Works again as soon as you are online", places: (n: number) => plural(n, { one: "# place", other: "# places" }),
    moreFor: (name: string) => `More for ${name}`, verbFor: (verb: string, name: string) => `${verb} ${name}`, waitsFor: (verb: string, name: string) => `Waits: ${verb} ${name}`, working: "Working…",
    unconfirmed: "End not confirmed", unconfirmedTitle: "The end is as you entered it; the platform has not told it yet",
    workspaceGroup: (workspace: string, platform: string) => `${workspace}, ${platform}`,
  },
  strip: {
    label: "The next 30 days: a post stands where something ends", today: "Today",
    ends: (what: string, when: string) => `${what} ends ${when}`, flag: (what: string, when: string) => `${what} · ${when}`,
    named: (name: string, workspace: string) => `${name} (${workspace})`, several: (n: number, which: string) => `${n} keys: ${which}`,
    anonymous: { api_token: "An API token", s3: "A set of S3 credentials", key_pair: "A key pair", session_token: "A session token" }, anonymousShort: { api_token: "API token", s3: "S3 credentials", key_pair: "Key pair", session_token: "Session token" },
  },
  locked: {
    title: "Locked", heading: "The vault is locked", text: "Warnings go on; names and keys are shut away.",
    nothing: "Nothing ends in the next 30 days.", opening: "Opening the vault…",
    watched: (n: number) => plural(n, { one: "# credential is being watched.", other: "# credentials are being watched." }),
  },
  problem: { both: (kept: string, advice: string) => `${kept} ${advice}`, sentence: (text: string) => (text === "" ? "" : `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`), happened: "Happened", kept: "Kept", todo: "To do", copied: "The details are in the clipboard; no key is in them." },
  copy: {
    copied: (seconds: string) => `Copied. Leaves the clipboard in ${seconds}.`, cleared: "Cleared from the clipboard.", foreign: "Something else is in the clipboard now.",
    stuck: "Still in the clipboard", stuckText: "It could not be taken out. Copy something else over it, or try again.",
    clears: (seconds: number) => `Clears in ${seconds} s`, short: (seconds: number) => `${seconds} s`,
    clearNow: (seconds: number) => `Copied. Clears in ${seconds} s. Press to clear it now.`,
    label: (what: string) => `Copy ${what}`, asMore: "Copy as…",
    as: { api_key: "API key", username: "User name", bearer_header: "API Header value", token_id: "Token ID (not the key)", access_key_id: "Access key ID", secret_access_key: "Secret access key", session_token: "Session token", env: ".env text" },
  },
  reveal: {
    show: "Show the key for 30 seconds", hides: (seconds: number) => `Hides in ${seconds} s`, hidden: "hidden", shown: "The key is shown.",
    hidesNow: (seconds: number) => `Hides in ${seconds} s. Press to hide it now.`, gone: "The key is hidden again.",
  },
  credential: {
    backTo: "Back to Credentials", stops: (workspace: string) => `Then what uses it stops getting data from ${workspace}.`,
    opens: (workspace: string) => `Opens the data services of ${workspace}.`, s3Opens: (workspace: string) => `Opens the files of ${workspace}.`,
    stopped: (workspace: string) => `It opens nothing in ${workspace} any more.`, noEndText: "No end is known. Change it from time to time.", pairOpens: (workspace: string) => `Opens ${workspace}: log-in, object store and queries.`, tokenOpens: (workspace: string) => `Opens ${workspace} for a while; it is renewed when you copy it.`, copyKey: "Copy", owner: "Belongs to", may: "May", forms: "For tools",
    requested: (date: string) => `Requested ${date}`, madeUnknown: "Made at an unknown time", endsOn: (when: string) => `Ends ${when}`, endedOn: (when: string) => `Ended ${when}`,
    copyQgis: "Copy into the QGIS plugin", order: "in the order it asks", username: "EODH Username", key: "EODH API Key", environment: "Environment", choose: "choose it from the list",
    header: "API Header, for private map layers", headerName: "Name", headerValue: "value", copyValue: "Copy value", copyHeader: "Copy value of the API Header", enterUsername: "Enter…",
    unknownUsername: "not known yet", copyS3: "Copy", s3Names: "named as every tool expects", copyAll: "Copy all three", s3Ends: (time: string) => `What you copy ends at ${time}.`, envHint: "As .env text with the AWS_ names, ready to paste.",
    facts: "Facts", opensFact: "Opens", services: "The platform’s data services for", kind: "Kind", account: "Account", accountOf: (who: string, platform: string) => `${who}, ${platform}`,
    tokenId: "Token ID", tokenIdHint: "A name for it, not the key itself", warnings: "Warnings", leads: "7 days, 1 day and 1 hour before", lastVerified: "Last verified", never: "Not yet",
    region: "Region", endpoint: "Endpoint", endsItself: "Ends by itself", endsItselfText: "It cannot be revoked. It ends after its hour.",
    history: "History", showAll: (n: number) => `Show all ${n}`, noHistory: "Nothing has happened yet.",
    end: "End it", forgetTitle: "Forget it here", forgetText: "It keeps working on the platform until its end.", forgetEnded: "Takes it off the list; the history keeps its name.",
    revokeTitle: "Revoke on the platform", revokeText: "Stops it at once, everywhere. Cannot be undone.", gone: "It is not in the vault any more.",
  },
  verified: {
    ok: "Works: the platform accepts it", expired: "It has ended", revoked: "It was revoked on the platform", wrong_workspace: "It belongs to another workspace", wrong_environment: "It belongs to another environment of the hub",
    clock: "This computer’s clock is wrong; put it right and verify again", tls: "The certificate is not trusted", offline: "Offline; not verified", server: "The platform has a fault; verify again later", not_permitted: "It is known, but may not do this",
  },
  qgis: {
    title: "Put it into QGIS", sub: "sets the EODH plugin’s sign-in and an API Header", open: "Open QGIS with EODH", copyLine: "Copy a line for the Python Console", copyShort: "Copy a line",
    name: (version: string) => `QGIS ${version}`, unknown: "QGIS", profiles: (names: string[]) => plural(names.length, { one: `Profile ${listed(names)}`, other: `Profiles ${listed(names)}` }), noProfile: "No profile yet",
    old: "The EODH plugin gets its sign-in; map layers with an API Header need QGIS 3.24.", sealed: { system: "Its program was not found; use the buttons above.", flatpak: "A Flatpak cannot reach Wayleave; use the copy buttons above.", snap: "A Snap cannot reach Wayleave; use the copy buttons above." },
    none: "QGIS was not found on this computer. The copy buttons work with any.", opened: "QGIS is starting. It fetches the key itself.", line: (minutes: string) => `Copied a line without a secret in it. It works once, for ${minutes}.`, looking: "Looking for QGIS…",
    anywhere: "QGIS that is open already", anywhereText: "Paste one line into Plugins › Python Console; no key is in it.",
  },
  username: { title: "What is your user name there?", text: (platform: string) => `QGIS asks for it. ${platform} does not tell it, so it is asked once and kept with the account.`, label: "User name", hint: "Not the workspace’s name." },
  request: {
    title: "Request an API token", name: "Name", nameHint: "So that you know it again.", workspace: "Workspace", account: "Account", lasts: "Lasts", days: "days", daysLabel: "Days", hours: "hours", hoursLabel: "Hours", noEnd: "Keys of this platform do not end.", permissions: "What it may do", permissionsHint: "Only what you may do yourself.", idName: "Small letters, digits, _ and -.", endsOn: "Ends on", longest: "the longest the hub allows",
    go: "Request token", foot: (workspace: string) => `Opens the data services of ${workspace}.`, working: "Asking the platform for a key…", cannotCancel: "The key is being stored; this cannot be cut.", done: (name: string) => `“${name}” is in the vault.`,
    noWorkspace: "No workspace of this account can give keys.", readAgain: "Read the workspaces again", defaultName: "QGIS",
  },
  s3: { title: "Get S3 credentials", text: "They open the workspace’s files. The hub gives them for 1 hour at a time.", textFor: (span: string) => `They open the workspace’s files. The platform gives them for ${span} at a time.`, go: "Get credentials", foot: "They end by themselves.", working: "Asking the platform for S3 credentials…", none: "No workspace of this account has files that are ready.", name: (workspace: string) => `Files of ${workspace}` },
  revoke: {
    title: (name: string) => `Revoke “${name}”?`, text: "The platform forgets this key at once.", forever: "It cannot be brought back.", these: (workspace: string) => `These stop getting data from ${workspace}:`,
    qgis: "QGIS, where it was put", qgisText: (n: string) => `Given to QGIS ${n}; the EODH plugin and map layers that use it`, pasted: "Wherever you pasted it", copied: (n: number) => plural(n, { one: "Copied once; Wayleave cannot see or clean those places", other: "Copied # times; Wayleave cannot see or clean those places" }),
    never: "Nothing that Wayleave knows of", neverText: "It was never copied from here", go: "Revoke on the platform", menu: "Revoke on the platform…", instead: "New key instead", done: (name: string) => `“${name}” is revoked.`, times: (n: number) => plural(n, { one: "once", other: "# times" }),
  },
  forget: {
    title: (name: string) => `Forget “${name}”?`, text: "It leaves the vault. Its name, workspace and end stay in the history.", revoke: "Revoke it on the platform first", revokeText: "Then nobody can use it any more.",
    keep: "Leave it alive on the platform", keepText: (date: string) => `It works until ${date} wherever it was pasted, and Wayleave cannot show it again.`, keepNoEnd: "It goes on working wherever it was pasted, and Wayleave cannot show it again.", go: "Forget", goRevoke: "Revoke and forget", done: (name: string) => `“${name}” is forgotten.`, recommended: "Recommended",
  },
  change: {
    edit: "Change on the platform…", rotate: "Replace the key…", editTitle: (name: string) => `Change “${name}” on the platform`, name: "Name", permissions: "What it may do", none: "This key may do nothing beyond what is public.", other: "not known here; kept as it is", save: "Save on the platform", saved: (name: string) => `“${name}” is changed on the platform.`,
    rotateTitle: (name: string) => `Replace the key of “${name}”?`, rotateText: "The platform makes a new key under the same name.", rotateStops: "The old key stops working at once, wherever it was put.", rotateGo: "Replace the key", rotated: (name: string) => `“${name}” has a new key.`,
  },
  platform: {
    again: "Look again", account: "Account", workspace: "Workspace", every: "Every workspace", looking: "Asking the platform…",
    asked: (platform: string) => `What ${platform} says about your keys, asked`, made: (workspace: string, date: string) => `${workspace} · made ${date}`, ends: "ends", quoted: (name: string) => `“${name}”`,
    orphans: "Nobody here has these", orphansText: "They work, but Wayleave never saw the key. If you do not know one, revoke it.", have: "I have it…", keep: "Keep it here",
    missing: "Gone from the platform", missingText: "Wayleave has the key, the platform no longer knows it.", requestAgain: "Request again",
    ours: "Ours", oursText: "On both sides and in order.", revoked: "Revoked there", revokedText: "The platform keeps their rows; they open nothing.",
    none: "No keys", noneText: "The platform lists none, and the vault holds none of this account.", signIn: "Sign in to look", signInText: (platform: string) => `${platform} tells only who is signed in which keys there are.`,
    revokeText: (workspace: string) => `Nobody here has it: whoever does stops getting data from ${workspace}.`,
  },
  rename: { title: "Rename", label: "Name", hint: "Here only; the platform keeps its own name." },
  paste: {
    title: "Paste a key", key: "API key", keyHint: "It goes straight into the vault.", workspace: "Workspace", username: "User name", usernameHint: "QGIS needs it. Not the workspace’s name.", name: "Name", made: "Made on", lasts: "For", days: "days", daysLabel: "Days it lasts", noEnd: "No end known", owner: "Belongs to", ownerName: "Their name there", owners: { "": "I do not say", user: "A user", service_account: "A service account" } as Record<string, string>, ends: "Ends on", endsHint: "The date chosen on the platform, if one was.", whose: "The platform is asked whose key it is before it is kept.", wrongPair: "After two wrong tries in a row Wayleave waits: the platform could suspend the account.",
    go: "Keep this key", page: "Open the hub’s key page in your browser", done: (name: string) => `“${name}” is in the vault.`, defaultName: "Pasted key", account: "Account", endsOn: (date: string) => `Ends ${date}, as far as you know. Wayleave looks up the true end once you sign in.`, missing: "Paste the key first.", optional: "if you know it", tokenId: "That is a Token ID, the name of a key. The key is shorter and starts with 454f4448.",
  },
  signIn: {
    title: (platform: string) => `Sign in to ${platform}`, lead: "With the account you always use there.", leadKey: "With a key that you make there once. Wayleave makes the next ones where the platform lets it.", pasteSteps: (where: string) => [`Make a key there, or take one you have. ${where}`, "Paste it in a moment. Wayleave asks the platform whose it is, and puts it into the vault.", "Wayleave warns you before it ends, and shows what can be done from here."], how: "How to sign in", recommended: "Recommended", will: "What will happen",
    ways: {
      portal: { name: "In a window of the hub", text: "Works today, nothing to set up", go: "Open the sign-in window" },
      browser: { name: "In your own browser", text: "Needs a client ID from the hub’s team", go: "Open the browser" },
      device: { name: "With a code on another device", text: "Needs a client ID from the hub’s team", go: "Get a code" },
      paste: { name: "With a key you already have", text: "Paste it once; Wayleave keeps it and warns you", go: "Go on" },
    },
    steps: {
      portal: (host: string) => [`A window opens on ${host}. Sign in there as you always do.`, "It closes by itself. Wayleave does not keep your password.", "While you are signed in, Wayleave can make keys for you. The keys stay after that."],
      browser: (host: string) => [`Your browser opens ${host}. Sign in there as you always do.`, "Come back here when the page says so. Wayleave never sees your password.", "While you are signed in, Wayleave can make keys for you. The keys stay after that."],
      device: (host: string) => [`Wayleave shows a short code and an address on ${host}.`, "Open the address on any device, sign in and type the code.", "While you are signed in, Wayleave can make keys for you. The keys stay after that."],
      paste: (host: string) => [`Make a key on ${host}, or take one you have.`, "Paste it in a moment. It goes straight into the vault.", "Wayleave warns you before it ends. To request or revoke keys from here, sign in later."],
    },
    byAddress: "By its address", clientId: "Client ID", clientIdHint: "The hub’s team gives it out; it is no secret.", connection: (name: string) => `This is ${name}.`, other: "Use another environment or your own hub", more: "More settings", itsSite: "the provider’s site", hub: "Which hub",
    waiting: { portal: "Waiting for you in the sign-in window…", browser: "Waiting for you in the browser…", device: "Waiting for the code to be typed…", paste: "" },
    code: "Type this code", at: "at", openPage: "Open the page", openAgain: "Open the browser again", until: (time: string) => `Waits until ${time}.`, cancel: "Cancel sign-in", starting: "Starting…", done: (who: string) => `Signed in as ${who}.`, doneNobody: "Signed in.", usual: "Usual way", pasteInstead: "Paste a key",
    or: "Other ways", dialog: (who: string) => `Sign in to ${who}`,
  },
  welcome: {
    steps: { platform: "Platform", signIn: "Sign in", protect: "Protect", create: "Create", paste: "Paste" }, stepOf: (n: number, of: number) => `Set up, step ${n} of ${of}`, done: "done",
    title: "Where is your data?", lead: "Wayleave gets the keys for a data platform, keeps them safe and tells you before they end.", later: "More platforms can be added later, side by side.", connecting: "Connecting…", loading: "Looking for platforms…",
    protect: {
      title: "Protect your keys", lead: "Your keys go into an encrypted file on this computer, the vault. Each is sent only to the platform it belongs to.", legend: "What opens the vault",
      keyring: "When I log in to this computer", keyringText: "Kept by this computer’s keyring. Nothing to remember or type.", passphrase: "With a passphrase", passphraseText: "Asked when Wayleave starts, and after 15 minutes without you.", noKeyring: "No keyring answers on this computer, so a passphrase opens the vault.",
      go: "Protect and go on", goPassphrase: "Choose a passphrase…", waiting: "Waiting for the passphrase in its own window…",
    },
    create: {
      title: "Create a key", signedIn: "Signed in", as: (who: string) => `as ${who}`, workspace: "Workspace", lasts: "Lasts", ends: (date: string) => `Ends ${date}. Wayleave warns you 7 days, 1 day and 1 hour before.`, after: "Then", copy: "Copy it", copyText: "Into the clipboard for 30 seconds, then it is cleared",
      goCopy: "Create and copy", goQgis: "Create and open QGIS", only: "Only create", found: "Found on this computer", qgisText: "Sets the EODH plugin’s sign-in and an API Header for map layers", reading: "Reading your workspaces…", skip: "Not now",
    },
  },
  accounts: {
    signedIn: "Signed in", signedInUntil: (time: string) => `Signed in until ${time}`, signedOut: "Signed out", ended: "Session ended", nobody: "Name not known yet", line: (parts: string[]) => parts.join(" · "), sentences: (first: string, second: string) => `${first}. ${second}`, workspaces: (n: number) => plural(n, { one: "# workspace", other: "# workspaces" }), environment: { production: "production", staging: "staging", test: "test", custom: "another hub" } as Record<string, string>,
    note: "Signing out does not end keys: what is in QGIS goes on working until its date. Being signed in is only needed to request, list and revoke.", can: (who: string, platform: string) => `What ${who} can do on ${platform}`, you: "you",
    empty: "No account yet", emptyText: "An account says where your data is and who you are there.", issue: "Request API tokens", revoke: "Revoke API tokens", list: "See the tokens on the platform", s3: "Get S3 credentials", rotate: "Replace a key in one step", edit: "Change a key’s name and permissions", readKey: "Read a key again", session: "Get session tokens", s3Pair: "Open the object store", yes: "Yes", yesPair: "Yes, with the key pair itself", no: "No", notOffered: "Only on the platform’s own page", refused: "Refused when tried", tryAgain: "Try again when asked for", tried: "It is tried again when you ask for it.", unknown: "Tried when asked for", byKey: "By its key", keyEnded: "Its key has ended", byKeyUntil: (time: string) => `By its key until ${time}`, replaceKey: "Replace key", pasteKey: "Paste key", limited: "Key may not make keys", outEverywhere: "Sign out and revoke its key", getSession: "Get a session token", openPortal: "Open the platform’s page", out: "Once signed in", manage: "Open the hub’s key page", editTitle: "Edit account", displayName: "Name shown here", removeMore: "Remove…", signInWith: (way: string) => `Sign in: ${way}`, everywhere: "Sign out here and on the platform", pasteMore: "Paste a key…", refresh: "Read the workspaces again", refreshed: (n: number) => plural(n, { one: "# workspace read.", other: "# workspaces read." }),
  },
  remove: { title: (name: string) => `Remove ${name}?`, text: "Its session is forgotten here. What about its credentials?", keep: "Keep them", keepText: "They stay in the list and are watched.", forget: "Forget them", forgetText: "They go on working on the platform until their ends.", revoke: "Revoke and forget them", revokeText: "What uses them stops getting data at once.", none: "It has no credentials here. Its session is forgotten.", go: "Remove account", done: (name: string) => `${name} is removed.` },
  settings: {
    vault: "Vault", opens: "Opens", keyring: "When you log in to this computer", passphrase: "With a passphrase", both: "When you log in to this computer, or with a passphrase", addPassphrase: "Add a passphrase…", changePassphrase: "Change…", locksAfter: "Locks after", locksText: "When nobody has used Wayleave for so long", never: "Never by itself", minutes: (n: string) => n,
    file: "File", reading: "Reading…", factsLine: (format: number, records: number, epoch: number, size: number) => `Format ${format} · ${plural(records, { one: "# record", other: "# records" })} · ${plural(epoch, { one: "# change", other: "# changes" })} · ${kilobytes.format(Math.ceil(size / 1024))}`, argon: (memory: number, passes: number) => `Argon2id, ${memory} MiB, ${passes} passes`, check: "Check the vault", checked: (n: number) => plural(n, { one: "Every seal fits: # record.", other: "Every seal fits: # records." }), facts: "Facts",
    warnings: "Warnings", notices: "Warn on the desktop before a token ends", noticesText: "7 days, 1 day and 1 hour before; one notice for each, never two", copying: "Copying", clearAfter: "Clear the clipboard after", clearText: "Only if it still holds what was copied", look: "Look", theme: "Theme", themeText: "Automatic follows the desktop", themes: { system: "Automatic", light: "Light", dark: "Dark" },
    about: "About", version: (version: string) => `Wayleave ${version}`, agent: (since: string) => `Runs in the background since ${since}`, keys: "Keyboard", keysText: "Everything works without a mouse", keysShow: "Show keys", quit: "Quit Wayleave", quitText: "Closes the window and clears the clipboard; warnings go on in the background", quitGo: "Quit", lockedText: "Unlock to see the vault’s facts.", saved: "Saved.",
  },
  unlock: {
    title: "Wayleave is locked", calm: "Warnings go on while it is locked.", passphrase: "Passphrase", go: "Unlock", working: "Opening…", urgent: (span: string) => `A credential ends in ${span}`, ended: "A credential has ended",
    createTitle: "Choose a passphrase", createText: "It opens the vault on this computer. Nobody can reset it.", again: "Again", create: "Create the vault", both: "Also open it when I log in to this computer", differ: "The two are not the same.", short: "At least 12 characters, or four words.",
    changeTitle: "Change the passphrase", old: "The one you have", oldHint: "Leave empty if the vault has none yet.", next: "The new one", change: "Change it", fresh: "New passphrase",
  },
  keys: { title: "Keys", list: [["Ctrl F", "Search"], ["Ctrl N", "Request"], ["Ctrl 1–4", "Pages"], ["Ctrl ,", "Settings"], ["Ctrl L", "Lock"], ["Alt ← or Esc", "Back"], ["↑ ↓ Home End", "Move in the list"], ["Enter", "Open"], ["R", "First verb of the row"], ["Ctrl C", "Copy the key"], ["Ctrl Shift C", "Copy as…"], ["Shift F10", "Menu of the row"], ["Ctrl U", "Open QGIS with it"], ["Ctrl J", "Verify now"], ["F2", "Rename"], ["Del", "Revoke or forget…"], ["F1", "This list"]] as [string, string][] },
  boot: { starting: "Starting Wayleave…" },
  busy: "Working…",
};

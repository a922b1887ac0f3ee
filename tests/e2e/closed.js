// Tries every door that must be shut to the main page; `true`: it was shut.
const done = arguments[arguments.length - 1];
const invoke = (command, args = {}) =>
  window.__TAURI_INTERNALS__.invoke(command, args).then(() => false, (error) => /not allowed|not found/i.test(String(error)));
const shut = {
  global: Promise.resolve(typeof window.__TAURI__ === "undefined"),
  unlock: invoke("unlock", { passphrase: "x" }),
  create_vault: invoke("create_vault", { passphrase: "x", keyring: false }),
  change_passphrase: invoke("change_passphrase", { old: null, new: "x" }),
  clipboard_read: invoke("plugin:clipboard-manager|read_text"),
  clipboard_write: invoke("plugin:clipboard-manager|write_text", { text: "x" }),
  opener: invoke("plugin:opener|open_url", { url: "https://example.org" }),
  window_close: invoke("plugin:window|close"),
  webview: invoke("plugin:webview|create_webview_window", { options: { label: "x", url: "https://example.org" } }),
  emit: invoke("plugin:event|emit", { event: "snapshot", payload: {} }),
  network: fetch("http://127.0.0.1:9/").then(() => false, () => true),
  image: new Promise((settle) => {
    const image = new Image();
    image.onload = () => settle(false);
    image.onerror = () => settle(true);
    image.src = "http://127.0.0.1:9/x.png";
  }),
  inline: new Promise((settle) => {
    window.broken = false;
    const script = document.createElement("script");
    try { script.textContent = "window.broken = true"; } catch { return settle(true); }
    document.head.append(script);
    requestAnimationFrame(() => settle(!window.broken));
  }),
  html: Promise.resolve().then(() => { document.createElement("p").innerHTML = "<b>x</b>"; return false; }).catch(() => true),
  prototypes: Promise.resolve(Object.isFrozen(Object.prototype)),
};
const names = Object.keys(shut);
Promise.all(Object.values(shut)).then((all) => done(Object.fromEntries(names.map((name, n) => [name, all[n]]))));

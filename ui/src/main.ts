// The main window. The back end is chosen at build time: `--mode fake` runs without a desktop.
import { mount } from "svelte";
import App from "./App.svelte";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/controls.css";

const { makeBackend } = import.meta.env.MODE === "fake" ? await import("./lib/api/fake") : await import("./lib/api/tauri");
const target = document.getElementById("app");
if (target) {
  const backend = makeBackend();
  mount(App, { target, props: { backend } });
  // The second frame after mounting is the first that is surely on the screen.
  requestAnimationFrame(() => requestAnimationFrame(() => void backend.drawn()));
}

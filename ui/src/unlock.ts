// The unlock window: a web process of its own that ends after its one form.
// The desktop opens it as unlock.html?form=unlock|create|change.
import { mount } from "svelte";
import UnlockWindow from "./features/unlock/UnlockWindow.svelte";
import { readOpening } from "./features/unlock/opening";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/controls.css";

const { makeUnlockBackend } = import.meta.env.MODE === "fake" ? await import("./lib/api/fake") : await import("./lib/api/tauri");
const target = document.getElementById("app");
const opening = readOpening(location.href);
document.documentElement.dataset.theme = opening.theme;
if (target) mount(UnlockWindow, { target, props: { backend: makeUnlockBackend(), opening } });

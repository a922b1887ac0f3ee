import type { Component } from "svelte";
import { CircleCheck, Clock, Copy, Key, Layers, Out, Pencil, Plus, Refresh, SignIn, SignOut, Terminal, Trash } from "./icons";

/** The icon of each verb of a menu. */
export const VERB_ICONS = {
  copy: Copy, copy_as: Terminal, qgis: Layers, verify: CircleCheck, rename: Pencil, edit: Pencil, rotate: Refresh, session: Clock, forget: Trash, revoke: Trash,
  request: Plus, sign_in: SignIn, sign_out: SignOut, refresh: Refresh, page: Out, paste: Key,
} satisfies Record<string, Component>;

export type VerbIcon = keyof typeof VERB_ICONS;

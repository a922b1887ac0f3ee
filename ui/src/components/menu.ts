import type { Component } from "svelte";

/** One line of a menu. */
export type MenuItem = {
  label: string;
  icon: Component;
  /** Its keys, shown at the end. */
  keys?: string;
  /** It destroys something. */
  bad?: boolean;
  /** A line stands before it. */
  apart?: boolean;
  disabled?: boolean;
  /** A menu of its own; then pressing it opens that. */
  items?: Omit<MenuItem, "icon" | "items">[];
  run: () => void;
};

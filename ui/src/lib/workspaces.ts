// Workspaces as choices.
import type { WorkspaceView } from "./types";

/** Names of those that fit; one whose files are ready stands before one that is still being made. */
export function choices(workspaces: WorkspaceView[], fits: (workspace: WorkspaceView) => boolean): string[] {
  const fitting = workspaces.filter(fits);
  const ready = fitting.filter((w) => w.s3 !== null);
  return [...ready, ...fitting.filter((w) => w.s3 === null)].map((w) => w.name);
}

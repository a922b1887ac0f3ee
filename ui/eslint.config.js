// The arrows of the front end, checked: features use components and lib, never another feature;
// components know no state and no back end; only lib/api/tauri.ts knows Tauri.
import js from "@eslint/js";
import { createTypeScriptImportResolver } from "eslint-import-resolver-typescript";
import importX from "eslint-plugin-import-x";
import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";
import svelteConfig from "./svelte.config.js";

const tauri = { group: ["@tauri-apps/*"], message: "Only lib/api/tauri.ts talks to Tauri." };
const bits = { group: ["bits-ui", "bits-ui/*"], message: "Only components/ uses bits-ui." };
const otherFeature = { group: ["../*"], message: "A feature does not import another feature; use $lib or $components." };
const state = { group: ["$lib/state/*", "$lib/api/*", "**/features/**"], message: "Components know no state, no back end and no feature." };
const restrict = (...patterns) => ({ "no-restricted-imports": ["error", { patterns }] });

export default ts.config(
  { ignores: ["dist/", "node_modules/", "src/lib/api/bindings.ts"] },
  js.configs.recommended,
  ...ts.configs.recommendedTypeChecked,
  ...svelte.configs.recommended,
  {
    plugins: { "import-x": importX },
    languageOptions: {
      globals: globals.browser,
      parserOptions: { projectService: true, extraFileExtensions: [".svelte"], tsconfigRootDir: import.meta.dirname },
    },
    settings: {
      // Components form a tree by their markup; cycles are a matter of modules.
      "import-x/extensions": [".ts"],
      "import-x/parsers": { "@typescript-eslint/parser": [".ts"] },
      "import-x/resolver-next": [createTypeScriptImportResolver({ project: "./tsconfig.json" })],
    },
    rules: {
      "import-x/no-cycle": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "no-console": "error",
      ...restrict(tauri, bits),
    },
  },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: ts.parser, svelteConfig } },
    rules: {
      "svelte/button-has-type": "error",
      "svelte/no-at-html-tags": "error",
      "svelte/no-unused-props": "error",
      // The CSP has no unsafe-inline: style:--x (CSSOM) works, a style attribute does not.
      "no-restricted-syntax": ["error", { selector: "SvelteAttribute[key.name='style']", message: "The CSP refuses style attributes; use style:--x." }],
      // Types in markup are svelte-check's to judge; here they are unknown.
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-return": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "svelte/no-dom-manipulating": "error",
    },
  },
  { files: ["src/features/**"], rules: restrict(tauri, bits, otherFeature) },
  { files: ["src/components/**"], rules: restrict(tauri, state) },
  { files: ["src/lib/api/tauri.ts", "src/lib/api/tauri.test.ts"], rules: { "no-restricted-imports": "off" } },
  { files: ["**/*.js"], ...ts.configs.disableTypeChecked },
);

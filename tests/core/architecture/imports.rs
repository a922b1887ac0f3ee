//! Every path that a source file names, outside its own tests: uses, types, calls, and what
//! stands inside macros.

use std::fmt;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemUse, Macro, UseTree};

/// A path as written, made absolute inside its package: `crate::vault::seal`, `tokio::net`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import(String);

impl Import {
    /// Whether the path is `prefix` or below it; a crate's own family counts (`tauri_plugin_x`).
    pub fn starts_with(&self, prefix: &str) -> bool {
        let family = prefix == "tauri" && self.0.starts_with("tauri_");
        family
            || self
                .0
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    }

    /// What stands after the package or `crate`.
    pub fn below(&self, root: &str) -> Option<&str> {
        self.0.strip_prefix(root)?.strip_prefix("::")
    }
}

impl fmt::Display for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The imports of one file; `file` is its path below src-tauri/, from which `super` is resolved.
pub fn imports_of(file: &str, text: &str) -> Vec<Import> {
    let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut collector = Collector { module: module_of(file), found: Vec::new() };
    collector.visit_file(&parsed);
    collector.found
}

/// The module path of a file: `core/src/engine/state.rs` → `[engine, state]`.
fn module_of(file: &str) -> Vec<String> {
    let inner = file.split_once("src/").map_or(file, |(_, inner)| inner);
    let path = inner.strip_suffix(".rs").unwrap_or(inner);
    let parts = path.split('/').filter(|part| !["mod", "lib", "main"].contains(part));
    parts.map(str::to_owned).collect()
}

struct Collector {
    module: Vec<String>,
    found: Vec<Import>,
}

impl Collector {
    fn add(&mut self, parts: &[String]) {
        let mut parts = parts.to_vec();
        let ups = parts.iter().take_while(|part| *part == "super").count();
        if ups > 0 || parts.first().is_some_and(|part| part == "self") {
            let kept = self.module.len().saturating_sub(ups);
            let below = parts.split_off(ups.max(1));
            parts = vec!["crate".to_owned()];
            parts.extend_from_slice(&self.module[..kept]);
            parts.extend(below);
        }
        self.found.push(Import(parts.join("::")));
    }

    fn add_tree(&mut self, prefix: &[String], tree: &UseTree) {
        let with = |name: String| [prefix, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.add_tree(&with(path.ident.to_string()), &path.tree),
            UseTree::Name(name) if name.ident == "self" => self.add(prefix),
            UseTree::Name(name) => self.add(&with(name.ident.to_string())),
            UseTree::Rename(rename) => self.add(&with(rename.ident.to_string())),
            UseTree::Glob(_) => self.add(prefix),
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.add_tree(prefix, tree));
            }
        }
    }

    /// Paths in the tokens of a macro: identifiers joined by `::`.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if colons == 2 || path.is_empty() => {
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(ident) => {
                    self.finish(&mut path, &mut colons);
                    path.push(ident.to_string());
                }
                TokenTree::Group(group) => {
                    self.finish(&mut path, &mut colons);
                    self.add_tokens(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => self.finish(&mut path, &mut colons),
            }
        }
        self.finish(&mut path, &mut colons);
    }

    fn finish(&mut self, path: &mut Vec<String>, colons: &mut u8) {
        if path.len() > 1 {
            self.add(path);
        }
        path.clear();
        *colons = 0;
    }
}

impl<'ast> Visit<'ast> for Collector {
    #[allow(clippy::wildcard_enum_match_arm, reason = "only these can be for tests alone")]
    fn visit_item(&mut self, item: &'ast Item) {
        let tests = match item {
            Item::Mod(module) => only_in_tests(&module.attrs),
            Item::Fn(function) => only_in_tests(&function.attrs),
            Item::Use(import) => only_in_tests(&import.attrs),
            Item::Impl(block) => only_in_tests(&block.attrs),
            _ => false,
        };
        if !tests {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.add_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            let parts: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
            self.add(&parts);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.add_tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}

fn only_in_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
    })
}

#[test]
fn paths_are_found_wherever_they_stand() {
    let text = "use crate::{a::{self, B}, c as d}; use super::x::*; use tokio::net::TcpStream;
        fn f(v: std::fs::File) { g!(crate::m::n(1), a: b, rusqlite::params![]); }
        #[cfg(test)] mod tests { use reqwest::Client; }";
    let found: Vec<String> =
        imports_of("core/src/engine/state.rs", text).iter().map(ToString::to_string).collect();
    for wanted in [
        "crate::a",
        "crate::a::B",
        "crate::c",
        "crate::engine::x",
        "tokio::net::TcpStream",
        "std::fs::File",
        "crate::m::n",
        "rusqlite::params",
    ] {
        assert!(found.iter().any(|import| import == wanted), "{wanted} not in {found:?}");
    }
    assert!(!found.iter().any(|import| import.contains("reqwest")), "{found:?}");
}

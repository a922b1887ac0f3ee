//! The TypeScript types of the protocol are generated from `core::api`, committed, and the same.
//! `UPDATE_BINDINGS=1 cargo test -p wayleave-core --features ts bindings` (`make bindings`)
//! rewrites them.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::path::PathBuf;

use ts_rs::{Config, TS, TypeVisitor};
use wayleave_core::api::{Answer, Ask, PastedKey, Purpose};
use wayleave_core::error::Error;

const HEADER: &str =
    "// Generated from src-tauri/core/src/api.rs by `make bindings`. Do not edit.\n";

struct Declarations<'a> {
    config: &'a Config,
    seen: Vec<TypeId>,
    by_name: BTreeMap<String, String>,
}

impl TypeVisitor for Declarations<'_> {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        if self.seen.contains(&TypeId::of::<T>()) {
            return;
        }
        self.seen.push(TypeId::of::<T>());
        if T::output_path().is_some() {
            let declaration = format!("export {}\n", T::decl(self.config));
            self.by_name.insert(T::ident(self.config), declaration);
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
    }
}

fn generate() -> String {
    let config = Config::default();
    let mut all = Declarations { config: &config, seen: Vec::new(), by_name: BTreeMap::new() };
    all.visit::<Ask>();
    all.visit::<Answer>();
    all.visit::<Error>();
    all.visit::<PastedKey>();
    all.visit::<Purpose>();
    let declarations: Vec<String> = all.by_name.into_values().collect();
    format!("{HEADER}\n{}", declarations.join("\n"))
}

#[test]
fn bindings_are_up_to_date() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../ui/src/lib/api/bindings.ts");
    let generated = generate();
    if std::env::var_os("UPDATE_BINDINGS").is_some() {
        std::fs::write(&path, &generated).expect("bindings.ts can be written");
    }
    let committed = std::fs::read_to_string(&path).expect("bindings.ts is committed");
    assert!(committed == generated, "bindings.ts is out of date: run `make bindings`");
}

#[test]
fn no_secret_has_a_typescript_type() {
    let generated = generate();
    for word in ["Disclosed", "Confide", "Disclosure", "Passphrase"] {
        for use_of in [format!("type {word} "), format!(": {word}"), format!("<{word}>")] {
            assert!(!generated.contains(&use_of), "{word} must not be known to the page");
        }
    }
}

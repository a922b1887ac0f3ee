//! Builds the window's configuration and permissions in.

fn main() {
    println!("cargo:rerun-if-changed=src-tauri/permissions");
    println!("cargo:rerun-if-changed=ui/dist");
    page();
    let manifest =
        tauri_build::AppManifest::new().permissions_path_pattern("./src-tauri/permissions/**/*");
    let attributes = tauri_build::Attributes::new()
        .capabilities_path_pattern("./src-tauri/capabilities/**/*")
        .app_manifest(manifest);
    if let Err(error) = tauri_build::try_build(attributes) {
        println!("cargo:error={error:#}");
    }
}

/// Without a built page everything compiles, and says that the window will be empty.
fn page() {
    let dist = std::path::Path::new("ui/dist");
    if !dist.join("index.html").exists() {
        println!("cargo:warning=the page is not built: `npm --prefix ui run build` makes ui/dist");
        if let Err(error) = std::fs::create_dir_all(dist) {
            println!("cargo:error=ui/dist cannot be made: {error}");
        }
    }
}

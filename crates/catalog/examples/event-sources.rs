//! Prints `docs/event-sources.md`:
//! `cargo run -p kulkul-catalog --example event-sources > docs/event-sources.md`.

fn main() {
    print!("{}", kulkul_catalog::document(&kulkul_catalog::Catalog::builtin()));
}

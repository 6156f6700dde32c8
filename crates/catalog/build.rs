//! Turns the source documents in `data/` into Rust constants, so that a server starts without parsing any of them.
//!
//! The constants borrow from the program's own text. What a page of it costs in memory is paid when it is read:
//! sample data, most of the volume, only when somebody asks for a sample.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value;

fn main() {
    let data = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("data");
    println!("cargo::rerun-if-changed={}", data.display());
    let mut files: Vec<PathBuf> = fs::read_dir(&data)
        .expect("the data directory is part of the crate")
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let mut rust = String::from("static SOURCES: &[SourceRow] = &[\n");
    for file in files {
        let text = fs::read_to_string(&file).expect("a readable file");
        let document: Value = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{} is not JSON: {error}", file.display()));
        write_source(&document, &mut rust);
    }
    rust.push_str("];\n");
    let target = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("builtin.rs");
    fs::write(target, rust).expect("cargo's output directory is writable");
}

fn write_source(document: &Value, rust: &mut String) {
    let setting = &document["sample_setting"];
    let _ = writeln!(
        rust,
        "SourceRow {{ name: {}, service: {}, category: {}, en: {}, zh: {}, notes: {}, account: {}, region: {}, time: {}, types: &[",
        required(document, "source"),
        required(document, "service"),
        required(document, "category"),
        required(&document["name"], "en"),
        optional(&document["name"], "zh"),
        optional(document, "notes"),
        required(setting, "account"),
        required(setting, "region"),
        required(setting, "time"),
    );
    for kind in document["types"].as_array().expect("`types` is a list") {
        let sample = match &kind["sample_data"] {
            Value::Null => "None".to_owned(),
            data => format!("Some({:?})", data.to_string()),
        };
        let _ = writeln!(
            rust,
            "TypeRow {{ full_name: {}, name: {}, description: {}, basis: {}, reference: {}, payload: {}, subject: {}, datacontenttype: {}, sample: {sample} }},",
            required(kind, "type"),
            required(kind, "name"),
            required(kind, "description"),
            required(kind, "basis"),
            required(kind, "ref"),
            required(kind, "payload"),
            optional(kind, "subject"),
            optional(kind, "datacontenttype"),
        );
    }
    rust.push_str("] },\n");
}

fn required(object: &Value, member: &str) -> String {
    let text = object[member].as_str().unwrap_or_else(|| panic!("`{member}` is missing in {object}"));
    format!("{text:?}")
}

fn optional(object: &Value, member: &str) -> String {
    object[member].as_str().map_or_else(|| "None".to_owned(), |text| format!("Some({text:?})"))
}

//! Turns the source documents in `data/` into Rust constants, so that a server starts without parsing any of them.
//!
//! The constants borrow from the program's own text, of which a page costs memory when it is read. Sample data, most of
//! the volume, lie together in one block, so that they cost nothing until somebody asks for a sample.

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
    let mut samples = String::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a readable file");
        let document: Value = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{} is not JSON: {error}", file.display()));
        write_source(&document, &mut rust, &mut samples);
    }
    rust.push_str("];\n");
    let target = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    fs::write(target.join("builtin.rs"), rust).expect("cargo's output directory is writable");
    fs::write(target.join("samples.txt"), samples).expect("cargo's output directory is writable");
}

fn write_source(document: &Value, rust: &mut String, samples: &mut String) {
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
            data => {
                let start = samples.len();
                samples.push_str(&data.to_string());
                format!("Some(({start}, {}))", samples.len())
            }
        };
        let _ = writeln!(
            rust,
            "TypeRow {{ full_name: {}, name: {}, description: {}, basis: {}, reference: {}, payload: {}, subject: {}, datacontenttype: {}, time: {}, sample: {sample} }},",
            required(kind, "type"),
            required(kind, "name"),
            required(kind, "description"),
            required(kind, "basis"),
            required(kind, "ref"),
            required(kind, "payload"),
            optional(kind, "subject"),
            optional(kind, "datacontenttype"),
            optional(kind, "sample_time"),
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

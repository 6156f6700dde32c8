//! What a process under file rules can reach, tried out with a shell.
//!
//! Passes without looking where the kernel does not offer Landlock.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use kulkul_sandbox::{Access, FileRules, Launch, Limits};

#[test]
fn a_process_reaches_what_the_rules_name_and_nothing_else() {
    let Ok(rules) = FileRules::new() else { return };
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    for name in ["code", "tmp", "secret"] {
        std::fs::create_dir(at(name)).unwrap();
        std::fs::write(at(name).join("file"), format!("{name}\n")).unwrap();
    }
    for path in ["/usr", "/bin", "/lib", "/lib64", "/etc", "/proc", "/nowhere"] {
        rules.allow(Path::new(path), Access::ReadOnly).unwrap();
    }
    rules.allow(Path::new("/dev/null"), Access::ReadWrite).unwrap();
    rules.allow(&at("code"), Access::ReadOnly).unwrap();
    rules.allow(&at("tmp"), Access::ReadWrite).unwrap();
    let (mut output, write) = std::io::pipe().unwrap();
    let script = "cat code/file; cat secret/file; ls secret; echo x > code/file; echo new > tmp/new; rm tmp/file; cat tmp/new; echo x > /dev/null; cat /proc/$PPID/environ; kill -0 $PPID";
    let launch = Launch {
        program: "sh".into(),
        arguments: vec!["-c".into(), script.into()],
        environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        directory: directory.path().to_owned(),
        output: write.into(),
        passed: Vec::new(),
        limits: Limits { open_files_max: 1000 },
        enclosure: None,
        file_rules: Some(rules.into_descriptor()),
        filter: None,
    };
    let process = launch.start().unwrap();
    let mut text = String::new();
    output.read_to_string(&mut text).unwrap();
    assert!(process.wait_ended(Duration::from_secs(10)));
    process.reap();
    assert!(text.starts_with("code\n"), "the code is readable: {text}");
    assert!(text.contains("new\n"), "{text}");
    // The secret twice, the code once, the parent's environment once; its signals only where the kernel knows how.
    let refused = text.matches("ermission denied").count() + text.matches("not permitted").count();
    assert!(refused >= 4, "{text}");
    assert!(!text.contains("secret\n") && !text.contains("PATH="), "{text}");
    assert_eq!(std::fs::read_to_string(at("code/file")).unwrap(), "code\n");
    assert!(!at("tmp/file").exists());
}

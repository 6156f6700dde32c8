//! What an enclosed process can see and do, tried out with a shell.
//!
//! Passes without looking where the machine offers no namespaces.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use kulkul_sandbox::{Access, Bind, Enclosure, Exit, Filter, Identity, Launch, Limits, Process, Stage};
use tempfile::TempDir;

struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["root", "code", "tmp", "secret"] {
            std::fs::create_dir(directory.path().join(name)).unwrap();
        }
        std::fs::write(directory.path().join("code/file"), "code").unwrap();
        std::fs::write(directory.path().join("secret/key"), "secret").unwrap();
        std::fs::set_permissions(directory.path().join("tmp"), std::fs::Permissions::from_mode(0o777))
            .unwrap();
        Self { directory }
    }

    fn start(&self, identity: Identity, script: &str) -> (Process, File) {
        let (output, write) = std::io::pipe().unwrap();
        let at = |name: &str| self.directory.path().join(name);
        let launch = Launch {
            program: "sh".into(),
            arguments: vec!["-c".into(), script.into()],
            environment: vec![
                ("PATH".into(), "/usr/bin:/bin".into()),
                ("SECRET".into(), at("secret/key").into_os_string()),
            ],
            directory: "/code".into(),
            output: write.into(),
            passed: Vec::new(),
            limits: Limits { open_files_max: 1000 },
            enclosure: Some(Enclosure {
                mount_point: at("root"),
                visible: ["/usr", "/bin", "/lib", "/lib64", "/etc", "/nowhere"].map(Into::into).to_vec(),
                binds: vec![
                    Bind { source: at("code"), target: "/code".into(), access: Access::ReadOnly },
                    Bind { source: at("tmp"), target: "/tmp".into(), access: Access::ReadWrite },
                ],
                empty: vec!["/opt/lib".into()],
                host_at: None,
                identity,
            }),
            file_rules: None,
            filter: Some(Filter::for_functions()),
        };
        let process = launch.start().unwrap_or_else(|error| panic!("{error}: {}", error.source));
        (process, File::from(std::os::fd::OwnedFd::from(output)))
    }

    fn output_of(&self, identity: Identity, script: &str) -> String {
        let (process, mut output) = self.start(identity, script);
        let mut text = String::new();
        output.read_to_string(&mut text).unwrap();
        assert!(process.wait_ended(Duration::from_secs(10)));
        process.reap();
        text
    }
}

/// The identities that can be tried on this machine.
fn identities() -> Vec<Identity> {
    let is_root =
        std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let both = [Identity::User { uid: 65_534, gid: 65_534 }, Identity::UserNamespace];
    let possible = if is_root { &both[..] } else { &both[1..] };
    possible.iter().copied().filter(|identity| works(*identity)).collect()
}

fn works(identity: Identity) -> bool {
    let place = Place::new();
    let mut launch_failed = false;
    let (output, write) = std::io::pipe().unwrap();
    drop(output);
    let launch = Launch {
        program: "true".into(),
        arguments: Vec::new(),
        environment: Vec::new(),
        directory: "/".into(),
        output: write.into(),
        passed: Vec::new(),
        limits: Limits { open_files_max: 1000 },
        enclosure: Some(Enclosure {
            mount_point: place.directory.path().join("root"),
            visible: ["/usr", "/bin", "/lib", "/lib64"].map(Into::into).to_vec(),
            binds: Vec::new(),
            empty: Vec::new(),
            host_at: None,
            identity,
        }),
        file_rules: None,
        filter: None,
    };
    match launch.start() {
        Ok(process) => {
            process.wait_ended(Duration::from_secs(10));
            process.reap();
        }
        Err(error) => {
            launch_failed = matches!(error.stage, Stage::Clone | Stage::Enclose);
            eprintln!("left out: {identity:?}: {error}: {}", error.source);
        }
    }
    !launch_failed
}

#[test]
fn an_enclosed_process_sees_its_own_directories_and_nothing_of_the_servers() {
    for identity in identities() {
        let place = Place::new();
        let script = r#"pwd; ls /; cat file; cat $SECRET; ls /home /root /var /opt; echo x > file; echo x > /x; echo x > /usr/x; echo kept > /tmp/made; cat /tmp/made; echo x > /dev/null; ls -d /dev/shm"#;
        let text = place.output_of(identity, script);
        let lines: Vec<&str> = text.lines().collect();
        let roots: Vec<&str> = ["bin", "code", "dev", "etc", "lib", "lib64", "opt", "proc", "tmp", "usr"]
            .into_iter()
            .filter(|name| Path::new("/").join(name).exists() || *name == "code")
            .collect();
        assert_eq!(lines[0], "/code", "{identity:?}");
        assert_eq!(lines[1..=roots.len()], roots, "{identity:?}");
        let rest = lines[1 + roots.len()..].join("\n");
        assert!(rest.starts_with("code"), "{identity:?}: {rest}");
        for (part, count) in
            [("No such file or directory", 4), ("ead-only file system", 3), ("kept", 1), ("/dev/shm", 1)]
        {
            assert_eq!(rest.matches(part).count(), count, "{identity:?}, {part}: {rest}");
        }
        assert!(!rest.contains("secret\n"), "{identity:?}: {rest}");
        assert_eq!(std::fs::read_to_string(place.directory.path().join("tmp/made")).unwrap(), "kept\n");
        assert_eq!(std::fs::read_dir(place.directory.path().join("root")).unwrap().count(), 0);
    }
}

#[test]
fn an_enclosed_process_has_no_privilege_and_sees_no_other_process() {
    for identity in identities() {
        let place = Place::new();
        let script = r#"grep -E "^Cap(Prm|Eff|Bnd|Amb)|^NoNewPrivs" /proc/self/status; ls /proc | grep -c '^[0-9]'; mount -t tmpfs x /tmp 2>&1 | tail -1; umount /proc 2>&1 | tail -1"#;
        let text = place.output_of(identity, script);
        let rights = text.lines().take(5).map(|line| line.split_whitespace().last().unwrap());
        let rights: Vec<&str> = rights.collect();
        assert_eq!(
            rights,
            ["0000000000000000", "0000000000000000", "0000000000000000", "0000000000000000", "1"],
            "{text}"
        );
        let processes: usize = text.lines().nth(5).unwrap().parse().unwrap();
        assert!((2..=6).contains(&processes), "{text}");
        assert!(text.contains("mount:") && text.contains("umount:"), "{text}");
    }
}

#[test]
fn a_kill_ends_even_what_left_its_session_and_its_parents() {
    for identity in identities() {
        let place = Place::new();
        let script = "setsid sh -c 'setsid sleep 1000 & setsid sleep 1000 &'; echo started; sleep 1000";
        let (process, mut output) = place.start(identity, script);
        let mut first = [0; 8];
        output.read_exact(&mut first).unwrap();
        process.kill();
        assert!(process.wait_ended(Duration::from_secs(10)));
        process.reap();
        // Ends only when nobody holds the writing end any more.
        output.read_to_string(&mut String::new()).unwrap();
    }
}

#[test]
fn the_end_of_the_program_ends_all_and_its_code_is_passed_on() {
    for identity in identities() {
        let place = Place::new();
        for (script, code) in [("sleep 1000 & exit 7", 7), ("kill -9 $$", 128 + 9)] {
            let (process, mut output) = place.start(identity, script);
            output.read_to_string(&mut String::new()).unwrap();
            assert!(process.wait_ended(Duration::from_secs(10)));
            assert_eq!(process.reap(), Some(Exit::Code(code)), "{identity:?}: {script}");
        }
    }
}

#[test]
fn forbidden_system_calls_fail_and_others_do_not() {
    for identity in identities() {
        let place = Place::new();
        let script = "unshare --user true 2>&1 | tail -1; python3 -c 'import threading, subprocess, os; threading.Thread(target=print, args=(\"thread\",)).start(); subprocess.run([\"echo\", \"process\"]); os.fork() or print(\"fork\")'";
        let text = place.output_of(identity, script);
        assert!(text.contains("unshare failed: Operation not permitted"), "{text}");
        for made in ["thread", "process", "fork"] {
            assert!(text.contains(made), "{text}");
        }
    }
}

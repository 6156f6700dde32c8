//! What functions can see of the machine and of each other.

mod support;

use kulkul_instance::{InvokeError, Layer, Wish};
use support::Machine;

const LOOK: &str = r#"
import json, os
def handler(event, context):
    def attempt(act):
        try:
            return act()
        except OSError as error:
            return error.strerror
    paths = json.loads(event)
    os.makedirs("/tmp/own", exist_ok=True)
    return json.dumps({
        "files": {path: attempt(lambda: open(path).read()) for path in paths},
        "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
        "code": os.listdir("/code"),
        "write": attempt(lambda: open("/code/new", "w")),
        "file": __file__,
        "uid": os.getuid(),
        "tmp": os.listdir("/tmp"),
        "stdout": attempt(lambda: open("/dev/stdout", "w").write("")),
        "environment": os.environ["FC_FUNC_CODE_PATH"],
        "mount": attempt(lambda: os.mkdir("/new")),
    })
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_function_in_namespaces_sees_its_own_code_and_nothing_of_others() {
    let machine = Machine::new();
    if machine.instances.isolation().await.unwrap().layers()[0].missing.is_some() {
        return; // This machine offers none.
    }
    let (spec, other) = (machine.python(LOOK), machine.python("SECRET = 1\n"));
    let secret = other.code_dir.join("index.py");
    let own = spec.code_dir.join("index.py");
    let paths = serde_json::to_string(&[&secret, &own]).unwrap();
    machine.result(&spec, paths.clone()).await; // The second look finds what the first has made.
    let seen: serde_json::Value = serde_json::from_str(&machine.result(&spec, paths).await).unwrap();
    for path in [&secret, &own] {
        assert_eq!(seen["files"][path.to_str().unwrap()], "No such file or directory");
    }
    assert_eq!(seen["processes"], serde_json::json!([1, 2]));
    assert_eq!(seen["code"], serde_json::json!(["index.py"]));
    assert_eq!((&seen["file"], &seen["environment"]), (&"/code/index.py".into(), &"/code".into()));
    assert_eq!(
        (&seen["write"], &seen["mount"]),
        (&"Read-only file system".into(), &"Read-only file system".into())
    );
    assert_eq!(seen["tmp"], serde_json::json!(["own"]));
    assert_eq!(seen["stdout"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_functions_have_a_directory_for_temporary_files_each() {
    let machine = Machine::new();
    let code = "import os, tempfile\ndef handler(event, context):\n    open(os.path.join(tempfile.gettempdir(), 'left'), 'a').write('x')\n    return str(os.listdir(tempfile.gettempdir()))\n";
    let (one, two) = (machine.python(code), machine.python(code));
    assert_eq!(machine.result(&one, "").await, "['left']");
    assert_eq!(machine.result(&two, "").await, "['left']");
    let node = machine.function_with(
        "nodejs20",
        &[("index.js", "exports.handler = async () => require('fs').readdirSync(require('os').tmpdir());")],
        |_| {},
    );
    assert_eq!(machine.result(&node, "").await, "[]");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_namespaces_functions_run_in_their_real_directory() {
    let machine = Machine::with(|config| config.isolation.namespaces = Wish::Off);
    let spec = machine.python("import os\ndef handler(event, context):\n    return os.environ['FC_FUNC_CODE_PATH'] + ' ' + os.getcwd() + ' ' + os.environ['TMPDIR']\n");
    let result = machine.result(&spec, "").await;
    let parts: Vec<&str> = result.split(' ').collect();
    assert_eq!(parts[..2], [spec.code_dir.to_str().unwrap(); 2]);
    assert!(parts[2].starts_with(machine.directory.path().to_str().unwrap()), "{result}");
    let node = machine.function_with(
        "nodejs20",
        &[("index.js", "exports.handler = async () => __dirname;")],
        |_| {},
    );
    assert_eq!(machine.result(&node, "").await, node.code_dir.to_str().unwrap());
    let layers = machine.instances.isolation().await.unwrap().layers().to_vec();
    let namespaces = layers.iter().find(|state| state.layer == Layer::Namespaces).unwrap();
    assert_eq!(namespaces.missing.as_deref(), Some("switched off"));
}

#[tokio::test(flavor = "multi_thread")]
async fn forbidden_system_calls_are_refused_in_python_and_node_and_by_the_programs_they_start() {
    let machine = Machine::new();
    let python = machine.python("import subprocess\ndef handler(event, context):\n    return subprocess.run(['unshare', '--user', 'true'], stderr=subprocess.PIPE).stderr\n");
    let node = "exports.handler = async () => require('child_process').spawnSync('unshare', ['--user', 'true']).stderr;";
    let node = machine.function_with("nodejs20", &[("index.js", node)], |_| {});
    for spec in [python, node] {
        assert_eq!(machine.result(&spec, "").await, "unshare: unshare failed: Operation not permitted\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_required_layer_that_is_missing_keeps_functions_from_running() {
    let machine = Machine::with(|config| {
        config.isolation.namespaces = Wish::Require;
        config.isolation.function_user = 0; // Functions must not be root.
    });
    let spec = machine.python("def handler(event, context):\n    pass\n");
    match machine.try_invoke(&spec, "").await {
        Err(InvokeError::IsolationMissing { layer: Layer::Namespaces, .. }) => {}
        // Without root nobody has to become anybody.
        Ok(_) if !nix::unistd::geteuid().is_root() => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_namespaces_rules_keep_functions_away_from_each_others_files() {
    let machine = Machine::with(|config| config.isolation.namespaces = Wish::Off);
    let layers = machine.instances.isolation().await.unwrap().layers();
    let rules = layers.iter().find(|state| state.layer == Layer::FileRules).unwrap();
    if rules.missing.is_some() {
        return; // This machine offers none.
    }
    let other = machine.python("SECRET = 1\n");
    let secret = other.code_dir.join("index.py");
    let python = "import os\ndef handler(event, context):\n    open(os.environ['TMPDIR'] + '/own', 'w').close()\n    try:\n        return open(event.decode()).read()\n    except OSError as error:\n        return error.strerror\n";
    let node = "exports.handler = async (event) => { const fs = require('fs'); fs.writeFileSync(process.env.TMPDIR + '/own', ''); try { return fs.readFileSync(event.toString()); } catch (error) { return error.code; } };";
    let python = machine.python(python);
    let node = machine.function_with("nodejs20", &[("index.js", node)], |_| {});
    let secret = secret.to_str().unwrap().to_owned();
    assert_eq!(machine.result(&python, secret.clone()).await, "Permission denied");
    assert_eq!(machine.result(&node, secret).await, "EACCES");
    let own = python.code_dir.join("index.py").to_str().unwrap().to_owned();
    assert!(machine.result(&python, own).await.starts_with("import os"));
}

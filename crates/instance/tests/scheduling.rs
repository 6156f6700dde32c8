//! Who gets an instance, and when instances end.

mod support;

use std::sync::Arc;
use std::time::Duration;

use kulkul_instance::{Hook, InstanceSpec, InstanceState, InvokeError, RuntimeChoice, Start};
use support::{Machine, until};

const SLOW: &str = "import time, os\ndef handler(event, context):\n    time.sleep(float(event or 0))\n    return str(os.getpid())\n";

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_once_get_an_instance_each_which_later_ones_reuse() {
    let machine = Machine::new();
    let spec = machine.python(SLOW);
    let both = tokio::join!(machine.invoke(&spec, "0.3"), machine.invoke(&spec, "0.3"));
    assert_ne!(both.0.instance, both.1.instance);
    let again = tokio::join!(machine.invoke(&spec, "0.1"), machine.invoke(&spec, "0.1"));
    assert_eq!((again.0.start, again.1.start), (Start::Warm, Start::Warm));
    assert_eq!(machine.instances.list().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_instances_are_all_busy_refuses() {
    let machine = Machine::with(|config| config.instances_max = 1);
    let spec = machine.python(SLOW);
    let other = machine.python(SLOW);
    machine.invoke(&spec, "").await;
    let (busy, refused, of_other) = tokio::join!(
        machine.invoke(&spec, "0.5"),
        machine.try_invoke(&spec, ""),
        machine.try_invoke(&other, "")
    );
    assert!(busy.outcome.is_ok());
    for error in [refused.unwrap_err(), of_other.unwrap_err()] {
        assert!(
            matches!(error, InvokeError::ResourceExhausted { limit: 1 }) && error.is_retryable(),
            "{error}"
        );
    }
    // The instance is free again: the other function may have its place.
    assert!(matches!(machine.invoke(&other, "").await.start, Start::Cold(_)));
    assert_eq!(machine.instances.list().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_at_its_own_limit_is_refused_alone() {
    let machine = Machine::new();
    let (spec, other) = (machine.python(SLOW), machine.python(SLOW));
    machine.instances.limit_function(&spec.function, Some(1));
    machine.invoke(&spec, "").await;
    let (_, refused, of_other) = tokio::join!(
        machine.invoke(&spec, "0.5"),
        machine.try_invoke(&spec, ""),
        machine.try_invoke(&other, "")
    );
    assert!(matches!(refused, Err(InvokeError::FunctionResourceExhausted { limit: 1, .. })));
    assert!(of_other.is_ok());
    machine.instances.limit_function(&spec.function, Some(0));
    machine.instances.retire(&spec.revision);
    assert!(matches!(
        machine.try_invoke(&spec, "").await,
        Err(InvokeError::FunctionResourceExhausted { limit: 0, .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_waits_for_a_slot_as_long_as_it_is_told_to() {
    let machine = Machine::with(|config| {
        config.instances_max = 1;
        config.slot_wait = Duration::from_secs(10);
    });
    let spec = machine.python(SLOW);
    let both = tokio::join!(machine.invoke(&spec, "0.2"), machine.invoke(&spec, "0.2"));
    assert_eq!(both.0.instance, both.1.instance);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_instance_is_stopped_after_its_time_with_its_hook() {
    let machine = Machine::new();
    let code = "def handler(event, context):\n    pass\ndef stop(context):\n    print('stopping', context.function.name)\n";
    let spec = machine.function_with("python3.11", &[("index.py", code)], |spec| {
        spec.idle_timeout = Some(Duration::from_millis(200));
        spec.pre_stop = Some(Hook { handler: "index.stop".into(), timeout: Duration::from_secs(5) });
    });
    machine.invoke(&spec, "").await;
    assert_eq!(machine.instances.list().len(), 1);
    until("the instance to be stopped", || machine.instances.list().is_empty()).await;
    until("its hook to have run", || machine.log.contain(&format!("stopping {}", spec.function))).await;
    until("its directory to be removed", || directories(&machine) == 0).await;
}

fn directories(machine: &Machine) -> usize {
    let entries = std::fs::read_dir(machine.directory.path().join("run")).unwrap().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("c-")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_revision_finishes_its_requests_and_leaves() {
    let machine = Machine::new();
    let old = machine.python(SLOW);
    let new = Arc::new(InstanceSpec { revision: kulkul_instance::RevisionId::new("new"), ..(*old).clone() });
    machine.invoke(&old, "").await;
    let retire = async {
        until("the request to run", || machine.instances.list()[0].state == InstanceState::Busy(1)).await;
        machine.instances.retire(&old.revision);
        assert_eq!(machine.instances.list()[0].state, InstanceState::Leaving(1));
        assert!(matches!(machine.invoke(&new, "").await.start, Start::Cold(_)));
    };
    let (finished, ()) = tokio::join!(machine.invoke(&old, "0.5"), retire);
    assert!(finished.outcome.is_ok());
    let left: Vec<_> = machine.instances.list().into_iter().map(|instance| instance.revision).collect();
    assert_eq!(left.as_slice(), std::slice::from_ref(&new.revision));
}

#[tokio::test(flavor = "multi_thread")]
async fn shutting_down_waits_for_requests_and_then_ends_what_is_left() {
    let machine = Machine::new();
    let spec = machine.python(SLOW);
    machine.invoke(&spec, "").await;
    let (finished, ()) = tokio::join!(machine.invoke(&spec, "0.3"), async {
        until("the request to run", || machine.instances.list()[0].state == InstanceState::Busy(1)).await;
        machine.instances.shutdown(Duration::from_secs(10)).await;
        assert!(machine.instances.list().is_empty());
    });
    assert!(finished.outcome.is_ok());

    let machine = Machine::new();
    let spec = machine.python(SLOW);
    machine.invoke(&spec, "").await;
    let (cut_off, ()) = tokio::join!(machine.invoke(&spec, "60"), async {
        until("the request to run", || machine.instances.list()[0].state == InstanceState::Busy(1)).await;
        machine.instances.shutdown(Duration::from_millis(100)).await;
    });
    let report = String::from_utf8(cut_off.outcome.unwrap_err().report.to_vec()).unwrap();
    assert!(report.contains("Process exited unexpectedly"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_is_not_here_is_refused_by_name() {
    let machine = Machine::with(|config| config.runtime_choice = RuntimeChoice::Strict);
    let missing = machine.function_with("python3.19", &[("index.py", "")], |_| {});
    let error = machine.try_invoke(&missing, "").await.unwrap_err();
    assert!(
        error.to_string().starts_with("no interpreter for runtime `python3.19` on this machine; found: 3."),
        "{error}"
    );
    let foreign = machine.function_with("java11", &[("index.py", "")], |_| {});
    let error = machine.try_invoke(&foreign, "").await.unwrap_err();
    assert_eq!(error.to_string(), "runtime `java11` is not offered");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_open_by_instances_that_have_ended() {
    let machine = Machine::new();
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    machine.invoke(&machine.python(SLOW), "").await;
    let before = descriptors();
    for _ in 0..20 {
        let spec = machine.python(SLOW);
        machine.invoke(&spec, "").await;
        machine.instances.retire(&spec.revision);
    }
    until("descriptors to be closed", || descriptors() <= before).await;
    until("directories to be removed", || directories(&machine) <= 1).await;
}

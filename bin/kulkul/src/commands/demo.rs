//! `kulkul demo`: the main job on a fresh server, through the public API with signed requests.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use base64::Engine;
use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};

use crate::cli::DemoArgs;
use crate::commands::{event_trace, trace_text};
use crate::config::Config;
use crate::server::Server;
use kulkul_client::Client;
use kulkul_deploy::{SingleFile, pack};

const BUCKET: &str = "photos";
const FUNCTION: &str = "thumbnail";
const TRIGGER: &str = "on-upload";
/// How long the thumbnail may take before the demo gives up.
const WITHIN: Duration = Duration::from_secs(60);

/// Runs the demo. Everything that it writes is in a new folder, whose name it prints.
pub fn run(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(demo(args))?;
    Ok(ExitCode::SUCCESS)
}

async fn demo(args: &DemoArgs) -> anyhow::Result<()> {
    let photo =
        std::fs::read(&args.photo).with_context(|| format!("cannot read {}", args.photo.display()))?;
    let home = tempfile::Builder::new().prefix("kulkul-demo-").tempdir()?.keep();
    let data_dir = home.join("data");
    let server = step("start a server", Server::start(config(&data_dir)?)).await?;
    let outcome = show(args, &server, &data_dir, &home, photo).await;
    if outcome.is_ok() && args.keep {
        println!("\nThe server stays up until Ctrl-C.");
        tokio::signal::ctrl_c().await?;
    }
    server.stop().await;
    outcome
}

async fn show(
    args: &DemoArgs,
    server: &Server,
    data_dir: &Path,
    home: &Path,
    photo: Vec<u8>,
) -> anyhow::Result<()> {
    let client = Client::find(data_dir)?;
    let name = args.photo.file_name().and_then(|name| name.to_str()).unwrap_or("photo.jpg");
    let object = format!("{BUCKET}/{name}");
    let thumbnail = format!("{BUCKET}/thumbnails/{name}");
    step("create the bucket `photos`", create_bucket(&client)).await?;
    step("create the function `thumbnail`", create_function(&client, server, &args.function)).await?;
    step("create the trigger `on-upload`", create_trigger(&client)).await?;
    let uploaded = Instant::now();
    step(&format!("upload {name} ({} bytes)", photo.len()), upload(&client, &object, photo)).await?;
    let small = step("wait for the thumbnail", wait_for(&client, &thumbnail)).await?;
    let elapsed = uploaded.elapsed();
    let out = args.out.clone().unwrap_or_else(|| home.join(format!("thumbnail-{name}")));
    std::fs::write(&out, &small).with_context(|| format!("cannot write {}", out.display()))?;
    println!("\nThe trace of the upload:\n");
    print!("{}", trace_text::of(&trace_of_upload(&client, name).await?));
    println!(
        "\nThe thumbnail ({} bytes) was there {:.0} ms after the upload began:",
        small.len(),
        elapsed.as_secs_f64() * 1000.0
    );
    println!("  {}", out.display());
    go_on(args.keep, server, data_dir);
    Ok(())
}

/// How to go on from here.
fn go_on(keep: bool, server: &Server, data_dir: &Path) {
    let program = std::env::current_exe().unwrap_or_else(|_| "kulkul".into());
    let (program, data_dir) = (program.display(), data_dir.display());
    println!("\nGo on:");
    match keep {
        true => println!("  {}", server.announcement().replace('\n', "\n  ")),
        false => println!("  {program} serve --data-dir {data_dir}"),
    }
    println!("  {program} invoke thumbnail --data-dir {data_dir} --log --payload '{{}}'");
}

fn config(data_dir: &Path) -> anyhow::Result<Config> {
    let any = "127.0.0.1:0".to_owned();
    let flags =
        [("listen", any.clone()), ("objects_listen", any), ("data_dir", data_dir.display().to_string())];
    Ok(Config::load(None, std::iter::empty(), &flags)?)
}

/// Says what is done and how long it took.
async fn step<T>(what: &str, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    print!("  {what} ... ");
    std::io::stdout().flush()?;
    let begun = Instant::now();
    let done = work.await.with_context(|| format!("cannot {what}"));
    let millis = begun.elapsed().as_secs_f64() * 1000.0;
    println!("{} ({millis:.1} ms)", if done.is_ok() { "done" } else { "failed" });
    done
}

async fn create_bucket(client: &Client) -> anyhow::Result<()> {
    client.object(Method::PUT, BUCKET, "", Bytes::new()).await?.success()?;
    Ok(())
}

async fn create_function(client: &Client, server: &Server, program: &Path) -> anyhow::Result<()> {
    let key = client.key();
    let body = json!({
        "functionName": FUNCTION,
        "runtime": "custom.debian12",
        "handler": "index.handler",
        "memorySize": 512,
        "cpu": 0.35,
        "timeout": 30,
        "environmentVariables": {
            "OSS_ENDPOINT": format!("http://{}", server.objects_address()),
            "OSS_ACCESS_KEY_ID": key.id,
            "OSS_ACCESS_KEY_SECRET": key.secret,
        },
        "code": { "zipFile": base64::engine::general_purpose::STANDARD.encode(pack(program, SingleFile::AsBootstrap)?) },
    });
    fc(client, Method::POST, "/2023-03-30/functions", &body).await
}

async fn create_trigger(client: &Client) -> anyhow::Result<()> {
    let pattern = json!({
        "source": ["acs.oss"],
        "type": [{"prefix": "oss:ObjectCreated:"}],
        "data": {"oss": {"object": {"key": [{"anything-but": {"prefix": "thumbnails/"}}]}}},
    });
    let config = json!({
        "triggerEnable": true,
        "asyncInvocationType": false,
        "eventRuleFilterPattern": pattern.to_string(),
        "eventSourceConfig": {"eventSourceType": "Default"},
    });
    let body = json!({
        "triggerName": TRIGGER,
        "triggerType": "eventbridge",
        "qualifier": "LATEST",
        "triggerConfig": config.to_string(),
    });
    fc(client, Method::POST, &format!("/2023-03-30/functions/{FUNCTION}/triggers"), &body).await
}

async fn fc(client: &Client, method: Method, path: &str, body: &Value) -> anyhow::Result<()> {
    let headers = [("content-type", "application/json; charset=utf-8")];
    client.rest(method, path, &headers, Bytes::from(body.to_string())).await?.success()?;
    Ok(())
}

async fn upload(client: &Client, object: &str, photo: Vec<u8>) -> anyhow::Result<()> {
    client.object(Method::PUT, object, "image/jpeg", photo.into()).await?.success()?;
    Ok(())
}

async fn wait_for(client: &Client, object: &str) -> anyhow::Result<Bytes> {
    let begun = Instant::now();
    loop {
        let answer = client.object(Method::GET, object, "", Bytes::new()).await?;
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        if begun.elapsed() > WITHIN {
            bail!("there was no `{object}` within {WITHIN:?}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The trace of the event that the upload made, once its attempt is stored.
async fn trace_of_upload(client: &Client, name: &str) -> anyhow::Result<Value> {
    let begun = Instant::now();
    loop {
        let parameters =
            [("EventBusName", "default"), ("StartTime", "0"), ("EndTime", "9000000000000"), ("Limit", "100")];
        let found = client.rpc("QueryTracedEvents", &parameters).await?;
        for event in found["Events"].as_array().into_iter().flatten() {
            let id = event["EventId"].as_str().unwrap_or_default();
            let trace = event_trace::fetch(client, "default", id).await?;
            let subject = trace["events"][0]["event"]["subject"].as_str().unwrap_or_default();
            let attempted = !trace["events"][0]["deliveries"][0]["attempts"][0].is_null();
            if subject.ends_with(&format!("{BUCKET}/{name}")) && attempted {
                return Ok(trace);
            }
        }
        if begun.elapsed() > WITHIN {
            bail!("the event of the upload is not in the traces");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

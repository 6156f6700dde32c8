//! `kulkul trigger create`.

use std::process::ExitCode;

use kulkul_client::{Client, text};
use kulkul_deploy::triggers::{self, Invocation, Retry, TriggerSettings};

use crate::cli::TriggerCreateArgs;
use crate::commands::block_on;
use crate::commands::selection::pattern_of;

/// Creates the trigger, or only prints its pattern.
pub fn run(args: &TriggerCreateArgs) -> anyhow::Result<ExitCode> {
    let pattern = pattern_of(&args.selection)?;
    if args.dry_run {
        println!("{pattern}");
        return Ok(ExitCode::SUCCESS);
    }
    let settings = TriggerSettings {
        bus: args.bus.clone(),
        enabled: !args.disabled,
        invocation: if args.asynchronous { Invocation::Async } else { Invocation::Sync },
        retry: if args.retry_for_a_day { Retry::ExponentialDecay } else { Retry::Backoff },
        concurrency: args.concurrency,
        age_max: args.max_age,
        dead_letter_arn: args.dead_letter.clone(),
        description: args.description.clone(),
        ..TriggerSettings::new(pattern)
    };
    let client = Client::find(&args.server.data_dir)?;
    let (created, warnings) = block_on(triggers::create(&client, &args.function, &args.name, &settings))?;
    for warning in warnings {
        eprintln!("kulkul: warning: {warning}");
    }
    if args.server.json {
        println!("{created}");
    } else {
        println!("created {}/{} on the bus {}", args.function, text(&created["triggerName"]), args.bus);
        println!("pattern {}", settings.pattern);
    }
    Ok(ExitCode::SUCCESS)
}

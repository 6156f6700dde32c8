//! GetQueueAttributes.

use super::input;
use super::output::QueueOutput;
use super::reply::{Fault, Success};
use crate::api::Call;
use crate::eventbridge::Params;

pub(crate) async fn run(call: Call<'_>, params: &Params<'_>) -> Result<Success, Fault> {
    let (info, counts) = call.api.queues.get(&input::queue(params)?).await?;
    Ok(Success::of(&QueueOutput::of(&info, counts)))
}

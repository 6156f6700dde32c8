//! DeleteQueue.

use super::input;
use super::reply::{Fault, Success};
use crate::api::Call;
use crate::eventbridge::Params;

pub(crate) async fn run(call: Call<'_>, params: &Params<'_>) -> Result<Success, Fault> {
    call.api.queues.delete(&input::queue(params)?).await?;
    Ok(Success::done())
}

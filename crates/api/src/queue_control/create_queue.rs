//! CreateQueue. A queue that is there with the same attributes is created, too.

use super::input;
use super::reply::{Fault, Success};
use crate::api::Call;
use crate::eventbridge::Params;

pub(crate) async fn run(call: Call<'_>, params: &Params<'_>) -> Result<Success, Fault> {
    call.api.queues.create(&input::queue(params)?, input::changes(params)?).await?;
    Ok(Success::done())
}

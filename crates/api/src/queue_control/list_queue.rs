//! ListQueue, in numbered pages.

use kulkul_queue::{Counts, QueueError};
use serde::Serialize;

use super::output::QueueOutput;
use super::reply::{Fault, Success};
use crate::api::Call;
use crate::eventbridge::Params;

/// Other sizes are made to fit. Source: `Mns-open` 2022-01-19, "ListQueue".
const PAGE_SIZE: std::ops::RangeInclusive<i64> = 10..=50;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    page_data: Vec<QueueOutput>,
    page_num: usize,
    page_size: usize,
    pages: usize,
    size: usize,
    total: usize,
}

pub(crate) async fn run(call: Call<'_>, params: &Params<'_>) -> Result<Success, Fault> {
    let size = params.number("PageSize")?.unwrap_or(*PAGE_SIZE.start());
    let page_size = size.clamp(*PAGE_SIZE.start(), *PAGE_SIZE.end()) as usize;
    let page_num = params.number("PageNum")?.unwrap_or(1).clamp(1, i64::from(u32::MAX)) as usize;
    let filter = params.get("QueueName").unwrap_or_default();
    let all = call.api.queues.list("", None, usize::MAX).queues;
    let found: Vec<_> = all.into_iter().filter(|info| info.name.as_str().contains(filter)).collect();
    let total = found.len();
    let mut page_data = Vec::with_capacity(page_size);
    for info in found.iter().skip((page_num - 1) * page_size).take(page_size) {
        let counts = match call.api.queues.get(&info.name).await {
            Ok((_, counts)) => counts,
            // It was deleted meanwhile.
            Err(QueueError::UnknownQueue { .. }) => Counts::default(),
            Err(error) => return Err(error.into()),
        };
        page_data.push(QueueOutput::of(info, counts));
    }
    let (size, pages) = (page_data.len(), total.div_ceil(page_size));
    Ok(Success::of(&Page { page_data, page_num, page_size, pages, size, total }))
}

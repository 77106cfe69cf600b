//! `--wait`: until all moves of a plan are done, with a progress bar on a terminal.

use std::time::Duration;

use klamm_client::admin::Admin;

use super::plan::Plan;
use super::states;
use crate::progress;

const PAUSE: Duration = Duration::from_millis(500);

/// Waits until no partition of the plan is on the move any more, between brokers or directories.
pub(super) async fn until_done(admin: &Admin, plan: &Plan) -> anyhow::Result<()> {
    let total = plan.partitions.len() + plan.log_dirs.len();
    let bar = progress::items(total as u64, "moves");
    loop {
        let under_way = admin.list_reassignments().await?;
        let partitions = plan
            .partitions
            .iter()
            .filter(|(partition, _)| {
                under_way.contains_key(&(partition.topic.to_string(), partition.partition))
            })
            .count();
        let moves = states::of_log_dirs(admin, &plan.log_dirs).await?;
        let left = partitions + moves.values().filter(|state| !state.is_done()).count();
        bar.set_position((total - left) as u64);
        if left == 0 {
            bar.finish_and_clear();
            return Ok(());
        }
        admin.cluster().clock().sleep(PAUSE).await;
    }
}

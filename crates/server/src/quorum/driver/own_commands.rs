//! What this node itself asks of the active controller, while another node leads.
//!
//! Answers on a connection come in the order of the requests, so there are several connections, as Kafka's brokers have
//! them: a change of ISRs that takes long must not stand in front of a heartbeat, or the broker would be fenced for it.

use std::{future::pending, time::Duration};

use klamm_config::{BrokerConfig, broker};
use klamm_io::{Clock, spawn};
use klamm_raft::Server;
use tokio::sync::watch;

use super::{LAST_WORDS, socket_timeout};
use crate::quorum::{command::Command, peers::Peers};

/// Which commands share a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Channel {
    /// What the broker's standing depends on.
    Life,
    /// In-sync replicas.
    Isr,
    /// In which log directories replicas are.
    Directories,
    /// Producer ids and whatever else.
    Rest,
}

impl Channel {
    const fn of(command: &Command) -> Self {
        match command {
            Command::RegisterBroker { .. } | Command::BrokerHeartbeat { .. } => Self::Life,
            Command::AlterPartition { .. } => Self::Isr,
            Command::AssignReplicasToDirs { .. } => Self::Directories,
            _ => Self::Rest,
        }
    }
}

/// Connections to the active controller, and who waits for an answer by them.
pub(super) struct OwnCommands {
    life: Peers,
    isr: Peers,
    directories: Peers,
    rest: Peers,
    /// Told when somebody else leads, or nobody.
    leaders: watch::Sender<()>,
    clock: Clock,
}

impl OwnCommands {
    pub(super) fn new(peers: &Peers, config: &BrokerConfig, clock: Clock) -> Self {
        let timeout = socket_timeout(config);
        let interval = config.get(&broker::BROKER_HEARTBEAT_INTERVAL_MS);
        // A heartbeat that is not answered by the time of the next one is sent anew, as in Kafka.
        let interval = Duration::from_millis(u64::try_from(interval).unwrap_or(2000));
        Self {
            life: peers.apart(timeout.min(interval)),
            isr: peers.apart(timeout),
            directories: peers.apart(timeout),
            rest: peers.apart(timeout),
            leaders: watch::Sender::new(()),
            clock,
        }
    }

    const fn peers(&self, channel: Channel) -> &Peers {
        match channel {
            Channel::Life => &self.life,
            Channel::Isr => &self.isr,
            Channel::Directories => &self.directories,
            Channel::Rest => &self.rest,
        }
    }

    /// Has the leader answer a command. If it leads no more the next one is to be asked, and whoever waits is told so.
    pub(super) fn send(&self, command: Command, leader: Server) {
        let peers = self.peers(Channel::of(&command)).clone();
        let (mut leaders, clock) = (self.leaders.subscribe(), self.clock);
        spawn::local(async move {
            let given_up = async {
                match leaders.changed().await {
                    Ok(()) => clock.sleep(LAST_WORDS).await,
                    Err(_) => pending().await,
                }
            };
            command.forward(&peers, &leader, given_up).await
        });
    }

    pub(super) fn leader_changed(&self) {
        self.leaders.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use klamm_protocol::api::{
        allocate_producer_ids::AllocateProducerIdsRequest, alter_partition::AlterPartitionRequest,
        assign_replicas_to_dirs::AssignReplicasToDirsRequest, broker_heartbeat::BrokerHeartbeatRequest,
    };
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn nothing_stands_in_front_of_a_heartbeat() {
        macro_rules! channel {
            ($name:ident, $request:ident) => {
                Channel::of(&Command::$name {
                    request: $request::default(),
                    version: 0,
                    caller: None,
                    reply: oneshot::channel().0,
                })
            };
        }
        let channels = [
            channel!(BrokerHeartbeat, BrokerHeartbeatRequest),
            channel!(AlterPartition, AlterPartitionRequest),
            channel!(AssignReplicasToDirs, AssignReplicasToDirsRequest),
            channel!(AllocateProducerIds, AllocateProducerIdsRequest),
        ];
        assert_eq!(channels, [Channel::Life, Channel::Isr, Channel::Directories, Channel::Rest]);
    }
}

//! Scenarios: what happens to a leader line by line, and behind `>` what it is to do.

use std::fmt::Write;

use super::*;

mod scenarios;

/// Offsets and times of a scenario line, as `name=number`.
fn number(words: &[&str], name: &str) -> Option<i64> {
    let found = words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    found.map(|text| text.parse().unwrap())
}

fn list(words: &[&str], name: &str) -> Vec<i32> {
    let found = words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default();
    found.split(',').filter(|id| !id.is_empty()).map(|id| id.parse().unwrap()).collect()
}

/// `1,2,!3` : brokers 1 to 3, of which 3 may not join an ISR. Epochs are 100 + id.
fn brokers(words: &[&str]) -> BTreeMap<i32, Broker> {
    let found = words.iter().find_map(|word| word.strip_prefix("brokers=")).unwrap_or_default();
    let each = found.split(',').filter(|id| !id.is_empty()).map(|id| {
        let (may_join_isr, id) = id.strip_prefix('!').map_or((true, id), |id| (false, id));
        let id: i32 = id.parse().unwrap();
        (id, Broker { epoch: 100 + i64::from(id), may_join_isr })
    });
    each.collect()
}

fn assignment(words: &[&str]) -> Assignment {
    Assignment {
        leader_epoch: number(words, "epoch").unwrap_or(5) as i32,
        partition_epoch: number(words, "version").unwrap_or(0) as i32,
        replicas: list(words, "replicas"),
        isr: list(words, "isr"),
    }
}

fn offsets(words: &[&str], log: LogOffsets) -> LogOffsets {
    let log_end = number(words, "end").unwrap_or(log.log_end);
    LogOffsets {
        log_start: number(words, "start").unwrap_or(log.log_start),
        log_end,
        durable_end: number(words, "durable").unwrap_or(log_end),
        first_unstable: number(words, "unstable").or(log.first_unstable).filter(|offset| *offset >= 0),
    }
}

fn config(words: &[&str]) -> LeaderConfig {
    LeaderConfig {
        min_isr: number(words, "min").unwrap_or(1) as usize,
        lag_max: Duration::from_secs(number(words, "lag").unwrap_or(10) as u64),
    }
}

struct Run {
    leader: Option<Leader>,
    now: Duration,
    pending: Option<IsrChange>,
}

fn print(actions: &[Action]) -> String {
    let mut text = String::new();
    for action in actions {
        match action {
            Action::StartEpoch { epoch, start_offset } => {
                writeln!(text, "> epoch {epoch} from {start_offset}")
            }
            Action::HighWatermark(offset) => writeln!(text, "> hw {offset}"),
            Action::LastStableOffset(offset) => writeln!(text, "> lso {offset}"),
            Action::LowWatermark(offset) => writeln!(text, "> lw {offset}"),
            Action::AlterPartition(change) => {
                let isr = change.new_isr.iter().map(|m| format!("{}@{}", m.broker_id, m.epoch));
                let isr = isr.collect::<Vec<_>>().join(" ");
                writeln!(text, "> alter version={} isr {isr}", change.partition_epoch)
            }
        }
        .unwrap();
    }
    text
}

impl Run {
    fn start(&mut self, words: &[&str], actions: &mut Vec<Action>) {
        let start = LeaderStart {
            local_id: 1,
            local_broker_epoch: 101,
            assignment: assignment(words),
            config: config(words),
            log: offsets(
                words,
                LogOffsets { log_start: 0, log_end: 0, durable_end: 0, first_unstable: None },
            ),
            high_watermark: number(words, "hw").unwrap_or(0),
            brokers: brokers(words),
        };
        self.leader = Some(Leader::new(start, self.now, actions));
    }

    fn input(&self, name: &str, words: &[&str]) -> Input {
        let leader = self.leader.as_ref().unwrap();
        match name {
            "log" => Input::Log(offsets(words, leader.log)),
            "fetched" => {
                let replica_id = words[0].parse().unwrap();
                Input::Fetched {
                    replica_id,
                    broker_epoch: number(words, "broker").unwrap_or(100 + i64::from(replica_id)),
                    fetch_offset: number(words, "at").unwrap(),
                    log_start: number(words, "start").unwrap_or(0),
                    log_end: number(words, "end").unwrap_or(leader.log.log_end),
                }
            }
            "assigned" => Input::Assignment(assignment(words)),
            "alive" => Input::Brokers(brokers(words)),
            "config" => Input::Config(config(words)),
            "tick" => Input::Tick,
            "altered" => Input::AlterPartition(
                self.pending.clone().unwrap(),
                Ok(CommittedIsr {
                    leader_epoch: number(words, "epoch").unwrap_or(5) as i32,
                    partition_epoch: number(words, "version").unwrap() as i32,
                    isr: list(words, "isr"),
                    leader_recovery_state: LeaderRecoveryState::Recovered,
                }),
            ),
            "refused" => {
                let error = ErrorCode::from_code(words[0].parse().unwrap());
                Input::AlterPartition(self.pending.clone().unwrap(), Err(error))
            }
            _ => panic!("{name}"),
        }
    }

    fn question(&self, words: &[&str]) -> String {
        let leader = self.leader.as_ref().unwrap();
        match words[0] {
            "isr" => format!("{:?}", leader.isr()),
            "hw" => leader.high_watermark().to_string(),
            "lso" => leader.last_stable_offset().to_string(),
            "lw" => leader.low_watermark().to_string(),
            "deadline" => format!("{:?}", leader.next_deadline()),
            "append" => format!("{:?}", leader.check_append(-1)),
            "acked" => format!("{:?}", leader.acknowledged(words[1].parse().unwrap())),
            "readable" => format!("{:?}", leader.readable_range(Isolation::HighWatermark)),
            "epoch" => format!("{:?}", leader.check_epoch(words[1].parse().unwrap())),
            "lagging" => leader.is_high_watermark_lagging().to_string(),
            "follower" => {
                let broker_epoch = number(words, "broker").unwrap_or(-1);
                let answer = leader.check_follower(words[1].parse().unwrap(), broker_epoch, 5);
                format!("{answer:?}")
            }
            other => panic!("{other}"),
        }
    }
}

/// Runs a scenario and gives it back with the actions and answers that came.
fn replay(scenario: &str) -> String {
    let mut run = Run { leader: None, now: Duration::ZERO, pending: None };
    let mut out = String::new();
    for line in scenario.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('>')) {
        if line.starts_with('#') {
            writeln!(out, "{line}").unwrap();
            continue;
        }
        let mut words: Vec<&str> = line.split(' ').collect();
        if let Some((question, _)) = line.split_once(" = ") {
            let asked: Vec<&str> = question.trim_start_matches("? ").split(' ').collect();
            writeln!(out, "{question} = {}", run.question(&asked)).unwrap();
            continue;
        }
        writeln!(out, "{line}").unwrap();
        if let Some(seconds) = number(&words, "t") {
            run.now = Duration::from_secs(seconds as u64);
            words.remove(0);
        }
        let mut actions = Vec::new();
        if words[0] == "lead" {
            run.start(&words[1..], &mut actions);
        } else {
            let input = run.input(words[0], &words[1..]);
            run.leader.as_mut().unwrap().step(run.now, input, &mut actions);
        }
        for action in &actions {
            if let Action::AlterPartition(change) = action {
                run.pending = Some(change.clone());
            }
        }
        out.push_str(&print(&actions));
    }
    out
}

pub(super) fn check(scenario: &str) {
    let lines = |text: &str| {
        let trimmed = text.lines().map(str::trim).filter(|line| !line.is_empty());
        trimmed.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines(&replay(scenario)), lines(scenario), "\n{}", replay(scenario));
}

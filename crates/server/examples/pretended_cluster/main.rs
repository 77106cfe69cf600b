//! A cluster whose controllers are real and whose brokers are only pretended: they register, send heartbeats and follow
//! the metadata log as brokers do, and hold no records.
//!
//! What 100,000 partitions cost controllers can so be seen on a machine where brokers could not hold as many, and of
//! Kafka's controllers too, since nothing but the protocol is spoken. `cargo xtask scale --controllers` starts the
//! controllers and gives the orders: one to a line of standard input, each answered by one line, `ok` and figures
//! (seconds, if nothing else is said) or `failed` and why. Brokers have the ids 1, 2 and 3.
//!
//! | order           | what is done, and the figures                                                              |
//! |-----------------|--------------------------------------------------------------------------------------------|
//! | ready           | waits until all brokers serve and know it                                                  |
//! | active          | tells the id of the active controller                                                      |
//! | create N        | N topics of 1,000 partitions: until answered, until known to all, a request's median       |
//! | silence B       | B sends nothing more: from its last heartbeat until the others know new leaders of all     |
//! | die B           | B's connections and listener close: until the others know new leaders of all               |
//! | live B          | B is back, a dead one with an empty disk: until it may serve and knows what the others do  |
//! | in-sync         | leaders take all replicas into the ISR again: until all brokers know                       |
//! | answers TOPIC   | until a heartbeat is accepted, until a topic is created, until every broker was heard      |
//! | caught-up ID    | until a controller has loaded what is committed now, and the active one has it as caught up |
//! | latencies       | number, median (ms), longest (ms) and failures of the heartbeats since the last such order |

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that another one talks to")]

mod broker;
mod leaders;
mod observer;

use std::{rc::Rc, time::Duration};

use klamm_io::{Instant, spawn};
use klamm_protocol::{
    ErrorCode,
    api::{
        api_versions::ApiVersionsRequest,
        create_topics::{CreatableTopic, CreateTopicsRequest},
        describe_quorum::{
            DescribeQuorumRequest, DescribeQuorumRequestPartitionData, DescribeQuorumRequestTopicData,
        },
    },
};
use klamm_raft::METADATA_TOPIC;
use klamm_server::quorum::peers::Peers;

use broker::{Broker, RETRY, World};

const BROKERS: i32 = 3;
const TOPIC_PARTITIONS: i32 = 1_000;
/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(600);
const PACE: Duration = Duration::from_millis(5);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(cluster_id), Some(voters)) = (arguments.next(), arguments.next()) else {
        println!("CLUSTER-ID ID@HOST:PORT,...");
        return;
    };
    match spawn::block_on(run(cluster_id, &voters)) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => println!("failed {error}"),
        Err(error) => println!("failed {error}"),
    }
}

async fn run(cluster_id: String, voters: &str) -> Result<(), String> {
    let world = World::new(cluster_id, voters)?;
    let cluster = Cluster {
        brokers: (1..=BROKERS).map(|id| Broker::new(id, Rc::clone(&world))).collect(),
        client: world.peers("client".to_owned()),
        world,
    };
    cluster.brokers.iter().for_each(Broker::live);
    loop {
        let line = spawn::blocking(|| std::io::stdin().lines().next()).await;
        let Some(Some(Ok(line))) = line else { return Ok(()) };
        match cluster.obey(&line).await {
            Ok(figures) => {
                let figures: Vec<String> = figures.iter().map(ToString::to_string).collect();
                println!("ok {}", figures.join(" "));
            }
            Err(error) => println!("failed {line}: {error}"),
        }
    }
}

struct Cluster {
    world: Rc<World>,
    brokers: Vec<Rc<Broker>>,
    /// The connections of somebody who creates topics.
    client: Peers,
}

type Figures = Result<Vec<f64>, String>;

impl Cluster {
    async fn obey(&self, line: &str) -> Figures {
        let mut words = line.split_whitespace();
        let (order, argument) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let number = || argument.parse::<i32>().map_err(|error| error.to_string());
        match order {
            "ready" => self.ready().await,
            "active" => self.active().await,
            "create" => self.create(number()?).await,
            "silence" => {
                let broker = self.broker(number()?)?;
                broker.fall_silent();
                let since = broker.last_heard().ok_or("it was never heard")?;
                self.led_by_others(broker.id, since).await
            }
            "die" => {
                let broker = self.broker(number()?)?;
                broker.die();
                self.led_by_others(broker.id, self.world.clock.now()).await
            }
            "live" => self.live(self.broker(number()?)?).await,
            "in-sync" => self.in_sync().await,
            "answers" => self.answers(argument).await,
            "caught-up" => self.caught_up(number()?).await,
            "latencies" => {
                let mut figures = latencies(&mut self.world.latencies.take());
                figures.push(f64::from(self.world.failures.take()));
                Ok(figures)
            }
            _ => Err("there is no such order".to_owned()),
        }
    }

    fn broker(&self, id: i32) -> Result<&Rc<Broker>, String> {
        self.brokers.iter().find(|broker| broker.id == id).ok_or_else(|| format!("there is no broker {id}"))
    }

    fn seconds(&self, since: Instant) -> f64 {
        self.world.clock.now().saturating_since(since).as_secs_f64()
    }

    async fn until(&self, mut is_so: impl FnMut() -> bool) -> Result<(), String> {
        let begun = self.world.clock.now();
        while !is_so() {
            if self.world.clock.now().saturating_since(begun) > LIMIT {
                return Err(format!("not within {LIMIT:?}"));
            }
            self.world.clock.sleep(PACE).await;
        }
        Ok(())
    }

    /// How far somebody has read the log.
    fn furthest(&self) -> i64 {
        self.brokers.iter().map(|broker| broker.view.borrow().offset).max().unwrap_or(-1)
    }

    async fn ready(&self) -> Figures {
        let begun = self.world.clock.now();
        self.until(|| {
            self.brokers.iter().all(|broker| {
                let view = broker.view.borrow();
                let count = view.image.cluster.unfenced().count();
                broker.serves_since(begun) && count == self.brokers.len()
            })
        })
        .await?;
        Ok(vec![self.seconds(begun)])
    }

    async fn active(&self) -> Figures {
        let mut found = None;
        self.until(|| {
            let mut leaders = self.brokers.iter().map(|broker| broker.view.borrow().leader);
            found = leaders.next().flatten();
            leaders.all(|leader| leader == found) && found.is_some()
        })
        .await?;
        Ok(found.map(f64::from).into_iter().collect())
    }

    async fn create(&self, topics: i32) -> Figures {
        let clock = self.world.clock;
        let begun = clock.now();
        let mut requests = Vec::new();
        for topic in 0..topics {
            let sent = clock.now();
            self.create_topic(&format!("topic-{topic}"), TOPIC_PARTITIONS).await?;
            requests.push(clock.now().saturating_since(sent));
        }
        let created = self.seconds(begun);
        let count = usize::try_from(topics).unwrap_or(0);
        let partitions = |broker: &Broker| {
            let topics = &broker.view.borrow().image.topics;
            topics.len() == count
                && topics.iter().all(|topic| topic.partitions.size() == TOPIC_PARTITIONS as usize)
        };
        self.until(|| self.brokers.iter().all(|broker| partitions(broker))).await?;
        let [_, median, longest] = latencies(&mut requests)[..] else { return Err("no requests".to_owned()) };
        Ok(vec![created, self.seconds(begun), median, longest])
    }

    async fn create_topic(&self, name: &str, partitions: i32) -> Result<(), String> {
        let topic = CreatableTopic {
            name: name.into(),
            num_partitions: partitions,
            replication_factor: BROKERS as i16,
            ..Default::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 60_000, ..Default::default() };
        let answer = self.broker(1)?.ask(&self.client, &request).await?;
        match answer.topics.first().map(|topic| ErrorCode::from_code(topic.error_code)) {
            Some(ErrorCode::None | ErrorCode::TopicAlreadyExists) => Ok(()),
            Some(error) => Err(error.name().to_owned()),
            None => Err("no answer about the topic".to_owned()),
        }
    }

    async fn led_by_others(&self, id: i32, since: Instant) -> Figures {
        self.until(|| {
            self.brokers.iter().filter(|broker| broker.id != id).all(|broker| {
                let image = &broker.view.borrow().image;
                !image.cluster.is_active(id)
                    && leaders::all_partitions(image).all(|(.., it)| it.has_leader() && it.leader != id)
            })
        })
        .await?;
        Ok(vec![self.seconds(since)])
    }

    async fn live(&self, broker: &Rc<Broker>) -> Figures {
        let begun = self.world.clock.now();
        broker.live();
        self.until(|| {
            broker.serves_since(begun)
                && broker.view.borrow().offset >= self.furthest()
                && self.brokers.iter().all(|other| other.view.borrow().image.cluster.is_active(broker.id))
        })
        .await?;
        Ok(vec![self.seconds(begun)])
    }

    async fn in_sync(&self) -> Figures {
        let begun = self.world.clock.now();
        let epochs: Vec<(i32, i64)> =
            self.brokers.iter().map(|broker| (broker.id, broker.epoch.get())).collect();
        let leaders: Vec<_> = self
            .brokers
            .iter()
            .map(|broker| spawn::local(leaders::take_all_in(Rc::clone(broker), epochs.clone())))
            .collect();
        for leader in leaders {
            leader.await.ok_or("a defect")??;
        }
        self.until(|| {
            self.brokers.iter().all(|broker| {
                let image = &broker.view.borrow().image;
                leaders::all_partitions(image).all(|(.., it)| it.isr.len() == it.replicas.len())
            })
        })
        .await?;
        Ok(vec![self.seconds(begun)])
    }

    async fn answers(&self, topic: &str) -> Figures {
        let begun = self.world.clock.now();
        let is_heard = |broker: &Rc<Broker>| broker.last_heard().is_some_and(|sent| sent >= begun);
        let first = async {
            let done = self.until(|| self.brokers.iter().any(is_heard)).await;
            done.map(|()| self.seconds(begun))
        };
        let all = async {
            let done = self.until(|| self.brokers.iter().all(is_heard)).await;
            done.map(|()| self.seconds(begun))
        };
        let created = async {
            while let Err(error) = self.create_topic(topic, 1).await {
                if self.world.clock.now().saturating_since(begun) > LIMIT {
                    return Err(error);
                }
                self.world.clock.sleep(RETRY).await;
            }
            Ok(self.seconds(begun))
        };
        let (first, created, all) = tokio::join!(first, created, all);
        Ok(vec![first?, created?, all?])
    }

    /// A controller tells the epoch of the features that it knows: in Kafka the offset of the first image that it
    /// published, which it does when it has read what is committed; in Klamm that of the latest image.
    async fn caught_up(&self, id: i32) -> Figures {
        let begun = self.world.clock.now();
        let committed = self.furthest();
        let controller = self.world.controller(id).ok_or("there is no such controller")?;
        let request = ApiVersionsRequest {
            client_software_name: "klamm".into(),
            client_software_version: "0".into(),
            ..Default::default()
        };
        while self.world.clock.now().saturating_since(begun) < LIMIT {
            let loaded = self.client.call(&controller, &request).await;
            if loaded.is_ok_and(|answer| answer.finalized_features_epoch >= committed)
                && self.log_end(id).await.is_ok_and(|end| end > committed)
            {
                return Ok(vec![self.seconds(begun)]);
            }
            self.world.clock.sleep(RETRY).await;
        }
        Err(format!("not within {LIMIT:?}"))
    }

    /// Where a voter's log ends, as far as the active controller knows.
    async fn log_end(&self, id: i32) -> Result<i64, String> {
        let topic = DescribeQuorumRequestTopicData {
            topic_name: METADATA_TOPIC.into(),
            partitions: vec![DescribeQuorumRequestPartitionData::default()],
            ..Default::default()
        };
        let request = DescribeQuorumRequest { topics: vec![topic], ..Default::default() };
        let answer = self.broker(1)?.ask(&self.client, &request).await?;
        let partition = answer.topics.first().and_then(|topic| topic.partitions.first());
        let voters = partition.ok_or("no answer about the quorum")?.current_voters.iter();
        Ok(voters
            .filter(|voter| voter.replica_id == id)
            .map(|voter| voter.log_end_offset)
            .max()
            .unwrap_or(-1))
    }
}

fn latencies(latencies: &mut [Duration]) -> Vec<f64> {
    latencies.sort_unstable();
    let ms = |latency: Option<&Duration>| latency.map_or(0.0, |latency| latency.as_secs_f64() * 1e3);
    vec![latencies.len() as f64, ms(latencies.get(latencies.len() / 2)), ms(latencies.last())]
}

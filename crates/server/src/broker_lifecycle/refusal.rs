//! Why the controller refuses a broker's registration, in words for whoever has started it: who has what this broker
//! claims, and the way out. The response has only a code; the controller's own words are in its log.

use klamm_protocol::{ErrorCode, api::broker_registration::BrokerRegistrationRequest};

use crate::{addresses, metadata::Published};

/// What is wrong with `request`, as far as the metadata that this node follows tells.
pub(super) fn explain(error: ErrorCode, request: &BrokerRegistrationRequest, known: &Published) -> String {
    let text = match error {
        ErrorCode::DuplicateBrokerRegistration => duplicate(request, known),
        ErrorCode::InvalidRegistration => taken_directory(request, known),
        ErrorCode::UnsupportedVersion => unsupported(request, known),
        ErrorCode::InconsistentClusterId => Some(format!(
            "this node has the cluster id {}, the controllers have another: correct controller.quorum.bootstrap.servers \
             or controller.quorum.voters, or format this node with the controllers' cluster id",
            request.cluster_id
        )),
        _ => None,
    };
    let text = text.unwrap_or_else(|| "the log of the active controller says why".to_owned());
    format!("{}: {text}", error.name())
}

fn duplicate(request: &BrokerRegistrationRequest, known: &Published) -> Option<String> {
    let id = request.broker_id;
    let at = address(id, known).map_or_else(String::new, |at| format!(" at {at}"));
    Some(format!(
        "broker {id}{at} is registered and alive, this node at {} has the node.id {id} too. If that is an earlier run of \
         this node it is over when its broker.session.timeout.ms is; if it is another node give this one a node.id of \
         its own, in its properties and by klamm storage format",
        own_address(request)
    ))
}

fn taken_directory(request: &BrokerRegistrationRequest, known: &Published) -> Option<String> {
    let id = request.broker_id;
    let (owner, directory) = known.image.cluster.brokers.values().find_map(|broker| {
        let directory = request.log_dirs.iter().find(|directory| broker.log_dirs.contains(directory))?;
        (broker.id != id).then_some((broker.id, *directory))
    })?;
    let at = address(owner, known).unwrap_or_default();
    Some(format!(
        "the log directory with directory.id {directory} belongs to broker {owner} at {at}, and this node has the node.id \
         {id}: start it with node.id={owner} on that directory, or with another directory that klamm storage format has \
         made for node {id}. If broker {owner} will not come back: klamm cluster unregister --id {owner}"
    ))
}

fn unsupported(request: &BrokerRegistrationRequest, known: &Published) -> Option<String> {
    let levels = &known.image.features.levels;
    let finalized = levels.iter().map(|(name, level)| (name.to_string(), *level));
    let version = known.image.features.metadata_version.map(|version| version.level());
    let version = version.map(|level| ("metadata.version".to_owned(), level));
    let mut finalized = finalized.chain(version).chain([("kraft.version".to_owned(), known.kraft_version)]);
    let (name, level, (min, max)) = finalized.find_map(|(name, level)| {
        let own = request.features.iter().find(|feature| *feature.name == *name);
        let range = own.map_or((0, 0), |own| (own.min_supported_version, own.max_supported_version));
        (!(range.0..=range.1).contains(&level)).then_some((name, level, range))
    })?;
    Some(format!(
        "the cluster has {name} at level {level}, this broker knows the levels {min} to {max}: run a release that knows \
         it, or bring the cluster to a level that both know (klamm features)"
    ))
}

/// Where a broker says that it is.
fn address(id: i32, known: &Published) -> Option<String> {
    let broker = known.image.cluster.brokers.get(&id)?;
    Some(addresses::written(broker.listeners.iter().map(|at| (&at.name, &at.host, at.port))))
}

fn own_address(request: &BrokerRegistrationRequest) -> String {
    addresses::written(request.listeners.iter().map(|at| (&at.name, &at.host, at.port)))
}

#[cfg(test)]
mod tests {
    use klamm_metadata::{
        features::MetadataVersion,
        image::{Loader, Provenance},
    };
    use klamm_protocol::{
        Uuid,
        api::broker_registration::{Feature, Listener},
        metadata::{BrokerEndpoint, RegisterBrokerRecord},
    };

    use super::*;

    fn known() -> Published {
        let mut known = Published::default();
        let record = RegisterBrokerRecord {
            broker_id: 2,
            end_points: vec![BrokerEndpoint {
                name: "PLAIN".into(),
                host: "second".into(),
                port: 9092,
                ..Default::default()
            }],
            log_dirs: vec![Uuid::from_u128(22)],
            ..Default::default()
        };
        let mut loader = Loader::default();
        loader.apply([&record.into()], Provenance::default()).unwrap();
        known.image = loader.image().clone();
        known.image.features.metadata_version = Some(MetadataVersion::LATEST_PRODUCTION);
        known
    }

    #[test]
    fn a_refused_registration_names_both_sides_and_the_way_out() {
        let level = MetadataVersion::LATEST_PRODUCTION.level();
        let request = |id: i32, directory: u128, max: i16| BrokerRegistrationRequest {
            broker_id: id,
            cluster_id: "ours".into(),
            listeners: vec![Listener {
                name: "PLAIN".into(),
                host: "own".into(),
                port: 9093,
                ..Default::default()
            }],
            log_dirs: vec![Uuid::from_u128(directory)],
            features: vec![Feature {
                name: "metadata.version".into(),
                min_supported_version: 7,
                max_supported_version: max,
                ..Default::default()
            }],
            ..Default::default()
        };
        let directory = Uuid::from_u128(22).to_string();
        let too_high = format!("metadata.version at level {level}");
        for (error, request, said) in [
            (
                ErrorCode::DuplicateBrokerRegistration,
                request(2, 23, level),
                &["PLAIN://second:9092", "PLAIN://own:9093", "node.id 2", "node.id of its own"][..],
            ),
            (
                ErrorCode::InvalidRegistration,
                request(5, 22, level),
                &[&directory, "broker 2 at PLAIN://second:9092", "node.id 5", "node.id=2"],
            ),
            (ErrorCode::InvalidRegistration, request(5, 23, level), &["log of the active controller"]),
            (ErrorCode::UnsupportedVersion, request(5, 23, level - 1), &[&too_high, "levels 7 to"]),
            (ErrorCode::InconsistentClusterId, request(5, 23, level), &["cluster id ours", "format"]),
        ] {
            let text = explain(error, &request, &known());
            assert!(text.starts_with(error.name()), "{text}");
            for said in said {
                assert!(text.contains(said), "{said:?} is not in {text:?}");
            }
        }
    }
}

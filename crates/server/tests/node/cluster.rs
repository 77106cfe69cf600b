//! What is asked of a controller about the cluster.

use std::fs;

use klamm_metadata::{bootstrap, features::MetadataVersion};
use klamm_protocol::{ErrorCode, api::describe_cluster::DescribeClusterRequest};

use crate::harness::{Client, TestNode, beside_others, format, fresh_dir};

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

#[test]
fn controllers_are_described_since_metadata_version_3_7() {
    let _guard = beside_others();
    for (version, expect) in [
        (MetadataVersion::V3_6_IV2, ErrorCode::UnsupportedVersion),
        (MetadataVersion::V3_7_IV0, ErrorCode::None),
    ] {
        let dir = fresh_dir("describe-cluster");
        format(&dir, 1);
        let records = bootstrap::records(version, &bootstrap::default_levels(version));
        fs::write(dir.join(bootstrap::FILE_NAME), bootstrap::encode(&records, 0).unwrap()).unwrap();
        let node = TestNode::start_in(dir, &[]);
        let described = |port: u16, endpoint_type: i8| {
            let request = DescribeClusterRequest { endpoint_type, ..Default::default() };
            let answer = Client::connect(port).call(&request, 1);
            (ErrorCode::from_code(answer.error_code), answer.brokers.len())
        };
        let found = usize::from(expect == ErrorCode::None);
        assert_eq!(described(node.controller_port, CONTROLLERS), (expect, found), "{version:?}");
        assert_eq!(described(node.port, BROKERS), (ErrorCode::None, 1), "{version:?}");
    }
}

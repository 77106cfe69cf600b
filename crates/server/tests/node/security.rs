//! What clients are answered that ask for SASL, access control, tokens and SCRAM credentials of a node with PLAINTEXT
//! listeners and no authorizer.

use klamm_protocol::{
    ErrorCode,
    api::{
        alter_user_scram_credentials::{
            AlterUserScramCredentialsRequest, ScramCredentialDeletion, ScramCredentialUpsertion,
        },
        create_acls::{AclCreation, CreateAclsRequest},
        create_delegation_token::CreateDelegationTokenRequest,
        delete_acls::{DeleteAclsFilter, DeleteAclsRequest},
        describe_acls::DescribeAclsRequest,
        describe_delegation_token::DescribeDelegationTokenRequest,
        describe_user_scram_credentials::{DescribeUserScramCredentialsRequest, UserName},
        expire_delegation_token::ExpireDelegationTokenRequest,
        renew_delegation_token::RenewDelegationTokenRequest,
        sasl_authenticate::SaslAuthenticateRequest,
        sasl_handshake::SaslHandshakeRequest,
    },
};

use crate::harness::{Client, TestNode, beside_others};

#[test]
fn nothing_is_secured_and_clients_are_told_so() {
    let _shared = beside_others();
    let node = TestNode::start("unsecured", &[]);
    let on_brokers = node.connect();
    let on_controllers = Client::connect(node.controller_port);
    let not_allowed = ErrorCode::DelegationTokenRequestNotAllowed;
    for (mut client, described) in
        [(on_brokers, not_allowed), (on_controllers, ErrorCode::UnknownServerError)]
    {
        let mut codes = Vec::new();
        let handshake = SaslHandshakeRequest { mechanism: "PLAIN".into() };
        codes.push((client.call(&handshake, 1).error_code, ErrorCode::IllegalSaslState));
        let step = SaslAuthenticateRequest::default();
        codes.push((client.call(&step, 2).error_code, ErrorCode::IllegalSaslState));
        let acls = DescribeAclsRequest::default();
        codes.push((client.call(&acls, 3).error_code, ErrorCode::SecurityDisabled));
        let create = CreateAclsRequest { creations: vec![AclCreation::default(); 2], ..Default::default() };
        let created = client.call(&create, 3).results;
        assert_eq!(created.len(), 2);
        codes.push((created[1].error_code, ErrorCode::SecurityDisabled));
        let delete = DeleteAclsRequest { filters: vec![DeleteAclsFilter::default()], ..Default::default() };
        codes.push((client.call(&delete, 3).filter_results[0].error_code, ErrorCode::SecurityDisabled));
        let token = client.call(&CreateDelegationTokenRequest::default(), 3);
        assert_eq!((token.principal_name.as_str(), token.issue_timestamp_ms), ("ANONYMOUS", -1));
        codes.push((token.error_code, not_allowed));
        client.call(&CreateDelegationTokenRequest::default(), 2);
        codes.push((client.call(&RenewDelegationTokenRequest::default(), 2).error_code, not_allowed));
        codes.push((client.call(&ExpireDelegationTokenRequest::default(), 2).error_code, not_allowed));
        codes.push((client.call(&DescribeDelegationTokenRequest::default(), 3).error_code, described));
        for (index, (code, expected)) in codes.into_iter().enumerate() {
            assert_eq!(ErrorCode::from_code(code), expected, "request {index}");
        }
    }
}

/// `alice:1/4096` for each credential, or the code.
fn described(client: &mut Client, users: &[&str]) -> Vec<String> {
    let users = users.iter().map(|user| UserName { name: (*user).into(), ..Default::default() });
    let request = DescribeUserScramCredentialsRequest { users: Some(users.collect()), ..Default::default() };
    let results = client.call(&request, 0).results.into_iter();
    let shown = results.map(|result| {
        let credentials = result.credential_infos.iter();
        let credentials = credentials.map(|info| format!(":{}/{}", info.mechanism, info.iterations));
        let code = ErrorCode::from_code(result.error_code);
        let shown = if code == ErrorCode::None { credentials.collect() } else { format!(" {}", code.name()) };
        format!("{}{shown}", result.user)
    });
    shown.collect()
}

#[test]
fn scram_credentials_are_kept() {
    let _shared = beside_others();
    let node = TestNode::start("scram", &[]);
    let mut client = node.connect();
    let set = |name: &str, mechanism, iterations| ScramCredentialUpsertion {
        name: name.into(),
        mechanism,
        iterations,
        salt: "salt".into(),
        salted_password: "salted".into(),
        ..Default::default()
    };
    let upsertions = vec![set("alice", 1, 4096), set("bob", 2, 8192), set("eve", 1, 1)];
    let request = AlterUserScramCredentialsRequest { upsertions, ..Default::default() };
    let codes: Vec<_> = client.call(&request, 0).results.iter().map(|result| result.error_code).collect();
    assert_eq!(codes, [0, 0, ErrorCode::UnacceptableCredential.code()]);
    assert_eq!(described(&mut client, &[]), ["alice:1/4096", "bob:2/8192"]);
    let more = AlterUserScramCredentialsRequest {
        upsertions: vec![set("alice", 2, 5000)],
        deletions: vec![ScramCredentialDeletion { name: "bob".into(), mechanism: 2, ..Default::default() }],
        ..Default::default()
    };
    client.call(&more, 0);
    let dir = node.stop();
    let node = TestNode::start_in(dir, &[]);
    let mut client = node.connect();
    assert_eq!(
        described(&mut client, &["eve", "alice", "bob", "eve"]),
        ["alice:1/4096:2/5000", "bob RESOURCE_NOT_FOUND", "eve DUPLICATE_RESOURCE"]
    );
}

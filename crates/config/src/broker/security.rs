//! TLS, SASL, authorizer and delegation tokens.

use crate::value::{Class, Password};
use crate::keys;

keys! { DEFS;
    /// Authorizer to use. Kafka's StandardAuthorizer names the built-in one that keeps ACLs in the metadata
    /// log; empty: everything is allowed.
    AUTHORIZER_CLASS_NAME: String = "authorizer.class.name", default(""), NonNull, Low, ReadOnly;

    /// Longest life of a SASL session before the client has to authenticate again, in milliseconds; 0: no
    /// limit. May be set per listener and mechanism.
    CONNECTIONS_MAX_REAUTH_MS: i64 = "connections.max.reauth.ms", default(0), Any, Medium, ReadOnly;

    /// Time between two searches for expired delegation tokens, in milliseconds.
    DELEGATION_TOKEN_EXPIRY_CHECK_INTERVAL_MS: i64 = "delegation.token.expiry.check.interval.ms", default(3600000), at_least(1), Low, ReadOnly;

    /// Life of a delegation token until it has to be renewed, in milliseconds.
    DELEGATION_TOKEN_EXPIRY_TIME_MS: i64 = "delegation.token.expiry.time.ms", default(86400000), at_least(1), Medium, ReadOnly;

    /// Longest life of a delegation token however often it is renewed, in milliseconds.
    DELEGATION_TOKEN_MAX_LIFETIME_MS: i64 = "delegation.token.max.lifetime.ms", default(604800000), at_least(1), Medium, ReadOnly;

    /// Secret from which delegation tokens are made; the same on all nodes. Unset: delegation tokens are
    /// off.
    DELEGATION_TOKEN_SECRET_KEY: Option<Password> = "delegation.token.secret.key", null, Any, Medium, ReadOnly;

    /// Class that makes a principal of an authenticated connection. Klamm has Kafka's default one built in
    /// and ignores others.
    PRINCIPAL_BUILDER_CLASS: Class = "principal.builder.class", default("org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder"), Any, Medium, PerBroker;

    /// Class for callbacks of SASL clients. Klamm runs no Java classes, so a value has no effect.
    SASL_CLIENT_CALLBACK_HANDLER_CLASS: Option<Class> = "sasl.client.callback.handler.class", null, Any, Medium, ReadOnly;

    /// SASL mechanisms that clients may use.
    SASL_ENABLED_MECHANISMS: Vec<String> = "sasl.enabled.mechanisms", default("GSSAPI"), LIST, Medium, PerBroker;

    /// Login of the SASL mechanism, as a JAAS line. For brokers with prefix
    /// `listener.name.NAME.MECHANISM.`.
    SASL_JAAS_CONFIG: Option<Password> = "sasl.jaas.config", null, Any, Medium, PerBroker;

    /// Path of the kinit command.
    SASL_KERBEROS_KINIT_CMD: String = "sasl.kerberos.kinit.cmd", default("/usr/bin/kinit"), Any, Medium, PerBroker;

    /// Least time between two renewals of the Kerberos ticket, in milliseconds.
    SASL_KERBEROS_MIN_TIME_BEFORE_RELOGIN: i64 = "sasl.kerberos.min.time.before.relogin", default(60000), Any, Medium, PerBroker;

    /// Rules that turn Kerberos principals into user names; the first that matches counts.
    SASL_KERBEROS_PRINCIPAL_TO_LOCAL_RULES: Vec<String> = "sasl.kerberos.principal.to.local.rules", default("DEFAULT"), LIST, Medium, PerBroker;

    /// Kerberos service name of the brokers.
    SASL_KERBEROS_SERVICE_NAME: Option<String> = "sasl.kerberos.service.name", null, Any, Medium, PerBroker;

    /// Random share added to the time of renewal of the Kerberos ticket.
    SASL_KERBEROS_TICKET_RENEW_JITTER: f64 = "sasl.kerberos.ticket.renew.jitter", default(0.05), Any, Medium, PerBroker;

    /// Share of the Kerberos ticket's life after which it is renewed.
    SASL_KERBEROS_TICKET_RENEW_WINDOW_FACTOR: f64 = "sasl.kerberos.ticket.renew.window.factor", default(0.8), Any, Medium, PerBroker;

    /// Class for callbacks of the login. Klamm runs no Java classes, so a value has no effect.
    SASL_LOGIN_CALLBACK_HANDLER_CLASS: Option<Class> = "sasl.login.callback.handler.class", null, Any, Medium, ReadOnly;

    /// Class of the login. Klamm runs no Java classes, so a value has no effect.
    SASL_LOGIN_CLASS: Option<Class> = "sasl.login.class", null, Any, Medium, ReadOnly;

    /// Longest wait for a connection to the OAuth provider, in milliseconds.
    SASL_LOGIN_CONNECT_TIMEOUT_MS: Option<i32> = "sasl.login.connect.timeout.ms", null, Any, Low, ReadOnly;

    /// Longest wait for an answer of the OAuth provider, in milliseconds.
    SASL_LOGIN_READ_TIMEOUT_MS: Option<i32> = "sasl.login.read.timeout.ms", null, Any, Low, ReadOnly;

    /// Time before the end of a login's life in which it is not to be refreshed if possible, in seconds.
    SASL_LOGIN_REFRESH_BUFFER_SECONDS: i16 = "sasl.login.refresh.buffer.seconds", default(300), Any, Medium, PerBroker;

    /// Least time that a refreshed login is used, in seconds.
    SASL_LOGIN_REFRESH_MIN_PERIOD_SECONDS: i16 = "sasl.login.refresh.min.period.seconds", default(60), Any, Medium, PerBroker;

    /// Share of the login's life after which it is refreshed.
    SASL_LOGIN_REFRESH_WINDOW_FACTOR: f64 = "sasl.login.refresh.window.factor", default(0.8), Any, Medium, PerBroker;

    /// Random share added to the time of the login's refresh.
    SASL_LOGIN_REFRESH_WINDOW_JITTER: f64 = "sasl.login.refresh.window.jitter", default(0.05), Any, Medium, PerBroker;

    /// Longest wait before the OAuth provider is asked again, in milliseconds.
    SASL_LOGIN_RETRY_BACKOFF_MAX_MS: i64 = "sasl.login.retry.backoff.max.ms", default(10000), Any, Low, ReadOnly;

    /// First wait before the OAuth provider is asked again, in milliseconds.
    SASL_LOGIN_RETRY_BACKOFF_MS: i64 = "sasl.login.retry.backoff.ms", default(100), Any, Low, ReadOnly;

    /// SASL mechanism towards controllers.
    SASL_MECHANISM_CONTROLLER_PROTOCOL: String = "sasl.mechanism.controller.protocol", default("GSSAPI"), Any, High, ReadOnly;

    /// SASL mechanism between brokers.
    SASL_MECHANISM_INTER_BROKER_PROTOCOL: String = "sasl.mechanism.inter.broker.protocol", default("GSSAPI"), Any, Medium, PerBroker;

    /// Algorithm that signs the assertion sent to the OAuth provider.
    SASL_OAUTHBEARER_ASSERTION_ALGORITHM: String = "sasl.oauthbearer.assertion.algorithm", default("RS256"), OneOfIgnoringCase(&["ES256", "RS256"]), Medium, ReadOnly;

    /// Audience claim of the assertion.
    SASL_OAUTHBEARER_ASSERTION_CLAIM_AUD: Option<String> = "sasl.oauthbearer.assertion.claim.aud", null, Any, Medium, ReadOnly;

    /// Life of the assertion, in seconds.
    SASL_OAUTHBEARER_ASSERTION_CLAIM_EXP_SECONDS: i32 = "sasl.oauthbearer.assertion.claim.exp.seconds", default(300), between(0, 86400), Low, ReadOnly;

    /// Issuer claim of the assertion.
    SASL_OAUTHBEARER_ASSERTION_CLAIM_ISS: Option<String> = "sasl.oauthbearer.assertion.claim.iss", null, Any, Medium, ReadOnly;

    /// Whether the assertion has a unique id.
    SASL_OAUTHBEARER_ASSERTION_CLAIM_JTI_INCLUDE: bool = "sasl.oauthbearer.assertion.claim.jti.include", default(false), Any, Medium, ReadOnly;

    /// How far the assertion's not-before claim lies in the past, in seconds.
    SASL_OAUTHBEARER_ASSERTION_CLAIM_NBF_SECONDS: i32 = "sasl.oauthbearer.assertion.claim.nbf.seconds", default(60), between(0, 3600), Low, ReadOnly;

    /// Subject claim of the assertion.
    SASL_OAUTHBEARER_ASSERTION_CLAIM_SUB: Option<String> = "sasl.oauthbearer.assertion.claim.sub", null, Any, Medium, ReadOnly;

    /// File with a ready assertion.
    SASL_OAUTHBEARER_ASSERTION_FILE: Option<String> = "sasl.oauthbearer.assertion.file", null, Any, Medium, ReadOnly;

    /// File with the private key that signs the assertion.
    SASL_OAUTHBEARER_ASSERTION_PRIVATE_KEY_FILE: Option<String> = "sasl.oauthbearer.assertion.private.key.file", null, Any, Medium, ReadOnly;

    /// Passphrase of the private key that signs the assertion.
    SASL_OAUTHBEARER_ASSERTION_PRIVATE_KEY_PASSPHRASE: Option<Password> = "sasl.oauthbearer.assertion.private.key.passphrase", null, Any, Medium, ReadOnly;

    /// File with headers and claims that the assertion starts from.
    SASL_OAUTHBEARER_ASSERTION_TEMPLATE_FILE: Option<String> = "sasl.oauthbearer.assertion.template.file", null, Any, Medium, ReadOnly;

    /// Client id for the OAuth grant `client_credentials`.
    SASL_OAUTHBEARER_CLIENT_CREDENTIALS_CLIENT_ID: Option<String> = "sasl.oauthbearer.client.credentials.client.id", null, Any, Medium, ReadOnly;

    /// Client secret for the OAuth grant `client_credentials`.
    SASL_OAUTHBEARER_CLIENT_CREDENTIALS_CLIENT_SECRET: Option<Password> = "sasl.oauthbearer.client.credentials.client.secret", null, Any, Medium, ReadOnly;

    /// Difference of clocks allowed when token times are checked, in seconds.
    SASL_OAUTHBEARER_CLOCK_SKEW_SECONDS: i32 = "sasl.oauthbearer.clock.skew.seconds", default(30), Any, Low, ReadOnly;

    /// Audiences of which a token must name one. Empty: not checked.
    SASL_OAUTHBEARER_EXPECTED_AUDIENCE: Vec<String> = "sasl.oauthbearer.expected.audience", default(""), LIST, High, ReadOnly;

    /// Issuer that a token must name. Unset: not checked.
    SASL_OAUTHBEARER_EXPECTED_ISSUER: Option<String> = "sasl.oauthbearer.expected.issuer", null, Any, High, ReadOnly;

    /// Time between two fetches of the token keys, in milliseconds.
    SASL_OAUTHBEARER_JWKS_ENDPOINT_REFRESH_MS: i64 = "sasl.oauthbearer.jwks.endpoint.refresh.ms", default(3600000), Any, Low, ReadOnly;

    /// Longest wait before the token keys are fetched again after a failure, in milliseconds.
    SASL_OAUTHBEARER_JWKS_ENDPOINT_RETRY_BACKOFF_MAX_MS: i64 = "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", default(10000), Any, Low, ReadOnly;

    /// First wait before the token keys are fetched again after a failure, in milliseconds.
    SASL_OAUTHBEARER_JWKS_ENDPOINT_RETRY_BACKOFF_MS: i64 = "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", default(100), Any, Low, ReadOnly;

    /// URL (or file URL) of the keys with which tokens are checked.
    SASL_OAUTHBEARER_JWKS_ENDPOINT_URL: Option<String> = "sasl.oauthbearer.jwks.endpoint.url", null, Any, Medium, ReadOnly;

    /// Class that fetches tokens. Kafka's default one is built in; others have no effect.
    SASL_OAUTHBEARER_JWT_RETRIEVER_CLASS: Class = "sasl.oauthbearer.jwt.retriever.class", default("org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever"), Any, Medium, ReadOnly;

    /// Class that checks tokens. Kafka's default one is built in; others have no effect.
    SASL_OAUTHBEARER_JWT_VALIDATOR_CLASS: Class = "sasl.oauthbearer.jwt.validator.class", default("org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator"), Any, Medium, ReadOnly;

    /// Scope asked of the OAuth provider.
    SASL_OAUTHBEARER_SCOPE: Option<String> = "sasl.oauthbearer.scope", null, Any, Medium, ReadOnly;

    /// Name of the token's claim that holds the scope.
    SASL_OAUTHBEARER_SCOPE_CLAIM_NAME: String = "sasl.oauthbearer.scope.claim.name", default("scope"), Any, Low, ReadOnly;

    /// Name of the token's claim that holds the subject.
    SASL_OAUTHBEARER_SUB_CLAIM_NAME: String = "sasl.oauthbearer.sub.claim.name", default("sub"), Any, Low, ReadOnly;

    /// URL of the OAuth provider's token endpoint.
    SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: Option<String> = "sasl.oauthbearer.token.endpoint.url", null, Any, Medium, ReadOnly;

    /// Class for callbacks of SASL servers. Klamm runs no Java classes, so a value has no effect.
    SASL_SERVER_CALLBACK_HANDLER_CLASS: Option<Class> = "sasl.server.callback.handler.class", null, Any, Medium, ReadOnly;

    /// Largest message of a client before it is authenticated, in bytes.
    SASL_SERVER_MAX_RECEIVE_SIZE: i32 = "sasl.server.max.receive.size", default(524288), Any, Medium, ReadOnly;

    /// Security protocol between brokers, used when `inter.broker.listener.name` is not set.
    SECURITY_INTER_BROKER_PROTOCOL: String = "security.inter.broker.protocol", default("PLAINTEXT"), OneOf(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]), Medium, ReadOnly, supported;

    /// Classes of Java security providers. No effect in Klamm.
    SECURITY_PROVIDERS: Option<String> = "security.providers", null, Any, Low, ReadOnly;

    /// Whether a new certificate may have another distinguished name when key stores change at run time.
    SSL_ALLOW_DN_CHANGES: bool = "ssl.allow.dn.changes", default(false), Any, Low, ReadOnly;

    /// Whether a new certificate may have other alternative names when key stores change at run time.
    SSL_ALLOW_SAN_CHANGES: bool = "ssl.allow.san.changes", default(false), Any, Low, ReadOnly;

    /// TLS cipher suites allowed. Empty: all that are supported.
    SSL_CIPHER_SUITES: Vec<String> = "ssl.cipher.suites", default(""), LIST, Medium, PerBroker;

    /// Whether clients have to show a certificate: `required`, `requested` or `none`.
    SSL_CLIENT_AUTH: String = "ssl.client.auth", default("none"), OneOf(&["required", "requested", "none"]), Medium, PerBroker;

    /// TLS versions allowed.
    SSL_ENABLED_PROTOCOLS: Vec<String> = "ssl.enabled.protocols", default("TLSv1.2,TLSv1.3"), LIST, Medium, PerBroker;

    /// Check of the server's host name against its certificate; empty: no check.
    SSL_ENDPOINT_IDENTIFICATION_ALGORITHM: String = "ssl.endpoint.identification.algorithm", default("https"), Any, Low, PerBroker;

    /// Class that makes TLS engines. Klamm runs no Java classes, so a value has no effect.
    SSL_ENGINE_FACTORY_CLASS: Option<Class> = "ssl.engine.factory.class", null, Any, Low, PerBroker;

    /// Password of the private key in the key store or PEM key.
    SSL_KEY_PASSWORD: Option<Password> = "ssl.key.password", null, Any, Medium, PerBroker;

    /// Java's key manager algorithm. No effect in Klamm.
    SSL_KEYMANAGER_ALGORITHM: String = "ssl.keymanager.algorithm", default("SunX509"), Any, Medium, PerBroker;

    /// Certificate chain as PEM.
    SSL_KEYSTORE_CERTIFICATE_CHAIN: Option<Password> = "ssl.keystore.certificate.chain", null, Any, Medium, PerBroker;

    /// Private key as PEM.
    SSL_KEYSTORE_KEY: Option<Password> = "ssl.keystore.key", null, Any, Medium, PerBroker;

    /// Path of the key store.
    SSL_KEYSTORE_LOCATION: Option<String> = "ssl.keystore.location", null, Any, Medium, PerBroker;

    /// Password of the key store. Not for PEM.
    SSL_KEYSTORE_PASSWORD: Option<Password> = "ssl.keystore.password", null, Any, Medium, PerBroker;

    /// Format of the key store: JKS, PKCS12 or PEM.
    SSL_KEYSTORE_TYPE: String = "ssl.keystore.type", default("JKS"), Any, Medium, PerBroker;

    /// Rules that turn distinguished names of certificates into user names; the first that matches counts.
    SSL_PRINCIPAL_MAPPING_RULES: String = "ssl.principal.mapping.rules", default("DEFAULT"), Any, Low, ReadOnly;

    /// Newest TLS version used.
    SSL_PROTOCOL: String = "ssl.protocol", default("TLSv1.3"), Any, Medium, PerBroker;

    /// Java's TLS provider. No effect in Klamm.
    SSL_PROVIDER: Option<String> = "ssl.provider", null, Any, Medium, PerBroker;

    /// Java's random generator for TLS. No effect in Klamm.
    SSL_SECURE_RANDOM_IMPLEMENTATION: Option<String> = "ssl.secure.random.implementation", null, Any, Low, PerBroker;

    /// Java's trust manager algorithm. No effect in Klamm.
    SSL_TRUSTMANAGER_ALGORITHM: String = "ssl.trustmanager.algorithm", default("PKIX"), Any, Medium, PerBroker;

    /// Trusted certificates as PEM.
    SSL_TRUSTSTORE_CERTIFICATES: Option<Password> = "ssl.truststore.certificates", null, Any, Medium, PerBroker;

    /// Path of the trust store.
    SSL_TRUSTSTORE_LOCATION: Option<String> = "ssl.truststore.location", null, Any, Medium, PerBroker;

    /// Password of the trust store. Without it the store is read unchecked. Not for PEM.
    SSL_TRUSTSTORE_PASSWORD: Option<Password> = "ssl.truststore.password", null, Any, Medium, PerBroker;

    /// Format of the trust store: JKS, PKCS12 or PEM.
    SSL_TRUSTSTORE_TYPE: String = "ssl.truststore.type", default("JKS"), Any, Medium, PerBroker;
}

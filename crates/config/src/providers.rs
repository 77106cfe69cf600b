//! Placeholders `${provider:path:key}` in values, resolved by the providers that `config.providers` names.
//!
//! A provider is known by the class name that Kafka's own have: environment variables (`${env:NAME}`), properties files
//! (`${file:/path:key}`) and directories with one file per key (`${dir:/path:key}`). Any other class is an error. What a
//! provider does not have stays as it stands, and what it delivers is not looked at for further placeholders.

use std::collections::BTreeMap;

use regex::Regex;

use crate::error::{ConfigError, ConfigErrors};
use crate::properties;
use crate::value::split_list;

/// What providers may look at.
pub trait Outside {
    /// An environment variable.
    fn environment(&self, name: &str) -> Option<String>;
    /// A regular file's content; `Ok(None)` if there is none. The error is a text for a person.
    fn read_file(&self, path: &str) -> Result<Option<Vec<u8>>, String>;
}

/// Class names of the providers there are.
pub const CLASSES: [&str; 3] = [
    "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
    "org.apache.kafka.common.config.provider.FileConfigProvider",
    "org.apache.kafka.common.config.provider.DirectoryConfigProvider",
];

enum Provider {
    Environment { allowed: Option<Regex> },
    File { allowed: Option<Vec<String>> },
    Directory { allowed: Option<Vec<String>> },
}

/// Replaces all placeholders in the values.
pub fn resolve(
    set: &BTreeMap<String, String>,
    outside: &dyn Outside,
) -> Result<BTreeMap<String, String>, ConfigErrors> {
    let names = set.get("config.providers").map(|text| split_list(text)).unwrap_or_default();
    let mut providers = BTreeMap::new();
    let mut errors = Vec::new();
    for name in names {
        match provider(set, &name) {
            Ok(provider) => drop(providers.insert(name, provider)),
            Err(error) => errors.push(error),
        }
    }
    let mut resolved = set.clone();
    if !providers.is_empty() {
        for (key, value) in &mut resolved {
            match replace(value, &providers, outside) {
                Ok(replaced) => *value = replaced,
                Err(why) => errors.push(ConfigError::invalid(key, value.as_str(), why)),
            }
        }
    }
    if errors.is_empty() { Ok(resolved) } else { Err(ConfigErrors(errors)) }
}

fn provider(set: &BTreeMap<String, String>, name: &str) -> Result<Provider, ConfigError> {
    let key = format!("config.providers.{name}.class");
    let class = set.get(&key).map(|c| c.trim()).unwrap_or_default();
    let param = |param: &str| set.get(&format!("config.providers.{name}.param.{param}"));
    let paths =
        || param("allowed.paths").filter(|p| !p.is_empty()).map(|p| p.split(',').map(normalize).collect());
    match CLASSES.iter().position(|known| *known == class) {
        Some(0) => {
            let pattern = param("allowlist.pattern");
            let allowed = pattern.map(|p| Regex::new(&format!("^(?:{p})$"))).transpose().map_err(|why| {
                let key = format!("config.providers.{name}.param.allowlist.pattern");
                ConfigError::invalid(key, pattern.cloned().unwrap_or_default(), why.to_string())
            })?;
            Ok(Provider::Environment { allowed })
        }
        Some(1) => Ok(Provider::File { allowed: paths() }),
        Some(2) => Ok(Provider::Directory { allowed: paths() }),
        _ => Err(ConfigError::invalid(key, class, format!("must be one of: {}", CLASSES.join(", ")))),
    }
}

/// Takes `.` and `..` out of a path.
fn normalize(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.trim().split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    let root = if path.trim().starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

fn is_allowed(path: &str, allowed: Option<&Vec<String>>) -> bool {
    let path = normalize(path);
    let lies_in = |dir: &String| path == *dir || path.starts_with(&format!("{}/", dir.trim_end_matches('/')));
    allowed.is_none_or(|dirs| dirs.iter().any(lies_in))
}

fn replace(
    text: &str,
    providers: &BTreeMap<String, Provider>,
    outside: &dyn Outside,
) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let inside = &rest[start + 2..];
        let Some(length) = inside.find('}') else { break };
        let (before, after) = (&rest[..start], &inside[length + 1..]);
        out.push_str(before);
        match lookup(&inside[..length], providers, outside)? {
            Some(value) => out.push_str(&value),
            None => out.push_str(&rest[start..start + length + 3]),
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn lookup(
    inside: &str,
    providers: &BTreeMap<String, Provider>,
    outside: &dyn Outside,
) -> Result<Option<String>, String> {
    let Some((name, rest)) = inside.split_once(':') else { return Ok(None) };
    let (path, key) = rest.split_once(':').unwrap_or(("", rest));
    match providers.get(name) {
        None => Ok(None),
        Some(Provider::Environment { .. }) if !path.is_empty() => {
            Err(format!("${{{inside}}} has a path, {path}, yet environment variables have none"))
        }
        Some(Provider::Environment { allowed }) => {
            let is_allowed = allowed.as_ref().is_none_or(|pattern| pattern.is_match(key));
            Ok(if is_allowed { outside.environment(key) } else { None })
        }
        Some(Provider::File { allowed }) if !path.is_empty() && is_allowed(path, allowed.as_ref()) => {
            let missing = || format!("could not read properties from file {path}: it does not exist");
            let bytes = outside.read_file(path)?.ok_or_else(missing)?;
            let properties = properties::parse_bytes(&bytes).map_err(|why| format!("file {path}: {why}"))?;
            Ok(properties.get(key).cloned())
        }
        Some(Provider::Directory { allowed })
            if !path.is_empty() && !key.contains('/') && is_allowed(path, allowed.as_ref()) =>
        {
            let path = format!("{}/{key}", path.trim_end_matches('/'));
            let bytes = outside.read_file(&path)?;
            bytes.map(|b| String::from_utf8(b).map_err(|_| format!("file {path} is not UTF-8"))).transpose()
        }
        Some(Provider::File { .. } | Provider::Directory { .. }) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Outside for Fixed {
        fn environment(&self, name: &str) -> Option<String> {
            matches!(name, "HOST" | "SECRET").then(|| format!("{name}-value"))
        }

        fn read_file(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
            match path {
                "/etc/x.properties" => Ok(Some(b"a=1\nb:c=${env:HOST}".to_vec())),
                "/run/secrets/pass" => Ok(Some(b"word".to_vec())),
                "/broken" => Err("cannot read /broken".to_owned()),
                _ => Ok(None),
            }
        }
    }

    const PROVIDERS: &str = "config.providers=env,file,dir
        config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider
        config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider
        config.providers.dir.class=org.apache.kafka.common.config.provider.DirectoryConfigProvider\n";

    fn resolved(more: &str) -> String {
        let set = properties::parse(&format!("{PROVIDERS}{more}")).unwrap();
        match resolve(&set, &Fixed) {
            Ok(set) => set.get("k").cloned().unwrap_or_default(),
            Err(errors) => format!("ERROR {errors}"),
        }
    }

    #[test]
    fn placeholders() {
        for (text, expected) in [
            ("k=${env:HOST}:9092", "HOST-value:9092"),
            ("k=a${env:HOST}b${file:/etc/x.properties:a}c", "aHOST-valueb1c"),
            ("k=${file:/etc/x.properties:b}", "c=${env:HOST}"),
            ("k=${dir:/run/secrets:pass}", "word"),
            ("k=${env:NONE} ${other:x} ${nothing} ${open", "${env:NONE} ${other:x} ${nothing} ${open"),
            ("k=${file:/etc/x.properties:none}", "${file:/etc/x.properties:none}"),
            ("k=${dir:/run/secrets:none}", "${dir:/run/secrets:none}"),
            (
                "config.providers.env.param.allowlist.pattern=HO.*\nk=${env:HOST}${env:SECRET}",
                "HOST-value${env:SECRET}",
            ),
            (
                "config.providers.dir.param.allowed.paths=/etc\nk=${dir:/run/secrets:pass}",
                "${dir:/run/secrets:pass}",
            ),
            ("config.providers.dir.param.allowed.paths=/run\nk=${dir:/run/secrets:pass}", "word"),
            (
                "config.providers.dir.param.allowed.paths=/run\nk=${dir:/run/../etc:pass}",
                "${dir:/run/../etc:pass}",
            ),
        ] {
            assert_eq!(resolved(text), expected, "{text}");
        }
    }

    #[test]
    fn what_goes_wrong() {
        for (text, expected) in [
            ("k=${env:/path:HOST}", "environment variables have none"),
            ("k=${file:/none:a}", "it does not exist"),
            ("k=${dir:/:broken}", "cannot read /broken"),
            (
                "config.providers.env.class=my.Vault",
                "Invalid value my.Vault for configuration config.providers.env.class",
            ),
        ] {
            let result = resolved(text);
            assert!(result.starts_with("ERROR") && result.contains(expected), "{text}: {result}");
        }
    }

    #[test]
    fn nothing_happens_without_providers() {
        let set = properties::parse("k=${env:HOST}").unwrap();
        assert_eq!(resolve(&set, &Fixed), Ok(set));
    }
}

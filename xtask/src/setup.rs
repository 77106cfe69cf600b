//! `setup`: what the tests need and the toolchain does not bring. Everything goes under the target folder, except kcat and
//! iproute2, which the distribution's package manager installs (as root; otherwise the error says what to install).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell::{command, output, root, run, target};

type Install = fn() -> Result<()>;

/// Installs everything.
pub(crate) fn setup() -> Result<()> {
    let parts: [(&str, Install); 8] = [
        ("kafka", kafka),
        ("kcat", kcat),
        ("iproute2", iproute),
        ("python", python),
        ("python of faults", python_of_faults),
        ("node", node),
        ("go", go),
        ("java", java_client),
    ];
    for (name, install) in parts {
        install().with_context(|| format!("setup of {name}"))?;
    }
    Ok(())
}

/// The folder of everything that the clients need.
pub(crate) fn clients() -> PathBuf {
    target().join("clients")
}

/// Apache Kafka 4.3.1 and the conformance harness, by Maven.
pub(crate) fn kafka() -> Result<()> {
    let folder = root().join("tests/conformance");
    let pom = newest(&folder.join("src"))?.max(modified(&folder.join("pom.xml"))?);
    let jar = folder.join("target/kafka-conformance-1.jar");
    if folder.join("target/classpath.txt").exists() && jar.exists() && modified(&jar)? >= pom {
        return Ok(());
    }
    present("mvn", "maven and a JDK (17 or newer)")?;
    run(&mut Command::new(folder.join("build.sh")))
}

pub(crate) fn kcat() -> Result<()> {
    package("kcat", "kcat")
}

/// `ip`, for network namespaces.
pub(crate) fn iproute() -> Result<()> {
    package("ip", "iproute2")
}

/// Installs a package of the distribution unless the program that it brings is there.
fn package(program: &str, package: &str) -> Result<()> {
    if present(program, "").is_ok() {
        return Ok(());
    }
    if output(&mut command("id", &["-u"]))?.trim() != "0" {
        bail!("install {package} (Debian: apt install {package})");
    }
    run(&mut command("apt-get", &["update", "-qq"]))?;
    let mut install = command("apt-get", &["install", "-y", "-qq", "--no-install-recommends", package]);
    run(install.env("DEBIAN_FRONTEND", "noninteractive"))
}

/// confluent-kafka and aiokafka in a virtual environment.
pub(crate) fn python() -> Result<()> {
    virtual_environment("venv", "tests/clients/python/requirements.txt")
}

/// The clients of the tests under faults, whose requirements say why they are older ones.
pub(crate) fn python_of_faults() -> Result<()> {
    virtual_environment("venv-faults", "tests/faults/requirements.txt")
}

fn virtual_environment(name: &str, requirements: &str) -> Result<()> {
    once(name, &root().join(requirements), |folder, requirements| {
        present("python3", "python3 with venv and pip")?;
        run(command("python3", &["-m", "venv"]).arg(folder))?;
        let mut install = Command::new(folder.join("bin/pip"));
        run(install.args(["install", "--quiet", "--disable-pip-version-check", "-r"]).arg(requirements))
    })
}

/// kafkajs.
pub(crate) fn node() -> Result<()> {
    once("node", &root().join("tests/clients/node/package.json"), |folder, package| {
        present("npm", "node and npm")?;
        fs::create_dir_all(folder)?;
        fs::copy(package, folder.join("package.json"))?;
        run(command("npm", &["install", "--silent", "--no-audit", "--no-fund"]).current_dir(folder))
    })
}

/// franz-go.
pub(crate) fn go() -> Result<()> {
    once("go", &root().join("tests/clients/go/main.go"), |folder, source| {
        present("go", "go (1.24 or newer)")?;
        let mut build = command("go", &["build", "-o"]);
        run(build.arg(folder.join("client")).arg(".").current_dir(source.parent().unwrap_or(source)))
    })
}

/// The program of the Java clients.
pub(crate) fn java_client() -> Result<()> {
    kafka()?;
    once("java", &root().join("tests/clients/java/TestClient.java"), |folder, source| {
        let classpath = fs::read_to_string(root().join("tests/conformance/target/classpath.txt"))?;
        let mut compile = command("javac", &["-cp", classpath.trim(), "-d"]);
        let status = compile.arg(folder).arg(source).status().context("cannot start javac: install a JDK")?;
        if !status.success() {
            bail!("javac ended with {status}");
        }
        Ok(())
    })
}

/// Runs `install` unless the folder of that name was made from the same source before.
fn once(name: &str, source: &Path, install: impl FnOnce(&Path, &Path) -> Result<()>) -> Result<()> {
    let folder = clients().join(name);
    let stamp = clients().join(format!("{name}.stamp"));
    let wanted = fs::read_to_string(source)?;
    if folder.exists() && fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == wanted) {
        return Ok(());
    }
    fs::create_dir_all(clients())?;
    install(&folder, source)?;
    fs::write(stamp, wanted)?;
    Ok(())
}

fn present(program: &str, package: &str) -> Result<()> {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()));
    if !found {
        bail!("{program} is missing: install {package}");
    }
    Ok(())
}

fn modified(path: &Path) -> Result<std::time::SystemTime> {
    Ok(fs::metadata(path)?.modified()?)
}

/// The time of the newest file below a folder.
fn newest(folder: &Path) -> Result<std::time::SystemTime> {
    let mut latest = modified(folder)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let time =
            if entry.file_type()?.is_dir() { newest(&entry.path())? } else { modified(&entry.path())? };
        latest = latest.max(time);
    }
    Ok(latest)
}

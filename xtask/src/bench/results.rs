//! Medians, ratios and the page bench/RESULTS.md.

use std::fmt::Write as _;
use std::fs;

use anyhow::Result;

use super::Size;
use crate::node::Product;
use crate::shell::{command, output, root};

/// The figures of one run, in the order in which they were taken.
#[derive(Default)]
pub(super) struct Figures(Vec<(&'static str, f64)>);

impl Figures {
    pub(super) fn add(&mut self, name: &'static str, value: f64) {
        println!("  {name}: {value:.1}");
        self.0.push((name, value));
    }

    fn value(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(own, _)| *own == name).map(|(_, value)| *value)
    }
}

/// Writes the page.
pub(super) fn write(size: &Size, all: &[(Product, Figures)]) -> Result<()> {
    let processors = output(&mut command("nproc", &[]))?;
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    let mut page = format!(
        "# Results\n\n\
         Written by `cargo xtask bench`. Klamm (release build) and Apache Kafka 4.3.1 (JVM flags of its own start script, \
         heap 1 GB), each on a fresh data directory, one node, no replication, default flush settings (none). The load \
         generator is Kafka's own (ProducerPerformance, ConsumerPerformance, EndToEndLatency) and shares the machine: \
         {} processors, load average {load} at the end. {} records of 1,000 bytes per throughput run; latency at {} \
         records/s. Medians of {} interleaved runs each, then the single values. The load generator takes more of the \
         processors than either server, so records/s says less than CPU seconds; and a run this short still has Kafka's JVM \
         compiling its code, which a server that has run for hours does not do.\n\n\
         | figure | Klamm | Kafka | Klamm / Kafka | Klamm's runs | Kafka's runs |\n|---|---|---|---|---|---|\n",
        processors.trim(),
        size.records,
        size.rate,
        size.runs
    );
    page.push_str(&rows(all)?);
    let path = root().join("bench/RESULTS.md");
    fs::write(&path, &page)?;
    println!("{page}");
    Ok(())
}

/// One row for each figure.
pub(super) fn rows(all: &[(Product, Figures)]) -> Result<String> {
    let mut page = String::new();
    let names: Vec<_> =
        all.first().map(|(_, figures)| figures.0.iter().map(|(name, _)| *name).collect()).unwrap_or_default();
    for name in names {
        let ours = values(all, Product::Klamm, name);
        let theirs = values(all, Product::Kafka, name);
        let (klamm, kafka) = (median(&ours), median(&theirs));
        writeln!(
            page,
            "| {name} | {} | {} | {:.2} | {} | {} |",
            shown(klamm),
            shown(kafka),
            klamm / kafka,
            list(&ours),
            list(&theirs)
        )?;
    }
    Ok(page)
}

fn values(all: &[(Product, Figures)], product: Product, name: &str) -> Vec<f64> {
    let own = all.iter().filter(|(of, _)| *of == product);
    own.filter_map(|(_, figures)| figures.value(name)).collect()
}

/// The middle value, or the mean of the two in the middle.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[length / 2],
        length => f64::midpoint(sorted[length / 2 - 1], sorted[length / 2]),
    }
}

fn list(values: &[f64]) -> String {
    values.iter().map(|value| shown(*value)).collect::<Vec<_>>().join(", ")
}

fn shown(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0]), 2.5);
    }
}

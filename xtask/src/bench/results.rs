//! Medians, ratios and the page bench/RESULTS.md.

use std::fmt::Write as _;
use std::fs;

use anyhow::Result;

use super::{Part, Size};
use crate::node::Product;
use crate::shell::{command, output, root};

/// The figures of one run, in the order in which they were taken; one may have been taken several times.
#[derive(Default)]
pub(super) struct Figures(Vec<(&'static str, f64)>);

impl Figures {
    pub(super) fn add(&mut self, name: &'static str, value: f64) {
        println!("  {name}: {value:.1}");
        self.0.push((name, value));
    }

    fn values(&self, name: &str) -> impl Iterator<Item = f64> {
        self.0.iter().filter(move |(own, _)| *own == name).map(|(_, value)| *value)
    }

    fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in &self.0 {
            if !names.contains(name) {
                names.push(name);
            }
        }
        names
    }
}

/// Writes a part's section of the page; the others stay as they are.
pub(super) fn write(part: Part, size: &Size, all: &[(Product, Figures)]) -> Result<()> {
    let processors = output(&mut command("nproc", &[]))?;
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    let section = format!(
        "{}\n\n{} {} processors, load average {load} at the end; medians of {} interleaved runs each, then the single \
         values.\n\n\
         | figure | Klamm | Kafka | Klamm / Kafka | Klamm's runs | Kafka's runs |\n|---|---|---|---|---|---|\n{}",
        title(part),
        about(part, size),
        processors.trim(),
        size.runs,
        rows(all)?
    );
    println!("{section}");
    let path = root().join("bench/RESULTS.md");
    let page = fs::read_to_string(&path).unwrap_or_default();
    fs::write(&path, replaced(&page, title(part), &section))?;
    Ok(())
}

const fn title(part: Part) -> &'static str {
    match part {
        Part::Records => "# Results",
        Part::Coordinators => "## Transactions, groups, share groups",
        Part::Loading => "## Loading coordinators",
    }
}

fn about(part: Part, size: &Size) -> String {
    let records = size.records;
    match part {
        Part::Records => format!(
            "Written by `cargo xtask bench`, one section by each of `--only records`, `coordinators`, `loading`; what was \
             measured by hand follows. Klamm (release build) and Apache Kafka 4.3.1 (JVM flags of its own start script, heap \
             1 GB), each on a fresh data directory, one node, no replication, default flush settings (none). The load \
             generator is Kafka's own (ProducerPerformance, ConsumerPerformance, EndToEndLatency) and shares the machine. \
             {records} records of 1,000 bytes per throughput run; latency at {} records/s. The load generator takes more of \
             the processors than either server, so records/s says less than CPU seconds; and a run this short still has \
             Kafka's JVM compiling its code, which a server that has run for hours does not do.",
            size.rate
        ),
        Part::Coordinators => format!(
            "`cargo xtask bench --only coordinators`. Transactions: one Java producer, one record in each, one after the \
             other, 10 s after 10 s of warming up. A group of a thousand members, each with a connection of its own (`cargo run \
             --release -p klamm-server --example group_members`): a member hears of a change with its next heartbeat, every \
             5 s (3 s in a classic group), and all of them began together, so that a figure of \"after one has left\" is \
             mostly the time until then, and five leave, each in another part of that interval; a classic group's start is mostly `group.initial.rebalance.delay.ms`. Share groups: \
             Java consumers in one JVM (`TestClient share`) read {} records of 100 bytes in 4 partitions, 10 s from the moment \
             on at which each of them has got some.",
            records * 3
        ),
        Part::Loading => "`cargo xtask bench --only loading`. A node whose `__consumer_offsets` and `__transaction_state` have \
             one partition each, filled by `cargo run --release -p klamm-server --example coordinator_state` (ten offsets to a \
             commit; ids one by one), stopped, and started again: both are loaded at the same time, and the log says how long \
             each took."
            .to_owned(),
    }
}

/// The page with a section in the place of the one of this title, or at its end. The first title's section ends where
/// the next begins, as all do.
fn replaced(page: &str, title: &str, section: &str) -> String {
    let begin = page.find(&format!("{title}\n"));
    let Some(begin) = begin else { return format!("{}\n\n{section}", page.trim_end()) };
    let rest = &page[begin + title.len()..];
    let after = rest.find("\n## ").map_or("", |end| &rest[end..]);
    format!("{}{section}{after}", &page[..begin])
}

/// One row for each figure.
fn rows(all: &[(Product, Figures)]) -> Result<String> {
    let mut page = String::new();
    for name in all.first().map(|(_, figures)| figures.names()).unwrap_or_default() {
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
    own.flat_map(|(_, figures)| figures.values(name)).collect()
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
    use super::{Figures, median, replaced, rows};
    use crate::node::Product;

    #[test]
    fn a_figure_that_was_taken_twice_has_one_row() {
        let figures = |values: [f64; 3]| Figures(vec![("a", values[0]), ("b", values[1]), ("b", values[2])]);
        let all = [(Product::Klamm, figures([1.0, 2.0, 4.0])), (Product::Kafka, figures([2.0, 6.0, 6.0]))];
        assert_eq!(
            rows(&all).unwrap(),
            "| a | 1.00 | 2.00 | 0.50 | 1.00 | 2.00 |\n| b | 3.00 | 6.00 | 0.50 | 2.00, 4.00 | 6.00, 6.00 |\n"
        );
    }

    #[test]
    fn a_section_takes_the_place_of_the_last_one() {
        let page = "# Results\n\nold\n\n## Other\n\nkept\n";
        assert_eq!(
            replaced(page, "# Results", "# Results\n\nnew\n"),
            "# Results\n\nnew\n\n## Other\n\nkept\n"
        );
        assert_eq!(replaced(page, "## Other", "## Other\n\nnew\n"), "# Results\n\nold\n\n## Other\n\nnew\n");
        assert_eq!(replaced("# Results\n", "## New", "## New\n"), "# Results\n\n## New\n");
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0]), 2.5);
    }
}

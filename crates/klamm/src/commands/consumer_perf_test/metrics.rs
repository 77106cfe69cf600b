//! A client's metrics as Kafka's tools print them.

use std::fmt::Write as _;

use klamm_client::metrics::Metric;

/// A table of names and values, in the order of the names; empty without metrics.
pub(in crate::commands) fn table(metrics: &[Metric]) -> String {
    let mut rows: Vec<(String, f64)> = metrics
        .iter()
        .map(|metric| {
            let topic = metric.topic.as_ref().map_or_else(String::new, |topic| format!(", topic={topic}"));
            let Metric { group, name, client_id, value, .. } = metric;
            (format!("{group}:{name}:{{client-id={client_id}{topic}}}"), *value)
        })
        .collect();
    rows.sort_by(|(one, _), (other, _)| one.cmp(other));
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    if !rows.is_empty() {
        let _ = write!(text, "\n{:width$}   Value", "Metric Name");
    }
    for (name, value) in rows {
        let _ = write!(text, "\n{name:width$} : {value:.3}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_that_of_kafka() {
        let metric = |name, value| Metric { group: "g", name, client_id: "c".to_owned(), topic: None, value };
        assert_eq!(
            table(&[metric("fetch-total", 3.0), metric("fetch-rate", 0.12345), metric("avg", f64::NAN)]),
            "\nMetric Name                   Value\ng:avg:{client-id=c}         : NaN\ng:fetch-rate:{client-id=c}  : \
             0.123\ng:fetch-total:{client-id=c} : 3.000"
        );
        let of_topic = Metric { topic: Some("t".to_owned()), ..metric("n", 1.0) };
        assert_eq!(
            table(&[of_topic]),
            "\nMetric Name                  Value\ng:n:{client-id=c, topic=t} : 1.000"
        );
        assert_eq!(table(&[]), "");
    }
}

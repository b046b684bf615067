//! The table: ratios first.
use std::time::Duration;

/// One line of the table.
pub(crate) struct Row {
    name: &'static str,
    kind: Kind,
}

enum Kind {
    Memory { kb: u64 },
    Rate { count: usize, elapsed: Duration, server_cpu: Option<Duration>, own_cpu: Duration },
}

impl Row {
    pub(crate) fn memory(name: &'static str, kb: u64) -> Self {
        Self { name, kind: Kind::Memory { kb } }
    }

    /// `own_cpu` is that of this process: clients and receiver together.
    pub(crate) fn rate(
        name: &'static str,
        count: usize,
        elapsed: Duration,
        server_cpu: Option<Duration>,
        own_cpu: Duration,
    ) -> Self {
        Self { name, kind: Kind::Rate { count, elapsed, server_cpu, own_cpu } }
    }

    fn per_second(&self) -> Option<f64> {
        match &self.kind {
            Kind::Rate { count, elapsed, .. } => Some(*count as f64 / elapsed.as_secs_f64()),
            Kind::Memory { .. } => None,
        }
    }
}

/// Prints the table; rates are held against the mean of the raw rows.
pub(crate) fn print(rows: &[Row]) {
    let raw: Vec<f64> = rows.iter().filter(|row| row.name.starts_with("raw")).filter_map(Row::per_second).collect();
    let limit = raw.iter().sum::<f64>() / raw.len().max(1) as f64;
    println!("{:<46} {:>9} {:>9} {:>14} {:>20}", "", "of raw", "per s", "server us each", "clients+receiver us");
    for row in rows {
        match &row.kind {
            Kind::Memory { kb } => println!("{:<46} {:>9} MB", row.name, format!("{:.1}", *kb as f64 / 1024.0)),
            Kind::Rate { count, server_cpu, own_cpu, .. } => {
                let each = |cpu: &Duration| format!("{:.1}", cpu.as_micros() as f64 / *count as f64);
                let rate = row.per_second().unwrap_or(0.0);
                println!(
                    "{:<46} {:>8.1}% {:>9.0} {:>14} {:>20}",
                    row.name,
                    rate / limit * 100.0,
                    rate,
                    server_cpu.as_ref().map_or("-".to_owned(), each),
                    each(own_cpu)
                );
            }
        }
    }
}

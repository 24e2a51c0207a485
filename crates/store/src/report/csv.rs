//! The report as comma-separated values (RFC 4180): one line a row, a head, no totals, so that columns can be added up.

use gatepost_wire::timestamp::Timestamp;

use super::{Report, Row, counted};

const HEAD: [&str; 18] = [
    "domain",
    "period",
    "delivered",
    "over_tls",
    "tls_share",
    "verified",
    "clear_level_plain",
    "clear_not_offered",
    "clear_refused",
    "clear_handshake_failed",
    "deferred_for_tls",
    "bounced_for_tls",
    "waiting_for_tls",
    "levels",
    "versions",
    "ciphers",
    "first",
    "last",
];

/// The whole document.
pub fn document(report: &Report) -> String {
    let mut text = line(&HEAD.map(str::to_owned));
    for Row { domain, period, sums } in &report.rows {
        let time = |at: Option<Timestamp>| at.map(Timestamp::rfc3339).unwrap_or_default();
        text.push_str(&line(&[
            domain.clone(),
            period.clone().unwrap_or_default(),
            sums.delivered.to_string(),
            sums.over_tls.to_string(),
            sums.tls_share.map(|share| format!("{share:.1}")).unwrap_or_default(),
            sums.verified.to_string(),
            sums.in_clear.level_plain.to_string(),
            sums.in_clear.not_offered.to_string(),
            sums.in_clear.refused.to_string(),
            sums.in_clear.handshake_failed.to_string(),
            sums.deferred_for_tls.to_string(),
            sums.bounced_for_tls.to_string(),
            sums.waiting_for_tls.map(|count| count.to_string()).unwrap_or_default(),
            counted(&sums.levels),
            counted(&sums.versions),
            counted(&sums.ciphers),
            time(sums.first),
            time(sums.last),
        ]));
    }
    text
}

fn line(cells: &[String; HEAD.len()]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell that stays one cell, and that no spreadsheet takes for a formula.
fn quoted(cell: &str) -> String {
    let harmless = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    };
    if harmless.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", harmless.replace('"', "\"\""))
    } else {
        harmless
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_stays_one_cell_and_is_no_formula() {
        for (cell, written) in [
            ("d.example", "d.example"),
            ("TLSv1.2 1, TLSv1.3 2", "\"TLSv1.2 1, TLSv1.3 2\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=1+1", "'=1+1"),
            ("@sum(a1,b2)", "\"'@sum(a1,b2)\""),
            ("-2", "'-2"),
            ("a\r\nb", "\"a\r\nb\""),
        ] {
            assert_eq!(quoted(cell), written);
        }
    }
}

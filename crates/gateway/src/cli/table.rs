//! Tables for people: columns as wide as they must be, the last one free.

use super::out::{Ink, colour, inked, one_line, print};

/// Rows under a head. Cells are escaped when they are put in.
pub(crate) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<(String, Ink)>>,
}

impl Table {
    pub(crate) fn new(head: &[&'static str]) -> Self {
        Self { head: head.to_vec(), rows: Vec::new() }
    }

    /// Adds a row of plain cells.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.inked_row(cells.map(|cell| (cell, Ink::Plain)));
    }

    /// Adds a row whose cells have a colour each.
    pub(crate) fn inked_row<const N: usize>(&mut self, cells: [(String, Ink); N]) {
        self.rows.push(cells.into_iter().map(|(cell, ink)| (one_line(&cell), ink)).collect());
    }

    /// Prints the table, or `nothing` where it has no row.
    pub(crate) fn print(&self, nothing: &str) {
        if self.rows.is_empty() {
            print(&format!("{nothing}\n"));
        } else {
            print(&self.text(colour()));
        }
    }

    /// The table as text.
    pub(crate) fn text(&self, colour: bool) -> String {
        let width = |column: usize| {
            let cells = self
                .rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|(cell, _)| cell.chars().count());
            cells.chain(self.head.get(column).map(|title| title.chars().count())).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let head: Vec<(String, Ink)> =
            self.head.iter().map(|title| ((*title).to_owned(), Ink::Bold)).collect();
        let mut text = String::new();
        for row in std::iter::once(&head).chain(&self.rows) {
            let last = row.len().saturating_sub(1);
            for (column, (cell, ink)) in row.iter().enumerate() {
                text.push_str(&inked(cell, *ink, colour));
                if column < last {
                    let wide = widths.get(column).copied().unwrap_or(0);
                    text.extend(std::iter::repeat_n(
                        ' ',
                        wide.saturating_sub(cell.chars().count()) + 2,
                    ));
                }
            }
            text.truncate(text.trim_end_matches(' ').len());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_no_line_ends_in_blanks() {
        let mut table = Table::new(&["id", "recipient", "why"]);
        table.row(["1".into(), "a@b.example".into(), String::new()]);
        table.row(["22".into(), "x@y.example\r\n".into(), "no TLS".into()]);
        assert_eq!(
            table.text(false),
            "id  recipient        why\n1   a@b.example\n22  x@y.example\\r\\n  no TLS\n"
        );
    }
}

//! Tables for people.

/// Rows under a header, each column as wide as its widest text.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with nothing but a header.
    pub fn new(header: &[&str]) -> Self {
        Self { rows: vec![header.iter().map(|name| name.to_uppercase()).collect()] }
    }

    /// Adds a row, which has a text for each column.
    pub fn row<T: Into<String>>(&mut self, texts: impl IntoIterator<Item = T>) {
        self.rows.push(texts.into_iter().map(Into::into).collect());
    }

    /// Prints it to standard output.
    pub fn print(&self) {
        print!("{}", self.text());
    }

    fn text(&self) -> String {
        let columns = self.rows[0].len();
        let width_of = |column: usize| {
            let texts = self.rows.iter().filter_map(|row| row.get(column));
            texts.map(|text| text.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width_of).collect();
        let mut out = String::new();
        for row in &self.rows {
            let cells = row.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}"));
            let line = cells.collect::<Vec<_>>().join("  ");
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_text() {
        let mut table = Table::new(&["name", "runtime"]);
        table.row(["resize", "python3.12"]);
        table.row(["a-much-longer-name", ""]);
        let expected = "NAME                RUNTIME\nresize              python3.12\na-much-longer-name\n";
        assert_eq!(table.text(), expected);
    }
}

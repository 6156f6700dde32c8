//! The page that lists the catalog for people.

use std::fmt::Write as _;

use crate::{Catalog, Category, EventSource};

const INTRODUCTION: &str = "\
# Event sources

<!-- Generated: cargo run -p kulkul-catalog --example event-sources > docs/event-sources.md -->

These are the Alibaba Cloud services whose events Kulkul knows by name. Each of them can be the source of a trigger, and a sample of each
type can be made. The list never decides what is accepted: an event of any other source or type is taken, matched and delivered just the same.

The column *type is* says how the type string is known:

| word | means |
| --- | --- |
| documented | the exact string stands in public documentation, or in a public official SDK or repository |
| convention | the string follows a documented form from documented parts; the whole was not seen |
| inferred | something in the string is a guess |

The column *data are* says how the layout of `data` in samples is known. All values in samples are made up.

| word | means |
| --- | --- |
| documented | the layout is documented |
| partial | some of its members are documented |
| adapted | it is the documented layout of the same fact elsewhere, in a notification say |
| inferred | it is formed by analogy |
| unknown | nobody knows: a sample has empty `data` and the attribute `kulkulsample` with the value `payload-unknown` |

Three groups of types have one layout for all services: `ActionTrail` (an audit record), `CloudMonitor` (a system event notification) and
`Config` (a change or a violation that Cloud Config noticed).

To add sources and types of your own, or to correct these, write a *source document*: a JSON or TOML file with the members `source` and `types`.

```json
{
  \"source\": \"shop\",
  \"category\": \"custom\",
  \"name\": {\"en\": \"Web shop\", \"zh\": \"网店\"},
  \"types\": [
    {
      \"type\": \"shop:Order:Placed\",
      \"description\": \"A customer placed an order.\",
      \"subject\": \"order/{data.order}\",
      \"sample_data\": {\"order\": \"o-1\", \"total\": 12.5}
    }
  ]
}
```

";

/// The catalog as a page of Markdown: a table of the sources by category, then every source with its types.
pub fn document(catalog: &Catalog) -> String {
    let mut page = INTRODUCTION.to_owned();
    let (source_count, type_count) = (catalog.sources().count(), catalog.event_types().count());
    let _ = writeln!(page, "There are {source_count} sources with {type_count} types.\n");
    for category in Category::ALL {
        write_contents(catalog, category, &mut page);
    }
    for category in Category::ALL {
        for source in catalog.in_category(category) {
            write_source(source, &mut page);
        }
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

fn write_contents(catalog: &Catalog, category: Category, page: &mut String) {
    let mut sources = catalog.in_category(category).peekable();
    if sources.peek().is_none() {
        return;
    }
    let _ = writeln!(page, "## {} ({})\n", category.name_en(), category.name_zh());
    let _ = writeln!(page, "| source | product | 产品 | types |\n| --- | --- | --- | --- |");
    for source in sources {
        let _ = writeln!(
            page,
            "| [`{name}`](#{anchor}) | {product} | {zh} | {count} |",
            name = source.name(),
            anchor = source.name().replace('.', ""),
            product = cell(source.full_name()),
            zh = cell(source.full_name_zh().unwrap_or_default()),
            count = source.types().len(),
        );
    }
    page.push('\n');
}

fn write_source(source: &EventSource, page: &mut String) {
    let _ = writeln!(page, "### {}\n\n{}.", source.name(), source.full_name());
    if let Some(notes) = source.notes() {
        let _ = writeln!(page, "{notes}");
    }
    let _ = writeln!(page, "\n| type | what happened | type is | data are |\n| --- | --- | --- | --- |");
    for kind in source.types() {
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} |",
            cell(kind.full_name()),
            cell(kind.description().unwrap_or_else(|| kind.name())),
            kind.basis().as_str(),
            kind.payload().as_str(),
        );
    }
    page.push('\n');
}

/// A bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

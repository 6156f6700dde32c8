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

Lists of a running server, with whatever was added to it: `kulkul trigger sources [--category storage] [--search words] [--types]`,
`GET /kulkul/v1/event-sources`, and in the EventBridge API `ListAliyunOfficialEventSources` (everything that is bound to no bus) and
`ListUserDefinedEventSources` (what was registered on a bus with `CreateEventSource`). A sample: `kulkul event sample acs.ecs ecs:Instance:StateChange
[--set data.state=Stopped] [--seed 7] [--put]`, or `POST /kulkul/v1/samples`.

A trigger on a source or type that no list has is allowed. The answer to `CreateTrigger` and `UpdateTrigger` then carries the header
`x-kulkul-warning`, since a typing error looks just like it.

## Adding sources

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

There are two ways to hand it in; both act within a second, without a restart, and both take a document whole or not at all. What is wrong is
said with file, line and reason.

- As a file: put it into the folder `catalog` of the data directory, as `*.json` (one document or a list of them) or `*.toml` (one document).
  One bad file refuses the change of all files; the log says why, and so do `kulkul catalog list` and `GET /kulkul/v1/catalog/additions`.
- Through the API: `kulkul catalog add shop.json`, `kulkul catalog list`, `kulkul catalog remove shop.json`, or `PUT`, `GET` and `DELETE` of
  `/kulkul/v1/catalog/additions/{name}`. What comes through the API wins over a file.

| member | of | is |
| --- | --- | --- |
| `source` | the document | the value of the attribute `source` of its events; required |
| `category` | the document | the id of a category below, or `custom` |
| `name` | the document | the product's name: `en`, `zh` |
| `service`, `description`, `notes` | the document | texts |
| `types` | the document | a list; each has at least `type` |
| `type`, `name`, `description`, `ref` | a type | the value of the attribute `type`, a short name, a sentence, where it is documented |
| `basis`, `payload` | a type | how type and data are known, in the words of the tables above, or `added` |
| `subject` | a type | a form such as `order/{data.order}`; places are `account`, `bus`, `region`, `source` and paths into the data |
| `sample_data` | a type | the data of a sample, an object |
| `sample_setting`, `sample_time` | the document, a type | the `account`, `region` and `time` that sample data speak of; samples put the caller's in their place |

Of what is known already, only the members that are stated change: a document with the `source` `acs.oss` and one new type adds that type.

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

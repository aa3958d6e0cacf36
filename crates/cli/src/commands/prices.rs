//! `flowcast sender prices`: shows or replaces the price list of a sender.

use campaign::PriceList;
use serde::Serialize;
use store::Store;

use crate::args::prices::SenderPrices;
use crate::exit::Refused;
use crate::terminal::output::{line, table};

/// A price list as JSON; prices are texts, so that no decimal is lost.
#[derive(Serialize)]
struct Listed<'a> {
    sender: &'a str,
    currency: &'static str,
    default: Option<String>,
    prices: Vec<Price>,
}

#[derive(Serialize)]
struct Price {
    calling_code: String,
    price: String,
}

pub(crate) async fn run(store: &Store, args: SenderPrices) -> anyhow::Result<()> {
    let sender = store.sender(&args.name).await?;
    if let (Some(file), Some(currency)) = (args.file, args.currency) {
        let refused = |error: String| Refused(format!("{}: {error}", file.display()));
        let text = tokio::fs::read_to_string(&file).await.map_err(|error| refused(error.to_string()))?;
        let list = PriceList::parse(&text, currency).map_err(|error| refused(error.to_string()))?;
        store.set_prices(sender.id, &list).await?;
    }
    let list = store.prices(sender.id).await?;
    if args.json {
        line(serde_json::to_string_pretty(&list.map(|list| prices(&args.name, &list)))?);
        return Ok(());
    }
    match list {
        Some(list) => print(&prices(&args.name, &list)),
        None => line(format!(
            "sender {0} has no prices; give them with 'flowcast sender prices {0} FILE.csv --currency KES'",
            args.name
        )),
    }
    Ok(())
}

fn prices<'a>(sender: &'a str, list: &PriceList) -> Listed<'a> {
    Listed {
        sender,
        currency: list.currency.code(),
        default: list.default.map(|price| price.to_string()),
        prices: list
            .prices
            .iter()
            .map(|(code, price)| Price { calling_code: code.to_string(), price: price.to_string() })
            .collect(),
    }
}

fn print(prices: &Listed<'_>) {
    let default = prices.default.iter().map(|price| vec!["default".to_owned(), price.clone()]);
    let rows = prices.prices.iter().map(|row| vec![row.calling_code.clone(), row.price.clone()]);
    let price = format!("price in {}", prices.currency);
    table(&["calling code", &price], &rows.chain(default).collect::<Vec<_>>());
}

//! `flowcast sender prices`: shows or replaces the price list of a sender.

use campaign::PriceList;
use control::PricesView;

use crate::args::prices::SenderPrices;
use crate::exit::Refused;
use crate::plane::Plane;
use crate::terminal::output::{line, table};

pub(crate) async fn run(plane: &Plane, args: SenderPrices) -> anyhow::Result<()> {
    let list = if let (Some(file), Some(currency)) = (args.file, args.currency) {
        plane.sender(&args.name).await?;
        let refused = |error: String| Refused(format!("{}: {error}", file.display()));
        let text = tokio::fs::read_to_string(&file).await.map_err(|error| refused(error.to_string()))?;
        let list = PriceList::parse(&text, currency).map_err(|error| refused(error.to_string()))?;
        Some(plane.set_prices(&args.name, &list).await?)
    } else {
        plane.prices(&args.name).await?
    };
    if args.json {
        line(serde_json::to_string_pretty(&list)?);
        return Ok(());
    }
    match list {
        Some(list) => print(&list),
        None => line(format!(
            "sender {0} has no prices; give them with 'flowcast sender prices {0} FILE.csv --currency KES'",
            args.name
        )),
    }
    Ok(())
}

fn print(prices: &PricesView) {
    let default = prices.default.iter().map(|price| vec!["default".to_owned(), price.clone()]);
    let rows = prices.prices.iter().map(|row| vec![row.calling_code.clone(), row.price.clone()]);
    let price = format!("price in {}", prices.currency);
    table(&["calling code", &price], &rows.chain(default).collect::<Vec<_>>());
}

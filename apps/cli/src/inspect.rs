//! `inspect`: shows what is inside a model.

use tensorferry::{InspectOptions, Inspection, WeightView};
use tensorferry_store::Store;

use crate::args::InspectArgs;
use crate::errors::{self, Failure, Outcome};
use crate::{convert, print};

/// Runs an inspection.
pub(crate) fn run(args: &InspectArgs) -> Outcome {
    errors::enter("opening the input");
    let store = convert::open(&args.path)?;
    errors::enter("inspecting");
    if let Some(name) = &args.weight {
        return one_weight(store.as_ref(), name, args);
    }
    let options =
        InspectOptions { stats: args.stats, input_format: args.input_format.map(Into::into) };
    let inspection = tensorferry::inspect(store.as_ref(), &options)?;
    errors::warn(&inspection.warnings);
    if args.json {
        let value = serde_json::to_value(&inspection).unwrap_or_default();
        return print::text(&format!("{value:#}\n"));
    }
    if args.hex {
        return all_bytes(store.as_ref(), &inspection);
    }
    print::text(&print::inspection::human(&inspection))
}

fn one_weight(store: &dyn Store, name: &str, args: &InspectArgs) -> Outcome {
    let view = weight(store, name)?;
    if args.json {
        return print::text(&format!("{:#}\n", print::weight::as_json(&view)?));
    }
    let text = match (args.hex, args.all) {
        (false, is_all) => print::weight::values(&view, is_all)?,
        (true, true) => print::weight::hex(&view, u64::MAX)?,
        (true, false) => print::weight::hex(&view, 4 * print::weight::HEX_BRIEF)?,
    };
    print::text(&text)
}

fn weight(store: &dyn Store, name: &str) -> Result<WeightView, Failure> {
    Ok(tensorferry::weight(store, name)?)
}

/// The first bytes of every weight.
fn all_bytes(store: &dyn Store, inspection: &Inspection) -> Outcome {
    for row in &inspection.weights {
        let view = weight(store, &row.name)?;
        print::text(&print::weight::hex(&view, print::weight::HEX_BRIEF)?)?;
    }
    Ok(())
}

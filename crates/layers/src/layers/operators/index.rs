//! `x[...]`: slices, single places, new axes and the axes in between.

use serde_json::Value as Json;
use tensorferry_ir::Attr;

use super::lower::{first, longs};
use crate::lower::{Argument, Call, Lowered, Tensor, one};

/// The masks and bounds of a `StridedSlice`.
#[derive(Default)]
struct Slices {
    begin: Vec<i64>,
    end: Vec<i64>,
    step: Vec<i64>,
    begin_mask: i64,
    end_mask: i64,
    ellipsis_mask: i64,
    new_axis_mask: i64,
    shrink_axis_mask: i64,
}

impl Slices {
    fn push(&mut self, begin: i64, end: i64, step: i64) -> i64 {
        let bit = 1_i64.checked_shl(u32::try_from(self.begin.len()).unwrap_or(63)).unwrap_or(0);
        self.begin.push(begin);
        self.end.push(end);
        self.step.push(step);
        bit
    }

    /// One entry of the index.
    fn add(&mut self, entry: &Json) -> Lowered<()> {
        let class_name = entry.get("class_name").and_then(Json::as_str).unwrap_or_default();
        if entry.is_null() {
            let bit = self.push(0, 0, 1);
            self.new_axis_mask |= bit;
        } else if class_name == "__ellipsis__" || entry.as_str() == Some("...") {
            let bit = self.push(0, 0, 1);
            self.ellipsis_mask |= bit;
        } else if let Some(place) = entry.as_i64() {
            let bit = self.push(place, place.wrapping_add(1), 1);
            self.shrink_axis_mask |= bit;
            // The last element ends where the axis does, not at 0.
            self.end_mask |= if place == -1 { bit } else { 0 };
        } else {
            let slice = match class_name {
                "__slice__" => entry.get("config").ok_or("a slice is broken")?,
                _ => entry,
            };
            if !slice.is_object() {
                return Err("it is indexed by something else than numbers and slices".to_owned());
            }
            let bound = |key: &str| -> Lowered<Option<i64>> {
                match slice.get(key) {
                    None | Some(Json::Null) => Ok(None),
                    Some(n) => n.as_i64().map(Some).ok_or_else(|| "a slice is broken".to_owned()),
                }
            };
            let (start, stop) = (bound("start")?, bound("stop")?);
            let step = bound("step")?.unwrap_or(1);
            let bit = self.push(start.unwrap_or(0), stop.unwrap_or(0), step);
            self.begin_mask |= if start.is_none() { bit } else { 0 };
            self.end_mask |= if stop.is_none() { bit } else { 0 };
        }
        Ok(())
    }
}

pub(super) fn lower_get_item(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = first(c)?;
    let index = ["key", "slice_spec"].iter().find_map(|name| c.arguments.get(1, name));
    let Some(Argument::Plain(index)) = index.cloned() else {
        return Err("it is indexed by a tensor".to_owned());
    };
    // A tuple may be an object in Keras 3.
    let index = index.get("config").and_then(|config| config.get("value")).unwrap_or(&index);
    let mut slices = Slices::default();
    match index {
        Json::Array(entries) => entries.iter().try_for_each(|entry| slices.add(entry))?,
        single => slices.add(single)?,
    }
    let bounds = [&slices.begin, &slices.end, &slices.step];
    let [begin, end, step] = bounds.map(|all| longs(c, all));
    let attrs = [
        ("begin_mask", Attr::Int(slices.begin_mask)),
        ("end_mask", Attr::Int(slices.end_mask)),
        ("ellipsis_mask", Attr::Int(slices.ellipsis_mask)),
        ("new_axis_mask", Attr::Int(slices.new_axis_mask)),
        ("shrink_axis_mask", Attr::Int(slices.shrink_axis_mask)),
    ];
    one(c.one("StridedSlice", &[x, begin, end, step], &attrs)?)
}

//! Contrast as far as each part of an image allows it.
//!
//! An image is cut into tiles. Each tile says for every value what it becomes so that all values are
//! as frequent; a pixel takes what the four tiles around it say, more of the nearer ones.

use tensorferry_ir::Attr;
use tensorferry_tensor::DType;

use super::images::{images, in_range, value_range};
use crate::lower::convolve::channels_back;
use crate::lower::{Call, Lowered, Size, Tensor, Value, one};

/// Values of a pixel.
const LEVELS: usize = 256;

/// Tiles along one axis.
#[derive(Clone, Copy)]
struct Grid {
    /// Pixels of the image.
    n: usize,
    tiles: usize,
    /// Pixels of a tile.
    size: usize,
}

impl Grid {
    fn of(c: &Call<'_, '_>, x: Value, axis: usize) -> Lowered<Self> {
        let n = c.known_dim(x, axis)?;
        let tiles = c.config.sizes("tile_grid_size", 2).unwrap_or_else(|| vec![8, 8]);
        let tiles = tiles.get(axis - 1).and_then(|tiles| usize::try_from(*tiles).ok());
        let tiles = tiles.filter(|tiles| (1..=1 << 12).contains(tiles));
        let tiles = tiles.ok_or("tile_grid_size is broken")?;
        let size = n.div_ceil(tiles).max(1);
        if size * tiles - n > n {
            return Err(format!("its input of {n} pixels has no {tiles} tiles"));
        }
        Ok(Self { n, tiles, size })
    }

    /// All pixels with those that fill the last tile.
    fn padded(self) -> usize {
        self.size * self.tiles
    }

    /// Of each pixel: the tile before it, the one behind it, and how near it is to that. One tile
    /// more stands at either end.
    fn between(self) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let size = self.size as f32;
        let last = self.tiles as f32 + 1.0;
        let mut all = (Vec::new(), Vec::new(), Vec::new());
        for pixel in 0..self.padded() {
            // Keras computes in single precision.
            let place = (pixel as f32 - size / 2.0) / size + 1.0;
            let before = place.floor();
            all.0.push(f64::from(before.clamp(0.0, last)));
            all.1.push(f64::from((before + 1.0).clamp(0.0, last)));
            all.2.push(f64::from(place - before));
        }
        all
    }
}

pub(super) fn lower_clahe(c: &mut Call<'_, '_>) -> Lowered<Vec<Tensor>> {
    let x = images(c)?;
    let dtype = c.dtype(x)?;
    let range = value_range(c)?;
    let x = c.cast(x, DType::Float32)?;
    let x = in_range(c, x, range, (0.0, 255.0))?;
    let (rows, columns) = (Grid::of(c, x, 1)?, Grid::of(c, x, 2)?);
    let n_channels = c.known_dim(x, 3)?;
    let x = mirrored(
        c,
        x,
        &[(0, 0), (0, rows.padded() - rows.n), (0, columns.padded() - columns.n), (0, 0)],
    )?;
    let levels = c.cast(x, DType::Int32)?;
    let levels = c.clip(levels, 0.0, 255.0)?;
    let curves = curves(c, levels, (rows, columns), n_channels)?;
    let y = mixed(c, levels, curves, (rows, columns), n_channels)?;
    let y = c.cut(y, 1, (0, Some(rows.n as i64), 1))?;
    let y = c.cut(y, 2, (0, Some(columns.n as i64), 1))?;
    let y = in_range(c, y, (0.0, 255.0), range)?;
    let y = c.cast(y, dtype)?;
    one(channels_back(c, y, 2)?)
}

/// Pads with what is at the edge, mirrored.
fn mirrored(c: &mut Call<'_, '_>, x: Value, pairs: &[(usize, usize)]) -> Lowered<Value> {
    if pairs.iter().all(|pair| *pair == (0, 0)) {
        return Ok(x);
    }
    let all: Vec<f64> = pairs.iter().flat_map(|(a, b)| [*a as f64, *b as f64]).collect();
    let pairs = c.numbers(&all, &[pairs.len(), 2], DType::Int32)?;
    c.one("MirrorPad", &[x, pairs], &[("mode", Attr::text("SYMMETRIC"))])
}

/// `[batch, rows + 2, columns + 2, channels, levels]`: what each tile makes of each value.
fn curves(
    c: &mut Call<'_, '_>,
    levels: Value,
    (rows, columns): (Grid, Grid),
    n_channels: usize,
) -> Lowered<Value> {
    let batch = c.size(levels, 0)?;
    let known = |sizes: &[usize]| sizes.iter().copied().map(Size::Known).collect::<Vec<_>>();
    let tiled = known(&[rows.tiles, rows.size, columns.tiles, columns.size, n_channels]);
    let tiled: Vec<Size> = std::iter::once(batch).chain(tiled).collect();
    let tiles = c.reshape(levels, &tiled)?;
    let tiles = c.transpose(tiles, &[0, 1, 3, 5, 2, 4])?;
    let n_pixels = rows.size * columns.size;
    let of_tiles = known(&[rows.tiles, columns.tiles, n_channels]);
    let of_tiles: Vec<Size> = std::iter::once(batch).chain(of_tiles).collect();
    let n_tiles = c.product(&of_tiles)?;
    let tiles = c.reshape(tiles, &[n_tiles, Size::Known(n_pixels)])?;
    let size = c.int(LEVELS as i64);
    let no_weights = c.numbers(&[], &[0], DType::Float32)?;
    let attrs = [("binary_output", Attr::Bool(false))];
    let counts = c.one("DenseBincount", &[tiles, size, no_weights], &attrs)?;
    let counts = clipped(c, counts, n_pixels)?;
    let axis = c.int(-1);
    let sums = c.binary("Cumsum", counts, axis)?;
    let least = c.reduce("Min", sums, &[1], true)?;
    let rise = c.sub(sums, least)?;
    let rise = c.scale(rise, 255.0)?;
    let all = c.like(least, n_pixels as f64)?;
    let all = c.sub(all, least)?;
    let (zero, unit) = (c.like(all, 0.0)?, c.like(all, 1.0)?);
    let is_none = c.binary("Equal", all, zero)?;
    let all = c.select(is_none, unit, all)?;
    let curves = c.div(rise, all)?;
    let curves = c.clip(curves, 0.0, 255.0)?;
    let sizes: Vec<Size> = of_tiles.into_iter().chain([Size::Known(LEVELS)]).collect();
    let curves = c.reshape(curves, &sizes)?;
    mirrored(c, curves, &[(0, 0), (1, 1), (1, 1), (0, 0), (0, 0)])
}

/// Counts up to a limit; what is above it is shared among all values.
fn clipped(c: &mut Call<'_, '_>, counts: Value, n_pixels: usize) -> Lowered<Value> {
    let limit = c.config.number("clip_limit").unwrap_or(4.0);
    if limit <= 0.0 {
        return Ok(counts);
    }
    let kept = c.clip(counts, 0.0, limit * n_pixels as f64 / LEVELS as f64)?;
    let above = c.sub(counts, kept)?;
    let above = c.reduce("Sum", above, &[1], true)?;
    let levels = c.like(above, LEVELS as f64)?;
    let share = c.div(above, levels)?;
    c.add(kept, share)
}

/// What the four tiles around each pixel make of it, mixed.
fn mixed(
    c: &mut Call<'_, '_>,
    levels: Value,
    curves: Value,
    (rows, columns): (Grid, Grid),
    n_channels: usize,
) -> Lowered<Value> {
    let n = c.sizes(curves)?;
    let n = c.product(&n)?;
    let flat = c.reshape(curves, &[n])?;
    let of_column = LEVELS * n_channels;
    let of_row = of_column * (columns.tiles + 2);
    let of_image = of_row * (rows.tiles + 2);
    let batch = c.size(levels, 0)?;
    let batch = c.size_value(batch);
    let (zero, next) = (c.int(0), c.int(1));
    let images = c.one("Range", &[zero, batch, next], &[])?;
    let images = c.scale(images, of_image as f64)?;
    let batch = c.size(images, 0)?;
    let images = c.reshape(images, &[batch, Size::Known(1), Size::Known(1), Size::Known(1)])?;
    let channels: Vec<f64> = (0..n_channels).map(|i| (i * LEVELS) as f64).collect();
    let channels = c.numbers(&channels, &[1, 1, 1, n_channels], DType::Int32)?;
    let base = c.add(images, channels)?;
    let base = c.add(base, levels)?;
    let times = |places: Vec<f64>, by: usize| places.into_iter().map(|i| i * by as f64).collect();
    let (up, down, near_down) = rows.between();
    let (left, right, near_right) = columns.between();
    let (up, down): (Vec<f64>, Vec<f64>) = (times(up, of_row), times(down, of_row));
    let (left, right): (Vec<f64>, Vec<f64>) = (times(left, of_column), times(right, of_column));
    let (high, wide) = ([1, rows.padded(), 1, 1], [1, 1, columns.padded(), 1]);
    let near_right = c.numbers(&near_right, &wide, DType::Float32)?;
    let near_down = c.numbers(&near_down, &high, DType::Float32)?;
    let mut lines = Vec::new();
    for row in [up, down] {
        let row = c.numbers(&row, &high, DType::Int32)?;
        let row = c.add(base, row)?;
        let mut ends = Vec::new();
        for column in [&left, &right] {
            let column = c.numbers(column, &wide, DType::Int32)?;
            let places = c.add(row, column)?;
            ends.push(c.gather(flat, places, 0)?);
        }
        lines.push(between(c, &ends, near_right)?);
    }
    between(c, &lines, near_down)
}

/// `a (1 - near) + b near`.
fn between(c: &mut Call<'_, '_>, ends: &[Value], near: Value) -> Lowered<Value> {
    let [a, b] = ends else { return Err("it has no two ends".to_owned()) };
    let unit = c.like(near, 1.0)?;
    let far = c.sub(unit, near)?;
    let (a, b) = (c.mul(*a, far)?, c.mul(*b, near)?);
    c.add(a, b)
}

//! PNG and JPEG pictures as inputs of a model.

use std::io::Cursor;

use png::{ColorType, Transformations};
use tensorferry_diagnostics::{Kind, Problem};
use tensorferry_ir::parse_model;
use tensorferry_ops::ALL;
use tensorferry_runtime::{Limits, Program, State};
use tensorferry_tensor::{DType, DenseTensor};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use crate::engine::TensorSpec;

/// Wider or higher pictures are not decoded.
const SIDE_MAX: usize = 1 << 14;
/// Bytes that decoding may take.
const DECODED_BYTES_MAX: usize = 1 << 30;

/// How pixels become numbers: `(pixel - mean) / scale`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PictureOptions {
    /// One for all channels, or one each; none is 0.
    pub mean: Vec<f32>,
    /// One for all channels, or one each; none is 1.
    pub scale: Vec<f32>,
    /// Height and width; without it those of the model's input, or the picture's own.
    pub size: Option<(usize, usize)>,
}

/// True for the first bytes of a picture that is decoded.
pub fn is_picture(start: &[u8]) -> bool {
    is_png(start) || start.starts_with(b"\xff\xd8\xff")
}

fn is_png(start: &[u8]) -> bool {
    start.starts_with(b"\x89PNG\r\n\x1a\n")
}

/// A batch of one picture for the input `spec`. Turned as it is stored: as in TensorFlow, a note of
/// the camera about its orientation is not followed. Other sizes are reached bilinearly, as by
/// `tf.image.resize`.
///
/// # Errors
/// When the picture is broken or too large, or the input takes no pictures.
pub fn read_picture(
    bytes: &[u8],
    spec: &TensorSpec,
    options: &PictureOptions,
) -> Result<DenseTensor, Problem> {
    let (size, n_channels) = wanted(spec, options)?;
    let picture = decode(bytes)?;
    let own = (picture.height, picture.width);
    let size = size.unwrap_or(own);
    let mut values = picture.channels(n_channels);
    if size != own {
        values = resize(values, own, size, n_channels)?;
    }
    let mean = per_channel("mean", &options.mean, n_channels, 0.0)?;
    let scale = per_channel("scale", &options.scale, n_channels, 1.0)?;
    if let Some(bad) = scale.iter().find(|scale| **scale == 0.0 || !scale.is_finite()) {
        return Err(Problem::usage(format!("the scale is {bad}")));
    }
    for pixel in values.chunks_exact_mut(n_channels) {
        for ((value, mean), scale) in pixel.iter_mut().zip(&mean).zip(&scale) {
            *value = (*value - mean) / scale;
        }
    }
    if !spec.dtype.is_some_and(DType::is_float) {
        values.iter_mut().for_each(|value| *value = value.round());
    }
    Ok(DenseTensor::new(&[1, size.0, size.1, n_channels], values))
}

type Size = (usize, usize);

/// Height and width where they are decided, and the number of channels.
fn wanted(spec: &TensorSpec, options: &PictureOptions) -> Result<(Option<Size>, usize), Problem> {
    let no_picture = || {
        Problem::usage(format!("the input `{}` takes no picture", spec.name))
            .expected("a shape such as [?, 224, 224, 3]", spec.shape_text())
    };
    let dims = spec.shape.clone().unwrap_or(vec![None; 4]);
    let [_, height, width, channels] = dims[..] else { return Err(no_picture()) };
    let n_channels = match channels {
        None => 3,
        Some(n @ (1 | 3 | 4)) => usize::try_from(n).map_err(|_| no_picture())?,
        Some(_) => return Err(no_picture()),
    };
    let own = |dim: Option<u64>| dim.and_then(|n| usize::try_from(n).ok());
    let size = options.size.or_else(|| Some((own(height)?, own(width)?)));
    let is_large = |side: usize| side == 0 || side > SIDE_MAX;
    if size.is_some_and(|(h, w)| is_large(h) || is_large(w)) {
        return Err(Problem::new(Kind::Limit, "pictures are not made so large")
            .expected(format!("sides of 1 to {SIDE_MAX}"), format!("{size:?}")));
    }
    Ok((size, n_channels))
}

/// Pixels of 8 bits: gray, RGB or RGBA.
struct Picture {
    height: usize,
    width: usize,
    n_channels: usize,
    pixels: Vec<u8>,
}

fn broken(e: &dyn std::fmt::Display) -> Problem {
    Problem::input(format!("the picture cannot be decoded: {e}"))
}

fn decode(bytes: &[u8]) -> Result<Picture, Problem> {
    let picture = if is_png(bytes) { decode_png(bytes)? } else { decode_jpeg(bytes)? };
    let Picture { height, width, n_channels, pixels } = &picture;
    let is_whole = height.checked_mul(width * n_channels) == Some(pixels.len());
    match is_whole && ![*height, *width].contains(&0) {
        true => Ok(picture),
        false => Err(broken(&"pixels are missing")),
    }
}

fn check_sides(width: usize, height: usize) -> Result<(), Problem> {
    if width.max(height) <= SIDE_MAX {
        return Ok(());
    }
    Err(Problem::new(Kind::Limit, "the picture is too large")
        .expected(format!("sides of at most {SIDE_MAX}"), format!("{width} x {height}")))
}

fn decode_png(bytes: &[u8]) -> Result<Picture, Problem> {
    let limits = png::Limits { bytes: DECODED_BYTES_MAX };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|e| broken(&e))?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    check_sides(width, height)?;
    let len = reader.output_buffer_size().filter(|len| *len <= DECODED_BYTES_MAX);
    let mut pixels = vec![0; len.ok_or_else(|| broken(&"it is too large"))?];
    let frame = reader.next_frame(&mut pixels).map_err(|e| broken(&e))?;
    pixels.truncate(frame.buffer_size());
    let n_channels = match frame.color_type {
        ColorType::GrayscaleAlpha => {
            pixels = pixels.chunks_exact(2).map(|pixel| pixel[0]).collect();
            1
        }
        other => other.samples(),
    };
    Ok(Picture { height, width, n_channels, pixels })
}

fn decode_jpeg(bytes: &[u8]) -> Result<Picture, Problem> {
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        .set_max_width(SIDE_MAX)
        .set_max_height(SIDE_MAX)
        .set_strict_mode(true);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let pixels = decoder.decode().map_err(|e| broken(&e))?;
    let (width, height) = decoder.dimensions().ok_or_else(|| broken(&"it has no size"))?;
    check_sides(width, height)?;
    Ok(Picture { height, width, n_channels: 3, pixels })
}

impl Picture {
    /// Values of 0 to 255, row by row.
    fn channels(&self, n_channels: usize) -> Vec<f32> {
        let pixels = self.pixels.chunks_exact(self.n_channels);
        let rgba = pixels.map(|pixel| match *pixel {
            [gray] => [gray, gray, gray, 255],
            [r, g, b] => [r, g, b, 255],
            [r, g, b, a] => [r, g, b, a],
            _ => [0; 4],
        });
        match (n_channels, self.n_channels) {
            (1, 3 | 4) => rgba.map(luma).collect(),
            _ => rgba.flat_map(|pixel| pixel.into_iter().take(n_channels)).map(f32::from).collect(),
        }
    }
}

/// The weights of JPEG and of `tf.image.rgb_to_grayscale`.
fn luma([r, g, b, _]: [u8; 4]) -> f32 {
    (0.2989 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b)).round()
}

/// By the engine's own op, so that a picture is what TensorFlow would make of it.
fn resize(values: Vec<f32>, from: Size, to: Size, n_channels: usize) -> Result<Vec<f32>, Problem> {
    let bug = |e: &dyn std::fmt::Display| Problem::new(Kind::Bug, format!("resizing: {e}"));
    let text = format!(
        "signature f {{ input x = x float32 <?, ?, ?, ?> output y = y float32 <?, ?, ?, ?> }}
        graph {{
          x = Placeholder() {{dtype=float32}}
          size = Const() {{dtype=int32, value=int32<2>[{}, {}]}}
          y = ResizeBilinear(x, size) {{T=float32, half_pixel_centers=true}}
        }}",
        to.0, to.1
    );
    let model = parse_model(&text).map_err(|e| bug(&e))?;
    let program = Program::new(&model, "f", &ALL, Limits::default()).map_err(|e| bug(&e))?;
    let picture = DenseTensor::new(&[1, from.0, from.1, n_channels], values);
    let inputs = [("x".to_owned(), picture)].into_iter().collect();
    let outputs = program.run(&mut State::default(), &inputs).map_err(|e| bug(&e))?;
    let resized = outputs.into_iter().next().and_then(|value| value.tensor().cloned());
    let resized = resized.and_then(|tensor| tensor.into_vec().ok());
    resized.ok_or_else(|| bug(&"no floats came out"))
}

fn per_channel(what: &str, given: &[f32], n: usize, default: f32) -> Result<Vec<f32>, Problem> {
    match given.len() {
        0 => Ok(vec![default; n]),
        1 => Ok(vec![given[0]; n]),
        len if len == n => Ok(given.to_vec()),
        len => Err(Problem::usage(format!("there are {len} numbers for the {what}"))
            .expected(format!("1 or {n}"), len)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(shape: &[Option<u64>]) -> TensorSpec {
        let shape = Some(shape.to_vec());
        TensorSpec { name: "x".to_owned(), dtype: Some(DType::Float32), shape }
    }

    /// Two pixels in a row: red, and half-bright gray.
    fn png() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 2, 1);
        encoder.set_color(ColorType::Rgb);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&[255, 0, 0, 128, 128, 128]).unwrap();
        writer.finish().unwrap();
        bytes
    }

    fn values(shape: &[Option<u64>], options: &PictureOptions) -> (Vec<usize>, Vec<f32>) {
        let tensor = read_picture(&png(), &spec(shape), options).unwrap();
        (tensor.shape().to_vec(), tensor.into_vec().unwrap())
    }

    #[test]
    fn pixels_become_numbers_of_the_models_channels() {
        let any = PictureOptions::default();
        let rgb = values(&[None, None, None, Some(3)], &any);
        assert_eq!(rgb, (vec![1, 1, 2, 3], vec![255.0, 0.0, 0.0, 128.0, 128.0, 128.0]));
        let gray = values(&[None, None, None, Some(1)], &any);
        assert_eq!(gray, (vec![1, 1, 2, 1], vec![76.0, 128.0]));
        let scaled = PictureOptions {
            mean: vec![127.5, 0.0, 0.0],
            scale: vec![127.5],
            ..PictureOptions::default()
        };
        assert_eq!(values(&[None, None, None, None], &scaled).1[..3], [1.0, 0.0, 0.0]);
    }

    #[test]
    fn a_picture_gets_the_size_of_the_input() {
        // `tf.image.resize([[76], [128]] as one row, [1, 4])`: a quarter past each edge is clamped.
        let (shape, found) = values(&[None, Some(1), Some(4), Some(1)], &PictureOptions::default());
        assert_eq!((&shape[..], &found[..]), (&[1, 1, 4, 1][..], &[76.0, 89.0, 115.0, 128.0][..]));
    }

    #[test]
    fn a_jpeg_is_what_tensorflow_makes_of_it() {
        // `tf.io.decode_jpeg(..., dct_method='INTEGER_ACCURATE')`, then `tf.image.resize`.
        let jpeg = include_bytes!("../tests/data/picture.jpg");
        let read = |size| {
            let options = PictureOptions { size, ..PictureOptions::default() };
            let tensor = read_picture(jpeg, &spec(&[None; 4]), &options).unwrap();
            (tensor.shape().to_vec(), tensor.into_vec::<f32>().unwrap())
        };
        for (size, shape, tolerance, expected) in [
            (
                None,
                [1, 24, 32, 3],
                3.0,
                [(0, [1.0, 2.0, 243.0]), (400, [128.0, 120.0, 141.0]), (767, [249.0, 228.0, 49.0])],
            ),
            (
                Some((5, 7)),
                [1, 5, 7, 3],
                1.5,
                [
                    (0, [14.39, 19.1, 241.84]),
                    (17, [124.25, 115.0, 146.25]),
                    (34, [233.03, 211.69, 51.35]),
                ],
            ),
        ] {
            let (found_shape, found) = read(size);
            assert_eq!(found_shape, shape);
            for (at, pixel) in expected {
                let near = |(a, b): (&f32, &f32)| (a - b).abs() <= tolerance;
                let found = &found[3 * at..3 * at + 3];
                assert!(found.iter().zip(&pixel).all(near), "{at}: {found:?} {pixel:?}");
            }
        }
    }

    #[test]
    fn what_is_no_picture_or_takes_none_is_refused() {
        let any = PictureOptions::default();
        let error = read_picture(&png(), &spec(&[None, Some(5)]), &any).unwrap_err();
        assert!(error.to_string().starts_with("the input `x` takes no picture"), "{error}");
        let cut = &png()[..40];
        let error = read_picture(cut, &spec(&[None; 4]), &any).unwrap_err();
        assert!(error.to_string().starts_with("the picture cannot be decoded"), "{error}");
        let scale = PictureOptions { scale: vec![0.0], ..any };
        assert!(read_picture(&png(), &spec(&[None; 4]), &scale).is_err());
    }
}

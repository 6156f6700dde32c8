//! Making pictures smaller.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

/// Bounds for a photo, so that a small file cannot unpack to a picture that fills the memory.
const EDGE_PIXELS_MAX: u32 = 20_000;
const DECODED_BYTES_MAX: u64 = 512 << 20;

/// Of 100; below about 80 the blocks of JPEG become visible in small pictures.
const JPEG_QUALITY: u8 = 85;

/// A picture ready to be stored.
pub(crate) struct Picture {
    pub(crate) bytes: Vec<u8>,
    pub(crate) media_type: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// A format that thumbnails can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Jpeg,
    Png,
    WebP,
}

impl Format {
    /// The format of this name: `jpeg`, `png` or `webp`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "jpeg" => Some(Self::Jpeg),
            "png" => Some(Self::Png),
            "webp" => Some(Self::WebP),
            _ => None,
        }
    }

    /// What names of objects in this format end with.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Jpeg => ".jpg",
            Self::Png => ".png",
            Self::WebP => ".webp",
        }
    }

    fn of_image(self) -> ImageFormat {
        match self {
            Self::Jpeg => ImageFormat::Jpeg,
            Self::Png => ImageFormat::Png,
            Self::WebP => ImageFormat::WebP,
        }
    }
}

/// Says by its name whether an object is a picture that this program can read.
pub(crate) fn is_picture(key: &str) -> bool {
    let suffix = key.rsplit_once('.').map(|(_, suffix)| suffix.to_ascii_lowercase());
    matches!(suffix.as_deref(), Some("jpg" | "jpeg" | "png" | "webp"))
}

/// Returns the picture in `bytes` with its longer edge cut down to `edge_pixels`, upright, in the format that is
/// wanted, or else in its own.
///
/// A picture that is small enough keeps its size. Cameras store how they were held instead of turning the
/// picture; a thumbnail is turned, since few programs look for that note in a thumbnail.
pub(crate) fn shrink(bytes: &[u8], edge_pixels: u32, wanted: Option<Format>) -> Result<Picture, String> {
    let describe = |error: image::ImageError| format!("cannot read the picture: {error}");
    let mut reader =
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| error.to_string())?;
    let format = reader.format().ok_or("the object is not a JPEG, PNG or WebP picture")?;
    reader.limits(limits());
    let mut decoder = reader.into_decoder().map_err(describe)?;
    let orientation = decoder.orientation().map_err(describe)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(describe)?;
    if picture.width().max(picture.height()) > edge_pixels {
        picture = picture.thumbnail(edge_pixels, edge_pixels);
    }
    picture.apply_orientation(orientation);
    encode(&picture, wanted.map_or(format, Format::of_image))
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(EDGE_PIXELS_MAX);
    limits.max_image_height = Some(EDGE_PIXELS_MAX);
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    limits
}

fn encode(picture: &DynamicImage, format: ImageFormat) -> Result<Picture, String> {
    let mut bytes = Vec::new();
    let written = match format {
        // JPEG knows neither transparency nor more than 8 bits.
        ImageFormat::Jpeg => {
            picture.to_rgb8().write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY))
        }
        // The encoder for WebP takes 8 bits only.
        ImageFormat::WebP => picture.to_rgba8().write_to(&mut Cursor::new(&mut bytes), format),
        _ => picture.write_to(&mut Cursor::new(&mut bytes), format),
    };
    written.map_err(|error| format!("cannot write the thumbnail: {error}"))?;
    Ok(Picture { bytes, media_type: format.to_mime_type(), width: picture.width(), height: picture.height() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHOTO: &[u8] = include_bytes!("../raccoon.jpg");

    fn drawn(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Vec::new();
        DynamicImage::new_rgba8(width, height).write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    /// Returns the photo with the note that the camera was held in one of the eight ways.
    fn held(orientation: u8) -> Vec<u8> {
        let tiff = [
            b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".as_slice(),
            &[orientation],
            b"\0\0\0\0\0\0",
        ];
        let exif = [b"Exif\0\0".as_slice(), &tiff.concat()].concat();
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        [&PHOTO[..2], &[0xFF, 0xE1], &length, &exif, &PHOTO[2..]].concat()
    }

    #[test]
    fn a_photo_keeps_its_proportions_and_format() {
        let thumbnail = shrink(PHOTO, 256, None).unwrap();
        assert_eq!((thumbnail.width, thumbnail.height, thumbnail.media_type), (256, 192, "image/jpeg"));
        let again = image::load_from_memory_with_format(&thumbnail.bytes, ImageFormat::Jpeg).unwrap();
        assert_eq!((again.width(), again.height()), (256, 192));
        assert!(thumbnail.bytes.len() < PHOTO.len() / 5, "{} bytes", thumbnail.bytes.len());
    }

    #[test]
    fn every_format_is_read_and_written() {
        for (format, media_type) in [(ImageFormat::Png, "image/png"), (ImageFormat::WebP, "image/webp")] {
            let thumbnail = shrink(&drawn(100, 400, format), 40, None).unwrap();
            assert_eq!((thumbnail.width, thumbnail.height, thumbnail.media_type), (10, 40, media_type));
            image::load_from_memory_with_format(&thumbnail.bytes, format).unwrap();
        }
    }

    #[test]
    fn a_picture_is_converted_to_the_wanted_format() {
        let table = [
            (Format::Jpeg, "image/jpeg", ImageFormat::Jpeg),
            (Format::Png, "image/png", ImageFormat::Png),
            (Format::WebP, "image/webp", ImageFormat::WebP),
        ];
        for (wanted, media_type, format) in table {
            let thumbnail = shrink(PHOTO, 64, Some(wanted)).unwrap();
            assert_eq!((thumbnail.width, thumbnail.media_type), (64, media_type));
            image::load_from_memory_with_format(&thumbnail.bytes, format).unwrap();
        }
    }

    #[test]
    fn a_small_picture_is_not_blown_up() {
        let thumbnail = shrink(&drawn(30, 20, ImageFormat::Png), 256, None).unwrap();
        assert_eq!((thumbnail.width, thumbnail.height), (30, 20));
    }

    #[test]
    fn a_photo_taken_on_its_side_becomes_upright() {
        let sizes: Vec<_> = [1, 3, 6, 8]
            .map(|way| shrink(&held(way), 256, None).unwrap())
            .map(|t| (t.width, t.height))
            .into();
        assert_eq!(sizes, [(256, 192), (256, 192), (192, 256), (192, 256)]);
    }

    #[test]
    fn what_is_no_picture_is_an_error() {
        assert_eq!(
            shrink(b"hello", 256, None).err().unwrap(),
            "the object is not a JPEG, PNG or WebP picture"
        );
        let cut_short = &drawn(100, 100, ImageFormat::Png)[..60];
        assert!(shrink(cut_short, 256, None).err().unwrap().starts_with("cannot read the picture: "));
    }

    #[test]
    fn a_picture_with_endless_edges_is_refused() {
        let mut png = drawn(8, 8, ImageFormat::Png);
        png[16..20].copy_from_slice(&100_000_u32.to_be_bytes());
        assert!(shrink(&png, 256, None).is_err());
    }

    #[test]
    fn only_known_suffixes_are_pictures() {
        let known = ["a.jpg", "A.JPEG", "x/y.Png", "z.webp"].map(is_picture);
        let others = ["a.txt", "jpg", "a.jpg.zip", "dir.png/"].map(is_picture);
        assert_eq!((known, others), ([true; 4], [false; 4]));
    }
}

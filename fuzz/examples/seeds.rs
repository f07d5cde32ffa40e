//! Writes what the fuzzer begins with into `fuzz/corpus`: real bytes of each kind, and a script a
//! scene.

use std::fs;
use std::path::Path;

use bft_crdts_fuzz::bodies::{decode_seeds, real, scene_count, type_seeds, walk};

fn main() -> std::io::Result<()> {
    let decode = decode_seeds().into_iter();
    let types = type_seeds().into_iter();
    decode
        .map(|(name, bytes)| ("decode", name, bytes))
        .chain(types.map(|(name, bytes)| ("types", name, bytes)))
        .chain(scripts())
        .chain(real::seeds())
        .try_for_each(|(target, name, bytes)| {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("corpus")
                .join(target);
            fs::create_dir_all(&folder)?;
            fs::write(folder.join(name), bytes)
        })
}

fn scripts() -> impl Iterator<Item = (&'static str, String, Vec<u8>)> {
    let scenes = 0..u8::try_from(scene_count()).expect("a handful of scenes");
    let both = |scene| ["handle_packet", "recover"].map(|target| (target, scene));
    let scripts = scenes.flat_map(both);
    scripts.map(|(target, scene)| (target, format!("scene-{scene}"), walk(scene)))
}

//! Writes what the fuzzer begins with into `fuzz/corpus`: real bytes of each kind, and a script a scene.

use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for target in ["decode", "handle_packet", "recover"] {
        fs::create_dir_all(corpus.join(target))?;
    }
    for (name, bytes) in bft_crdts_fuzz::bodies::decode_seeds() {
        fs::write(corpus.join("decode").join(name), bytes)?;
    }
    for scene in 0..bft_crdts_fuzz::bodies::scene_count() {
        let scene = u8::try_from(scene).expect("a handful of scenes");
        for target in ["handle_packet", "recover"] {
            let script: Vec<u8> = (0..64u8)
                .map(|step| scene.wrapping_mul(37) ^ step.wrapping_mul(11))
                .collect();
            let script = [&[scene], script.as_slice()].concat();
            fs::write(corpus.join(target).join(format!("scene-{scene}")), script)?;
        }
    }
    Ok(())
}

//! The doors of a node and of its program: links, invitations, the control socket, the store.

mod file;
mod frames;
mod invitation;
mod request;
mod rows;

pub use file::file;
pub use frames::frames;
pub use invitation::invitation;
pub use request::request;
pub use rows::rows;

/// What the fuzzer begins with: a target, a name, and the bytes.
pub fn seeds() -> Vec<(&'static str, String, Vec<u8>)> {
    let mut seeds = frames::seeds();
    seeds.extend(invitation::seeds());
    seeds.extend(request::seeds());
    for target in ["frames", "rows", "file"] {
        for scene in 0..super::scene_count() {
            let scene = u8::try_from(scene).expect("a handful of scenes");
            let name = format!("scene-{scene}");
            seeds.push((target, name, super::script::walk(scene)));
        }
    }
    seeds
}

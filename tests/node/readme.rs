//! What the README shows of a node in a program is a program that runs.

#[test]
fn the_readme_shows_the_heart_of_the_example() {
    let (example, readme) = (
        include_str!("../../examples/node.rs"),
        include_str!("../../README.md"),
    );
    let begin = example.find("    // Once:").expect("where it begins");
    let end = example.find("    let apples").expect("where it ends");
    for line in example[begin..end].lines() {
        let line = line.strip_prefix("    ").unwrap_or(line);
        assert!(
            readme.lines().any(|shown| shown == line),
            "the README lacks: {line}"
        );
    }
}
